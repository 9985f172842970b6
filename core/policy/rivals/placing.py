"""Who has which place, as the events tell it: the memory of :mod:`.conservative`, and the plan that follows from it.

Places are facts: each that is given, moved or taken back is in an event. So they are there again after a restart, and
an index that is built anew has the plan that the one before it had. Places die with the lease that takes them over,
with their job, and all together where the plan is void: a worker is lost or drained, or another policy gave out leases
that stand in their way. A worker that comes is planned for from then on; one that is out of touch keeps its places for
as long as it may come back.
"""

from __future__ import annotations

from collections.abc import Iterable

from immutables import Map
from sortedcontainers import SortedList

from ...commands import ChangePlaces
from ...events import Event, PlacesChanged, UnitsFinished, UnitsLeased, UnitsReturned
from ...ids import JobId, LeaseId
from ...jobs.places import ANEW, FORWARD, Row
from ...state import Job, State
from ..fcfs import QueueIndex
from ..memory import MemoryIndex
from ..queues import QueueKey
from .place_memory import NEW_GAPS, NO_GAPS, OLD_GAPS, Places
from .plan import Place, Plan


class PlacingIndex(MemoryIndex, QueueIndex):
    """The queue, everybody's place, and the plan; a subclass decides, and says so in :attr:`told`.

    Attributes:
        places: The place of every job that has one.
        plan: What will be free on every worker; where there is none, it is void.
        starts: When the places begin, soonest first, each with the place of its job in the queue.
        unplanned: Jobs of the queue that may be given a place.
        gaps: As in :class:`Places`.
        is_still: Whether nobody could move forward when that was last tried, and nothing has become free since.
        told: What was proposed and has not happened yet; places and plan reckon with it already.
    """

    def __init__(self, state: State, memory: Places | None) -> None:
        known = Places() if memory is None else memory
        self._rows, self._without, self._ends = known.rows, known.without, known.ends
        self._workers, self.gaps, self._is_void = known.workers, known.gaps, known.is_void
        self.places: dict[JobId, Place] = {}
        self.plan: Plan | None = None
        self.starts: SortedList[tuple[int, QueueKey]] = SortedList()
        self.unplanned: set[JobId] = set()
        self.is_still = False
        self.told: ChangePlaces | None = None
        self._new_ends: Map[LeaseId, int] = Map()
        super().__init__(state)
        self._recall()

    def remembered(self) -> Places:
        """Return places, and what else the plan is made of."""
        return Places(self._rows, self._without, self._ends, self._workers, self.gaps, self._is_void)

    def job_ready(self, job: Job) -> None:
        """Queue a job; it is given a place in the next pass."""
        super().job_ready(job)
        if job.job_id not in self._rows and job.job_id not in self._without:
            self.unplanned.add(job.job_id)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue, and its place from it."""
        super().job_done(job)
        job_id = job.job_id
        self.unplanned.discard(job_id)
        if job_id in self._without:
            self._without = self._without.delete(job_id)
        if job_id in self._rows:
            self._rows = self._rows.delete(job_id)
            self.withdraw(job)
            self._free()

    def job_moved(self, before: Job, after: Job) -> None:
        """Put a queued job where its priority belongs now; it keeps its place in time."""
        if before.terms.priority == after.terms.priority or before.job_id not in self.shape_of:
            return
        place = self.places.get(before.job_id)
        if place is not None:
            self.starts.remove((place.start_us, self.key_of(before)))
            self.starts.add((place.start_us, self.key_of(after)))
        super().job_done(before)
        super().job_ready(after)

    def pool_changed(self) -> None:
        """Workers came, went, or may or may not be leased now: whoever is new is planned for as well."""
        if self._is_void:
            return
        workers = self.state.workers.workers
        for worker_id in self._workers:
            worker = workers.get(worker_id)
            if worker is None or worker.draining or worker.reserved_for is not None:
                self._void()
                return
        self._workers = tuple(sorted({*self._workers, *(room.worker_id for room in self.capacity.candidates())}))
        self._recall()  # one that was out of touch may be back: somebody may move there
        self._free()

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``."""
        if isinstance(event, PlacesChanged):
            super().update(event, state)
            self._change(event)
            return
        if self.told is not None:
            self._recall()
        version = self.capacity.version
        if isinstance(event, UnitsLeased):
            self._start(event, state)
        super().update(event, state)
        if isinstance(event, UnitsLeased):
            if event.job_id in self.shape_of:
                self.unplanned.add(event.job_id)
        elif isinstance(event, UnitsFinished | UnitsReturned) and event.lease_id not in state.jobs.leases:
            self._end(event.lease_id, event.at_us)
        if self._without and self.capacity.version != version:
            self.unplanned.update(self._without)
            self._without = Map()

    def begin(self) -> None:
        """Begin a pass: what was proposed in another and has not happened is forgotten."""
        if self.told is not None:
            self._recall()

    def settle(self, job: Job, place: Place) -> None:
        """A job has a place."""
        assert self.plan is not None
        self.plan.take(place)
        self.places[job.job_id] = place
        self.starts.add((place.start_us, self.key_of(job)))
        self.unplanned.discard(job.job_id)

    def withdraw(self, job: Job) -> None:
        """A job has its place no more."""
        assert self.plan is not None
        place = self.places.pop(job.job_id)
        self.starts.remove((place.start_us, self.key_of(job)))
        self.plan.give(place)

    def make_plan(self, at_us: int) -> None:
        """Forget the plan, and note what runs; everybody is to be given a place anew."""
        self.unplanned.update(self.places, self._without)
        self.places.clear()
        self.starts.clear()
        rooms, leases = self.capacity.candidates(), self.state.jobs.leases
        late = [lease_id for room in rooms for ends_us, lease_id, _ in room.ends if ends_us <= at_us]
        self._new_ends = Map({lease_id: 2 * at_us - leases[lease_id].leased_us for lease_id in late})
        self.plan = Plan(rooms, at_us, self._new_ends)
        self.plan.freed.clear()

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew of state and memory."""
        if self.told is not None:
            self._recall()
        plan = None if self.plan is None else self.plan.frees(self.now_us)
        return super().summary(), self.remembered(), list(self.starts), sorted(self.unplanned), plan

    def _change(self, event: PlacesChanged) -> None:
        """Places have changed; where it was this index that said so, it knows the new ones already."""
        told = self.told
        is_known = told is not None and (told.change, told.places, told.without) == _said(event)
        if told is not None and not is_known:
            self._recall()
        self.told = None
        if event.change == ANEW:
            if not is_known:
                self.make_plan(event.at_us)
            assert self.plan is not None
            self._rows, self._without, self._ends = Map(), Map(), self._new_ends
            self._workers, self.gaps, self._is_void = self.plan.workers, NO_GAPS, False
        if not is_known:
            self._learn(event)
        moved = False
        with self._rows.mutate() as rows:
            for row in event.places:
                job_id = row[0]
                moved = moved or job_id in rows
                if job_id in self.places:
                    rows[job_id] = row
                elif rows.pop(job_id, None) is not None:
                    self.unplanned.add(job_id)  # one that cannot be is none
            for job_id in event.without:
                moved = rows.pop(job_id, None) is not None or moved
            self._rows = rows.finish()
        for job_id in event.without:
            if job_id in self.shape_of:
                self._without = self._without.set(job_id, True)
        if moved:
            self._free()
            self.gaps = OLD_GAPS if event.change == FORWARD else NEW_GAPS

    def _learn(self, event: PlacesChanged) -> None:
        """Follow what another index has said."""
        jobs = self.state.jobs.jobs
        if self.plan is not None:
            self.plan.forget(event.at_us)
        for job_id in (*(row[0] for row in event.places), *event.without):
            if job_id in self.places:
                self.withdraw(jobs[job_id])
        self.unplanned.difference_update(event.without)
        self._place(event.places)

    def _place(self, rows: Iterable[Row]) -> None:
        """Have the places that are said, of jobs that wait and on workers that are planned for and could hold them."""
        plan, planned, jobs = self.plan, set(self._workers), self.state.jobs.jobs
        for job_id, worker_id, start_us, end_us, count in rows:
            if plan is None or job_id not in self.shape_of or worker_id not in planned:
                continue
            room, job = self.capacity.rooms[worker_id], jobs[job_id]
            if job.terms.request.fits(room.capacity):
                self.settle(job, plan.place(room, job.terms.request, start_us, end_us, count))

    def _start(self, event: UnitsLeased, state: State) -> None:
        """A lease takes over the place of its job, or what nobody had a place for."""
        job = state.jobs.jobs[event.job_id]
        self.unplanned.discard(event.job_id)
        if event.job_id in self._without:
            self._without = self._without.delete(event.job_id)
        if self.plan is None:
            return
        room, ends_us = self.capacity.rooms[event.worker_id], event.at_us + event.estimate_us * event.count
        place = self.places.get(event.job_id)
        if place is None:
            request = job.terms.request
            if event.behind or not self.plan.fits(room, request, event.at_us, ends_us):
                self._void()
            else:
                self.plan.hold(event.lease_id, self.plan.place(room, request, event.at_us, ends_us, event.count))
            return
        is_meant = place.room is room and place.count == event.count and place.start_us <= event.at_us
        if event.behind or not is_meant:
            self._void()
            return
        del self.places[event.job_id]
        self.starts.remove((place.start_us, self.key_of(self.state.jobs.jobs[event.job_id])))
        self._rows = self._rows.delete(event.job_id)
        self.plan.take_over(event.lease_id, place)
        if place.end_us != ends_us:
            self._ends = self._ends.set(event.lease_id, place.end_us)

    def _end(self, lease_id: LeaseId, at_us: int) -> None:
        """A lease has ended."""
        if lease_id in self._ends:
            self._ends = self._ends.delete(lease_id)
        if self.plan is None:
            return
        held = self.plan.end(lease_id, at_us)
        if self.gaps == OLD_GAPS or (held is not None and held.end_us > at_us):
            self._free()
        if held is not None and held.room.prefetch and not self.plan.knows_all_on(held.room):
            self._void()

    def _free(self) -> None:
        """Somebody may move forward."""
        self.gaps = NEW_GAPS
        self.is_still = False

    def _void(self) -> None:
        """There is no plan any more."""
        self.unplanned.update(self._rows, self._without)
        self._rows, self._without, self._ends, self._workers = Map(), Map(), Map(), ()
        self.gaps, self._is_void = NO_GAPS, True
        self.places.clear()
        self.starts.clear()
        self.plan = None

    def _recall(self) -> None:
        """Make the plan as it is remembered."""
        self.told = self.plan = None
        self.is_still = False
        self.places.clear()
        self.starts.clear()
        self.unplanned = {job_id for job_id in self.shape_of if job_id not in self._without}
        if not self._is_void:
            rooms = [self.capacity.rooms[worker_id] for worker_id in self._workers]
            self.plan = Plan(rooms, self.now_us, self._ends)
            self._place(row for _, row in sorted(self._rows.items()))


def _said(event: PlacesChanged) -> tuple[str, tuple[Row, ...], tuple[JobId, ...]]:
    return event.change, event.places, event.without
