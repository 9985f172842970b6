"""The default policy: an entitlement clock.

Model. Domains i = 1..n with shares g_i > 0; Phi is the sum of *all registered* shares. A unit of size l (width x time,
:mod:`meted.core.service`) is non-preemptible work. While a domain has units waiting it is *backlogged*. Each domain has
a start tag S_i, and there is one virtual time V, both in units of size per share.

* Domain i is *eligible* while S_i <= V: it has received no more than V says that it is owed.
* Its deadline is D_i = S_i + l_i / g_i, with l_i the size of its next run.
* The next run goes to the eligible domain with the least (D, S, domain id, job id); S_i then becomes D_i and V moves on
  by l / Phi.
* If none is eligible of those that could be served, V is raised to the least S among them: no slot idles.
* A domain that gets work after it had none starts at S = max(S, V): idle time is not banked.
* When a run ends, S and V are set right with what it really took; what V was moved too far is a debt that its next
  moves pay first.

This is WF2Q+ (Bennett and Zhang, "Hierarchical packet fair queueing algorithms", SIGCOMM 1996), the rule of EEVDF
(Stoica et al., RTSS 1996), with the size of a unit counted at dispatch and trued up at its end.

Bounds (docs/fairness.md; L is the largest size of a run, estimated or real, whichever is larger, m the slots):

* lag, g_i (V - S_i), stays within (-L_i, L) at dispatch while all are backlogged: no n in it (P3);
* over any interval in which i is backlogged it receives (g_i / Phi) W - 2 L_i - (L - L_i) g_i / Phi at least (P4);
* a head of queue waits L + (2 Phi L_i / g_i + L - L_i) / m at most where every slot may serve it (P5).

A run of short units is one unit of its total size, so read L' = max(L, Q) with Q the run quantum; wrong estimates add
what is in flight.

Inside a domain jobs go by priority, then by submission; so its next run is of the first job that fits a worker now, and
short work behind that makes its deadline no earlier. A shape (request) that fits no worker now is passed over as a
whole, so that it costs nothing; what it loses by that is made up by *draining*. A head of such a shape that was passed
over is given the worker that should fit it soonest, one at a time in the pool, once it has waited out its bound: V,
less its debt, has passed its deadline by a unit of its own size; or, where later jobs of its own domain were served in
its place, the domain has received a unit of its size since it was submitted. Meanwhile that worker takes only work that
ends by the time that the unit should fit, or that fits beside it.

When nothing that waits fits any more, short work may be *prefetched*: it waits on a worker for the end of what runs
there (:mod:`.prefetch`), in the order of the clock.

Work about which nothing is known is ordered and charged as if it took one run quantum, so that it is tried soon, until
its first unit has ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import EndReservation, LeaseUnits, ReserveWorker
from ..ids import DomainId, JobId, WorkerId
from ..limits import PASS_EXAMINED_MAX, PREFETCH_US, RUN_QUANTUM_US
from ..resources import Resources
from ..service import estimate_us, known_estimate_us, stay_us, unit_charge, width_milli
from ..state import Job, Lease, State
from .base import Index, Proposal
from .capacity import Room
from .clock import ClockIndex, by_head
from .queues import Eligible, QueueKey, ShapeHeaps, queue_key, queued_job
from .shadow import Shadow, earliest


class MetedIndex(ClockIndex):
    """Gives out work in the order of the clock, keeps a worker free for what is too wide, and prefetches."""

    def __init__(self, state: State) -> None:
        self._latest: dict[DomainId, QueueKey] = {}  # the last in order of what each domain was leased in this pass
        self._served: list[Eligible] = []  # all that was leased in this pass, in that order
        super().__init__(state)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases in the order of the clock; then, where a wide unit has waited too long, a reservation."""
        self.wake(at_us)
        self._dirty |= self._aside
        self._aside.clear()
        self._latest.clear()
        self._served.clear()
        for heaps in self._shapes.values():
            heaps.full_since = None
        yield from self._serve_reserved(at_us)
        shadow = self._reservation()
        for _ in range(PASS_EXAMINED_MAX):
            if self._dirty:
                self._refresh_keys()
            entry, floor = self._next(self._fits_somewhere)
            if entry is None:
                break
            domain_id = entry[2]
            placed = self._place(domain_id, shadow, at_us)
            if placed is None:
                self._set_aside(domain_id)
                continue
            job_id, room, count = placed
            self._note(entry, job_id)
            yield LeaseUnits(at_us, room.worker_id, job_id, count, floor)
        if shadow is None:
            yield from self._drain_for_overdue(at_us)
        if self.capacity.prefetching:
            yield from self._prefetch(at_us)

    def _prefetch(self, at_us: int) -> Iterator[Proposal]:
        """Yield short leases that wait on their worker, once nothing that waits fits any more.

        Strictly in the order of the clock: where the next in it could run once something ends, and cannot itself be
        prefetched, nothing is. So whoever is next waits for the end of what is queued, and for nothing more.
        """
        capacity, places = self.capacity, self.capacity.prefetching

        def could_run(heaps: ShapeHeaps) -> bool:
            return any(heaps.request.fits(place) for place in places)

        for _ in range(PASS_EXAMINED_MAX):
            if capacity.queue.is_full:
                return
            if self._dirty:
                self._refresh_keys()
            entry, floor = self._next(could_run)
            if entry is None:
                return
            domain_id = entry[2]
            lines = self._domains[domain_id].lines.values()
            waiting = (line for line in sorted(lines, key=by_head) if could_run(line.heaps))
            line = next((line for line in waiting if not self.is_capped(domain_id, line.heaps.request)), None)
            if line is None:
                self._set_aside(domain_id)
                continue
            job, count = self.state.jobs.jobs[queued_job(line.head)], line.heaps.keys[domain_id].units
            ahead = self._place_behind(job, count, places, at_us)
            if ahead is not None:
                yield LeaseUnits(at_us, ahead.worker_id, job.job_id, count, floor, ahead.lease_id)
            else:
                request = job.terms.request
                places = tuple(place for place in places if not request.fits(place))

    def _place_behind(self, job: Job, count: int, places: tuple[Resources, ...], at_us: int) -> Lease | None:
        """Return the lease behind which ``count`` units of ``job`` may wait, on a worker of one of these capacities."""
        estimated_us = known_estimate_us(self.state.jobs, job)
        if estimated_us is None or estimated_us * count > PREFETCH_US:
            return None
        until_us = self.needs_until_us(job)
        rooms = self.capacity.rooms

        def admits(worker_id: WorkerId) -> bool:
            room = rooms[worker_id]
            lasts = until_us is None or room.outlives(until_us + PREFETCH_US)
            return room.at >= 0 and lasts and room.capacity in places

        return self.capacity.queue.find(job.terms.request, at_us, admits)

    def _fits_somewhere(self, heaps: ShapeHeaps) -> bool:
        """Whether a shape fits a worker now; where not, it is noted after how many leases of this pass that was so."""
        if self.capacity.find(heaps) is not None:
            return True
        reserved = self.capacity.reserved
        if reserved is not None and reserved.free.fits(heaps.request):
            return True
        if heaps.full_since is None:
            heaps.full_since = len(self._served)
        return False

    def _place(self, domain_id: DomainId, shadow: Shadow | None, at_us: int) -> tuple[JobId, Room, int] | None:
        """Return which job of a domain to serve, where, and how many units; None if nothing of it can be placed."""
        lines = self._domains[domain_id].lines.values()
        for line in lines if len(lines) == 1 else sorted(lines, key=by_head):
            job_id = queued_job(line.head)
            job = self.state.jobs.jobs[job_id]
            request = job.terms.request
            if self.is_capped(domain_id, request):
                continue
            count = line.heaps.keys[domain_id].units
            # _next has just searched for every shape; only a worker's end of life asks for another search.
            room = line.heaps.room
            if room is not None and room.until_us is not None:
                room = self.capacity.find(line.heaps, self.needs_until_us(job))
            if room is None and shadow is not None:
                room = self._beside(job, shadow, at_us + stay_us(self.state.jobs, job) * count)
            if room is not None:
                return job_id, room, count
        return None

    def _beside(self, job: Job, shadow: Shadow, ends_us: int) -> Room | None:
        """Return the reserved worker if ``job`` may be backfilled there."""
        request, room = job.terms.request, shadow.room
        until_us = self.needs_until_us(job)
        if not room.free.fits(request) or not shadow.admits(request, ends_us):
            return None
        if until_us is not None and not room.outlives(until_us):
            return None
        shadow.admit(request, ends_us)
        return room

    def _reservation(self) -> Shadow | None:
        room = self.capacity.reserved
        if room is None:
            return None
        worker = self.state.workers.workers[room.worker_id]
        assert worker.reserved_for is not None
        assert worker.shadow_us is not None
        job = self.state.jobs.jobs[worker.reserved_for]
        return Shadow(room, worker.shadow_us, job.terms.request)

    def _serve_reserved(self, at_us: int) -> Iterator[Proposal]:
        room = self.capacity.reserved
        if room is None:
            return
        job_id = self.state.workers.workers[room.worker_id].reserved_for
        job = self.state.jobs.jobs.get(job_id) if job_id is not None else None
        queue = self._domains.get(job.terms.domain_id) if job is not None else None
        if job is None or queue is None or not queue.has(job):
            yield EndReservation(at_us, room.worker_id)
        elif room.free.fits(job.terms.request) and not self.is_capped(job.terms.domain_id, job.terms.request):
            yield EndReservation(at_us, room.worker_id)
            yield LeaseUnits(at_us, room.worker_id, job.job_id, 1)

    def _note(self, entry: Eligible, job_id: JobId) -> None:
        """Remember what this pass has leased: what it left above that was passed over."""
        domain_id, key = entry[2], queue_key(self.state.jobs.jobs[job_id])
        self._latest[domain_id] = max(key, self._latest.get(domain_id, key))
        self._served.append(entry)

    def _drain_for_overdue(self, at_us: int) -> Iterator[Proposal]:
        """Yield a reservation for the head that was passed over and is most overdue, if there is one."""
        state = self.state
        for _, _, domain_id, job_id in sorted((*self._passed_over(), *self._passed_over_at_home())):
            job = state.jobs.jobs[job_id]
            if self.is_capped(domain_id, job.terms.request):
                continue
            estimated_us = estimate_us(state.jobs, job)
            shadow = earliest(self.capacity.candidates(), job.terms.request, at_us, estimated_us)
            if shadow is not None:
                yield ReserveWorker(at_us, shadow.room.worker_id, job_id, shadow.at_us)
                return

    def _passed_over(self) -> Iterator[Eligible]:
        """Yield heads that are overdue and that fitted nowhere when less deserving domains were served.

        Overdue by real service, V less its debt, and by more than a unit of their own size.
        """
        jobs, total_share = self.state.jobs, self.state.domains.total_share
        for heaps in self._shapes.values():
            instead = () if heaps.full_since is None else self._served[heaps.full_since :]
            entry = heaps.first_eligible(jobs.clock) if instead else None
            if entry is None or entry >= max(instead):
                continue
            width = width_milli(heaps.request, self.state.workers.capacity)
            size = max(width * estimate_us(jobs, jobs.jobs[entry[3]]), RUN_QUANTUM_US * 1000)
            if jobs.clock - jobs.debt - entry[0] > unit_charge(size, total_share):
                yield entry

    def _passed_over_at_home(self) -> Iterator[Eligible]:
        """Yield heads that fit nowhere, in whose place later jobs of the same domain were served.

        The clock does not see that. The domain has received more than a unit of the head's own size since the head was
        submitted, which is its bound here.
        """
        jobs, pool = self.state.jobs, self.state.workers.capacity
        for domain_id, latest in self._latest.items():
            share = self.state.domains.domains[domain_id].share
            tag = jobs.accounts[domain_id].tag
            for request, line in self._domains[domain_id].lines.items() if domain_id in self._domains else ():
                if line.head >= latest or self.capacity.find(line.heaps) is not None:
                    continue
                job = jobs.jobs[queued_job(line.head)]
                own = unit_charge(width_milli(request, pool) * estimate_us(jobs, job), share)
                if tag - job.start_tag > own:
                    yield tag + own, tag, domain_id, job.job_id


class Meted:
    """The entitlement clock without a pool."""

    name = "meted"
    is_exact = True

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return MetedIndex(state)
