"""All measures of fairness of one run, kept up with every submit and start; memory is bounded by users and what waits.

Each is defined in its own module: :mod:`.distribution`, :mod:`.lag`, :mod:`.envy`, :mod:`.partition`,
:mod:`.starvation` and :mod:`.misreport`; service against what was owed is :mod:`.service`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from meted.core.limits import SECOND_US

from ..traces.job import TraceJob
from ..traces.workload import Measured
from .distribution import Distribution
from .envy import EnvyMeter
from .inequality import gini
from .lag import LagMeter
from .metrics import SLOWDOWN_BITS, JsonValue, bounded_slowdown
from .misreport import Delay
from .partition import PartitionMeter
from .run_record import UserRow
from .service import ServiceMeter
from .starvation import StarvationMeter

SLOWDOWN_MILLI: Final = 1_000
"""Slowdowns are counted in thousandths in distributions, rounded down."""

QUANTILES: Final = (("median", 500), ("p95", 950), ("p99", 990))
"""Of waits and slowdowns: their names, and thousandths of all."""

_RATIO_BITS: Final = 64


class _User:
    """Sums and distributions of one user."""

    __slots__ = ("area", "delay", "slowdown", "slowdowns", "wait_us", "waits")

    def __init__(self) -> None:
        self.area = 0
        self.wait_us = 0
        self.slowdown = 0  # in units of 2^-40, each rounded down
        self.waits = Distribution()
        self.slowdowns = Distribution()
        self.delay = Delay()


class FairnessMeter:
    """Takes submits and starts in the order of time; a job is known by its identity while it waits.

    Attributes:
        lag: The lags, for reading.
    """

    def __init__(
        self, trace: Measured, shares: Mapping[int, int] | None = None, alpha_milli: int = 1_000, per_proc: int = 1
    ) -> None:
        """Start with nothing done of a trace.

        Args:
            trace: What is replayed.
            shares: The shares of its users; None is 1 for all.
            alpha_milli: The part that the policy promises by share, in thousandths.
            per_proc: How many processors of the trace count as one.
        """
        procs, users = trace.procs, len(trace.users)
        self._rho_bound = 1 + Fraction(per_proc, procs)
        self.lag = LagMeter(users, shares, alpha_milli)
        self._shares = shares
        self._envy = EnvyMeter(shares)
        self._partition = PartitionMeter(procs, users, shares)
        self._starvation = StarvationMeter(procs, users, shares, alpha_milli)
        self._users: dict[int, _User] = {}
        self._waits = Distribution()
        self._slowdowns = Distribution()

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted, at its submit time."""
        number, at_us = job.user, job.submit_us
        self.lag.submitted(number)
        self._envy.submitted(number, job.run_us * job.procs)
        self._partition.submitted(number, id(job), at_us, job.run_us, job.procs)
        self._starvation.submitted(number, id(job), at_us)

    def entitled(self, shares: Mapping[int, int]) -> None:
        """From now on users have other shares; what a user has alone, and bounds, go by those of the beginning."""
        self.lag.entitled(shares)
        self._envy.entitled(shares)

    def started(self, job: TraceJob, at_us: int) -> int:
        """A job started; return what was promised to its user and not yet given just before (:mod:`.lag`)."""
        number, run_us = job.user, job.run_us
        wait_us, area = at_us - job.submit_us, run_us * job.procs
        self._envy.started(number, area)
        self._partition.started(number, id(job), wait_us + run_us)
        self._starvation.started(number, id(job), at_us, run_us, area)
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User()
        slowdown = bounded_slowdown(wait_us, run_us)
        slowdown_milli = slowdown * SLOWDOWN_MILLI >> SLOWDOWN_BITS
        user.area += area
        user.wait_us += wait_us
        user.slowdown += slowdown
        user.waits.add(wait_us)
        user.slowdowns.add(slowdown_milli)
        user.delay.started(wait_us, run_us, area)
        self._waits.add(wait_us)
        self._slowdowns.add(slowdown_milli)
        return self.lag.started(number, area)

    def figures(self, service: ServiceMeter) -> dict[str, JsonValue]:
        """Return what ``--fairness`` adds to the figures, with the service against what was owed."""
        rhos = [mean for mean, _ in self._partition.rhos().values()]
        deficits = list(self._partition.deficits_s().values())
        envies = list(self._envy.envies().values())
        ratios = [(ratio.numerator << _RATIO_BITS) // ratio.denominator for ratio in service.ratios().values()]
        return {
            **_quantiles(self._waits, "wait_s", SECOND_US),
            **_quantiles(self._slowdowns, "bounded_slowdown", SLOWDOWN_MILLI),
            "gini_service": float(gini(ratios)) if ratios else 0.0,
            "min_max_service": float(Fraction(min(ratios), max(ratios))) if ratios else 0.0,
            "share_error": float(service.share_error()),
            "max_lag_of_bound": float(max(self.lag.of_bounds().values(), default=Fraction(0))),
            "mean_envy_units": _mean(envies),
            "max_envy_units": float(max(envies, default=Fraction(0))),
            "users_worse_than_alone": sum(deficit > 0 for deficit in deficits),
            "max_sharing_deficit_s": float(max(deficits, default=Fraction(0))),
            "mean_user_rho": _mean(rhos),
            "max_user_rho": float(max(rhos, default=Fraction(0))),
            "users_rho_above_1": sum(rho > 1 for rho in rhos),
            "part_rho_above_bound": sum(rho > self._rho_bound for rho in rhos) / max(1, len(rhos)),
            "max_head_wait_s": max(self._starvation.head_waits_us().values(), default=0) / SECOND_US,
            "max_starvation": float(max(self._starvation.starvations().values(), default=Fraction(0))),
        }

    def rows(self, service: ServiceMeter, names: Mapping[int, str], per_proc: int) -> Iterator[UserRow]:
        """Yield a row for each user that has started a job, by number.

        Args:
            service: What each was owed and got.
            names: What to call them.
            per_proc: How many processors of the trace count as one.
        """
        lags, leads = self.lag.lags(), self.lag.leads()
        envies, rhos = self._envy.envies(), self._partition.rhos()
        deficits, heads = self._partition.deficits_s(), self._starvation.head_waits_us()
        starvations, ratios = self._starvation.starvations(), service.ratios()
        for number, user in sorted(self._users.items()):
            jobs, ratio = user.waits.count, ratios.get(number, Fraction(0))
            mean_rho, max_rho = rhos[number]
            yield UserRow(
                user=names[number],
                share=1 if self._shares is None else self._shares[number],
                jobs=jobs,
                cpu_s=user.area / (SECOND_US * per_proc),
                owed_cpu_s=float(user.area / (ratio * SECOND_US * per_proc)) if ratio else 0.0,
                service=float(ratio),
                mean_wait_s=user.wait_us / (jobs * SECOND_US),
                max_wait_s=user.waits.largest / SECOND_US,
                **_quantiles(user.waits, "wait_s", SECOND_US),
                mean_bounded_slowdown=user.slowdown / (jobs << SLOWDOWN_BITS),
                **_quantiles(user.slowdowns, "bounded_slowdown", SLOWDOWN_MILLI),
                max_lag_units=float(lags[number]),
                max_lead_units=float(leads[number]),
                envy_units=float(envies[number]),
                sharing_deficit_s=float(deficits[number]),
                mean_rho=float(mean_rho),
                max_rho=float(max_rho),
                max_head_wait_s=heads[number] / SECOND_US,
                starvation=float(starvations[number]),
                mean_delay_s=float(user.delay.mean_s()),
            )

    def waits_s(self) -> tuple[tuple[float, float], ...]:
        """Return how jobs waited, as pairs of seconds and the part of all jobs that waited at most so long."""
        return tuple((amount / SECOND_US, at_most / self._waits.count) for amount, at_most in self._waits.steps())


def _quantiles(found: Distribution, of: str, unit: int) -> dict[str, float]:
    """Return the quantiles of a distribution by name."""
    return {f"{name}_{of}": found.quantile(milli) / unit for name, milli in QUANTILES}


def _mean(amounts: Sequence[Fraction]) -> float:
    """Return the mean of exact amounts, each rounded down to a multiple of 2^-64; 0 of none."""
    total = sum((amount.numerator << _RATIO_BITS) // amount.denominator for amount in amounts)
    return total / (len(amounts) << _RATIO_BITS) if amounts else 0.0
