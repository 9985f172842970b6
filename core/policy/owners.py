"""Work on its owner's own machines: first there, and at the cost of nobody (rows P24, P27)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from .. import limits
from ..commands import LeaseUnits
from ..estimates import known_estimate_us
from ..ids import DomainId
from ..limits import PASS_EXAMINED_MAX
from ..state import Job
from .base import Proposal
from .lines import Line
from .ranks import Order
from .room import Room
from .wide import WideIndex


class OwnerIndex(WideIndex):
    """Serves owners on machines of their own, and knows what ends before a machine does."""

    def serve_owners(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of work on its owner's own machines: first there, and at the cost of nobody (rows P24, P27)."""
        self._refresh_keys()  # what waits deep inside an owner for the first time is known there only then
        for owner, rooms in sorted(self.capacity.owned.items()):
            if owner not in self._leaves and owner not in self._groups:
                continue
            for room in rooms:
                for _ in range(PASS_EXAMINED_MAX):
                    self._refresh_keys()
                    own = self._own_run(owner, room)
                    if own is None:
                        break
                    job, units = own
                    levels = 1 + len(self._leaves[job.terms.domain_id].above)
                    place = self._loaded_of_own(owner, room, job)
                    yield LeaseUnits(at_us, place.worker_id, job.job_id, units, (1 << levels) - 1)

    def _loaded_of_own(self, owner: DomainId, room: Room, job: Job) -> Room:
        """Return that of an owner's machines that has a job loaded, if it is what is next there as well.

        So the same goes first on each machine as without; only the order of the machines is another.
        """
        workers = self.state.jobs.loaded.get(job.job_id, ())
        if room.worker_id in workers:
            return room
        for worker_id in workers:
            other = self.capacity.rooms.get(worker_id)
            if other is None or other.owner != owner or other not in self.capacity.owned[owner]:
                continue
            own = self._own_run(owner, other) if other.free.fits(job.terms.request) else None
            if own is not None and own[0] is job:
                return other
        return room

    def _own_run(self, owner: DomainId, room: Room) -> tuple[Job, int] | None:
        """Return the job inside a domain that goes first on a machine of its own, and how many units; None if none."""
        fitting = [shape for shape in self._shapes.values() if room.free.fits(shape.request)]
        if not fitting:
            return None
        if owner not in self._leaves and room.until_us is None:
            order = self._first(owner, fitting)
            if order is None:
                return None
            first = self._first_inside(order, fitting)[0][3]
            for line in self._leaves[first].in_order():
                if line.shape in fitting and not self.is_capped(first, line.shape.request):
                    return self._head_of(first, line)
        # Of what its turn or a cap keeps back, or does not end in time, another may go: each is looked at.
        best: tuple[Order, tuple[Job, int]] | None = None
        mine = self._leaves.get(owner)
        for leaf in (mine,) if mine is not None else self._leaves.values():
            if leaf is not mine and owner not in leaf.above:
                continue
            for line in leaf.in_order():
                request = line.shape.request
                if not room.free.fits(request) or self.is_capped(leaf.domain_id, request):
                    continue
                run = self._lasting_on(leaf.domain_id, line, room)
                if run is not None:
                    order = line.ranks.order_of(leaf.domain_id, self.reach(leaf.parent))
                    if best is None or order < best[0]:
                        best = order, run
                    break
        return None if best is None else best[1]

    def _head_of(self, domain_id: DomainId, line: Line) -> tuple[Job, int]:
        return self.state.jobs.jobs[line.job_id], line.ranks.keys[domain_id].units

    def _lasting_on(self, domain_id: DomainId, line: Line, room: Room) -> tuple[Job, int] | None:
        """Return the first job of a domain's line that an owner's machine lives long enough for, and how many units."""

        def find(until_us: int | None) -> Room | None:
            return room if until_us is None or room.outlives(until_us) else None

        head = self._head_of(domain_id, line)
        if find(self.needs_until_us(head[0])) is not None:
            return head
        other = self.lasting(domain_id, line, find, takes_sold=True)
        return None if other is None else other[:2]

    def lasting(
        self, domain_id: DomainId, line: Line, find: Callable[[int | None], Room | None], *, takes_sold: bool
    ) -> tuple[Job, int, Room, int | None] | None:
        """Return the first job of a domain's line that some worker lives long enough for, as none does for its head.

        With how many units, where, and until when. Else one that asks for too long would keep back all behind it.

        Args:
            domain_id: The domain.
            line: Its line.
            find: Says where the line fits on a worker that lives until then, if it does.
            takes_sold: Whether a job may go of which points were sold.
        """
        jobs, least_us = self.state.jobs, limits.TIME_MAX_US * 2
        for job_id in islice(line.in_order(jobs.accounts[domain_id]), limits.LASTING_EXAMINED_MAX):
            job = jobs.jobs[job_id]
            until_us = self.needs_until_us(job)
            if (until_us is not None and until_us >= least_us) or (job.points < 0 and not takes_sold):
                continue
            room = find(until_us)
            if room is not None:
                estimated_us = known_estimate_us(jobs, job)
                return job, 1 if estimated_us is None else self.run_count(job, estimated_us), room, until_us
            least_us = until_us or 0
        return None
