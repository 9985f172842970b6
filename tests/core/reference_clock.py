"""The entitlement clock as pseudo code that runs: slow, with lists, dicts, linear scans and exact fractions.

It is kept beside the engine's policy, which is held to it decision by decision, and the bounds of docs/fairness.md are
tested on it alone. Nothing here is shared with the engine.

    state   a tree of domains; 0 is the root. Of each domain: share e, start tag S, usage X, and, if others are inside
            it, their virtual time V with its debt. Phi of a node = the shares of ALL its children, waiting or not.
    serve   at each level from the leaf up, for the child i of p, and a run of size l:
                if S_i <= V_p: S_i += l / (alpha e_i)          (tier 1: from its entitlement)
                else:          S_i stays                       (tier 2: from the pool)
                V_p += l / Phi_p;  X_i += 2^priority l 2^(t/h)
            a domain within its guarantee (tier 0) moves only its usage, and not the time over it.
    own     what is next inside the owner of a machine goes first there, as if guaranteed at each level
    choose  top down, among children with something that may be served:
                covered by a guarantee, else eligible (S <= V) with least (D, S, id), else what the pool policy says
    wake    S = max(S, V); V is its base B, what S was before its floor F, and what S was raised by its drop
    return  the same if nothing else waits, then as a finish of size 0: undone at once, it is undone in full
    finish  S (if it was tier 1) and X as if the real size had been known; V by the difference
    relabel whoever is served from the pool, comes, or has something end, and everybody in turn: S = min(S, V + what it
            was last charged in tier 1, and beyond its estimates since), as what it was charged at a V that never was,
            was from the pool in truth
    fall    where that took V below the base of a child: as if it had come only now, B' = max(V, F), and S falls by the
            part (B - B') / (B - F) of its drop, which is all that it was raised by beyond B'
    share   S' = V - (V - S) e / e'; and the same at V = F, so that S falls to what it would be if V falls
    claim   whoever could not be served for a while (its cap) and is behind V by more than two of the largest units that
            there were, and what others beside it are ahead, is behind by no more than that when it is served in tier 1

Inside a leaf: the user with the least start tag, of that user the job with the least finish tag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, log2
from typing import Literal

PRIORITY_MOST = 10
ENTITLED, POOL, GUARANTEED = 1, 2, 0

Number = int | Fraction
Deadlines = Literal["head", "rising"]


@dataclass
class Fluid:
    """A virtual time, as the furthest that it has been and what it has fallen below that."""

    time: Number = 0
    debt: Number = 0

    @property
    def now(self) -> Number:
        """V."""
        return self.time - self.debt

    def move(self, by: Number) -> None:
        """Advance, or fall."""
        paid = min(self.debt, by)
        self.debt -= paid
        self.time += by - paid


@dataclass
class Job:
    """Waiting units of one kind."""

    job_id: int
    domain_id: int
    user: str
    size: int
    priority: int
    width: int
    count: int
    came: int
    tag: Number = 0

    @property
    def weight(self) -> Fraction:
        """2^priority."""
        return Fraction(2) ** clamped(self.priority)


@dataclass
class User:
    """One user of one leaf, with the time of its jobs."""

    tag: Number = 0
    jobs_time: Fluid = field(default_factory=Fluid)


@dataclass
class Domain:
    """A node of the tree."""

    domain_id: int
    parent: int
    share: int
    guarantee: int = 0
    cap: int | None = None
    tag: Number = 0
    base: Number = 0
    floor: Number = 0
    drop: Number = 0
    rest: Number = 0
    lead: int = 0
    came: bool = False
    usage: Number = 0
    held: int = 0
    served: int = 0
    longest_head: int = 0
    inside: Fluid = field(default_factory=Fluid)
    users: dict[str, User] = field(default_factory=dict)
    users_time: Fluid = field(default_factory=Fluid)


@dataclass
class Choice:
    """What to serve: the job, and from the leaf up its domains, the tier at each, and the deadline at each."""

    job: Job
    path: list[Domain]
    tiers: list[int]

    @property
    def leaf(self) -> Domain:
        """The domain of the job."""
        return self.path[0]


@dataclass
class Lease:
    """What is being served, and what is needed to set it right."""

    choice: Choice
    size: int
    priority: int
    at: int
    to_user: bool
    to_job: bool


PoolPolicy = Callable[["ReferenceClock", Sequence[Choice]], Choice]


def clamped(priority: int) -> int:
    """Return a priority within its limits."""
    return max(-PRIORITY_MOST, min(PRIORITY_MOST, priority))


def exact_charge(size: int, share: int, alpha_milli: int) -> Number:
    """Return l / g."""
    return Fraction(size * 1000, alpha_milli * share)


def exact_advance(size: int, phi: int) -> Number:
    """Return l / Phi."""
    return Fraction(size, phi)


def rounded_charge(size: int, share: int, alpha_milli: int) -> Number:
    """Return l / g in units of 2^-20, rounded up."""
    return -(-size * 1000 * 2**20 // (alpha_milli * share))


def rounded_advance(size: int, phi: int) -> Number:
    """Return l / Phi in units of 2^-20, rounded down."""
    return size * 2**20 // phi


def decay(clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
    """The pool by least usage per share, age and priority."""
    return min(heads, key=lambda head: (clock.pool_key(head), head.path[-1].domain_id))


def fifo(clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
    """The pool by time of submission."""
    return min(heads, key=lambda head: (head.job.came, head.path[-1].domain_id))


@dataclass
class ReferenceClock:
    """The model. Times are integers; the caller sets ``now``.

    Attributes:
        alpha_milli: The part of a share that is owed, in thousandths.
        half_life: After what time usage counts half.
        aging: Bits of the pool's key for each unit of time that a head came earlier.
        deadlines: With ``head``, a deadline follows the head of the moment; with ``rising``, it never falls
            while its domain waits to be served.
        charged: Of which tiers the service counts as usage.
        charge, advance: What a size moves a start tag and a virtual time by: exact, or rounded.
        whole: Whether a new share leaves a whole start tag, rounded up against the domain.
    """

    alpha_milli: int = 750
    half_life: int = 86_400
    aging: Fraction = Fraction(0)
    pool: PoolPolicy = decay
    deadlines: Deadlines = "head"
    charged: frozenset[int] = frozenset({GUARANTEED, ENTITLED, POOL})
    charge: Callable[[int, int, int], Number] = exact_charge
    advance: Callable[[int, int], Number] = exact_advance
    whole: bool = False
    now: int = 0
    largest: int = 0
    domains: dict[int, Domain] = field(default_factory=lambda: {0: Domain(0, -1, 1)})
    jobs: dict[int, Job] = field(default_factory=dict)

    def add_domain(
        self, domain_id: int, share: int, parent: int = 0, guarantee: int = 0, cap: int | None = None
    ) -> None:
        """Register a domain: from now on its share counts in Phi."""
        self.domains[domain_id] = Domain(domain_id, parent, share, guarantee, cap)

    def children(self, node: int) -> list[Domain]:
        """Return the domains right inside ``node``."""
        return [domain for domain in self.domains.values() if domain.parent == node]

    def phi(self, node: int) -> int:
        """Return the sum of all shares inside ``node``."""
        return sum(child.share for child in self.children(node))

    def path(self, domain_id: int) -> list[Domain]:
        """Return a domain and those it is in, without the root."""
        found = []
        while domain_id:
            found.append(self.domains[domain_id])
            domain_id = self.domains[domain_id].parent
        return found

    def time_over(self, domain: Domain) -> Fluid:
        """Return the virtual time by which a domain is measured."""
        return self.domains[domain.parent].inside

    def waiting(self, node: int) -> list[Job]:
        """Return the jobs inside ``node`` that have units waiting."""
        return [job for job in self.jobs.values() if any(it.domain_id == node for it in self.path(job.domain_id))]

    # --- arrivals -----------------------------------------------------------------------------------------------

    def submit(
        self, domain_id: int, user: str, job_id: int, size: int, priority: int = 0, count: int = 1, width: int = 1
    ) -> None:
        """Have ``count`` units of ``size`` each wait."""
        self._wake(Job(job_id, domain_id, user, size, priority, width, count, self.now))

    def _wake(self, job: Job) -> None:
        """Let a job wait. Idle time is not banked: whoever had nothing waiting starts at max(S, V)."""
        self._raise_tags(job)
        user = self.domains[job.domain_id].users[job.user]
        job.tag = user.jobs_time.now + job.size / job.weight - job.size
        self.jobs[job.job_id] = job

    def _raise_tags(self, job: Job) -> None:
        """Raise the tags of all that had nothing waiting, to their V."""
        leaf = self.domains[job.domain_id]
        user = leaf.users.setdefault(job.user, User())
        for domain in self.path(job.domain_id):
            domain.came = True
            if not self.waiting(domain.domain_id):
                over = self.time_over(domain).now
                self._relabel(domain)
                if domain.tag < over:
                    domain.floor, domain.base, domain.drop = domain.tag, over, over - domain.tag
                    domain.tag = over
                domain.longest_head = 0
        if not self._of_user(leaf, job.user):
            user.tag = max(user.tag, leaf.users_time.now)

    def _of_user(self, leaf: Domain, user: str) -> list[Job]:
        return [job for job in self.waiting(leaf.domain_id) if job.user == user]

    # --- choice -------------------------------------------------------------------------------------------------

    def choose(self, free: int | None = None) -> Choice | None:
        """Return what is next by the rules, or None if nothing waits that may be served.

        With ``free`` slots given, what is wider is passed over.
        """
        return self._choose_in(0, free)

    def choose_inside(self, owner: int) -> Choice | None:
        """Return what goes first on a machine of a domain: what is next inside it, at the cost of nobody."""
        leaf = not self.children(owner)
        found = self._first_of(self.domains[owner], None) if leaf else self._choose_in(owner, None)
        if found is None:
            return None
        path = self.path(found.job.domain_id)
        return Choice(found.job, path, [GUARANTEED] * len(path))

    def _choose_in(self, node: int, free: int | None) -> Choice | None:
        heads = []
        for child in self.children(node):
            is_leaf = not self.children(child.domain_id)
            found = self._first_of(child, free) if is_leaf else self._choose_in(child.domain_id, free)
            if found is not None and (child.cap is None or child.held + found.job.width <= child.cap):
                heads.append(Choice(found.job, [*found.path, child], [*found.tiers, POOL]))
        if not heads:
            return None
        for head in heads:
            domain = head.path[-1]
            domain.longest_head = max(domain.longest_head, head.job.size)
        covered = [head for head in heads if head.path[-1].held + head.job.width <= head.path[-1].guarantee]
        if covered:
            return self._in_tier(min(covered, key=self.rank), GUARANTEED)
        eligible = [head for head in heads if head.path[-1].tag <= self.domains[node].inside.now + self.slack]
        if eligible:
            return self._in_tier(min(eligible, key=self.rank), ENTITLED)
        return self.pool(self, heads)

    @property
    def slack(self) -> int:
        """Where all is owed to somebody, rounding must not make it look otherwise: a cpu-microsecond counts as V."""
        return 1000 * 2**20 if self.whole and self.alpha_milli == 1000 else 0

    def _relabel(self, domain: Domain) -> None:
        """Let a tag be ahead of V no further than what its domain was served from its entitlement explains."""
        domain.tag = min(domain.tag, self.time_over(domain).now + self.lead(domain))

    def lead(self, domain: Domain) -> Number:
        """Return by how much a tag may be ahead of V, and by some roundings."""
        return self.charge(domain.lead, domain.share, self.alpha_milli) + (1000 * 2**20 if self.whole else 0)

    def _limit_claim(self, domain: Domain) -> None:
        """Let a domain that could not be served be behind V by no more than it may claim."""
        now = self.time_over(domain).now
        ahead = sum(it.share * (it.tag - now) for it in self.children(domain.parent) if it.came and it.tag > now)
        ahead = ahead // domain.share if self.whole else Fraction(ahead) / domain.share
        limit = now - self.charge(2 * self.largest, domain.share, self.alpha_milli)
        domain.tag = max(domain.tag, limit - ahead)

    def _in_tier(self, choice: Choice, tier: int) -> Choice:
        choice.tiers[-1] = tier
        return choice

    def _first_of(self, leaf: Domain, free: int | None) -> Choice | None:
        jobs = [job for job in self.waiting(leaf.domain_id) if free is None or job.width <= free]
        if not jobs:
            return None
        heads = {job.user: min((it.tag, it.job_id) for it in jobs if it.user == job.user) for job in jobs}
        user = min(heads, key=lambda name: (leaf.users[name].tag, heads[name]))
        mine = [job for job in jobs if job.user == user]
        return Choice(min(mine, key=lambda job: (job.tag, job.job_id)), [], [])

    def deadline(self, domain: Domain, size: int) -> Number:
        """Return D of a domain whose head has ``size``."""
        if self.deadlines == "rising":
            size = max(size, domain.longest_head)
        return domain.tag + self.charge(size, domain.share, self.alpha_milli)

    def rank(self, head: Choice) -> tuple[Number, Number, int]:
        """Return (D, S, id) of the topmost domain of a head."""
        domain = head.path[-1]
        return self.deadline(domain, head.job.size), domain.tag, domain.domain_id

    def decay_factor(self, at: int) -> Fraction:
        """Return 2^(t/h): exact at whole half-lives."""
        whole, part = divmod(at, self.half_life)
        return Fraction(2) ** whole * Fraction(2.0 ** (part / self.half_life))

    def pool_key(self, head: Choice) -> Fraction | float:
        """Return 2^kappa without aging, exact; with aging kappa itself. What never served counts as one of size."""
        domain = head.path[-1]
        per_share = Fraction(max(Fraction(domain.usage), Fraction(1)), domain.share) / head.job.weight
        return log2(per_share) + float(self.aging * head.job.came) if self.aging else per_share

    # --- service ------------------------------------------------------------------------------------------------

    def dispatch(self, choice: Choice) -> Lease:
        """Serve one unit of what was chosen."""
        job, leaf = choice.job, choice.leaf
        waiting = self.waiting(leaf.domain_id)
        active = {it.user for it in waiting}
        to_job = len([it for it in waiting if it.user == job.user]) > 1
        lease = Lease(choice, job.size, job.priority, self.now, len(active) > 1, to_job)
        self.largest = max(self.largest, job.size)
        self._set_right(lease, 0, job.size)
        for domain in choice.path:
            domain.held += job.width
            domain.longest_head = 0
        job.count -= 1
        if not job.count:
            del self.jobs[job.job_id]
        return lease

    def finish(self, lease: Lease, real: int, again: bool = False, turn: int | None = None) -> None:
        """End a lease that took ``real`` in truth; a refund is one that took 0, and may wait again.

        It is the turn of one domain to be looked at, or of all.
        """
        job = lease.choice.job
        for domain in self.domains.values():
            if domain.domain_id and turn in (None, domain.domain_id):
                self._relabel(domain)
        if again and not job.count:
            self._raise_tags(job)
            job.tag = max(job.tag, self.domains[job.domain_id].users[job.user].jobs_time.now)
        self._set_right(lease, lease.size, real)
        for domain in lease.choice.path:
            domain.held -= job.width
        if again:
            job.count += 1
            self.jobs[job.job_id] = job

    def _set_right(self, lease: Lease, before: int, after: int) -> None:
        """Make the accounts of all on a lease's path as if its size were ``after``, where it was ``before``."""
        factor = Fraction(2) ** clamped(lease.priority) * self.decay_factor(lease.at)
        for domain, tier in zip(lease.choice.path, lease.choice.tiers, strict=True):
            domain.served += after - before
            if tier in self.charged:
                domain.usage += factor * (after - before)
            if before or tier == POOL:
                self._relabel(domain)
            if tier == ENTITLED:
                share, alpha = domain.share, self.alpha_milli
                if not before:
                    self._limit_claim(domain)
                domain.tag += self.charge(after, share, alpha) - self.charge(before, share, alpha)
            if tier != GUARANTEED:
                phi = self.phi(domain.parent)
                self._move(domain.parent, self.advance(after, phi) - self.advance(before, phi))
            if tier == ENTITLED:
                domain.lead = domain.lead + max(0, after - before) if before else after
        self._set_right_inside(lease, after - before)

    def _move(self, node: int, by: Number) -> None:
        """Move V of a node. Where it falls below the V at which a child came, that child comes as if only now."""
        before = self.domains[node].inside.now
        self.domains[node].inside.move(by)
        now = self.domains[node].inside.now
        for child in self.children(node):
            if child.base > max(now, child.floor):
                child.tag = min(child.tag, before + self.lead(child))
                base = max(now, child.floor)
                part = Fraction(child.drop * (child.base - base)) / (child.base - child.floor)
                lost = floor(part) if self.whole else part
                child.tag, child.base, child.drop = child.tag - lost, base, child.drop - lost

    def _set_right_inside(self, lease: Lease, by: int) -> None:
        """Inside a leaf tags and times move only for who was charged: where two or more competed."""
        job, leaf = lease.choice.job, lease.choice.leaf
        user = leaf.users[job.user]
        weights = sum((it.weight for it in self._of_user(leaf, job.user)), Fraction(0))
        active = len({it.user for it in self.waiting(leaf.domain_id)})
        if lease.to_job:
            job.tag += by / Fraction(2) ** clamped(lease.priority)
            if weights:
                user.jobs_time.move(by / weights)
        if lease.to_user:
            user.tag += by
            if active:
                leaf.users_time.move(Fraction(by, active))

    # --- shares -------------------------------------------------------------------------------------------------

    def change_shares(self, shares: dict[int, int], keep: bool = True) -> None:
        """Give domains other effective shares (a loan: two of them). What each is owed stays: S' = V - (V - S) e / e'.

        Without ``keep`` the start tags stay instead, which breaks the bounds.
        """
        for domain_id, share in shares.items():
            domain = self.domains[domain_id]
            if keep and domain.came:
                now = self.time_over(domain).now
                low = domain.floor if domain.base > domain.floor else 0
                fallen, _ = self._kept(domain.share * (low - domain.tag + domain.drop), share, low)
                domain.tag, domain.rest = self._kept(domain.share * (now - domain.tag) + domain.rest, share, now)
                domain.base, domain.floor, domain.drop = now, low, domain.tag - fallen
            domain.share = share

    def _kept(self, owed: Number, share: int, now: Number) -> tuple[Number, Number]:
        """Return the tag that leaves what is owed at V = ``now`` as it is with another share, and what it cannot hold.

        A whole tag can hold only multiples of the share; what is left is kept, so that the way back is exact.
        """
        behind = floor(Fraction(owed) / share) if self.whole else Fraction(owed) / share
        return now - behind, owed - behind * share

    def lag(self, domain: Domain) -> Fraction:
        """Return what a domain is owed by its own account: g (V - S)."""
        behind = self.time_over(domain).now - domain.tag
        return Fraction(self.alpha_milli * domain.share, 1000) * behind
