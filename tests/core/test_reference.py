"""The engine's default policy and the reference of it, decision by decision, on the same drawn scenario.

Both round alike: what a unit moves a tag by, down, and a virtual time, up, in units of 2**-20. Sizes are multiples of
all numbers up to 15, so that the clocks inside a domain are whole, too. Times are whole half-lives, so that decay is
exact. The engine takes logarithms from a table: two in the pool that are nearer than that is fine may go in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain, JoinWorker, OfferLoan, SetRules
from meted.core.errors import Refused
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.ids import DomainId, JobId, LeaseId, WorkerId
from meted.core.resources import NOTHING

from .helper import World, cpus, examples
from .reference_clock import (
    ENTITLED,
    GUARANTEED,
    POOL,
    Choice,
    Deadlines,
    Lease,
    ReferenceClock,
    rounded_advance,
    rounded_charge,
)

UNIT_US = 360_360_000
"""A multiple of all numbers up to 15, longer than a run quantum: so units are leased one by one."""

HALF_LIFE_US = 1 << 36
CPU = 1000
NEAR = 2.0**-20
"""Pool keys (in bits) that are nearer than this may be taken in either order."""

DEADLINES: Deadlines = "rising"
"""How the engine's deadlines follow the head of a queue."""

SLOTS = 3

nodes = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from((1, 2, 3, 5, 10, 50)),
        st.sampled_from((0, 0, 0, 1, 2)),
        st.sampled_from((None, None, None, 1, 2)),
    ),
    min_size=1,
    max_size=7,
)
RATIOS = tuple(map(Fraction, ("1/1000", "1/2", "1", "2")))
"""What units take of what was estimated."""

