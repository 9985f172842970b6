"""Conservative backfilling: whoever is submitted is given a place in time at once, and never a later one.

Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001; Feitelson and Weil,
IPPS 1998. A job's place is the earliest at which enough is free, beside what runs and all places given before, for as
long as it is estimated to take. So what comes later may start sooner, where it delays nobody who came before. When
something has ended, the plan is *compressed*: each job that waits, in the order of the queue, moves to the earliest
place that is then free beside all others' places, if that is earlier than its own.

Promise: where nothing runs longer than its estimate, a job starts no later than at the place that it was given at
submission, and no compression makes a place later.

Quirks that matter when schedules are compared. What ends at an instant is free for what begins then. One compression
is one round over the queue, not repeated until nothing moves; the first pass after an end begins with one. (Planning
anew without the old places would break promises: a wide job that moves forward may take the place of one behind it.)
Where somebody has lost their place to a cap (below), a place may come when nothing else happens; it then has a pass of
its own.

It is for simulations alone. Places are given, compressed and taken back in passes, each as of its own time, and passes
that lease nothing are in no log. So places are no fold of the events, as what a policy remembers has to be
(:mod:`meted.core.policy.memory`): an index built anew plans everything anew, in the order of the queue, and may give
later places than were promised. A live pool, which builds an index after a restart or a failed append, could therefore
not keep the promise.

Beyond the literature: where a job has several units, the next run of them has a place, and the one after it is given
one when that has started. With several workers the earliest place on any counts, ties going to the lower id. Where
somebody cannot start at their place since something overran its estimate, that is taken to need as long again as it has
had, and everybody is given a place anew. A job whose domain is at its cap has no place until something ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from sortedcontainers import SortedList

from meted.core.commands import LeaseUnits
from meted.core.estimates import estimate_us
from meted.core.events import Event, UnitsFinished, UnitsLeased, UnitsReturned
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import SECOND_US
from meted.core.policy.base import Index, Proposal, SimulationOnly
from meted.core.policy.fcfs import QueueIndex
from meted.core.policy.queues import QueueKey, queued_job
from meted.core.policy.room import Room
from meted.core.state import Job, State

from .profile import Layout, Profile


@attrs.frozen(slots=True)
class Place:
    """When and where the next run of a job starts at the latest.

    Attributes:
        start_us, end_us: From when until when it holds what it needs.
        need: That, packed.
        count: How many units it is.
        room: The worker.
    """

    start_us: int
    end_us: int
    need: int
    count: int
    room: Room


class ConservativeIndex(QueueIndex):
    """The queue, what will be free on every worker, and everybody's place.

    Attributes:
        places: The place of every job that has one.
    """

    def __init__(self, state: State) -> None:
        self.places: dict[JobId, Place] = {}
        self._starts: SortedList[tuple[int, QueueKey]] = SortedList()
        self._unplanned: set[JobId] = set()
        self._hopeless: set[JobId] = set()  # over a cap, or too big: looked at again when something has changed
        self._hopeless_at = -1
        self._profiles: dict[WorkerId, Profile] = {}
        self._holds: dict[LeaseId, Place] = {}
        self._starting: Place | None = None
        self._is_due = False  # a compression, as something has ended since the last pass
        self._is_settled = True  # nobody could move in the last compression, and no more is free than was then
        self._is_void = True
        self._layout = Layout(())
        super().__init__(state)

    def job_ready(self, job: Job) -> None:
        """Queue a job; it is given a place in the next pass."""
        super().job_ready(job)
        if job.job_id not in self.places and job.job_id not in self._hopeless:
            self._unplanned.add(job.job_id)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue, and its place from it."""
        super().job_done(job)
        self._unplanned.discard(job.job_id)
        self._hopeless.discard(job.job_id)
        self._give_up(job)

    def pool_changed(self) -> None:
        """Workers came or went: the plan is void."""
        self._is_void = True

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; a lease has the place that its job had."""
        super().update(event, state)
        if type(event) is UnitsLeased:
            assert self._starting is not None
            self._holds[event.lease_id], self._starting = self._starting, None
            if event.job_id in self.shape_of:
                self._unplanned.add(event.job_id)
        elif isinstance(event, UnitsFinished | UnitsReturned) and event.lease_id not in state.jobs.leases:
            self._ended(event.lease_id, state.at_us)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of what has come to its place, after places were given and moved."""
        self.wake(at_us)
        now_us = self.now_us
        if self._is_void or (self._starts and self._starts[0][0] < now_us):
            self._plan_anew(now_us)  # it was not followed where somebody's time has passed
        for profile in self._profiles.values():
            profile.forget(now_us)
        if self._is_due and not self._is_settled:
            self._compress(now_us)
        self._is_due = False
        if self._hopeless and self._hopeless_at != self.capacity.version:
            self._unplanned |= self._hopeless
            self._hopeless.clear()
        self._hopeless_at = self.capacity.version
        yield from self._follow(now_us)
        if self._is_void:
            self._plan_anew(now_us)
            yield from self._follow(now_us)

    def next_wake_us(self) -> int | None:
        """Return when the first place begins, or the first unit that backs off may be tried again."""
        due_us = super().next_wake_us()
        if not self._starts:
            return due_us
        start_us: int = self._starts[0][0]
        return start_us if due_us is None else min(start_us, due_us)

    def summary(self) -> object:
        """Return all that decisions depend on; that of an index built anew differs while jobs have places."""
        places = [(job_id, place.start_us, place.room.worker_id) for job_id, place in sorted(self.places.items())]
        return super().summary(), places

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on a job's place, and one on who is ahead of it."""
        sentence, place = super().ahead_of(job_id), self.places.get(job_id)
        if place is None:
            return f"{sentence} It has no place in the plan yet."
        seconds = -(-max(0, place.start_us - self.now_us) // SECOND_US)
        return (
            f"It has a place on worker {place.room.worker_id} in {seconds} s, and starts then at the latest if nothing "
            f"runs longer than estimated. {sentence}"
        )

    def _follow(self, now_us: int) -> Iterator[Proposal]:
        """Start whoever has come to their place, and give places to those without; stop where the plan is void."""
        while self._starts and self._starts[0][0] <= now_us and not self._is_void:
            yield from self._serve(queued_job(self._starts[0][1]), now_us)
        jobs = self.state.jobs.jobs
        for job_id in sorted(self._unplanned, key=lambda job_id: self.key_of(jobs[job_id])):
            if self._is_void:
                return
            yield from self._serve(job_id, now_us)

    def _serve(self, job_id: JobId, now_us: int) -> Iterator[Proposal]:
        """Start what a job may start now, and give the rest of it a place."""
        while job_id in self.shape_of:
            job = self.state.jobs.jobs[job_id]
            estimated_us = estimate_us(self.state.jobs, job)
            count = self.run_count(job, estimated_us)
            place = self.places.get(job_id)
            if place is None:
                place = self._find(job, count, estimated_us * count, now_us)
                if place is None:
                    self._despair(job)
                    return
                self._settle(job, place)
            if place.start_us > now_us:
                return
            if (place.end_us, place.count) != (now_us + estimated_us * count, count):
                self._give_up(job)  # by another estimate it is no longer as large as its place
            elif self.is_capped(job.terms.domain_id, job.terms.request):
                self._despair(job)
                return
            elif not place.room.free.fits(job.terms.request):
                self._is_void = True
                return
            else:
                yield self._start(job, place, now_us)

    def _start(self, job: Job, place: Place, now_us: int) -> LeaseUnits:
        """Return the lease of a run whose time has come; it takes over the place."""
        del self.places[job.job_id]
        self._starts.remove((place.start_us, self.key_of(job)))
        self._starting = place
        return LeaseUnits(now_us, place.room.worker_id, job.job_id, place.count)

    def _find(self, job: Job, count: int, length_us: int, now_us: int) -> Place | None:
        """Return the earliest place from now on, or None if no worker could ever hold it."""
        need = self._layout.pack(job.terms.request)
        best: Place | None = None
        for worker_id, profile in self._profiles.items() if need is not None else ():
            assert need is not None
            if not profile.could_hold(need):
                continue
            start_us = profile.earliest(need, length_us, now_us)
            room = self.capacity.rooms[worker_id]
            if (best is None or start_us < best.start_us) and room.outlives(start_us + length_us):
                best = Place(start_us, start_us + length_us, need, count, room)
        return best

    def _settle(self, job: Job, place: Place) -> None:
        self._profiles[place.room.worker_id].take(place.need, place.start_us, place.end_us)
        self.places[job.job_id] = place
        self._starts.add((place.start_us, self.key_of(job)))
        self._unplanned.discard(job.job_id)

    def _give_up(self, job: Job) -> None:
        """Take a job's place away, if it has one."""
        place = self.places.pop(job.job_id, None)
        if place is None:
            return
        self._is_due = True
        self._starts.remove((place.start_us, self.key_of(job)))
        profile = self._profiles.get(place.room.worker_id)
        if profile is not None:
            profile.give(place.need, place.start_us, place.end_us)
        self._is_settled = False

    def _despair(self, job: Job) -> None:
        """A job can have no place as things are."""
        self._give_up(job)
        self._unplanned.discard(job.job_id)
        self._hopeless.add(job.job_id)

    def _ended(self, lease_id: LeaseId, now_us: int) -> None:
        """A lease has ended; what it would still have held is free."""
        place = self._holds.pop(lease_id, None)
        profile = None if place is None else self._profiles.get(place.room.worker_id)
        if place is not None and profile is not None and place.end_us > now_us:
            profile.give(place.need, now_us, place.end_us)
            self._is_settled = False
        self._is_due = True

    def _compress(self, now_us: int) -> None:
        """Move every place forward as far as it goes, in the order of the queue."""
        jobs, places = self.state.jobs.jobs, self.places
        self._is_settled = True
        for key in self.queue:
            job_id = queued_job(key)
            place = places.get(job_id)
            if place is None or place.start_us <= now_us:
                continue
            length_us = place.end_us - place.start_us
            found = self._earlier(place, length_us, now_us)
            if found is None:
                continue
            job = jobs[job_id]
            self._give_up(job)
            self._settle(job, found)  # after which another may move: the plan is not settled

    def _earlier(self, place: Place, length_us: int, now_us: int) -> Place | None:
        """Return the earliest place before one that is held, or None."""
        best: Place | None = None
        limit_us = place.start_us
        for worker_id, profile in self._profiles.items():
            if not profile.could_hold(place.need):
                continue
            if worker_id == place.room.worker_id:
                start_us = profile.earlier(place.need, length_us, now_us, place.start_us)
            else:
                start_us = profile.earliest(place.need, length_us, now_us)
            room = self.capacity.rooms[worker_id]
            if start_us is not None and start_us < limit_us and room.outlives(start_us + length_us):
                best = Place(start_us, start_us + length_us, place.need, place.count, room)
                limit_us = start_us
        return best

    def _plan_anew(self, now_us: int) -> None:
        """Forget the plan, and note what runs; everybody is to be given a place anew."""
        rooms = self.capacity.candidates()
        self._layout = layout = Layout(room.capacity for room in rooms)
        self.places.clear()
        self._starts.clear()
        self._holds.clear()
        self._profiles.clear()
        self._hopeless.clear()
        self._unplanned = {queued_job(key) for key in self.queue}
        for room in rooms:
            whole = layout.pack(room.capacity)
            assert whole is not None
            profile = self._profiles[room.worker_id] = Profile(whole, layout.guards, now_us)
            for ends_us, lease_id, held in room.ends:
                need = layout.pack(held)
                assert need is not None
                if ends_us <= now_us:
                    ends_us = 2 * now_us - self.state.jobs.leases[lease_id].leased_us
                profile.take(need, now_us, ends_us)
                self._holds[lease_id] = Place(now_us, ends_us, need, 1, room)
        self._is_void = self._is_due = False
        self._is_settled = True


class Conservative(SimulationOnly):
    """First come, first served, where everybody has a place; for simulations."""

    name = "conservative"

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return ConservativeIndex(state)
