"""Whether it pays to misreport: one user's lot in two runs that differ in what that user said.

A user's **delay** is the mean, over its work, of the time from submit to when that work is done: of a job, from its
submit to the middle of its run, weighted by its processor-time. It is the same whether a piece of work is submitted
as one job or split into several, one beside or after another, as long as it runs at the same times; so what is gained
by splitting is gained in the schedule and not in the counting. Source of that demand: Skowron and Rzadca, "Non-monetary
fair scheduling: a cooperative game theory approach", SPAA 2013.

The **gain** of a misreport is the delay of who tells the truth over the delay of who does not: above 1 it paid. That
is the form in which incentives are told of credits (useful work with the misreport over that without: Vuppalapati et
al., "Karma", OSDI 2023), for work that is all done in the end.
"""

from __future__ import annotations

from fractions import Fraction
from statistics import median

from meted.core.limits import SECOND_US
from meted.core.record import record

from ..errors import SimulationError
from .run_record import RunRecord, UserRow


class Delay:
    """The delay of one user, accumulated a job at a time."""

    __slots__ = ("_area", "_delay")

    def __init__(self) -> None:
        """Start with no jobs."""
        self._area = 0
        self._delay = 0

    def started(self, wait_us: int, run_us: int, area: int) -> None:
        """A job started after this wait, and will run for so long; ``area`` is its processor-time."""
        self._area += area
        self._delay += area * (2 * wait_us + run_us)

    def mean_s(self) -> Fraction:
        """Return the mean over the work so far, in seconds; 0 if there is none."""
        return Fraction(self._delay, 2 * self._area * SECOND_US) if self._area else Fraction(0)


@record
class Gain:
    """What came of a misreport.

    Attributes:
        own: The gain of the user who misreports: above 1 it paid, below 1 it hurt.
        of_others: The median gain of all other users who have jobs in both runs; None if there is none.
        work: The processor-time of the user's jobs over that with the truth. Below 1 jobs were cut, and a gain is none.
    """

    own: float
    of_others: float | None
    work: float


def gain_of(truthful: RunRecord, misreported: RunRecord, user: str) -> Gain:
    """Return what came of a misreport, for the user and for all others.

    Args:
        truthful: The run in which the user told the truth.
        misreported: The run in which it did not, and all others said the same.
        user: Its name.

    Raises:
        SimulationError: The user has no jobs in one of the runs.
    """
    truth, lie = _row(truthful, user), _row(misreported, user)
    delays = {row.user: row.mean_delay_s for row in misreported.users}
    others = [row.mean_delay_s / delays[row.user] for row in truthful.users if row.user in delays and row.user != user]
    own = truth.mean_delay_s / lie.mean_delay_s
    return Gain(own, median(others) if others else None, lie.cpu_s / truth.cpu_s)


def _row(run: RunRecord, user: str) -> UserRow:
    for row in run.users:
        if row.user == user:
            return row
    raise SimulationError(f"the user {user} has no jobs in the run {run.label}; name one that has.")
