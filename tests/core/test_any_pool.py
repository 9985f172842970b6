"""P4 to P7 of the real engine, whatever the pool does: it may give all to one, nothing to one, or go by chance.

The pool's order is exchanged for one of a test (:func:`given_to`); all else is the engine's. What is owed is counted by
service of tier 1 alone, with g = alpha e: so what the pool gives, to whomever, is no part of any bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import SetRules
from meted.core.events import UnitsLeased
from meted.core.falling import entitled_charge
from meted.core.ids import DomainId, LeaseId
from meted.core.policy.pool_key import PoolKey, decay_key, fifo_key
from meted.core.policy.pool_orders import POOL_KEYS
from meted.core.service import lag
from meted.core.state import FairnessAccount, Job, State
from meted.core.tags import ENTITLED

from .clocked import CPU, Arena, Contender
from .helper import SECOND, examples
from .test_clock_bounds import SLOTS, contenders, drawn_us, unit_sizes

EXCHANGED = "fifo"
"""The order in whose place that of a test is put."""

ALPHAS = (100, 250, 500, 750, 1000)


def hog(_state: State, domain_id: DomainId, _account: FairnessAccount, _share: int, _job: Job) -> int:
    """Give all of the pool to one."""
    return -domain_id


def starve(_state: State, domain_id: DomainId, _account: FairnessAccount, _share: int, job: Job) -> int:
    """Give nothing of the pool to the first."""
    return (1 << 100 if domain_id == 1 else 0) + job.submitted_us


def by_chance(numbers: list[int]) -> PoolKey:
    """Give the pool to whoever was drawn, anew with each lease."""

    def key(_state: State, domain_id: DomainId, account: FairnessAccount, _share: int, _job: Job) -> int:
        return numbers[(domain_id + account.service // SECOND) % len(numbers)]

    return key


busy = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 40), st.integers(1, 6), st.integers(0, 2)), min_size=20, max_size=60
)
pools = st.one_of(
    st.sampled_from((decay_key, fifo_key, hog, starve)),
    st.lists(st.integers(0, 40), min_size=1, max_size=20).map(by_chance),
)


@contextmanager
def given_to(key: PoolKey) -> Iterator[None]:
    """Put an order in the place of one of the engine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(POOL_KEYS, EXCHANGED, key)
        yield


@dataclass
class AnyPool(Arena):
    """An arena in which service of tier 1 is counted by itself.

    Attributes:
        entitled: What each domain has received from its entitlement.
        least: The least by which it has been behind since it waits.
    """

    entitled: dict[DomainId, int] = field(default_factory=dict)
    least: dict[DomainId, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.do(SetRules(0, self.alpha_milli, pool=EXCHANGED))
        self.entitled = dict.fromkeys(self.by_id, 0)

    def rate(self, contender: Contender) -> Fraction:
        """The rate g that a domain is owed."""
        return Fraction(self.alpha_milli * contender.share, 1000)

    def _check_deadline(self, event: UnitsLeased) -> None:
        """P6: Phi (V - S_i - L_i / g_i) <= L before each dispatch from tier 1."""
        if not event.charged & ENTITLED:
            return
        contender = self.by_id[self.world.job(event.job_id).terms.domain_id]
        size = event.size * event.count
        self.entitled[contender.domain_id] += size
        clock = event.clock - ((size << 20) // self.total_share)
        tag = event.domain_tag - event.count * entitled_charge(event.size, contender.share, self.alpha_milli)
        late = Fraction(self.total_share * (clock - tag), 1 << 20)
        late -= self.total_share * contender.largest / self.rate(contender)
        self.note("deadline", late, self.largest)

    def _note_wait(self, contender: Contender) -> None:
        """P5 and P6: how long a head of queue waited, whichever tier it came from at last."""
        assert contender.waits_since_us is not None
        waited = CPU * (self.world.now_us - contender.waits_since_us)
        ahead = (1 if contender.was_fresh else 2) * self.total_share * contender.largest / self.rate(contender)
        name = "fresh wait" if contender.was_fresh else "head's wait"
        self.note(name, Fraction(waited), self.largest + (ahead + self.largest) / self.slots)
        contender.was_fresh = False

    def _finish(self, lease_id: LeaseId) -> None:
        super()._finish(lease_id)
        self.note_owed()

    def note_owed(self) -> None:
        """P4 and P6 over any interval in which a domain waits, by tier 1 alone; and at this instant, the lag."""
        for contender in self.contenders:
            who, own = contender.domain_id, self.rate(contender) / self.total_share
            if not self.is_backlogged(contender):
                self.least.pop(who, None)
                continue
            behind = own * self.served - self.entitled[who]
            self.least[who] = min(behind, self.least.get(who, behind))
            now = contender.largest + (self.largest - contender.largest) * own
            self.note("interval", behind - self.least[who], now + contender.largest)
            self.note("lag", Fraction(lag(self.world.state, who)), now)


@examples(40)
@given(st.data(), unit_sizes, st.sampled_from(SLOTS), st.sampled_from(ALPHAS), pools, busy)
def test_what_is_owed_is_had_whatever_the_pool_does(
    data: st.DataObject,
    unit_us: int,
    slots: int,
    alpha: int,
    key: PoolKey,
    drawn: list[tuple[int, int, int, int]],
) -> None:
    """P4 to P7 and the lag at any instant, while domains come and go."""
    with given_to(key):
        arena = AnyPool(slots, data.draw(contenders(unit_us, 8)), alpha_milli=alpha)

        def go_on() -> None:
            arena.run_pass()
            arena.note_owed()
            arena.advance()

        for who, size, count, gap in drawn:
            contender = arena.contenders[who % len(arena.contenders)]
            arena.submit(contender, drawn_us(contender, unit_us, size), count if unit_us == SECOND else 40 * count)
            for _ in range(gap):
                go_on()
        while arena.ends or any(map(arena.is_backlogged, arena.contenders)):
            go_on()
        arena.expect()
        arena.world.check()


@pytest.mark.parametrize("key", [hog, starve])
def test_the_victim_has_what_it_is_owed_and_no_more(key: PoolKey) -> None:
    """So the pool of a test is the one that the engine goes by."""
    with given_to(key):
        who = [Contender("victim", 1, SECOND), Contender("other", 1, SECOND)]
        arena = AnyPool(2, who, alpha_milli=250)
        while len(arena.order) < 400:
            for contender in who:
                arena.keep_backlogged(contender, SECOND, 100)
            arena.run_pass()
            arena.note_owed()
            arena.advance()
        assert arena.served // 8 - who[0].largest <= who[0].served <= arena.served // 8 + who[0].largest
        arena.expect()
