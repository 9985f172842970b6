"""Room on the workers: who has what free now, by when more should be free, and who is first to fit a request."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from ..events import UnitsLeased
from ..ids import DomainId, JobId, LeaseId, WorkerId
from ..resources import Resources
from ..state import Jobs, Lease, State, Worker
from ..terms import Terms
from .prefetch import PrefetchQueue
from .room import Room, Shape

FREED_NOTES_MAX = 4_096
"""Notes of workers that gained room; with more, every shape scans all workers once again."""


class Capacity:
    """All workers' room.

    :meth:`find` is first fit by worker id: it packs, and so leaves other workers whole for wide units. Every shape
    remembers that the workers before a position do not fit it; only a worker that gained room since can change that.
    So a search costs what has changed, not the number of workers, and a shape that fits nowhere costs nothing.

    A lease that was prefetched holds no room of its own: when the lease that it waits behind ends, it has that one's
    place. So room is counted as if there were no prefetch.
    """

    def __init__(self, state: State) -> None:
        self.version = 0  # moves whenever something may fit that did not
        self.rooms: dict[WorkerId, Room] = {}
        self._where: dict[LeaseId, tuple[Room, int, JobId, Terms]] = {}
        self.reserved: Room | None = None
        self.owned: dict[DomainId, list[Room]] = {}  # workers that may be leased and are not reserved, by owner
        self.is_mortal = False  # whether some worker's life ends: then time alone changes what fits
        self.queue = PrefetchQueue()
        self.prefetching: tuple[Resources, ...] = ()  # capacities of the workers that may be leased and prefetch
        self._order: list[Room] = []
        self._only: Room | None = None  # the worker that may be leased, if there is just one
        self._freed: list[int] = []
        self._epoch = 0
        for _, worker in sorted(state.workers.workers.items()):
            self.rooms[worker.worker_id] = Room(worker)
        for _, lease in sorted(state.jobs.leases.items()):
            self.take(lease, state.jobs.jobs[lease.job_id].terms)
        self.reorder(state)

    def add(self, worker: Worker) -> None:
        """A worker joined; :meth:`reorder` has to follow."""
        self.rooms[worker.worker_id] = Room(worker)

    def remove(self, worker_id: WorkerId) -> None:
        """A worker is lost; :meth:`reorder` has to follow."""
        del self.rooms[worker_id]

    def reorder(self, state: State) -> None:
        """Look again at which workers may be leased: all but the draining, the absent and the reserved."""
        self.reserved = None
        self.owned.clear()
        self._order = []
        self.is_mortal = any(room.until_us is not None for room in self.rooms.values())
        for worker_id, room in sorted(self.rooms.items()):
            worker = state.workers.workers[worker_id]
            room.at = -1
            if not worker.is_leasable:
                continue
            if worker.reserved_for is not None:
                self.reserved = room
                continue
            if room.owner:
                self.owned.setdefault(room.owner, []).append(room)
            if room.restricted:
                continue
            room.at = len(self._order)
            self._order.append(room)
        self._only = self._order[0] if len(self._order) == 1 else None
        self.prefetching = tuple(dict.fromkeys(room.capacity for room in self._order if room.prefetch))
        self._forget()

    def leased(self, event: UnitsLeased, terms: Terms, jobs: Jobs) -> None:
        """A lease was given; ``jobs`` is as it is after that."""
        room, lease_id = self.rooms[event.worker_id], event.lease_id
        if room.prefetch:
            self.take(jobs.leases[lease_id], terms)
            return
        request, ends_us = terms.request, event.at_us + event.estimate_us * event.count
        self._where[lease_id] = (room, ends_us, event.job_id, terms)
        room.free.take(request)
        insort(room.ends, (ends_us, lease_id, request))

    def take(self, lease: Lease, terms: Terms) -> None:
        """Count a lease as held."""
        room = self.rooms[lease.worker_id]
        lease_id, ends_us = lease.lease_id, lease.leased_us + lease.estimate_us * lease.count
        self._where[lease_id] = (room, ends_us, lease.job_id, terms)
        if room.prefetch:
            if lease.behind in self._where:
                self.queue.waits(lease, terms.request)
                return
            self.queue.started(lease, terms.request)
        room.free.take(terms.request)
        insort(room.ends, (ends_us, lease_id, terms.request))

    def expect(self, lease_id: LeaseId, ends_us: int) -> None:
        """Take a lease to end at another time than was estimated when it was given."""
        room, was_us, job_id, terms = self._where[lease_id]
        self._where[lease_id] = (room, ends_us, job_id, terms)
        place = bisect_left(room.ends, (was_us, lease_id))
        if place < len(room.ends) and room.ends[place][:2] == (was_us, lease_id):  # else it waits behind another
            del room.ends[place]
            insort(room.ends, (ends_us, lease_id, terms.request))
        if ends_us > was_us:
            self.version += 1  # what has to end before this may be longer

    def holder(self, lease_id: LeaseId) -> tuple[JobId, Terms]:
        """Return the job of a lease."""
        return self._where[lease_id][2:]

    def give(self, lease_id: LeaseId) -> tuple[JobId, Terms]:
        """A lease has ended; return its job."""
        room, ends_us, job_id, terms = self._where.pop(lease_id)
        self.version += 1
        if room.prefetch and self.queue.withdraw(lease_id):
            return job_id, terms
        # Two entries never have the same lease id, so the comparison never reaches the request.
        del room.ends[bisect_left(room.ends, (ends_us, lease_id))]
        heir = self.queue.ended(lease_id) if room.prefetch else None
        if heir is not None:
            insort(room.ends, (self._where[heir][1], heir, terms.request))
            return job_id, terms
        room.free.give(terms.request)
        if room.at >= 0 and self._only is None:
            if len(self._freed) >= FREED_NOTES_MAX:
                self._forget()
            self._freed.append(room.at)
        return job_id, terms

    def find(self, shape: Shape, ends_us: int | None = None) -> Room | None:
        """Return the first worker where ``shape`` fits now, or None.

        With ``ends_us`` the worker must live until then.
        """
        only = self._only
        if only is not None:
            if not only.free.fits(shape.request) or (ends_us is not None and not only.outlives(ends_us)):
                only = None
            shape.room = only
            return only
        request, order, notes = shape.request, self._order, len(self._freed)
        if shape.epoch != self._epoch:
            shape.epoch, shape.at, shape.seen = self._epoch, 0, notes
        elif shape.seen != notes:
            freed = self._freed[shape.seen :]
            for at in freed if len(freed) == 1 else set(freed):
                if at < shape.at and order[at].free.fits(request):
                    shape.at = at
            shape.seen = notes
        at, end = shape.at, len(order)
        while at < end and not order[at].free.fits(request):
            at += 1
        shape.at = at
        if ends_us is not None:
            while at < end and not (order[at].outlives(ends_us) and order[at].free.fits(request)):
                at += 1
        shape.room = order[at] if at < end else None
        return shape.room

    def find_loaded(
        self, room: Room, request: Resources, loaded: Sequence[WorkerId], until_us: int | None = None
    ) -> Room:
        """Return where the next run of a job goes: among the workers on which it fits, to one that has it loaded.

        Changing from one job to another costs where a job has much to load (row P24). Whether the job goes on is not
        asked here, so this is about where, never about who is next. Which workers have a job loaded is in the
        state, so there is no index of it, and a search looks at a few workers, however many there are.

        Args:
            room: What :meth:`find` has returned: the answer if there is none that has the job loaded.
            request: What the job asks for.
            loaded: The workers that have it loaded.
            until_us: The worker has to live until then; None asks for nothing.
        """
        rooms, cpu_milli = self.rooms, request.cpu_milli
        for worker_id in loaded:
            other = rooms.get(worker_id)
            if other is room:
                return room
            if other is not None and other.free.cpu_milli >= cpu_milli and other.may_take(request, until_us):
                return other
        return room

    def find_behind(self, room: Room, request: Resources, ends_us: int | None) -> Room | None:
        """Return the first worker behind that of ``room`` where a request fits now, as ``room`` is kept for another.

        Args:
            room: What :meth:`find` has returned.
            request: What is asked for.
            ends_us: The worker has to live until then; None asks for nothing.
        """
        for other in self.candidates()[room.at + 1 :]:
            if other.free.fits(request) and other.outlives(ends_us or 0):
                return other
        return None

    def could_hold(self, request: Resources, ends_us: int) -> bool:
        """Whether some worker that may be leased could hold ``request`` if it were empty, and lives until then."""
        for room in self._order:
            if request.fits(room.capacity) and room.outlives(ends_us):
                return True
        kept = self.reserved
        return kept is not None and request.fits(kept.capacity) and kept.outlives(ends_us)

    def candidates(self) -> tuple[Room, ...]:
        """Return the workers that may be leased and are not reserved, by id."""
        return tuple(self._order)

    def summary(self) -> object:
        """Return all that matters, for comparison."""
        rooms = [
            (worker_id, room.free.amount(), [(end, lease) for end, lease, _ in room.ends], room.at)
            for worker_id, room in sorted(self.rooms.items())
        ]
        return rooms, self.reserved.worker_id if self.reserved else None, self.queue.summary()

    def _forget(self) -> None:
        self.version += 1
        self._epoch += 1
        self._freed.clear()
