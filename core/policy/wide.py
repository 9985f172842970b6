"""Wide units: a worker is emptied for what fits nowhere, once it has been passed over for its bound."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import EndReservation, LeaseUnits, ReserveWorker
from ..credit.karma import KARMA
from ..domains.state import TOP
from ..estimates import estimate_us
from ..ids import DomainId, JobId
from ..record import replaced
from ..service import clock_charge
from ..state import Job, State
from ..usage import amount_at, epoch_of, expressed, step_of
from .base import Proposal
from .karma_index import KarmaIndex
from .pool_karma import karma_key
from .pool_orders import POOL_KEYS
from .ranks import BY_ENTITLEMENT, BY_POOL, Order
from .room import Room
from .shadow import Shadow, earliest


class WideIndex(KarmaIndex):
    """Keeps at most one worker free for a head that fits nowhere; short work is backfilled there up to the shadow.

    Attributes:
        served: What this pass has leased so far, in that order: (place at the top, domain).
    """

    def __init__(self, state: State) -> None:
        self.served: list[tuple[Order, DomainId]] = []
        super().__init__(state)

    def reservation(self) -> Shadow | None:
        """Return the worker that is kept free with when its unit should fit, or None."""
        room = self.capacity.reserved
        if room is None:
            return None
        worker = self.state.workers.workers[room.worker_id]
        assert worker.reserved_for is not None
        assert worker.shadow_us is not None
        job = self.state.jobs.jobs[worker.reserved_for]
        return Shadow(room, worker.shadow_us, job.terms.request)

    def serve_reserved(self, at_us: int) -> Iterator[Proposal]:
        """Yield the end of the reservation when its unit fits or waits no more, and its lease if it fits."""
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
            covered = self.covered(leaf.domain_id, job.terms.request)
            yield LeaseUnits(at_us, room.worker_id, job.job_id, 1, covered, donors=self.donors_for(job))

    def beside(self, job: Job, shadow: Shadow, ends_us: int) -> Room | None:
        """Return the reserved worker if ``job`` may be backfilled there."""
        request, room = job.terms.request, shadow.room
        until_us = self.needs_until_us(job)
        if not room.free.fits(request) or not shadow.admits(request, ends_us):
            return None
        if until_us is not None and not room.outlives(until_us):
            return None
        shadow.admit(request, ends_us)
        return room

    def drain_for_overdue(self, at_us: int) -> Iterator[Proposal]:
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

        By entitlement: overdue by real service, which is V, and by more than a unit of their own size. By the
        pool: they would still be first had they used two units more. Where V has fallen it does not tell how long who
        is owed has waited; so then it is enough that the tag of another has come that far, or that they are overdue by
        the pool. It is judged at the top of the tree, for the domain there that the head is in.
        """
        jobs = self.state.jobs
        for shape in self._full:
            instead = () if shape.full_since is None else self.served[shape.full_since :]
            ranks = shape.ranks[TOP] if instead and TOP in shape.ranks else None
            first = ranks.first(self.reach(TOP)) if ranks is not None else None
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
        job = self.state.jobs.jobs[job_id]
        if rules.pool == KARMA:
            return karma_key(self.state, domain_id, after, share, job, size)
        return POOL_KEYS[rules.pool](self.state, domain_id, after, share, job)

    def _passed_over_at_home(self) -> Iterator[tuple[Order, DomainId, JobId]]:
        """Yield heads that fit nowhere, in whose place other jobs of the same domain were served.

        The clock of the domains does not see that; those inside the domain do: the virtual time of its user's jobs has
        passed the job's finish tag, and that of the users its user's tag by a unit, as far as they have others beside
        them.
        """
        jobs = self.state.jobs
        last_served = {domain_id: at for at, (_, domain_id) in enumerate(self.served)}
        for domain_id, last in sorted(last_served.items()):
            leaf = self._leaves.get(domain_id)
            account = jobs.accounts[domain_id]
            for line in leaf.in_order() if leaf is not None else ():
                full_since = line.shape.full_since
                if full_since is None or last < full_since or self.capacity.find(line.shape) is not None:
                    continue
                job = jobs.jobs[line.job_id]
                user = account.users[job.terms.user]
                size = self.size_of(job.job_id)
                is_due = user.backlog < 2 or user.clock - user.debt > job.tag + size
                is_users_turn = account.active < 2 or account.clock - account.debt > user.tag + size
                if (user.backlog > 1 or account.active > 1) and is_due and is_users_turn:
                    yield (BY_POOL, account.tag, job.tag, domain_id), domain_id, job.job_id
