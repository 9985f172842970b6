"""P9 in the real engine: what age and priority, bought or not, may bring in the pool, and that time brings nothing.

The pool serves the least kappa = log2(X / e) + t / aging - p, with X what a domain has used, e its share, t when the
job that it would run was submitted, and p that job's priority. As usage fades for all alike, let X be *forward*: what
is used at s counts 2**(s / half-life), and never fades. Then X_i changes only when i is served, and kappa only with it.

**Pairwise** (P1 with a jump of priority and an age). Let i and j be such that j waits throughout [s, t], and let i be
served from the pool at s, and not after it up to t. At s nobody is owed anything, so j stood in the same order, and i
was no later:

    log2(X_i / e_i) + t_i / aging - p_i  <=  log2(X_j / e_j) + t_j / aging - p_j          just before s, so
    X_i / e_i  <=  2**G X_j / e_j         with G = p_i - p_j + (t_j - t_i) / aging

Then i is charged 2**c l 2**(s / half-life) for a run of size l, where c is its job's *own* priority: points that were
bought are paid for with credit and count no usage, points that were sold are no discount. Now X_j does not fall, so

    X_i / e_i  <=  2**G X_j / e_j + 2**c l 2**(s / half-life) / e_i                       from s to t.

Divided by 2**(t / half-life) it says the same of faded usage, as the last term only becomes smaller. With priorities
J apart at most, and heads A aging times apart at most: **X_i / e_i <= 2**(J + A) X_j / e_j + 2**c L_i / e_i**.
Logarithms turn the sum J + A of the usual form of P9 into a factor.

**In a tree** the same holds of any two inside one domain: a child is chosen, and charged, by what it would run next and
by nothing of the levels above and below, and what it would run next is one of the jobs that wait inside it.

**Where shares change** by loans or by hand X stays, so it holds by the shares e_i and e_j as they were at s, as long as
i is not served again. Of the shares of now it does not: whoever lends a half of its share has at once used twice as
much for what is left. So by these the first term is e_i(s) e_j(t) / (e_i(t) e_j(s)) times as large, and the second
e_i(s) / e_i(t) times; it is as above again once i is served.

That is where the rule ``usage`` is "pool" and estimates are right. Else i may have been charged for more since s (what
it was owed, what took longer than was said), and j have got back some of what it was charged at s: both are added.

**A head.** As long as j waits with a head that came at t_a, X_j stays. Whoever goes before it at s has
X_i / e_i 2**((t_u - t_a) / aging) <= 2**(p_u - p) X_j / e_j, and X_i was no more at t_a than at s: so no unit that
comes later than t_a + aging (log2(X_j / e_j) - log2(X_i / e_i) + 10 - p), all as of t_a, goes before it, however many
come, and whatever is paid for them. Usages are as of t_a, and shares of when it goes before. This, too, holds inside
each domain, of what is next there; not of a job as it is seen from above: beside it a younger or lower one may come, be
next in its domain before it, and put that back among those beside it.

All is held in whole numbers and fractions. Logarithms of the engine are right to some 2**-29 (``test_usage.py``):
:data:`SLACK_BITS` is for these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from heapq import heapify
from itertools import accumulate, pairwise
from math import ceil, isqrt
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    CancelJobs,
    ChangeDomain,
    ChangePriority,
    Command,
    CreateDomain,
    GrantCredit,
    NiceJob,
    OfferLoan,
    RecallLoan,
    SetCreditRules,
    SetRules,
    TransferCredit,
)
from meted.core.domains.state import SHARE
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import Event, UnitsLeased
from meted.core.ids import DomainId, JobId, LeaseId, LoanId
from meted.core.limits import PRIORITY_STEPS_MAX
from meted.core.policy.meted import Meted
from meted.core.policy.ranks import BY_POOL
from meted.core.reducers import evolve
from meted.core.state import NOTHING_RECEIVED, FairnessAccount, Job, State
from meted.core.tags import ENTITLED, GUARANTEED, LEVEL_BITS
from meted.core.usage import EPOCH_HALF_LIVES, current, step_of

from .clocked import CPU, Arena, Contender
from .helper import SECOND, examples

WEIGHTS = st.sampled_from((1, 2, 3, 5, 10, 50))
LENGTHS = st.sampled_from((1, 2, 5, 10, 40))
SLOTS = st.sampled_from((1, 2, 3, 8))
HOUR = 3_600 * SECOND

SLACK_BITS = Fraction(1, 2**26)
"""By how much two keys may be the other way round, in bits."""

ROOT_BITS = 96


@cache
def roots() -> tuple[int, ...]:
    """Return 2**(1 / 2), 2**(1 / 4), ... to 2**(2**-40), in units of 2**-96 and rounded up."""
    found, root = [], 2 << ROOT_BITS
    for _ in range(40):
        root = isqrt(root << ROOT_BITS) + 1
        found.append(root)
    return tuple(found)


def power(bits: Fraction | int) -> Fraction:
    """Return 2**bits, rounded up by less than one in 2**38."""
    whole, part = divmod(ceil(bits * 2**40), 2**40)
    found = 1 << ROOT_BITS
    for at, root in enumerate(roots(), 1):
        if part >> (40 - at) & 1:
            found = (found * root >> ROOT_BITS) + 1
    return Fraction(found, 1 << ROOT_BITS) * (Fraction(2) ** whole)


def forward(account: FairnessAccount) -> int:
    """Return X: usage that never fades, in units of size at time 0; who has used nothing counts as one."""
    return max(1, account.usage << account.epoch * EPOCH_HALF_LIVES)


def clamped(priority: int) -> int:
    """Return how many doublings a priority counts for."""
    return max(-PRIORITY_STEPS_MAX, min(PRIORITY_STEPS_MAX, priority))


def is_of_pool(event: UnitsLeased, state: State, who: DomainId) -> bool:
    """Whether something was leased from the pool that a domain, which it is inside, shares with those beside it."""
    path = line_up(state, state.jobs.jobs[event.job_id].terms.domain_id)
    return not event.charged >> path.index(who) * LEVEL_BITS & (ENTITLED | GUARANTEED)


def line_up(state: State, domain_id: DomainId) -> tuple[DomainId, ...]:
    """Return a domain and those that it is in, nearest first."""
    return domain_id, *state.domains.path(domain_id)


def heads(state: State, domain_id: DomainId) -> Iterator[Job]:
    """Yield the jobs inside a domain that wait."""
    waiting = (it for it in state.jobs.jobs.values() if it.is_backlogged)
    return (it for it in waiting if domain_id in line_up(state, it.terms.domain_id))


def beside(state: State, domain_id: DomainId) -> list[DomainId]:
    """Return the other domains inside the same one."""
    domains = state.domains.domains
    parent_id = domains[domain_id].parent
    return [it for it, domain in sorted(domains.items()) if domain.parent == parent_id and it != domain_id]


def share_of(state: State, domain_id: DomainId) -> int:
    """Return e."""
    return state.domains.domains[domain_id].effective_share


@dataclass
class Pair:
    """That one domain was served from the pool while another waited, and still does.

    Attributes:
        times: 2**G.
        charge: What it was charged at most.
        shares: What the two had then.
        more, less: What the one was charged beyond that, and what the other got back, until then.
    """

    times: Fraction
    charge: Fraction
    shares: tuple[int, int]
    more: int
    less: int


@dataclass
class Pool(Arena):
    """An arena whose log is read again, event by event, with the pairwise bound held after each.

    Attributes:
        usage: What counts as usage: ``all``, or the pool alone.
        aging_us: The time of waiting that is worth half the usage, or None.
        group_shares: What domains have that others are in: those whose names begin with theirs and a slash.
    """

    usage: str = "pool"
    half_life_us: int = HOUR
    aging_us: int | None = None
    group_shares: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[DomainId, DomainId], Pair] = field(default_factory=dict)
    more: dict[DomainId, int] = field(default_factory=dict)
    less: dict[DomainId, int] = field(default_factory=dict)
    seen: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        world = self.world
        world.do(SetRules(0, self.alpha_milli, self.half_life_us, self.aging_us, "decay", self.usage))
        world.do(SetCreditRules(0, price_mc=1_000_000))
        for contender in self.contenders:
            world.do(GrantCredit(0, contender.name, 10**8))
        self.state, self.seen = world.state, len(world.log)

    def enter(self, contenders: list[Contender]) -> None:
        """Let more domains come, with credit."""
        for contender in contenders:
            self.contenders.append(contender)
            self.register(contender)
            self.world.do(GrantCredit(0, contender.name, 10**8))
        self.state, self.seen = self.world.state, len(self.world.log)

    def register(self, contender: Contender) -> None:
        """Create a domain, and those that it is in."""
        parent = ""
        for name in (*accumulate(contender.name.split("/")[:-1], "{}/{}".format), contender.name):
            if name not in self.world.state.domains.by_name:
                self.world.do(CreateDomain(0, name, self.group_shares.get(name, contender.share), parent=parent))
            parent = name
        contender.domain_id = self.world.state.domains.by_name[contender.name]
        self.by_id[contender.domain_id] = contender

    def _note_wait(self, contender: Contender) -> None:
        """Not here: whoever cancels or returns does not wait."""

    def _check_deadline(self, event: UnitsLeased) -> None:
        """Not here: work of which points were sold is not owed."""

    def do(self, command: Command) -> None:
        """Let the engine decide, or refuse."""
        with suppress(Refused):
            self.world.do(command)

    def go_on(self) -> None:
        """Let the next units end, and fill the slots."""
        self.advance()
        self.world.run_timers()
        self.run_pass()
        self.follow()

    def said_us(self, job_id: JobId) -> int:
        """Return how long a unit of a job should take."""
        said_us = self.world.job(job_id).terms.time_request_us
        assert said_us is not None
        return said_us

    def follow(self) -> None:
        """Read what is new in the log."""
        for event in self.world.log[self.seen :]:
            before, self.state = self.state, evolve(self.state, event)
            accounts = before.jobs.accounts
            changed = [who for who, it in self.state.jobs.accounts.items() if it != accounts.get(who, NOTHING_RECEIVED)]
            for who in changed:
                self._note(event, before, who)
            for pair in [it for it in self.pairs if not self.account(it[1]).backlog]:
                del self.pairs[pair]
            for pair in self.pairs:
                if pair[0] in changed or pair[1] in changed:
                    self._check(*pair)
        self.seen = len(self.world.log)

    def account(self, who: DomainId) -> FairnessAccount:
        """Return the account of a domain as of what was read."""
        return self.state.jobs.accounts.get(who, NOTHING_RECEIVED)

    def _note(self, event: Event, before: State, who: DomainId) -> None:
        was = before.jobs.accounts.get(who, NOTHING_RECEIVED)
        grown = forward(self.account(who)) - forward(was)
        if isinstance(event, UnitsLeased) and is_of_pool(event, before, who):
            job = before.jobs.jobs[event.job_id]
            charge = power(clamped(job.own_priority) + Fraction(event.at_us, self.half_life_us))
            charge *= event.size * event.count
            assert grown <= charge
            for other in beside(before, who):
                if before.jobs.accounts.get(other, NOTHING_RECEIVED).backlog:
                    times = power(self.gap(before, job, other) + SLACK_BITS)
                    shares = share_of(before, who), share_of(before, other)
                    more, less = self.more.get(who, 0), self.less.get(other, 0)
                    self.pairs[who, other] = Pair(times, charge, shares, more, less)
        elif grown > 0:
            self.more[who] = self.more.get(who, 0) + grown
        else:
            self.less[who] = self.less.get(who, 0) - grown

    def gap(self, state: State, job: Job, other: DomainId) -> Fraction:
        """Return G of a job that is served while another domain waits, whichever of its jobs is next there."""
        theirs = list(heads(state, other))
        bits = Fraction(clamped(job.terms.priority) - min(clamped(it.terms.priority) for it in theirs))
        if self.aging_us is not None:
            bits += Fraction(max(it.submitted_us for it in theirs) - job.submitted_us, self.aging_us)
        return bits

    def _check(self, one: DomainId, other: DomainId) -> None:
        pair = self.pairs[one, other]
        mine, theirs = forward(self.account(one)), forward(self.account(other))
        theirs += self.less.get(other, 0) - pair.less
        of_one, of_other = pair.shares
        bound = pair.times * theirs / of_other + (pair.charge + self.more.get(one, 0) - pair.more) / of_one
        assert Fraction(mine, of_one) <= bound


def act(pool: Pool, verb: str, number: int, size: int, count: int) -> None:
    """Let a domain do something, honest or not."""
    contender = pool.contenders[number % len(pool.contenders)]
    world, now_us = pool.world, pool.world.now_us
    mine = sorted(job.job_id for job in world.state.jobs.jobs.values() if job.terms.domain_id == contender.domain_id)
    if verb == "submit" or not mine:
        pool.submit(contender, SECOND * (1 + size % (contender.longest_us // SECOND)), count)
        return
    job_id, other = mine[size % len(mine)], pool.contenders[size % len(pool.contenders)]
    commands: dict[str, Command] = {
        "buy": NiceJob(now_us, job_id, count, HOUR // 100),
        "sell": NiceJob(now_us, job_id, -count, HOUR // 100),
        "raise": ChangePriority(now_us, job_id, size % 29 - 14),
        "cancel": CancelJobs(now_us, (job_id,)),
        "pay": TransferCredit(now_us, contender.name, other.name, count * 10**7),
        **changes(pool, contender, size, count),
    }
    if verb in commands:
        pool.do(commands[verb])
    else:
        give_back(pool, contender)


def changes(pool: Pool, contender: Contender, size: int, count: int) -> dict[str, Command]:
    """Return what changes the share of a domain, or of one that it is in."""
    state, now_us = pool.world.state, pool.world.now_us
    path = line_up(state, contender.domain_id)
    who = path[size % len(path)]
    others, loans = beside(state, who) or [who], sorted(state.domains.loans) or [LoanId(1)]
    name, to = (state.domains.domains[it].name for it in (who, others[count % len(others)]))
    return {
        "lend": OfferLoan(now_us, name, to, SHARE, count),
        "recall": RecallLoan(now_us, loans[count % len(loans)]),
        "share": ChangeDomain(now_us, name, share=(1, 2, 50)[count % 3]),
    }


def give_back(pool: Pool, contender: Contender) -> None:
    """Return the latest lease of a domain as if nothing of it had begun."""
    mine = [at for at, (_, lease_id) in enumerate(pool.ends) if owner(pool, lease_id) is contender]
    if mine:
        _, lease_id = pool.ends.pop(max(mine))
        heapify(pool.ends)
        del pool.times[lease_id]
        pool.world.give_back(lease_id)


def owner(pool: Pool, lease_id: LeaseId) -> Contender:
    """Return whose a lease is."""
    return pool.by_id[pool.world.job(pool.world.state.jobs.leases[lease_id].job_id).terms.domain_id]


VERBS = ("submit", "submit", "submit", "buy", "buy", "sell", "raise", "cancel", "back", "pay")


def doings(*verbs: str) -> st.SearchStrategy[list[tuple[str, int, int, int, int]]]:
    """Draw what domains do."""
    numbers = st.integers(0, 30), st.integers(0, 40), st.integers(1, 10), st.integers(0, 2)
    return st.lists(st.tuples(st.sampled_from(verbs), *numbers), min_size=20, max_size=60)


DOINGS = doings(*VERBS)
TREE_DOINGS = doings(*VERBS, "lend", "lend", "recall", "share")
PLACES = st.sampled_from(("", "", "g/", "g/", "g/h/", "g/h/", "k/"))


@examples(60)
@given(
    st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=2, max_size=6),
    SLOTS,
    st.sampled_from((1, 250, 750)),
    st.sampled_from(("pool", "all")),
    st.sampled_from((5 * SECOND, 100 * SECOND, HOUR)),
    st.sampled_from((None, SECOND, 7 * SECOND, 100 * SECOND)),
    st.sampled_from((10, 10, 1, 30)),
    DOINGS,
)
def test_who_is_served_from_the_pool_is_within_priority_and_age_of_who_waits(
    shape: list[tuple[int, int]],
    slots: int,
    alpha: int,
    usage: str,
    half_life_us: int,
    aging_us: int | None,
    tenths: int,
    done: list[tuple[str, int, int, int, int]],
) -> None:
    """P9, pairwise and after each event, whoever buys, sells, cancels, gives back or says what is not so."""
    who = [Contender(f"d{at}", share, length * SECOND) for at, (share, length) in enumerate(shape)]
    pool = Pool(slots, who, alpha_milli=alpha, usage=usage, half_life_us=half_life_us, aging_us=aging_us)
    go_through(pool, tenths, done)


def go_through(pool: Pool, tenths: int, done: list[tuple[str, int, int, int, int]]) -> None:
    """Let domains do things; of every second job what units take is so many tenths of what was said."""
    pool.took_us = lambda job_id, _: pool.said_us(job_id) * tenths // 10 if job_id % 2 else pool.said_us(job_id)
    for verb, number, size, count, steps in done:
        act(pool, verb, number, size, count)
        pool.run_pass()
        pool.follow()
        for _ in range(steps):
            pool.go_on()
    while pool.ends:
        pool.go_on()
    pool.world.check()


@examples(60)
@given(
    st.lists(st.tuples(PLACES, WEIGHTS, LENGTHS), min_size=3, max_size=7),
    st.tuples(WEIGHTS, WEIGHTS, WEIGHTS),
    SLOTS,
    st.sampled_from((1, 250, 750)),
    st.sampled_from(("pool", "all")),
    st.sampled_from((5 * SECOND, 100 * SECOND, HOUR)),
    st.sampled_from((None, SECOND, 7 * SECOND, 100 * SECOND)),
    st.sampled_from((10, 10, 1, 30)),
    TREE_DOINGS,
)
def test_so_it_is_inside_each_domain_by_the_shares_of_when_it_was_served(
    shape: list[tuple[str, int, int]],
    groups: tuple[int, int, int],
    slots: int,
    alpha: int,
    usage: str,
    half_life_us: int,
    aging_us: int | None,
    tenths: int,
    done: list[tuple[str, int, int, int, int]],
) -> None:
    """P9 of siblings at each level of a tree, while shares are lent, taken back and changed at all of them."""
    who = [Contender(f"{place}d{at}", share, length * SECOND) for at, (place, share, length) in enumerate(shape)]
    pool = Pool(slots, [], alpha_milli=alpha, usage=usage, half_life_us=half_life_us, aging_us=aging_us)
    pool.group_shares = dict(zip(("g", "g/h", "k"), groups, strict=True))
    pool.enter(who)
    go_through(pool, tenths, done)


def test_by_the_shares_of_now_it_does_not_hold() -> None:
    """Who lends has used more for what is left to it, and is not put right by that: it waits until it is even."""
    who = [Contender(name, 2, SECOND) for name in ("one", "other")]
    pool = Pool(1, who, alpha_milli=1, half_life_us=10**6 * HOUR, usage="all")
    for contender in who:
        pool.submit(contender, SECOND, 100)
    pool.run_pass()
    for _ in range(11):
        pool.go_on()
    one, other = (it.domain_id for it in who)
    mine, theirs = (round(forward(pool.account(it)) / (CPU * SECOND)) for it in (one, other))
    assert (mine, theirs) == (6, 6)
    pool.do(OfferLoan(pool.world.now_us, "one", "other", SHARE, 1))
    pool.follow()
    assert (share_of(pool.state, one), share_of(pool.state, other)) == (1, 3)
    assert Fraction(mine, 1) > Fraction(theirs, 3) + Fraction(1, 1)
    before, served = pool.order.count(0), len(pool.order)
    while pool.order.count(0) == before:
        pool.go_on()
    assert len(pool.order) - served - 1 == 3 * mine - theirs


@pytest.mark.parametrize(
    ("own", "points", "earlier", "service"),
    [(3, 0, 0, 1), (0, 3, 0, 8), (0, 0, 3, 8), (-1, 2, 2, 16)],
    ids=["priority", "points", "age", "all of them"],
)
def test_what_priority_and_age_bring_comes_to_the_bound(own: int, points: int, earlier: int, service: int) -> None:
    """Three bits are a factor of eight, to one unit: in usage, and, where usage does not pay for them, in service.

    So by less than J and A the bound would be wrong, and with priority alone a domain gets no more in the end.
    """
    who = [Contender("one", 1, SECOND), Contender("other", 1, SECOND)]
    pool = Pool(1, who, alpha_milli=1, half_life_us=10**6 * HOUR, aging_us=10 * SECOND)
    one, other = who
    job_id = pool.world.submit("one", 3_000, time_request_us=SECOND, priority=own)
    pool.do(NiceJob(0, job_id, points))
    while pool.world.now_us < 10 * earlier * SECOND:
        pool.go_on()
    pool.submit(other, SECOND, 3_000)
    for _ in range(2_000):
        pool.go_on()
    mine, theirs = (forward(pool.account(it.domain_id)) for it in who)
    unit = 2**own * CPU * SECOND if own >= 0 else Fraction(CPU * SECOND, 2**-own)
    assert abs(mine - 8 * theirs) <= 8 * CPU * SECOND + unit
    assert abs(Fraction(one.served, other.served) / service - 1) < Fraction(1, 10)


def standing(state: State, at_us: int) -> tuple[list[tuple[int, DomainId, JobId]], list[JobId]]:
    """Return who is next, and all after it, if until a time nothing happens but to one account; and what is leased."""
    engine = Engine(Meted(), state)
    engine.handle(GrantCredit(at_us, "d0", 1))
    keys = cast(tuple[Any, Any, list[Any]], engine.index.summary())[2]
    order = [(place[0], place[3], job_id) for _, _, ranked in keys for place, job_id, _ in ranked]
    engine.run_pass(at_us, decisions_max=1)
    return order, [event.job_id for event in engine.take() if isinstance(event, UnitsLeased)]


def hold_in_order(pool: Pool, state: State, order: list[tuple[int, DomainId, JobId]], at_us: int) -> None:
    """Hold an order of the pool to usage that fades and ages that grow, as of a time."""
    step, aging_us = step_of(at_us, pool.half_life_us), pool.aging_us
    in_pool = [(who, state.jobs.jobs[job_id]) for by, who, job_id in order if by == BY_POOL]
    for (one, ahead), (other, behind) in pairwise(in_pool):
        bits = Fraction(clamped(ahead.terms.priority) - clamped(behind.terms.priority))
        if aging_us is not None:
            bits += Fraction((at_us - ahead.submitted_us) - (at_us - behind.submitted_us), aging_us)
        mine, theirs = (state.jobs.accounts[who] for who in (one, other))
        used, used_after = (current(it.usage, it.epoch, step) for it in (mine, theirs))
        most = power(bits + SLACK_BITS) * (used_after + 1)
        assert used * share_of(state, other) <= most * share_of(state, one)


@examples(40)
@given(
    st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=3, max_size=6),
    st.sampled_from((5 * SECOND, 100 * SECOND, HOUR)),
    st.sampled_from((None, 7 * SECOND, 100 * SECOND)),
    DOINGS,
    st.sampled_from((1, SECOND, 13 * SECOND, 601 * SECOND, 100 * HOUR)),
)
def test_time_alone_changes_no_order(
    shape: list[tuple[int, int]],
    half_life_us: int,
    aging_us: int | None,
    done: list[tuple[str, int, int, int, int]],
    wait_us: int,
) -> None:
    """P9: with a slot free, whoever is next now is next after a wait, and so are all after it, by what is left then."""
    who = [Contender(f"d{at}", share, length * SECOND) for at, (share, length) in enumerate(shape)]
    pool = Pool(2, who, alpha_milli=100, half_life_us=half_life_us, aging_us=aging_us)
    for verb, number, size, count, steps in done:
        act(pool, verb, number, size, count)
        for _ in range(1 + steps):
            pool.run_pass()
            pool.advance()
        state, now_us = pool.world.state, pool.world.now_us
        order, leased = standing(state, now_us)
        assert standing(state, now_us + wait_us) == (order, leased)
        for at_us in (now_us, now_us + wait_us):
            hold_in_order(pool, state, order, at_us)


@dataclass
class Rush(Pool):
    """A pool in which the first domain has one unit waiting at a time, and all others come again and again, and pay.

    Attributes:
        before: The state as the head came.
        latest: How many aging times after a head the last of those came that went before it.
    """

    before: State | None = None
    latest: Fraction = Fraction(0)

    def let_come(self, alone: int, priority: int, loans: Sequence[tuple[int, int]] = ()) -> None:
        """Let the first domain have some units alone, then a head, and the others rush until that is served."""
        victim, left = self.contenders[0], list(loans)
        self.world.submit(victim.name, alone, time_request_us=SECOND)
        while self.is_backlogged(victim):
            self.go_on()
        self.come(priority)
        while self.before is not None:
            self.rush()
            if left:
                self.lend(*left.pop())
            self.go_on()

    def rush(self) -> None:
        """Let one more job come of each other domain, for which as much is paid as may be."""
        for contender in self.contenders[1:]:
            job_id = self.submit(contender, contender.longest_us)
            self.world.do(NiceJob(self.world.now_us, job_id, PRIORITY_STEPS_MAX))

    def come(self, priority: int) -> None:
        """Let a head come."""
        self.world.submit(self.contenders[0].name, 1, time_request_us=self.contenders[0].longest_us, priority=priority)
        self.before = self.world.state

    def lend(self, lender: int, borrower: int) -> None:
        """Let a domain lend a part of its share to another, or take back what was lent first."""
        one, other = (self.contenders[it % len(self.contenders)].name for it in (lender, borrower))
        self.do(OfferLoan(self.world.now_us, one, other, SHARE, 1 + lender % 3))
        if lender % 4 == 0:
            self.do(RecallLoan(self.world.now_us, LoanId(1 + borrower)))

    def _note(self, event: Event, before: State, who: DomainId) -> None:
        super()._note(event, before, who)
        victim = self.contenders[0].domain_id
        if not isinstance(event, UnitsLeased) or self.before is None:
            return
        if who == victim:
            self.before = None
        elif who in beside(before, victim) and is_of_pool(event, before, who):
            self._note_before(before.jobs.jobs[event.job_id], who, victim)

    def _note_before(self, job: Job, who: DomainId, victim: DomainId) -> None:
        """Hold a unit that went before the head to the last moment at which it may have come."""
        assert self.before is not None
        assert self.aging_us is not None
        (head,) = heads(self.before, victim)
        accounts = self.before.jobs.accounts
        mine = forward(accounts.get(who, NOTHING_RECEIVED)) * share_of(self.state, victim)
        bits = PRIORITY_STEPS_MAX - clamped(head.terms.priority)
        waited = Fraction(job.submitted_us - head.submitted_us, self.aging_us)
        theirs = forward(accounts.get(victim, NOTHING_RECEIVED)) * share_of(self.state, who)
        assert mine <= theirs * power(bits - waited + SLACK_BITS)
        self.latest = max(self.latest, waited)


@examples(25)
@given(
    st.lists(WEIGHTS, min_size=2, max_size=5),
    st.sampled_from((1, 250)),
    st.sampled_from(("pool", "all")),
    st.sampled_from((20 * SECOND, HOUR)),
    st.sampled_from((SECOND, 3 * SECOND, 10 * SECOND)),
    st.lists(st.tuples(st.integers(1, 30), st.integers(-10, 10)), min_size=1, max_size=3),
)
def test_only_what_comes_in_time_goes_before_a_head(
    shares: list[int], alpha: int, usage: str, half_life_us: int, aging_us: int, comings: list[tuple[int, int]]
) -> None:
    """P9 of a head: when it comes it is known until when others must come to go before it, whatever is paid."""
    who = [Contender(f"d{at}", share, SECOND) for at, share in enumerate(shares)]
    pool = Rush(1, who, alpha_milli=alpha, usage=usage, half_life_us=half_life_us, aging_us=aging_us)
    for alone, priority in comings:
        pool.let_come(alone, priority)
    pool.world.check()


@examples(15)
@given(
    st.lists(WEIGHTS, min_size=2, max_size=4),
    st.tuples(WEIGHTS, WEIGHTS),
    st.sampled_from((1, 250)),
    st.sampled_from(("pool", "all")),
    st.sampled_from((SECOND, 3 * SECOND)),
    st.lists(st.tuples(st.integers(1, 20), st.integers(-10, 10)), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5),
)
def test_so_it_is_of_a_head_inside_a_domain_by_the_shares_of_the_moment(
    shares: list[int],
    groups: tuple[int, int],
    alpha: int,
    usage: str,
    aging_us: int,
    comings: list[tuple[int, int]],
    loans: list[tuple[int, int]],
) -> None:
    """P9 of a head, among those beside it; the domain that they are in waits for its own turns beside another."""
    pool = Rush(1, [], alpha_milli=alpha, usage=usage, aging_us=aging_us, group_shares={"g": groups[0]})
    pool.enter([Contender(f"g/d{at}", share, SECOND) for at, share in enumerate(shares)])
    pool.enter([Contender("k", groups[1], SECOND)])
    for alone, priority in comings:
        pool.let_come(alone, priority, loans)
    pool.world.check()


@pytest.mark.parametrize(("low", "passed_s"), [(False, 10), (True, 20)])
def test_of_a_head_above_its_own_level_it_does_not_hold(low: bool, passed_s: int) -> None:
    """What comes beside it in its domain may be next there, and this domain then waits as what is next in it.

    All is even, so ten points bring forward what comes up to ten aging times after a head. Beside this one, which has
    had its turn, comes a unit of priority -10 that is owed one, and until that is served it is twenty.
    """
    pool = Rush(1, [], alpha_milli=1, half_life_us=10**6 * HOUR, aging_us=SECOND, usage="all")
    pool.enter([Contender(name, 1, SECOND) for name in ("g/a", "g/b", "k")])
    for name in ("g/a", "k"):
        pool.world.submit(name, 1, time_request_us=1_000 * SECOND)
    pool.run_pass()
    while pool.ends:
        pool.advance()
        pool.run_pass()
    head, rushing, came_us = pool.contenders[0], pool.contenders[2], pool.world.now_us
    pool.submit(rushing, SECOND)
    pool.run_pass()
    pool.submit(head, SECOND)
    if low:
        pool.world.submit("g/b", 1, time_request_us=SECOND, priority=-10)
    while pool.is_backlogged(head):
        pool.do(NiceJob(pool.world.now_us, pool.submit(rushing, SECOND), PRIORITY_STEPS_MAX))
        pool.advance()
        pool.run_pass()
    assert passed_s <= (pool.world.now_us - came_us) // SECOND <= passed_s + 2


def test_others_come_before_a_head_up_to_the_last_moment() -> None:
    """64 units against one, and ten points, are 16 bits: 32 s. Who pays comes each second and goes before till then."""
    who = [Contender(f"d{at}", 1, SECOND) for at in range(41)]
    pool = Rush(1, who, alpha_milli=1, usage="all", half_life_us=10**6 * HOUR, aging_us=2 * SECOND)
    for contender in who:
        pool.submit(contender, SECOND, 1 if contender is not who[0] else 64)
    while pool.advance() or pool.is_backlogged(who[0]):
        pool.run_pass()
    pool.follow()
    pool.come(0)
    for contender in who[1:]:
        job_id = pool.submit(contender, SECOND)
        pool.world.do(NiceJob(pool.world.now_us, job_id, PRIORITY_STEPS_MAX))
        pool.go_on()
    assert pool.before is None
    assert 15 < pool.latest <= 16
