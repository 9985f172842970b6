"""The entitlement clock's keys: where each domain that waits stands among those beside it (docs/fairness.md)."""

from __future__ import annotations

from collections.abc import Iterable

from ..domains.state import TOP
from ..estimates import known_estimate_us, width_milli
from ..falling import clock_within, entitled_charge, reach
from ..ids import DomainId, JobId
from ..limits import LINES_RANKED_MAX, RUN_QUANTUM_US
from ..resources import Resources
from ..state import NOTHING_RECEIVED, FairnessAccount, Job, State
from .leaves import Leaf
from .lines import Line, PendingShape
from .pool import PoolIndex
from .pool_orders import POOL_KEYS
from .ranks import NEVER, Key, Ranks
from .room import Shape


class ClockIndex(PoolIndex):
    """The tree of the domains that wait. At each of its nodes children are ranked, in one set of heaps a shape.

    Keys are a function of the state. They are refreshed when something is asked, only for the domains (``_dirty``) of
    which something has changed and for those that they are in: a batch of a hundred reports of one domain costs one
    refresh.
    """

    def __init__(self, state: State) -> None:
        self._leaves: dict[DomainId, Leaf] = {}
        self._groups: dict[DomainId, set[PendingShape]] = {TOP: set()}  # what waits inside a domain
        self._shapes: dict[Resources, PendingShape] = {}
        self._dirty: set[DomainId] = set()
        self._aside: set[DomainId] = set()  # the keys of these hold for this pass only
        self._at_top: dict[PendingShape, Ranks] = {}  # what somebody at the top is ranked with; some may be empty
        self._full: dict[PendingShape, None] = {}  # what this pass has seen to fit nowhere
        self._many: set[DomainId] = set()  # with very many lines; the keys of those hold likewise where some are ranked
        super().__init__(state)
        self._dirty.update(self._leaves)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        domain_id, request = job.terms.domain_id, job.terms.request
        leaf = self._leaves.get(domain_id)
        if leaf is None:
            leaf = self._leaves[domain_id] = Leaf(domain_id, self.state.jobs.accounts[domain_id].above)
        shape = self._shapes.get(request)
        if shape is None:
            shape = self._shapes[request] = PendingShape(request, self._width_milli(request))
        leaf.add(job, shape, self._ranks(leaf.parent, shape))
        self._dirty.add(domain_id)

    def job_done(self, job: Job) -> None:
        """Take a job out of its queue."""
        domain_id = job.terms.domain_id
        leaf = self._leaves.get(domain_id)
        if leaf is None:
            return
        self._dirty.add(domain_id)
        emptied = leaf.discard(job)
        if emptied is not None:
            emptied.ranks.drop(domain_id)
            emptied.ranks.peaks.pop(domain_id, None)
            emptied.shape.lines -= 1
            if not emptied.shape.lines:
                del self._shapes[job.terms.request]
                self._at_top.pop(emptied.shape, None)
                self._full.pop(emptied.shape, None)
                for parent_id in emptied.shape.ranks:
                    self._groups[parent_id].discard(emptied.shape)
        if not leaf.lines:
            del self._leaves[domain_id]
            self._many.discard(domain_id)

    def job_moved(self, before: Job, after: Job) -> None:
        """Put a queued job where it belongs now."""
        leaf = self._leaves.get(after.terms.domain_id)
        if leaf is None:
            return
        leaf.move(before, after)

    def domain_changed(self, domain_id: DomainId) -> None:
        """Refresh the keys of a domain when they are next needed; those of the domains in it do not rest on it."""
        self._dirty.add(domain_id)

    def domain_held(self, domain_id: DomainId) -> None:
        """Refresh the place of a domain itself: its tag has changed, or what its cap or guarantee lets through."""
        self._dirty.add(domain_id)

    def guarantee_changed(self, domain_id: DomainId) -> None:
        """Find out anew of which lines the domains in one that have very many are ranked by."""
        self._dirty.update(who for who in self._many if domain_id in self._leaves[who].above)

    def domain_measured(self, domain_id: DomainId) -> None:
        """Refresh the keys of a domain if they rest on how long its units take."""
        leaf = self._leaves.get(domain_id)
        if leaf is not None and leaf.is_by_mean:
            self._dirty.add(domain_id)

    def rules_changed(self) -> None:
        """Refresh all keys."""
        self._dirty.update(self._leaves)

    def pool_changed(self) -> None:
        """Refresh all keys: what a request is of the pool has changed."""
        for shape in self._shapes.values():
            shape.width_milli = self._width_milli(shape.request)
        self._dirty.update(self._leaves)

    def begin_pass(self) -> None:
        """Refresh the keys that held for the last pass only, and look again at what fits."""
        for shape in self._full:
            shape.full_since = None
        self._full.clear()
        # There may be thousands of shapes, of which few are ranked.
        for shape in [shape for shape, ranks in self._at_top.items() if not ranks.keys]:
            del self._at_top[shape]
        if self._aside or self._many:
            self._dirty |= self._aside
            self._dirty.update(who for who in self._many if self._leaves[who].ranked is not None)
            self._aside.clear()

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        self.begin_pass()
        self._refresh_keys()
        for domain_id, leaf in self._leaves.items():
            leaf.find_heads(self.state.jobs.accounts[domain_id])
        lines = [
            (domain_id, tuple(request.items()), line.head, sorted((user, *q.keys) for user, q in line.users.items()))
            for domain_id, leaf in self._leaves.items()
            for request, line in leaf.lines.items()
        ]
        keys = [
            (parent_id, tuple(shape.request.items()), sorted(ranks.standing(self.reach(parent_id))))
            for shape in self._shapes.values()
            for parent_id, ranks in shape.ranks.items()
            if ranks.keys
        ]
        return super().summary(), sorted(lines), sorted(keys)

    def reach(self, parent_id: DomainId) -> int:
        """Return up to which tag the domains inside one are owed service."""
        return reach(clock_within(self.state.jobs, parent_id), self.state.rules)

    def _width_milli(self, request: Resources) -> int:
        return width_milli(request, self.state.workers.capacity)

    def _refresh_keys(self) -> None:
        """Rank anew whatever has changed: first the domains that have jobs, then those they are in, from below."""
        if not self._dirty:
            return
        inner: dict[DomainId, int] = {}
        for domain_id in self._dirty:
            leaf = self._leaves.get(domain_id)
            if leaf is not None:
                self._rank_leaf(leaf)
                above = leaf.above
            else:
                above = domain_id, *self.state.jobs.accounts.get(domain_id, NOTHING_RECEIVED).above
            for height, who in enumerate(reversed(above)) if above else ():
                inner[who] = height
        self._dirty.clear()
        for who in sorted(inner, key=inner.__getitem__, reverse=True) if inner else ():
            self._rank_group(who)

    def _rank_leaf(self, leaf: Leaf) -> None:
        """Rank a domain among those beside it, with the first of its jobs of each shape."""
        state, domain_id = self.state, leaf.domain_id
        jobs = state.jobs
        account = jobs.accounts[domain_id]
        share = state.domains.domains[domain_id].effective_share
        for line in self._lines_to_rank(leaf, account):
            if self._held and self.is_at_cap(domain_id, line.shape.request):
                line.ranks.drop(domain_id)
                continue
            job = jobs.jobs[line.job_id]
            estimated_us = job.terms.time_request_us
            if estimated_us is None:
                leaf.is_by_mean = True
                estimated_us = known_estimate_us(jobs, job)
            if estimated_us is None:
                # Ordered as if it were short, so that it is soon known.
                estimated_us, count = RUN_QUANTUM_US, 1
            else:
                count = self.run_count(job, estimated_us)
            size = line.shape.width_milli * estimated_us * count
            # Whoever has sold points of a job waits for the pool.
            tag = NEVER if job.points < 0 else account.tag
            line.ranks.set(domain_id, self._key(domain_id, account, share, line.ranks, tag, job, count, size))
            if leaf.parent == TOP:
                self._at_top[line.shape] = line.ranks

    def _lines_to_rank(self, leaf: Leaf, account: FairnessAccount) -> Iterable[Line]:
        """Return the lines of a domain that are to be ranked: of very many only some, so that a turn stays cheap.

        Not where it matters which requests a guarantee covers, or fit a machine that is kept for a domain.
        """
        domain_id = leaf.domain_id
        if len(leaf.lines) <= LINES_RANKED_MAX:
            self._many.discard(domain_id)
            return leaf.rank_all(account)
        self._many.add(domain_id)
        if self.capacity.owned or not self._guaranteed.isdisjoint((domain_id, *leaf.above)):
            return leaf.rank_all(account)

        def has_room(line: Line) -> bool:
            return self._has_room(domain_id, line.shape)

        for line in leaf.rank_some(account, LINES_RANKED_MAX, self._could_fit, has_room):
            line.ranks.drop(domain_id)
            line.ranks.peaks.pop(domain_id, None)
        assert leaf.ranked is not None
        return leaf.ranked

    def rank_more(self) -> bool:
        """Rank other lines of domains that have many and no ranked one with room; return if there is such a domain."""
        found = False
        for domain_id in self._many - self._aside:
            leaf = self._leaves[domain_id]
            if leaf.has_more and not any(self._has_room(domain_id, line.shape) for line in leaf.in_order()):
                self._dirty.add(domain_id)
                found = True
        return found

    def _has_room(self, domain_id: DomainId, shape: PendingShape) -> bool:
        """Whether a domain could be served something of a shape now."""
        if shape.full_since is not None or self.is_capped(domain_id, shape.request):
            return False
        return self._could_fit(shape)

    def _could_fit(self, shape: Shape) -> bool:
        """Whether a shape fits a worker now, one that is kept free included."""
        reserved = self.capacity.reserved
        return self.capacity.find(shape) is not None or (reserved is not None and reserved.free.fits(shape.request))

    def _key(
        self,
        domain_id: DomainId,
        account: FairnessAccount,
        share: int,
        ranks: Ranks,
        tag: int,
        job: Job,
        units: int,
        size: int,
    ) -> Key:
        """Return the key of a domain with its next run: so many units of a job, of a size together.

        Its deadline never falls while it waits to be served: it is by the largest run that has been its next since.
        """
        rules = self.state.rules
        peak = ranks.peaks.get(domain_id, 0)
        if size > peak:
            peak = ranks.peaks[domain_id] = size
        deadline = account.tag + entitled_charge(peak, share, rules.alpha_milli)
        pool_key = POOL_KEYS[rules.pool](self.state, domain_id, account, share, job)
        covered = bool(self._held) and self.is_covered(domain_id, job.terms.request)
        return Key(tag, deadline, pool_key, covered, job.job_id, units, size)

    def domain_served(self, domain_id: DomainId) -> None:
        """Rank a domain anew; its deadline, and of those that it is in, are by their next run again."""
        self._dirty.add(domain_id)
        leaf = self._leaves.get(domain_id)
        if leaf is None:  # that was the last of it that waited
            above = self.state.jobs.accounts[domain_id].above
        else:
            above = leaf.above
            for line in leaf.ranked_lines():
                line.ranks.peaks.pop(domain_id, None)
        for who in above:
            parent_id = self.state.domains.domains[who].parent
            for shape in self._groups.get(who, ()):
                if parent_id in shape.ranks:
                    shape.ranks[parent_id].peaks.pop(who, None)

    def recall(self, other: ClockIndex) -> None:
        """Take over what ``other``, an index of the same state, remembers of runs that were next."""
        for request, shape in self._shapes.items():
            for parent_id, ranks in other._shapes[request].ranks.items():
                self._ranks(parent_id, shape).peaks = dict(ranks.peaks)
        self._dirty.update(self._leaves)

    def _rank_group(self, domain_id: DomainId, moved: Iterable[PendingShape] | None = None) -> None:
        """Rank a domain that others are in, with whatever is next in it of each shape, or of those that moved alone."""
        shapes = self._groups.get(domain_id)
        if not shapes:  # nothing in it has waited yet
            return
        jobs = self.state.jobs
        account = jobs.accounts[domain_id]
        domain = self.state.domains.domains.get(domain_id)
        if domain is None:  # it was removed, and those in it before
            for shape in shapes:
                self._ranks(account.parent(), shape).drop(domain_id)
            shapes.clear()
            return
        clock, share = self.reach(domain_id), domain.effective_share
        leaf = self._leaves.get(domain_id)
        for shape in shapes if moved is None else moved:
            if leaf is not None and shape.request in leaf.lines:  # it has jobs itself, now that nothing is in it
                continue
            ranks, mine = shape.ranks[domain_id], self._ranks(domain.parent, shape)
            first = None if self.is_at_cap(domain_id, shape.request) else ranks.first(clock)
            if first is None:
                mine.drop(domain_id)
                continue
            below = ranks.keys[first[3]]
            job = jobs.jobs[below.job_id]
            mine.set(domain_id, self._key(domain_id, account, share, mine, account.tag, job, below.units, below.size))
            if domain.parent == TOP:
                self._at_top[shape] = mine

    def _ranks(self, parent_id: DomainId, shape: PendingShape) -> Ranks:
        """Return the ranks of the domains inside one that wait with a shape."""
        ranks = shape.ranks.get(parent_id)
        if ranks is None:
            ranks = shape.ranks[parent_id] = Ranks()
            self._groups.setdefault(parent_id, set()).add(shape)
        return ranks

    def size_of(self, job_id: JobId) -> int:
        """Return the size of one unit of a job that is queued, by its estimate."""
        job = self.state.jobs.jobs[job_id]
        return self._width_milli(job.terms.request) * (known_estimate_us(self.state.jobs, job) or RUN_QUANTUM_US)
