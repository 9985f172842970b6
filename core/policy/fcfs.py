"""First come, first served (row G23): by priority and submission; the first that does not fit stops the pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..commands import EndReservation, LeaseUnits
from ..ids import DomainId, JobId
from ..resources import Resources
from ..state import Job, State
from .base import Index, Proposal
from .pool import PoolIndex
from .queues import KeyQueue, QueueKey, queue_key, queued_job, queued_jobs
from .room import Room, Shape


class QueueIndex(PoolIndex):
    """One queue over all domains, ordered by priority, then submission; a subclass may order it otherwise.

    Attributes:
        key_of: The place of a job in the queue.
        order: The same in words.
        queue: The places of all jobs that have units to lease.
        shape_of: What each of these jobs asks for.
        fresh: Jobs that were not in the queue when the last pass was over.
    """

    follows_accounts = False
    key_of: Callable[[Job], QueueKey] = staticmethod(queue_key)
    order = "by priority, then submission"

    def __init__(self, state: State) -> None:
        self.queue = KeyQueue()
        self.shape_of: dict[JobId, Shape] = {}
        self.fresh: set[JobId] = set()
        self._stuck: tuple[QueueKey, int] | None = None
        self._shapes: dict[Resources, Shape] = {}
        super().__init__(state)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        job_id = job.job_id
        if job_id in self.shape_of:
            return
        key = self.key_of(job)
        request = job.terms.request
        shape = self._shapes.get(request)
        if shape is None:
            shape = self._shapes[request] = Shape(request)
        shape.jobs += 1
        self.fresh.add(job_id)
        self.shape_of[job_id] = shape
        self.queue.add(key)
        if self._stuck is not None and key < self._stuck[0]:
            self._stuck = None

    def job_moved(self, before: Job, after: Job) -> None:
        """Put a queued job where its priority belongs now."""
        if before.terms.priority != after.terms.priority and before.job_id in self.shape_of:
            self.job_done(before)
            self.job_ready(after)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        shape = self.shape_of.pop(job.job_id, None)
        if shape is None:
            return
        key = self.key_of(job)
        self.queue.discard(key)
        self.fresh.discard(job.job_id)
        if self._stuck is not None and key == self._stuck[0]:
            self._stuck = None
        shape.jobs -= 1
        if not shape.jobs:
            del self._shapes[shape.request]

    @property
    def is_stuck(self) -> bool:
        """Whether the first in the queue did not fit when the last pass was over, and nothing has become free since."""
        return self._stuck is not None and self._stuck[1] == self.capacity.version

    def pass_is_over(self, head: Job) -> None:
        """Remember that ``head`` does not fit and that everything behind it has been looked at."""
        self._stuck = None if self.capacity.is_mortal else (self.key_of(head), self.capacity.version)
        self.fresh.clear()

    def head(self) -> tuple[Job, Room | None] | None:
        """Return the first job that may be served at all, and a worker where a unit of it fits now.

        Jobs over their domain's cap and jobs too big for every worker are passed over, as they would stop all others.
        """
        jobs, capacity = self.state.jobs.jobs, self.capacity
        unservable: set[tuple[DomainId, Shape, int | None]] | None = None
        for key in self.queue.keys:
            job_id = queued_job(key)
            job, shape = jobs[job_id], self.shape_of[job_id]
            terms = job.terms
            if unservable is not None and (terms.domain_id, shape, terms.time_request_us) in unservable:
                continue
            if not self._held or not self.is_capped(terms.domain_id, terms.request):
                until_us = self.needs_until_us(job) if capacity.is_mortal else None
                room = capacity.find(shape, until_us)
                if room is not None or capacity.could_hold(terms.request, until_us or 0):
                    return job, room
            if unservable is None:
                unservable = set()
            unservable.add((terms.domain_id, shape, terms.time_request_us))
        return None

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), list(self.queue)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job in the queue; jobs that are passed over do not count."""
        ahead = queued_jobs(self.queue.before(self.key_of(self.state.jobs.jobs[job_id])))
        ahead = [other for other in ahead if self.is_servable(other)]
        if not ahead:
            return "It is first in the queue."
        jobs = "1 job is" if len(ahead) == 1 else f"{len(ahead)} jobs are"
        return f"{jobs} ahead of it in the queue ({self.order}), job {ahead[0]} first."

    def is_servable(self, job_id: JobId) -> bool:
        """Whether a job could be served at all: within its domain's cap, and not too big for every worker."""
        job = self.state.jobs.jobs[job_id]
        if self.is_capped(job.terms.domain_id, job.terms.request):
            return False
        return self.capacity.could_hold(job.terms.request, self.needs_until_us(job) or 0)


class FcfsIndex(QueueIndex):
    """The queue, served strictly from its head."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of the head while it fits."""
        self.wake(at_us)
        if self.capacity.reserved is not None:  # another policy kept it free
            yield EndReservation(at_us, self.capacity.reserved.worker_id)
        if self.is_stuck:
            return
        while (head := self.head()) is not None:
            job, room = head
            if room is None:
                self.pass_is_over(job)
                return
            yield LeaseUnits(at_us, room.worker_id, job.job_id, self.next_count(job))


class Fcfs:
    """Strict first come, first served over the whole pool."""

    name = "fcfs"

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return FcfsIndex(state)
