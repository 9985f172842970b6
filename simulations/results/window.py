"""A window of the schedule for a Gantt chart: what ran around the moment at which the most jobs waited.

Which moment that is shows only later. So the last ``KEPT_ENDED`` jobs that have ended and all that run are kept; when
more jobs wait than ever, that is the middle of the window, and ``KEPT_STARTED`` starts later (or at the end of the run)
what is kept is set aside. The window begins when the last job ended that is not kept: so it has all that ran in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from meted.core.limits import SECOND_US

from ..traces.job import TraceJob
from .run_record import Bar, Gantt

KEPT_ENDED: Final = 300
"""Jobs kept that have ended before or in the window."""

KEPT_STARTED: Final = 150
"""Starts from the middle of the window to its end."""

BARS_MAX: Final = 2_500
"""Jobs in a chart; where more run at once, those that started last."""


_Ran = tuple[TraceJob, int]
"""A job and when it started."""


class WindowMeter:
    """Takes submits, starts and ends in the order of time; a job is known by its identity while it waits or runs."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self._first_us: int | None = None
        self._waiting = 0
        self._most = 0
        self._running: dict[int, _Ran] = {}
        self._ended: deque[_Ran] = deque(maxlen=KEPT_ENDED)
        self._covered_us = 0  # all that ran after this is kept
        self._to_come: int | None = None  # starts until a window is set aside
        self._aside: tuple[int, int, list[_Ran]] | None = None

    def submitted(self, job: TraceJob) -> None:
        """A job was submitted."""
        if self._first_us is None:
            self._first_us = self._covered_us = job.submit_us
        self._waiting += 1

    def started(self, job: TraceJob, at_us: int) -> None:
        """A job started; as many wait as before and it with them."""
        if self._waiting > self._most:
            self._most = self._waiting
            if self._to_come is None:
                self._to_come = KEPT_STARTED
        self._waiting -= 1
        self._running[id(job)] = (job, at_us)
        if self._to_come is not None:
            self._to_come -= 1
            if not self._to_come:
                self._set_aside(at_us)

    def ended(self, job: TraceJob) -> None:
        """A job ended."""
        ended = self._ended
        if len(ended) == KEPT_ENDED:
            oldest, start_us = ended[0]
            self._covered_us = start_us + oldest.run_us
        ended.append(self._running.pop(id(job)))

    def gantt(self, names: Mapping[int, str], procs: int, per_proc: int) -> Gantt:
        """Return the window.

        Args:
            names: What to call the users.
            procs: Processors of the machine.
            per_proc: So many processors of the trace are one of the chart.
        """
        if self._to_come is not None or self._aside is None:
            ends = [start_us + job.run_us for job, start_us in (*self._ended, *self._running.values())]
            self._set_aside(max(ends, default=self._covered_us))
        assert self._aside is not None
        from_us, to_us, ran = self._aside
        first_us = self._first_us or 0
        ran = sorted(ran, key=lambda one: (one[1], one[0].submit_us, one[0].job_id))[-BARS_MAX:]
        bars = (
            Bar(
                names[job.user],
                (job.submit_us - first_us) / SECOND_US,
                (start_us - first_us) / SECOND_US,
                (start_us + job.run_us - first_us) / SECOND_US,
                job.procs / per_proc,
            )
            for job, start_us in ran
        )
        window_s = (from_us - first_us) / SECOND_US, (to_us - first_us) / SECOND_US
        return Gantt(*window_s, tuple(bars), procs / per_proc)

    def _set_aside(self, to_us: int) -> None:
        """Keep what ran from when all is known until this time."""
        from_us = self._covered_us
        ran = [one for one in (*self._ended, *self._running.values()) if one[1] + one[0].run_us > from_us]
        self._aside = (from_us, max(to_us, from_us), ran)
        self._to_come = None