submissions = st.tuples(
    st.just("submit"), st.integers(0, 9), st.booleans(), st.integers(1, 5), st.integers(0, 1), st.integers(1, 3)
)
ends = st.tuples(
    st.just("finish"), st.integers(0, 9), st.sampled_from((Fraction(1, 1000), Fraction(1, 2), Fraction(1), Fraction(2)))
)
refunds = st.tuples(st.just("return"), st.integers(0, 9))
loans = st.tuples(st.just("lend"), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
ages = st.tuples(st.just("wait"), st.integers(1, 3))
steps = st.lists(st.one_of(submissions, submissions, ends, ends, ends, refunds, loans, ages), max_size=60)
rules = st.tuples(
    st.sampled_from((250, 500, 750, 1000)),
    st.sampled_from(("decay", "fifo")),
    st.booleans(),
    st.sampled_from(("all", "pool")),
)


@dataclass
class Led:
    """A pool that goes by the rule, but takes what it is told where the keys are as good as equal."""

    order: str
    told: int = 0

    def __call__(self, clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
        """Choose."""
        if self.order == "fifo":
            return min(heads, key=lambda head: (head.job.came, head.path[-1].domain_id))
        keys = {head.path[-1].domain_id: self._bits(clock, head) for head in heads}
        least = min(keys.values())
        for head in heads:
            if head.job.job_id == self.told and keys[head.path[-1].domain_id] <= least + NEAR:
                return head
        return min(heads, key=lambda head: (keys[head.path[-1].domain_id], head.path[-1].domain_id))

    def _bits(self, clock: ReferenceClock, head: Choice) -> float:
        key = clock.pool_key(head)
        return float(key) if clock.aging else log2(key)


@dataclass
class Both:
    """The engine and the reference, side by side."""

    world: World
    clock: ReferenceClock
    pool: Led
    names: list[str] = field(default_factory=list)
    running: list[tuple[LeaseId, Lease]] = field(default_factory=list)
    owner: int = 0
    desktop: WorkerId | None = None
    on_desktop: LeaseId | None = None

    @property
    def leaves(self) -> list[int]:
        """The domains that take jobs."""
        return [who for who in self.clock.domains if who and not self.clock.children(who)]

    def name(self, domain_id: int) -> str:
        """Return a domain's name."""
        return self.names[domain_id - 1]

    def add(self, parent: int, share: int, guarantee: int, cap: int | None) -> None:
        """Create a domain in both."""
        self.names.append(f"d{len(self.names) + 1}")
        limit = None if cap is None else cpus(cap)
        over = self.name(parent) if parent else ""
        ensured = cpus(guarantee) if guarantee else NOTHING
        self.world.do(CreateDomain(0, self.names[-1], share, limit, parent=over, guarantee=ensured))
        domain_id = self.world.state.domains.by_name[self.names[-1]]
        assert domain_id == len(self.names)
        self.clock.add_domain(domain_id, share, parent, guarantee, cap)

    def own(self, at: int) -> None:
        """Have a machine with one more slot join, that a domain without caps owns: its work goes first there."""
        self.owner = 1 + at % len(self.names)
        (joined,) = self.world.do(JoinWorker(0, "desktop", cpus(1), owner=self.name(self.owner)))
        assert isinstance(joined, WorkerJoined)
        self.desktop = joined.worker_id

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return SLOTS + (self.desktop is not None)

    def next(self) -> Choice | None:
        """Return what the reference serves next: what its owner has on a machine of its own, else by the clock."""
        if self.owner and self.on_desktop not in dict(self.running):
            mine = self.clock.choose_inside(self.owner)
            if mine is not None:
                return mine
        return self.clock.choose()

    def submit(self, at: int, other_user: bool, length: int, priority: int, count: int) -> None:
        """Submit a job to both, unless so many wait that the weights of one user do not divide sizes any more."""
        leaf, user = self.leaves[at % len(self.leaves)], "ab"[other_user]
        if len(self.clock.waiting(leaf)) >= 6:
            return
        took_us = length * UNIT_US
        job_id = self.world.submit(self.name(leaf), count, user=user, priority=priority, time_request_us=took_us)
        self.clock.submit(leaf, user, job_id, CPU * took_us, priority, count)

    def turn(self, lease_id: LeaseId) -> int:
        """Return whose turn it is to be looked at when a lease ends."""
        return 1 + lease_id % len(self.names)

    def finish(self, at: int, ratio: Fraction) -> None:
        """End a lease with another time than was estimated."""
        if self.running:
            lease_id, lease = self.running.pop(at % len(self.running))
            took_us = int(lease.size * ratio) // CPU
            self.world.finish(lease_id, run_us=took_us)
            self.clock.finish(lease, CPU * took_us, turn=self.turn(lease_id))

    def give_back(self, at: int) -> None:
        """Return a lease that was not begun."""
        if self.running:
            lease_id, lease = self.running.pop(at % len(self.running))
            self.world.give_back(lease_id)
            self.clock.finish(lease, 0, again=True, turn=self.turn(lease_id))

    def lend(self, who: int, to: int, amount: int) -> None:
        """Lend a part of a share to a sibling, as far as the floor of 1 and what is borrowed itself allow."""
        count = len(self.names)
        first, second = (self.clock.domains[1 + each % count] for each in (who, to))
        own = self.world.find_domain(self.name(first.domain_id)).share
        lent = max(0, own - first.share)
        amount = min(amount, own - lent - 1)
        if first is second or first.parent != second.parent or amount < 1:
            return
        lender, borrower = self.name(first.domain_id), self.name(second.domain_id)
        try:
            self.world.do(OfferLoan(self.world.now_us, lender, borrower, "share", amount))
        except Refused:  # some of what it has is borrowed, and cannot be lent
            return
        shares = {
            it.domain_id: self.world.find_domain(self.name(it.domain_id)).effective_share for it in (first, second)
        }
        assert sum(shares.values()) == first.share + second.share
        self.clock.change_shares(shares)

    def wait(self, half_lives: int) -> None:
        """Let time pass."""
        self.clock.now = self.world.tick(half_lives * HALF_LIFE_US)

    def run_pass(self) -> None:
        """Let the engine give out work, and expect of the reference the same, one by one."""
        before = len(self.world.log)
        self.world.run_pass()
        for event in self.world.log[before:]:
            if isinstance(event, UnitsLeased):
                self._expect(event)
        left = self.next()  # asked where nothing is free, too: what is next then is remembered
        assert left is None or len(self.running) == self.slots, "a slot is free that the reference would fill"
        self.compare()

    def _expect(self, event: UnitsLeased) -> None:
        self.pool.told = event.job_id
        choice = self.next()
        assert choice is not None
        assert event.count == 1
        assert JobId(choice.job.job_id) == event.job_id, f"the reference chooses {choice}"
        lease = self.clock.dispatch(choice)
        assert event.size == lease.size
        assert event.domain_tag == choice.leaf.tag
        self.running.append((event.lease_id, lease))
        if event.worker_id == self.desktop:
            self.on_desktop = event.lease_id

    def compare(self) -> None:
        """Expect the same tags and virtual times at each node."""
        jobs, root = self.world.state.jobs, self.clock.domains[0]
        assert (jobs.clock, jobs.debt) == (root.inside.time, root.inside.debt)
        for domain in self.clock.domains.values():
            account = jobs.accounts.get(DomainId(domain.domain_id))
            if not domain.domain_id or account is None:
                continue
            assert account.tag == domain.tag, f"start tag of {self.name(domain.domain_id)}"
            assert account.service == domain.served
            start = jobs.starts.of.get(DomainId(domain.domain_id))
            assert start is None or (start.base, start.floor, start.drop) == (domain.base, domain.floor, domain.drop)
            assert start is not None or domain.base == domain.floor
            if self.clock.children(domain.domain_id):
                assert (account.clock, account.debt) == (domain.inside.time, domain.inside.debt)


def both(alpha_milli: int, order: str, with_age: bool, usage: str) -> Both:
    """Return an engine and a reference with the same rules and no domains."""
    world, pool = World("meted"), Led(order)
    world.do(SetRules(0, alpha_milli, HALF_LIFE_US, HALF_LIFE_US if with_age else None, order, usage))
    world.worker(SLOTS)
    clock = ReferenceClock(
        alpha_milli,
        HALF_LIFE_US,
        Fraction(with_age, HALF_LIFE_US),
        pool,
        DEADLINES,
        frozenset({GUARANTEED, ENTITLED, POOL} if usage == "all" else {POOL}),
        rounded_charge,
        rounded_advance,
        whole=True,
    )
    return Both(world, clock, pool)


@examples(50)
@given(rules, nodes, steps)
def test_the_engine_decides_as_the_reference(
    settings: tuple[int, str, bool, str],
    tree: list[tuple[int, int, int, int | None]],
    events: list[tuple[object, ...]],
) -> None:
    """Each decision, each start tag and each virtual time are the same, whatever happens in between."""
    pair = both(*settings)
    with pair.world:
        for at, (under, share, guarantee, cap) in enumerate(tree):
            pair.add(under % (at + 1), share, guarantee, cap)
        doing = {"submit": pair.submit, "finish": pair.finish, "return": pair.give_back, "lend": pair.lend}
        for name, *how in events:
            {**doing, "wait": pair.wait}[str(name)](*how)  # type: ignore[operator]
            pair.run_pass()


@pytest.mark.parametrize("with_owner", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_the_engine_decides_as_the_reference_for_long(seed: int, with_owner: bool) -> None:
    """The same where more domains wait than are served for long, who lends has lent before, and caps hold some back."""
    dice = Random(seed)
    alpha, order = dice.choice((250, 500, 750, 1000)), dice.choice(("decay", "fifo"))
    pair = both(alpha, order, dice.random() < 0.5, dice.choice(("all", "pool")))
    with pair.world:
        for at in range(dice.randint(2, 8)):
            cap = None if with_owner else dice.choice((None, None, None, 1, 2))
            parent = dice.randint(0, at) if dice.random() < 0.6 else 0
            pair.add(parent, dice.choice((1, 2, 3, 5, 10, 50)), dice.choice((0, 0, 0, 1, 2)), cap)
        if with_owner:
            pair.own(dice.randint(0, 9))
        for _ in range(150):
            some = dice.random()
            if some < 0.3:
                length, priority, count = dice.randint(1, 5), dice.randint(0, 1), dice.randint(1, 3)
                pair.submit(dice.randint(0, 9), dice.random() < 0.5, length, priority, count)
            elif some < 0.8:
                pair.finish(dice.randint(0, 9), dice.choice(RATIOS))
            elif some < 0.86:
                pair.give_back(dice.randint(0, 9))
            elif some < 0.95:
                pair.lend(dice.randint(0, 9), dice.randint(0, 9), dice.randint(1, 9))
            else:
                pair.wait(dice.randint(1, 3))
            pair.run_pass()
        assert sum(isinstance(event, UnitsLeased) for event in pair.world.log) > 20
