"""Models of users who come whatever the machine does: Poisson and bursty arrivals, light and heavy tails.

All share one idea of a job: its size is a power of two, each up to the machine (``width_max``) as likely; its user is
the k-th in proportion to 1/k; its estimate is between one and ``estimate`` times its run time. Arrivals are as fast as
the load asks for: the mean time between two is E[run x size] / (load x machine).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import ClassVar, Final

from ..errors import SimulationError
from .draws import Draws, Weighted
from .exact_math import exp
from .settings import Settings, SyntheticJob, run_time_s, share_lines, value_of

USERS: Final = 20
LOAD: Final = Fraction(4, 5)
RUN_S: Final = 3_600

_OPEN: Final = frozenset({"users", "load", "run_s", "shares"})
_COMMON: Final[dict[str, Fraction]] = {"width_max": Fraction(0), "estimate": Fraction(3)}


class OpenModel(ABC):
    """What the models of this module have in common."""

    name: ClassVar[str]
    summary: ClassVar[str]
    takes: ClassVar[frozenset[str]] = _OPEN
    values: ClassVar[dict[str, Fraction]] = _COMMON

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs without end.

        Raises:
            SimulationError: A value makes no sense.
        """
        estimate = value_of(self, settings, "estimate")
        if estimate < 1:
            raise SimulationError(f"estimate is {estimate:g}; give a factor of at least 1.")
        sizes = _sizes(settings.procs, int(value_of(self, settings, "width_max")))
        mean_run_s = float(settings.run_s or RUN_S)
        gap_s = mean_gap_s(settings, mean_run_s * sum(sizes) / len(sizes))
        draw_run = self.run_times(settings, mean_run_s)
        names = ("sizes", "runs", "users", "estimates", "arrivals")
        widths, runs, users, estimates, arrivals = (Draws(settings.seed, f"{self.name}/{what}") for what in names)
        pick = Weighted([1.0 / number for number in range(1, (settings.users or USERS) + 1)])
        for submit_s in self.arrivals(arrivals, settings, gap_s):
            run_s = run_time_s(draw_run(runs))
            said_s = int(run_s * (1.0 + (estimate - 1.0) * estimates.uniform()))
            procs = sizes[widths.below(len(sizes))]
            yield SyntheticJob(int(submit_s), run_s, procs, said_s, pick.draw(users) + 1)

    def header(self, settings: Settings) -> list[str]:
        """Return the shares of the users, if some were given."""
        return share_lines(settings, settings.users or USERS) if settings.shares else []

    def arrivals(self, draws: Draws, settings: Settings, gap_s: float) -> Iterator[float]:
        """Yield the times of arrivals: here a Poisson process."""
        at_s = 0.0
        while True:
            at_s += draws.exponential(gap_s)
            yield at_s

    @abstractmethod
    def run_times(self, settings: Settings, mean_s: float) -> Callable[[Draws], float]:
        """Return what draws a run time in seconds, with that mean."""


class Poisson(OpenModel):
    """Poisson arrivals and exponential run times."""

    name: ClassVar[str] = "poisson"
    summary: ClassVar[str] = "Poisson arrivals, exponential run times"

    def run_times(self, settings: Settings, mean_s: float) -> Callable[[Draws], float]:
        """Return what draws exponential run times."""
        return lambda draws: draws.exponential(mean_s)


class Bursty(Poisson):
    """A Markov-modulated Poisson process of two states, with exponential run times.

    In a burst jobs come ``burst`` times as often as between bursts; bursts last ``burst_s`` on average and make up the
    part ``busy`` of the time. ``burst`` of 0 means that between bursts nothing comes: an on/off process.
    """

    name: ClassVar[str] = "bursty"
    summary: ClassVar[str] = "arrivals in bursts (a Markov-modulated Poisson process), exponential run times"
    values: ClassVar[dict[str, Fraction]] = {
        **_COMMON,
        "burst": Fraction(20),
        "burst_s": Fraction(1_800),
        "busy": Fraction(1, 10),
    }

    def arrivals(self, draws: Draws, settings: Settings, gap_s: float) -> Iterator[float]:
        """Yield the times of arrivals, with the same mean rate as without bursts."""
        burst, burst_s, busy = (value_of(self, settings, name) for name in ("burst", "burst_s", "busy"))
        if not 0 < busy < 1 or burst_s <= 0:
            raise SimulationError("busy has to be between 0 and 1, and burst_s above 0.")
        high, low = (burst, 1.0) if burst else (1.0, 0.0)
        mean = busy * high + (1.0 - busy) * low
        rates = (low / mean / gap_s, high / mean / gap_s)
        lasts_s = (burst_s * (1.0 - busy) / busy, burst_s)
        at_s, state = 0.0, 0
        until_s = draws.exponential(lasts_s[0])
        while True:
            # A Poisson process has no memory: where the state changes, the time to the next arrival is drawn anew.
            next_s = at_s + draws.exponential(1.0 / rates[state]) if rates[state] else until_s
            if next_s < until_s:
                at_s = next_s
                yield at_s
            else:
                at_s, state = until_s, 1 - state
                until_s = at_s + draws.exponential(lasts_s[state])


class ParetoModel(OpenModel):
    """Poisson arrivals and run times with a Pareto tail: few jobs are most of the work.

    Above x with probability (least / x)^``alpha``, up to 30 days, where it is cut; ``alpha`` of 1.5 has no variance.
    """

    name: ClassVar[str] = "pareto"
    summary: ClassVar[str] = "Poisson arrivals, run times with a Pareto tail"
    values: ClassVar[dict[str, Fraction]] = {**_COMMON, "alpha": Fraction(3, 2)}

    def run_times(self, settings: Settings, mean_s: float) -> Callable[[Draws], float]:
        """Return what draws Pareto run times; the mean is that of the uncut distribution."""
        alpha = value_of(self, settings, "alpha")
        if alpha <= 1:
            raise SimulationError(f"alpha is {alpha:g}; give more than 1, as there is no mean run time otherwise.")
        return lambda draws: draws.pareto(mean_s * (alpha - 1.0) / alpha, alpha)


class LognormalModel(OpenModel):
    """Poisson arrivals and lognormal run times, whose logarithm has the standard deviation ``sigma``."""

    name: ClassVar[str] = "lognormal"
    summary: ClassVar[str] = "Poisson arrivals, lognormal run times"
    values: ClassVar[dict[str, Fraction]] = {**_COMMON, "sigma": Fraction(2)}

    def run_times(self, settings: Settings, mean_s: float) -> Callable[[Draws], float]:
        """Return what draws lognormal run times; the mean is that of the uncut distribution."""
        sigma = value_of(self, settings, "sigma")
        if not 0 < sigma <= 5:
            raise SimulationError(f"sigma is {sigma:g}; give a number from above 0 to 5.")
        median = mean_s * exp(-0.5 * sigma * sigma)
        return lambda draws: draws.lognormal(median, sigma)


def mean_gap_s(settings: Settings, work_s: float) -> float:
    """Return the mean time between two jobs of so much work (seconds x processors) on average, for the load asked."""
    return work_s / (float(settings.load or LOAD) * settings.procs)


def _sizes(procs: int, width_max: int) -> list[int]:
    """Return the powers of two up to the machine, and up to ``width_max`` if that is above zero."""
    most = min(procs, width_max or procs)
    return [2**n for n in range(most.bit_length())]
