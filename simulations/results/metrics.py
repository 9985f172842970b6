"""The figures of a simulation, accumulated one finished job at a time.

All jobs count, without a warm-up cut. wait = start - submit; turnaround = wait + run; bounded slowdown =
max(1, (wait + run) / max(run, 10 s)); makespan = last end - first submit; utilisation = sum(run x processors) /
(machine x makespan). Times are summed as integers in microseconds, bounded slowdowns as integers in units of 2^-40
(each rounded down, so that a mean is at most 10^-12 too low); floats are made when the figures are given out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import attrs

from meted.core.limits import SECOND_US
from meted.core.state import Rules

from ..policies.registry import policy_parameters
from ..ruled import rules_figures
from ..traces.job import TraceJob
from ..traces.trace_rules import transform_figures
from ..traces.workload import Measured
from .inequality import gini, jain
from .service import ServiceMeter

BOUND_US: Final = 10_000_000
"""Runs shorter than this count as this long in a bounded slowdown: 10 s."""

SLOWDOWN_BITS: Final = 40
"""Slowdowns are summed in units of 2 to the minus this, each rounded down."""

_MEAN_BITS: Final = 32

JsonValue = bool | int | float | str | None | Mapping[str, int | float | str | None]


def bounded_slowdown(wait_us: int, run_us: int) -> int:
    """Return max(1, (wait + run) / max(run, 10 s)) in units of 2 to the minus ``SLOWDOWN_BITS``, rounded down."""
    bound_us = run_us if run_us > BOUND_US else BOUND_US
    turnaround_us = wait_us + run_us
    return (turnaround_us << SLOWDOWN_BITS) // bound_us if turnaround_us > bound_us else 1 << SLOWDOWN_BITS


@attrs.define
class _Sums:
    """Sums over the jobs of one user."""

    jobs: int = 0
    wait_us: int = 0
    slowdown: int = 0


class Metrics:
    """The figures of one run; give it each submit, start and end in the order of time.

    Attributes:
        service: What each user was owed and got; for reading.
    """

    def __init__(self, trace: Measured, shares: Mapping[int, int] | None = None) -> None:
        """Start with nothing done of a trace, whose users have these shares (None: all the same)."""
        self._trace = trace
        self.service = ServiceMeter(trace.procs, len(trace.users), shares)
        self._sums: dict[int, _Sums] = {user: _Sums() for user in trace.users}
        self._max_wait_us = 0
        self._run_us = 0
        self._area = 0
        self._first_submit_us: int | None = None
        self._last_end_us = 0

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted, at its submit time."""
        if self._first_submit_us is None:
            self._first_submit_us = job.submit_us
        self.service.submitted(job.user, job.submit_us, job.procs)

    def entitled(self, shares: Mapping[int, int], at_us: int) -> None:
        """From a time on users have other shares, as something was lent or changed."""
        self.service.entitled(shares, at_us)

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started."""
        run_us = job.run_us
        wait_us = at_us - job.submit_us
        area = run_us * job.procs
        sums = self._sums[job.user]
        sums.jobs += 1
        sums.wait_us += wait_us
        sums.slowdown += bounded_slowdown(wait_us, run_us)
        if wait_us > self._max_wait_us:
            self._max_wait_us = wait_us
        self._run_us += run_us
        self._area += area
        self.service.started(job.user, area)

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ended."""
        self._last_end_us = at_us
        self.service.ended(job.user, at_us, job.procs)

    def results(self, policy: str, event_order: str, cpu_us: int, rules: Rules | None = None) -> dict[str, JsonValue]:
        """Return the figures as one JSON object.

        Args:
            policy: The policy, as :func:`..policies.registry.make_policy` takes it.
            event_order: ``instant``, ``pyss`` or ``cqsim``.
            cpu_us: User CPU time of the whole process so far, in microseconds: reading, simulating and writing.
            rules: The parameters of fairness; by default those that a new pool has.
        """
        trace, options = self._trace, self._trace.options
        done = [sums for sums in self._sums.values() if sums.jobs]
        jobs = sum(sums.jobs for sums in done)
        wait_us = sum(sums.wait_us for sums in done)
        slowdown = sum(sums.slowdown for sums in done)
        makespan_us = self._last_end_us - (self._first_submit_us or 0)
        waits = [(sums.wait_us << _MEAN_BITS) // sums.jobs for sums in done]
        slowdowns = [sums.slowdown // sums.jobs for sums in done]
        ratios = self.service.ratios().values()
        return {
            "trace": trace.name,
            "policy": policy,
            "procs": trace.procs,
            "jobs": jobs,
            "users": len(done),
            "makespan_s": _quotient(makespan_us, SECOND_US),
            "utilisation": _quotient(self._area, trace.procs * makespan_us),
            "mean_wait_s": _quotient(wait_us, jobs * SECOND_US),
            "max_wait_s": _quotient(self._max_wait_us, SECOND_US),
            "mean_bounded_slowdown": _quotient(slowdown, jobs << SLOWDOWN_BITS),
            "mean_turnaround_s": _quotient(wait_us + self._run_us, jobs * SECOND_US),
            "jain_service": float(self.service.jain_service()),
            "min_service": float(min(ratios, default=Fraction(0))),
            "max_lag_units": float(self.service.max_lag_units()),
            "max_lead_units": float(self.service.max_lead_units()),
            "jain_user_wait": float(jain(waits)),
            "gini_user_wait": float(gini(waits)),
            "jain_user_bounded_slowdown": float(jain(slowdowns)),
            "mean_user_wait_s": _mean([Fraction(sums.wait_us, sums.jobs * SECOND_US) for sums in done]),
            "mean_user_bounded_slowdown": _mean([Fraction(sums.slowdown, sums.jobs << SLOWDOWN_BITS) for sums in done]),
            "cpu_s": _quotient(cpu_us, SECOND_US),
            "jobs_per_s": _quotient(jobs * SECOND_US, cpu_us),
            "event_order": event_order,
            "procs_field": options.procs_field,
            "overrun": options.overrun,
            "clairvoyant": options.clairvoyant,
            "first": options.first,
            "transforms": transform_figures(options),
            "rules": rules_figures(policy, rules),
            "policy_parameters": policy_parameters(policy),
            "trace_sha256": trace.sha256,
            "filter": attrs.asdict(trace.counts),
        }


def _quotient(amount: int, by: int) -> float:
    """Return the quotient, correctly rounded; 0 where there is nothing to divide by."""
    return float(Fraction(amount, by)) if by else 0.0


def _mean(amounts: Sequence[Fraction]) -> float:
    """Return the mean of exact amounts, correctly rounded; 0 of none."""
    return float(sum(amounts, Fraction(0)) / len(amounts)) if amounts else 0.0
