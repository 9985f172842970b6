"""Sums over the jobs of one user that were submitted in one hour: all that resampling a run needs to know of it.

Figures of a run that are means or sums over jobs, or made of users' means, can be computed from these for any choice
of hours or users, so that no list of jobs goes from the process that ran to the one that compares.
"""

from __future__ import annotations

from array import array
from typing import Final

import attrs

from ..results.metrics import BOUND_US
from ..traces.job import TraceJob

CELL_US: Final = 3_600_000_000
"""The grain of time: an hour."""


@attrs.frozen(eq=False)
class Cells:
    """Columns of the same length, a row for each hour and user with jobs submitted; sorted by hour, then user.

    Attributes:
        hour: The hour of the submits, counted from that of the first.
        user: The user's number.
        jobs: How many jobs.
        wait_us: The sum of their waits.
        slowdown: The sum of their bounded slowdowns.
    """

    hour: array[int]
    user: array[int]
    jobs: array[int]
    wait_us: array[int]
    slowdown: array[float]

    def __len__(self) -> int:
        return len(self.hour)


class CellCounter:
    """Watches a run and sums up; an :class:`~meted.simulations.observer.Observer`."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._first_us: int | None = None
        self._sums: dict[tuple[int, int], list[float]] = {}

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted; the first one says when hours begin."""
        if self._first_us is None:
            self._first_us = job.submit_us

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started, which says all about its wait, as its run time is known."""
        assert self._first_us is not None
        key = (job.submit_us - self._first_us) // CELL_US, job.user
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = [0, 0, 0.0]
        wait_us = at_us - job.submit_us
        sums[0] += 1
        sums[1] += wait_us
        sums[2] += max(1.0, (wait_us + job.run_us) / max(job.run_us, BOUND_US))

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ended, which says nothing new."""

    def cells(self) -> Cells:
        """Return the sums so far."""
        found = sorted(self._sums.items())
        columns = [[sums[place] for _, sums in found] for place in range(3)]
        return Cells(
            array("q", [hour for (hour, _), _ in found]),
            array("q", [user for (_, user), _ in found]),
            array("q", map(int, columns[0])),
            array("q", map(int, columns[1])),
            array("d", columns[2]),
        )
