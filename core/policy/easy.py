"""EASY backfilling: first come, first served, but later work may start if it does not delay the head.

Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001. The head that does
not fit is given the earliest time by which enough should be free (the shadow time), anew in each pass; later jobs, in
order, start if they fit now and either end by then or need only what will be free beside it.
Quirk that matters when schedules are compared: *by then* includes the instant itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..commands import EndReservation, LeaseUnits
from ..estimates import stay_us
from ..ids import JobId
from ..limits import PASS_EXAMINED_MAX
from ..state import Job, State
from .base import Index, Proposal
from .fcfs import QueueIndex
from .queues import queued_jobs
from .room import Room, Shape
from .shadow import Shadow, earliest


class EasyIndex(QueueIndex):
    """The queue, with one reservation for its head and backfilling behind it."""

    def __init__(self, state: State, depth: int | None) -> None:
        super().__init__(state)
        self._depth = depth

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of the head while it fits, then of later jobs that do not delay it."""
        self.wake(at_us)
        if self.capacity.reserved is not None:  # another policy kept it free
            yield EndReservation(at_us, self.capacity.reserved.worker_id)
        was_stuck, capacity, shape_of = self.is_stuck, self.capacity, self.shape_of
        while True:
            head = self.head()
            if head is None:
                return
            job, room = head
            if room is None:
                break
            yield LeaseUnits(at_us, room.worker_id, job.job_id, self.next_count(job))
        shadow: Shadow | None = None
        candidates = self.candidates(job, at_us, was_stuck=was_stuck)
        fitting = self._fitting(candidates)
        for job_id in candidates if fitting else ():
            if shape_of[job_id] not in fitting:
                continue  # most do not fit, and need no closer look: in a pass room only becomes less
            if shadow is None:
                shadow = earliest(capacity.candidates(), job.terms.request, at_us, self.length_us(job))
                if shadow is None:
                    return
            made = False
            # Not in the queue: nothing is left, or all that is left backs off.
            while job_id in shape_of and (lease := self._backfill(job_id, shadow, at_us)) is not None:
                yield lease
                made = True
            if made:
                fitting = {shape for shape in fitting if capacity.find(shape) is not None}
                if not fitting:
                    break
        self.pass_is_over(job)

    def _fitting(self, job_ids: Sequence[JobId]) -> set[Shape]:
        """Return the shapes that fit now: of some jobs, or of the whole queue where that has fewer."""
        shape_of, find = self.shape_of, self.capacity.find
        shapes = self._shapes.values()
        if len(shapes) > len(job_ids):
            return {shape for shape in map(shape_of.__getitem__, job_ids) if find(shape) is not None}
        return {shape for shape in shapes if find(shape) is not None}

    def candidates(self, head: Job, at_us: int, *, was_stuck: bool) -> Sequence[JobId]:
        """Return the jobs that may be backfilled, in the order in which to try them.

        Where the head is stuck, what was tried in the last pass need not be tried again: the shadow time has come no
        further away from now. But once a lease has overrun its estimate, more may be free beside the head.
        """
        if was_stuck and (self._depth is None or len(self.queue) <= self._depth):
            for room in self.capacity.candidates():
                if room.ends and room.ends[0][0] <= at_us:
                    break
            else:
                return self.in_turn(self.fresh) if len(self.fresh) > 1 else tuple(self.fresh)
        return self.behind(head, self._depth)

    def in_turn(self, job_ids: Iterable[JobId]) -> list[JobId]:
        """Return some jobs of the queue in the order in which to try them."""
        jobs = self.state.jobs.jobs
        return sorted(job_ids, key=lambda job_id: self.key_of(jobs[job_id]))

    def behind(self, head: Job, depth: int | None) -> list[JobId]:
        """Return the first ``depth`` jobs to try once ``head`` is stuck (None: all), in that order."""
        return queued_jobs(self.queue.behind(self.key_of(head), depth))

    def length_us(self, job: Job) -> int:
        """Return how long a unit of a job is taken to run."""
        return stay_us(self.state.jobs, job)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job, and whether it waits only so as not to delay the head."""
        head, sentence = self.head(), super().ahead_of(job_id)
        shape = self.shape_of.get(job_id)
        if head is None or head[0].job_id == job_id or shape is None or self.capacity.find(shape) is None:
            return sentence
        return f"{sentence} It would fit now, but could delay job {head[0].job_id}, for which room is kept."

    def _backfill(self, job_id: JobId, shadow: Shadow, at_us: int) -> LeaseUnits | None:
        """Return the next lease of a job of the queue that does not delay the head, or None."""
        job = self.state.jobs.jobs[job_id]
        request = job.terms.request
        if self._held and self.is_capped(job.terms.domain_id, request):
            return None
        count = self.next_count(job)
        ends_us = at_us + self.length_us(job) * count
        room = self._room(job, ends_us, shadow)
        if room is None:
            return None
        if room is shadow.room:
            shadow.admit(request, ends_us)
        return LeaseUnits(at_us, room.worker_id, job_id, count)

    def _room(self, job: Job, ends_us: int, shadow: Shadow) -> Room | None:
        until_us = self.needs_until_us(job)
        room = self.capacity.find(self.shape_of[job.job_id], until_us)
        if room is None or room is not shadow.room or shadow.admits(job.terms.request, ends_us):
            return room
        return self.capacity.find_behind(room, job.terms.request, until_us)


class Easy:
    """First come, first served with one reservation.

    ``depth`` bounds how many jobs behind the head a pass looks at; None, for simulations, looks at all of them.
    """

    name = "easy"

    def __init__(self, depth: int | None = PASS_EXAMINED_MAX) -> None:
        self.depth = depth

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return EasyIndex(state, self.depth)
