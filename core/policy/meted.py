"""The default policy: what is owed goes by an entitlement clock, the rest by a pool.

Model. Domains form a tree; a domain i has among its siblings a share e_i > 0 (its effective share: base, less what it
has lent, plus what it has borrowed). Phi is the sum of the shares of *all* registered siblings. A unit of size l (width
x time, :mod:`meted.core.estimates`) is non-preemptible work; a *run* is one or more units of a job, one after another.
A domain is *backlogged* while it, or a domain inside it, has units waiting. Parameters: alpha, 0 < alpha <= 1, the part
of the pool that is guaranteed by share; h, the half-life of usage; a, the time of waiting that is worth half the usage.

State, at each level of the tree: one virtual time V of the siblings; of each domain a start tag S, in units of size per
share, and its usage X, forward-decayed with half-life h (:mod:`meted.core.usage`). The domain is owed g = alpha e.

1. *Entitlement*. A domain is *eligible* while S <= V: it has received no more than it is owed. Among the eligible, the
   one with the least deadline D = S + l / g is served, ties by (S, id); S becomes S + l / g. While it waits, l is the
   largest run that has been its next since it was served last: a deadline never falls, or none of the bounds holds.
2. *Pool*. If none is eligible, all have had what they are owed, and the least kappa = log2(X / e) + t / a - p is
   served, with t the time at which the job it would run was submitted and p that job's priority (:mod:`.pool_key`);
   S stays.
3. Either way V moves on by l / Phi, and X by 2**p l, faded.
4. A domain that gets work after it had none starts at S = max(S, V): idle time is not banked.
5. When a run ends, S or X, and V, are set right with what it really took: V may fall. Who came by 4 at a V that turns
   out to be too far ahead is taken as if it came only now, and falls with it (:mod:`meted.core.starts`); and who was
   served by 1 at such a V was served by 2 in truth: S = min(S, V + what its last run by 1 was charged). With estimates
   that are right V never falls, and neither is ever so. A new share keeps what is owed: S' = V - (V - S) e / e'.

The tree is served from the top: at each level a child is chosen by 1 and 2, until it has jobs of its own. There users
take turns by start tags with equal weights, and the jobs of a user by tags with weight 2**priority (SFQ, Goyal, Vin and
Cheng, SIGCOMM 1996); so a long job of low priority goes on, and each job starts early (rows P22, P23, P25, P26).

All this is about who is next and never about where: of the workers on which the next run fits one that has its job
loaded is preferred, else it is the first by id (row P24, :meth:`.Capacity.find_loaded`).

Before all that, in this order, go: work on its owner's own machines (rows P24, P27), and what a *guarantee* covers: a
domain that holds less of a resource than its guarantee names, for a job that asks for it. Both move no virtual time:
V counts what is shared. A *cap* keeps a domain back.

Rule 1 is WF2Q+ (Bennett and Zhang, "Hierarchical packet fair queueing algorithms", SIGCOMM 1996), with the eligibility
of EEVDF (Stoica et al., RTSS 1996), the size of a unit counted at dispatch, and V moved by all service, whoever had it.
Rule 2 is the usage decay of batch systems (Slurm, HTCondor); forward decay makes its order one that time leaves alone.

Bounds (docs/fairness.md; L the largest run of all, L_i of the domain, each the larger of estimated and real; m slots):

* over any interval in which i is backlogged it receives (g_i / Phi) W - 2 L_i - (L - L_i) g_i / Phi at least of the
  shared service W, *whatever the pool does* (P6); by rule 1 alone with alpha = 1 and all backlogged, lag, the service
  that it should have had less what it had, stays within (-L_i, L), with no number of domains in it (P3);
* a unit that comes to an idle domain waits L + (Phi L_i / g_i + L) / m at most where every slot may serve it, one at
  the head of a queue L + (2 Phi L_i / g_i + L) / m (P5, P6);
* in a tree this holds at each level; along a path the parts multiply and the bounds add up, each weighted by the parts
  below it.

A run of short units is one unit of its total size, so read L' = max(L, Q) with Q the run quantum. Wrong estimates add
what is in flight, by what it really takes, however much more was said. For units wider than a slot nothing bounds the
wait but draining (:mod:`.wide`).

A shape (request) that fits no worker now is passed over as a whole, so that it costs nothing. When nothing that waits
fits any more, short work may be *prefetched*: it waits on a worker for the end of what runs there (:mod:`.prefetch`),
in the same order. Work about which nothing is known is ordered and charged as if it took one run quantum, so that it is
tried soon, until its first unit has ended.

Cost: each run enters and leaves heaps of siblings once a level for each shape that its domain waits with, of which a
few are ranked at most; so a decision takes O(depth log n), and a change of a share, by hand or by a loan, O(log n);
nothing has to be done because time passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..commands import LeaseUnits
from ..credit.karma import KARMA
from ..estimates import known_estimate_us, stay_us
from ..ids import WorkerId
from ..limits import PASS_EXAMINED_MAX, PREFETCH_US
from ..resources import Resources
from ..state import Job, Lease, State
from .base import Index, Proposal
from .lines import Line, PendingShape
from .owners import OwnerIndex
from .ranks import BY_GUARANTEE, BY_POOL
from .room import Room
from .shadow import Shadow
from .turns import Choice


class MetedIndex(OwnerIndex):
    """Gives out work in the order of the clock, keeps a worker free for what is too wide, and prefetches."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases in the order of the clock; then, where a wide unit has waited too long, a reservation."""
        self.wake(at_us)
        self.begin_pass()
        self.served.clear()
        if self.capacity.owned:
            yield from self.serve_owners(at_us)
        if self.capacity.reserved is not None:
            yield from self.serve_reserved(at_us)
        shadow, is_karma = self.reservation(), self.state.rules.pool == KARMA
        for _ in range(PASS_EXAMINED_MAX):
            self._refresh_keys()
            choice = self._next(self._fits_somewhere)
            if self._many and self.rank_more():
                continue
            if choice is None:
                break
            placed = self._place(choice, shadow, at_us)
            if placed is None:
                self._set_aside(choice.domain_id)
                continue
            job, room, count = placed
            self.served.append((choice.top, choice.domain_id))
            covered = self.covered(choice.domain_id, job.terms.request) if self._held else 0
            donors = self.donors_for(job) if is_karma else ()
            yield LeaseUnits(at_us, room.worker_id, job.job_id, count, covered, donors=donors)
        # Only a shape that was full before the last lease was passed over.
        if shadow is None and any(shape.is_passed_over(len(self.served)) for shape in self._full):
            yield from self.drain_for_overdue(at_us)
        if self.capacity.prefetching and not is_karma:  # what waits would count as held
            yield from self._prefetch(at_us)

    def _prefetch(self, at_us: int) -> Iterator[Proposal]:
        """Yield short leases that wait on their worker, once nothing that waits fits any more.

        Strictly in the order of the clock: where the next in it could run once something ends, and cannot itself be
        prefetched, nothing is. So whoever is next waits for the end of what is queued, and for nothing more.
        """
        capacity, places = self.capacity, self.capacity.prefetching
        could: dict[PendingShape, bool] = {}  # what could run in one of the places

        def could_run(shape: PendingShape) -> bool:
            answer = could.get(shape)
            if answer is None:
                answer = could[shape] = any(shape.request.fits(place) for place in places)
            return answer

        for _ in range(PASS_EXAMINED_MAX):
            if capacity.queue.is_full:
                return
            self._refresh_keys()
            choice = self._next(could_run)
            if choice is None:
                return
            line = next((line for line in self._lines_of(choice) if could_run(line.shape)), None)
            if line is None:
                self._set_aside(choice.domain_id)
                continue
            job = self.state.jobs.jobs[line.job_id]
            count = line.ranks.keys[choice.domain_id].units
            ahead = self._place_behind(job, count, places, at_us)
            if ahead is not None:
                covered = self.covered(choice.domain_id, job.terms.request)
                yield LeaseUnits(at_us, ahead.worker_id, job.job_id, count, covered, ahead.lease_id)
            else:
                request = job.terms.request
                places = tuple(place for place in places if not request.fits(place))
                could.clear()

    def _lines_of(self, choice: Choice) -> Iterable[Line]:
        """Return the lines of a chosen domain that may be served, in its own order."""
        lines = self._leaves[choice.domain_id].lines
        return lines.values() if len(lines) == 1 and not self._held else self._lines(choice)

    def _lines(self, choice: Choice) -> Iterator[Line]:
        domain_id = choice.domain_id
        for line in self._leaves[domain_id].in_order():
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

        return self.capacity.queue.find(job.terms.request, at_us, admits, self.state.jobs.loaded.get(job.job_id, ()))

    def _fits_somewhere(self, shape: PendingShape) -> bool:
        """Whether a shape fits a worker now; where not, it is noted after how many leases of this pass that was so.

        In a pass room only becomes less, so what did not fit is not looked at again.
        """
        if shape.full_since is not None:
            return False
        if self.capacity.find(shape) is not None:
            return True
        reserved = self.capacity.reserved
        if reserved is not None and reserved.free.fits(shape.request):
            return True
        shape.full_since = len(self.served)
        self._full[shape] = None
        return False

    def _place(self, choice: Choice, shadow: Shadow | None, at_us: int) -> tuple[Job, Room, int] | None:
        """Return which job of a domain to serve, where, and how many units; None if nothing of it can be placed."""
        jobs, capacity = self.state.jobs, self.capacity
        for line in self._lines_of(choice):
            key = line.ranks.keys[choice.domain_id]
            job, count = jobs.jobs[key.job_id], key.units
            # _next has just searched for every shape; only a worker's end of life asks for another search.
            room, until_us = line.shape.room, None
            if capacity.is_mortal and room is not None:
                until_us = self.needs_until_us(job)
                if room.until_us is not None:
                    room = capacity.find(line.shape, until_us)
                other = self._lasting_anywhere(choice, line) if room is None else None
                if other is not None:
                    job, count, room, until_us = other
            if room is None and shadow is not None:
                room = self.beside(job, shadow, at_us + stay_us(jobs, job) * count)
            elif room is not None and (loaded := jobs.loaded.get(job.job_id)):
                room = capacity.find_loaded(room, job.terms.request, loaded, until_us)
            if room is not None:
                return job, room, count
        return None

    def _lasting_anywhere(self, choice: Choice, line: Line) -> tuple[Job, int, Room, int | None] | None:
        """Return the first job of a line of a chosen domain that some worker lives long enough for."""

        def find(until_us: int | None) -> Room | None:
            return self.capacity.find(line.shape, until_us)

        return self.lasting(choice.domain_id, line, find, takes_sold=choice.order[0] == BY_POOL)


class Meted:
    """The entitlement clock and its pool."""

    name = "meted"

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return MetedIndex(state)
