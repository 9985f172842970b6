"""First come, first served: in order of priority and submission; the first that does not fit stops the pass."""

from __future__ import annotations

from collections.abc import Iterator

from sortedcontainers import SortedList

from ..commands import LeaseUnits
from ..ids import DomainId, JobId
from ..resources import Resources
from ..service import estimate_us
from ..state import Job, State
from .base import Index, Proposal
from .capacity import Room, Shape
from .pool import PoolIndex

Key = tuple[int, JobId]

SHAPES_KEPT_MAX = 4_096
"""Requests of which is remembered where they fit; with more, all are looked for anew."""


class QueueIndex(PoolIndex):
    """One queue over all domains, ordered by (priority, job id)."""

    def __init__(self, state: State) -> None:
        self.queue: SortedList[Key] = SortedList()
        self._queued: set[JobId] = set()
        self._shapes: dict[Resources, Shape] = {}
        super().__init__(state)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        if job.job_id not in self._queued:
            self._queued.add(job.job_id)
            self.queue.add((-job.terms.priority, job.job_id))

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        if job.job_id in self._queued:
            self._queued.remove(job.job_id)
            self.queue.remove((-job.terms.priority, job.job_id))

    def head(self) -> Job | None:
        """Return the first job that may be served at all: neither over its domain's cap nor too big for every worker.

        Those are passed over, as they would stop all others for ever.
        """
        jobs = self.state.jobs.jobs
        unservable: set[tuple[DomainId, Resources, int | None]] = set()
        for _, job_id in self.queue:
            job = jobs[job_id]
            terms = job.terms
            if not unservable:
                if self.is_servable(job):
                    return job
            elif (terms.domain_id, terms.request, terms.time_request_us) not in unservable and self.is_servable(job):
                return job
            unservable.add((terms.domain_id, terms.request, terms.time_request_us))
        return None

    def is_servable(self, job: Job) -> bool:
        """Whether a unit of the job could be leased on an empty pool."""
        request = job.terms.request
        if self.is_capped(job.terms.domain_id, request):
            return False
        return self.find(job) is not None or self.capacity.could_hold(request, self.needs_until_us(job) or 0)

    def find(self, job: Job) -> Room | None:
        """Return a worker where a unit of the job fits now, or None."""
        request = job.terms.request
        shape = self._shapes.get(request)
        if shape is None:
            if len(self._shapes) >= SHAPES_KEPT_MAX:
                self._shapes.clear()
            shape = self._shapes[request] = Shape(request)
        return self.capacity.find(shape, self.needs_until_us(job))

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), list(self.queue)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job in the queue."""
        job = self.state.jobs.jobs[job_id]
        key = (-job.terms.priority, job_id)
        count = self.queue.bisect_left(key)
        if not count:
            return "It is first in the queue."
        first = self.queue[0][1]
        jobs = "1 job is" if count == 1 else f"{count} jobs are"
        return f"{jobs} ahead of it in the queue (by priority, then submission), job {first} first."


class FcfsIndex(QueueIndex):
    """The queue, served strictly from its head."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of the head while it fits."""
        self.wake(at_us)
        while (job := self.head()) is not None:
            room = self.find(job)
            if room is None:
                return
            yield LeaseUnits(at_us, room.worker_id, job.job_id, self.run_count(job, estimate_us(self.state.jobs, job)))


class Fcfs:
    """Strict first come, first served over the whole pool."""

    name = "fcfs"
    is_exact = True

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return FcfsIndex(state)
