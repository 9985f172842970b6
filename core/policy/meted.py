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
from ..domain_state import TOP
from ..estimates import estimate_us, known_estimate_us, stay_us
from ..ids import DomainId, JobId, WorkerId
from ..limits import PASS_EXAMINED_MAX, PREFETCH_US
from ..record import replaced
from ..resources import Resources
from ..service import clock_charge, clock_within
from ..state import Job, Lease, State
from ..usage import amount_at, epoch_of, expressed, step_of
from .base import Index, Proposal
from .capacity import Room
from .clock import Choice, ClockIndex
from .leaves import Line, PendingShape, by_head
from .pool_key import POOL_KEYS
from .queues import queued_job
from .ranks import BY_ENTITLEMENT, BY_GUARANTEE, BY_POOL, Order
from .shadow import Shadow, earliest


class MetedIndex(ClockIndex):
    """Gives out work in the order of the clock, keeps a worker free for what is too wide, and prefetches."""

    def __init__(self, state: State) -> None:
        self._served: list[tuple[Order, DomainId]] = []  # all that was leased in this pass, in that order
        super().__init__(state)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases in the order of the clock; then, where a wide unit has waited too long, a reservation."""
        self.wake(at_us)
        self._dirty |= self._aside
        self._aside.clear()
        self._served.clear()
        for shape in self._shapes.values():
            shape.full_since = None
        yield from self._serve_owners(at_us)
        yield from self._serve_reserved(at_us)
        shadow = self._reservation()
        for _ in range(PASS_EXAMINED_MAX):
            self._refresh_keys()
            choice = self._next(self._fits_somewhere)
            if choice is None:
                break
            placed = self._place(choice, shadow, at_us)
            if placed is None:
                self._set_aside(choice.domain_id)
                continue
            job_id, room, count = placed
            self._served.append((choice.top, choice.domain_id))
            yield LeaseUnits(at_us, room.worker_id, job_id, count, choice.order[0] == BY_GUARANTEE)
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

        def could_run(shape: PendingShape) -> bool:
            return any(shape.request.fits(place) for place in places)

        for _ in range(PASS_EXAMINED_MAX):
            if capacity.queue.is_full:
                return
            self._refresh_keys()
            choice = self._next(could_run)
            if choice is None:
                return
            line = next((line for line in self._lines(choice) if could_run(line.shape)), None)
            if line is None:
                self._set_aside(choice.domain_id)
                continue
            job = self.state.jobs.jobs[queued_job(line.head[1])]
            count = line.ranks.keys[choice.domain_id].units
            ahead = self._place_behind(job, count, places, at_us)
            if ahead is not None:
                guaranteed = choice.order[0] == BY_GUARANTEE
                yield LeaseUnits(at_us, ahead.worker_id, job.job_id, count, guaranteed, ahead.lease_id)
            else:
                request = job.terms.request
                places = tuple(place for place in places if not request.fits(place))

    def _lines(self, choice: Choice) -> Iterator[Line]:
        """Yield the lines of a chosen domain that may be served, in its own order."""
        domain_id = choice.domain_id
        lines = self._leaves[domain_id].lines.values()
        for line in lines if len(lines) == 1 else sorted(lines, key=by_head):
            request = line.shape.request
            if self.is_capped(domain_id, request):
                continue
            if choice.order[0] != BY_GUARANTEE or self.is_covered(domain_id, request):
                yield line

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

    def _fits_somewhere(self, shape: PendingShape) -> bool:
        """Whether a shape fits a worker now; where not, it is noted after how many leases of this pass that was so."""
        if self.capacity.find(shape) is not None:
            return True
        reserved = self.capacity.reserved
        if reserved is not None and reserved.free.fits(shape.request):
            return True
        if shape.full_since is None:
            shape.full_since = len(self._served)
        return False

    def _place(self, choice: Choice, shadow: Shadow | None, at_us: int) -> tuple[JobId, Room, int] | None:
        """Return which job of a domain to serve, where, and how many units; None if nothing of it can be placed."""
        lines = self._leaves[choice.domain_id].lines
        for line in lines.values() if len(lines) == 1 and not self._held else self._lines(choice):
            job_id = queued_job(line.head[1])
            count = line.ranks.keys[choice.domain_id].units
            # _next has just searched for every shape; only a worker's end of life asks for another search.
            room = line.shape.room
            if room is None or room.until_us is not None:
                job = self.state.jobs.jobs[job_id]
                if room is not None:
                    room = self.capacity.find(line.shape, self.needs_until_us(job))
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
        leaf = self._leaves.get(job.terms.domain_id) if job is not None else None
        if job is None or leaf is None or not leaf.has(job):
            yield EndReservation(at_us, room.worker_id)
        elif room.free.fits(job.terms.request) and not self.is_capped(job.terms.domain_id, job.terms.request):
            yield EndReservation(at_us, room.worker_id)
            guaranteed = self.is_covered(job.terms.domain_id, job.terms.request)
            yield LeaseUnits(at_us, room.worker_id, job.job_id, 1, guaranteed)

    def _serve_owners(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases of work on its owner's own machines: first there, and at the cost of nobody (rows P24, P27)."""
        for owner, rooms in sorted(self.capacity.owned.items()):
            if owner not in self._leaves and owner not in self._groups:
                continue
            for room in rooms:
                for _ in range(PASS_EXAMINED_MAX):
                    self._refresh_keys()
                    line = self._own_line(owner, room)
                    if line is None:
                        break
                    job_id, domain_id = queued_job(line.head[1]), self._domain_of(line)
                    yield LeaseUnits(at_us, room.worker_id, job_id, line.ranks.keys[domain_id].units, True)

    def _own_line(self, owner: DomainId, room: Room) -> Line | None:
        """Return the line inside a domain that goes first on a machine of its own, or None if nothing fits there."""
        jobs = self.state.jobs
        best: tuple[Order, Line] | None = None
        for leaf in self._leaves.values():
            if owner != leaf.domain_id and owner not in leaf.above:
                continue
            for line in sorted(leaf.lines.values(), key=by_head):
                request = line.shape.request
                until_us = self.needs_until_us(jobs.jobs[queued_job(line.head[1])])
                lasts = until_us is None or room.outlives(until_us)
                if lasts and room.free.fits(request) and not self.is_capped(leaf.domain_id, request):
                    order = line.ranks.order_of(leaf.domain_id, clock_within(jobs, leaf.parent))
                    if best is None or order < best[0]:
                        best = order, line
                    break
        return None if best is None else best[1]

    def _domain_of(self, line: Line) -> DomainId:
        return self.state.jobs.jobs[queued_job(line.head[1])].terms.domain_id

    def _drain_for_overdue(self, at_us: int) -> Iterator[Proposal]:
        """Yield a reservation for the head that was passed over and is most overdue, if there is one."""
        jobs = self.state.jobs
        for _, domain_id, job_id in sorted((*self._passed_over(), *self._passed_over_at_home())):
            job = jobs.jobs[job_id]
            if self.is_capped(domain_id, job.terms.request):
                continue
            shadow = earliest(self.capacity.candidates(), job.terms.request, at_us, estimate_us(jobs, job))
            if shadow is not None:
                yield ReserveWorker(at_us, shadow.room.worker_id, job_id, shadow.at_us)
                return

    def _passed_over(self) -> Iterator[tuple[Order, DomainId, JobId]]:
        """Yield heads that are overdue and that fitted nowhere when less deserving domains were served.

        By entitlement: overdue by real service, V less its debt, and by more than a unit of their own size. By the
        pool: they would still be first had they used two units more. While V has a debt it does not tell how long who
        is owed has waited; so then it is enough that the tag of another has come that far, or that they are overdue by
        the pool. It is judged at the top of the tree, for the domain there that the head is in.
        """
        jobs = self.state.jobs
        for shape in self._shapes.values():
            instead = () if shape.full_since is None else self._served[shape.full_since :]
            ranks = shape.ranks[TOP] if instead and TOP in shape.ranks else None
            first = ranks.first(jobs.clock) if ranks is not None else None
            last = max((order for order, _ in instead), default=None)
            if ranks is None or first is None or last is None or first >= last:
                continue
            key = ranks.keys[first[3]]
            size = self.size_of(key.job_id)
            is_overdue = False
            if last[0] == BY_POOL and (first[0] == BY_POOL or jobs.debt):
                is_overdue = self._key_after(first[3], key.job_id, 2 * size) < last[1]
            if first[0] != BY_POOL and not is_overdue:
                reached = max((order[2] for order, _ in instead if order[0] == BY_ENTITLEMENT), default=0)
                own = clock_charge(size, self.state.domains.total_share)
                is_overdue = max(jobs.clock - jobs.debt, reached) - key.deadline > own
            if is_overdue:
                yield first, jobs.jobs[key.job_id].terms.domain_id, key.job_id

    def _key_after(self, domain_id: DomainId, job_id: JobId, size: int) -> int:
        """Return the pool key that a domain would have, had it used ``size`` more."""
        rules, account = self.state.rules, self.state.jobs.accounts[domain_id]
        step = step_of(self.now_us, rules.half_life_us)
        usage = expressed(account.usage, account.epoch, epoch_of(step)) + amount_at(size, 0, step)
        share = self.state.domains.domains[domain_id].effective_share
        after = replaced(account, usage=usage, epoch=epoch_of(step))
        return POOL_KEYS[rules.pool](rules, after, share, self.state.jobs.jobs[job_id])

    def _passed_over_at_home(self) -> Iterator[tuple[Order, DomainId, JobId]]:
        """Yield heads that fit nowhere, in whose place other jobs of the same domain were served.

        The clock of the domains does not see that; those inside the domain do: the virtual time of its user's jobs has
        passed the job's finish tag, and that of the users its user's tag by a unit, as far as they have others beside
        them.
        """
        jobs = self.state.jobs
        last_served = {domain_id: at for at, (_, domain_id) in enumerate(self._served)}
        for domain_id, last in sorted(last_served.items()):
            leaf = self._leaves.get(domain_id)
            account = jobs.accounts[domain_id]
            for line in leaf.lines.values() if leaf is not None else ():
                full_since = line.shape.full_since
                if full_since is None or last < full_since or self.capacity.find(line.shape) is not None:
                    continue
                job = jobs.jobs[queued_job(line.head[1])]
                user = account.users[job.terms.user]
                size = self.size_of(job.job_id)
                is_due = user.backlog < 2 or user.clock - user.debt > job.tag + size
                is_users_turn = account.active < 2 or account.clock - account.debt > user.tag + size
                if (user.backlog > 1 or account.active > 1) and is_due and is_users_turn:
                    yield (BY_POOL, account.tag, job.tag, domain_id), domain_id, job.job_id


class Meted:
    """The entitlement clock without a pool."""

    name = "meted"
    is_exact = True

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return MetedIndex(state)
