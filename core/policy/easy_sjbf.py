"""EASY backfilling that tries the shortest first, behind a head by submission (SJBF) or by time as well (SJF).

``easy-sjbf`` is the shortest-job-backfilled-first of Tsafrir, Etsion and Feitelson, "Backfilling using
system-generated predictions rather than user runtime estimates", IEEE TPDS 18(6), 2007, with requested times: the head
is the first in the queue and has its reservation as under EASY, so whoever waits becomes the head in the end and
starts by its promise. Only those that are tried behind it go by the time that they ask for.

``easy-sjf`` orders the whole queue by that time. Its head is the shortest, and may lose its place and its reservation
to a shorter one that comes; so nothing is promised to the long, as under ``sjf``.

Quirks that matter when schedules are compared: ties of the time go by the place in the queue; what starts behind the
head may end at its shadow time, that instant included; the reservation is made anew in each pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from sortedcontainers import SortedList

from ..ids import JobId
from ..limits import PASS_EXAMINED_MAX
from ..state import Job, State
from .base import Index
from .easy import EasyIndex
from .queues import QueueKey, queued_jobs, shortest_key


class EasySjbfIndex(EasyIndex):
    """The queue by submission, with a second order, by requested time, for those behind the head."""

    def __init__(self, state: State, depth: int | None) -> None:
        self.shortest: SortedList[QueueKey] = SortedList()
        super().__init__(state, depth)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        if job.job_id not in self.shape_of:
            self.shortest.add(shortest_key(job))
        super().job_ready(job)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        if job.job_id in self.shape_of:
            self.shortest.remove(shortest_key(job))
        super().job_done(job)

    def in_turn(self, job_ids: Iterable[JobId]) -> list[JobId]:
        """Return some jobs of the queue, shortest first."""
        jobs = self.state.jobs.jobs
        return sorted(job_ids, key=lambda job_id: shortest_key(jobs[job_id]))

    def behind(self, head: Job, depth: int | None) -> list[JobId]:
        """Return the ``depth`` shortest of all jobs but ``head`` (None: all)."""
        stop = None if depth is None else depth + 1
        found = queued_jobs(self.shortest.islice(0, stop))
        return [job_id for job_id in found if job_id != head.job_id][:depth]

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), list(self.shortest)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job, and one on who is tried before it once the head is stuck."""
        sentence, head = super().ahead_of(job_id), self.head()
        job = self.state.jobs.jobs[job_id]
        if head is None or head[0].job_id == job_id or job_id not in self.shape_of:
            return sentence
        end = self.shortest.bisect_left(shortest_key(job))
        others = queued_jobs(self.shortest.islice(0, end))
        shorter = sum(other != head[0].job_id and self.is_servable(other) for other in others)
        if not shorter:
            return f"{sentence} Behind the first the shortest is tried first, and that is this one."
        jobs = "1 job that asks for less time goes" if shorter == 1 else f"{shorter} that ask for less time go"
        return f"{sentence} Behind the first the shortest is tried first: {jobs} before it."


class EasySjfIndex(EasyIndex):
    """The queue by requested time, with a reservation for the shortest and backfilling behind it."""

    key_of = staticmethod(shortest_key)
    order = "by priority, then by the time asked for, shortest first"


class EasySjbf:
    """EASY where the shortest is backfilled first.

    ``depth`` bounds how many jobs behind the head a pass looks at; None, for simulations, looks at all of them.
    """

    name = "easy-sjbf"

    def __init__(self, depth: int | None = PASS_EXAMINED_MAX) -> None:
        self.depth = depth

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return EasySjbfIndex(state, self.depth)


class EasySjf:
    """EASY over a queue by requested time; ``depth`` as for :class:`EasySjbf`."""

    name = "easy-sjf"

    def __init__(self, depth: int | None = PASS_EXAMINED_MAX) -> None:
        self.depth = depth

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return EasySjfIndex(state, self.depth)
