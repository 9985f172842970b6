"""The bounds of the entitlement clock, through the real engine: lag, guarantee under churn, waits, wrong estimates.

What is asserted is theory, not experience: L is the largest dispatch of any domain, a run of short units counting as
one of a run quantum at least (L' = max(L, Q)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import ChangeDomain
from meted.core.ids import JobId
from meted.core.schema import state_digest
from meted.core.tags import ENTITLED

from .clocked import CPU, Arena, Contender
from .helper import MS, SECOND, World, cpus, examples
from .test_schema import run_with_hash_seed

WEIGHTS = (1, 2, 3, 5, 10, 50)
LENGTHS = (1, 2, 5, 10, 40)
SLOTS = (1, 2, 3, 8, 16)
FEWER = examples(25)
unit_sizes = st.sampled_from([SECOND, 2 * MS])  # short units go in runs


@st.composite
def contenders(draw: st.DrawFn, unit_us: int, most: int = 14) -> list[Contender]:
    """Draw some domains."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(WEIGHTS), st.sampled_from(LENGTHS)), min_size=2, max_size=most))
    return [Contender(f"d{at}", share, length * unit_us) for at, (share, length) in enumerate(drawn)]


def drawn_us(contender: Contender, unit_us: int, number: int) -> int:
    """Return the length of a unit: the longest of its domain for 0, else some whole number of units up to that."""
    longest = contender.longest_us // unit_us
    return unit_us * (1 + number % longest if number else longest)


lengths = st.lists(st.integers(0, 40), min_size=1, max_size=40)


@FEWER
@given(st.data(), unit_sizes, st.sampled_from(SLOTS), lengths)
def test_lag_is_bounded_while_all_wait(data: st.DataObject, unit_us: int, slots: int, numbers: list[int]) -> None:
    """P3, P5 (heads) and P7: no number of domains in any of it."""
    arena = Arena(slots, data.draw(contenders(unit_us)), all_backlogged=True)
    for step in range(60):
        for at, contender in enumerate(arena.contenders):
            number = numbers[(step * 7 + at) % len(numbers)]
            count = 1 if unit_us == SECOND else 1 + 13 * number
            arena.keep_backlogged(contender, drawn_us(contender, unit_us, number), count)
        arena.run_pass()
        arena.note_intervals()
        arena.advance()
    arena.expect()
    arena.world.check()


arrivals = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 40), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=120
)


@FEWER
@given(st.data(), unit_sizes, st.sampled_from(SLOTS), arrivals)
def test_guarantee_and_waits_hold_under_churn(
    data: st.DataObject, unit_us: int, slots: int, drawn: list[tuple[int, int, int, int]]
) -> None:
    """P4, P5 (fresh and heads) and P7, while domains come and go."""
    arena = Arena(slots, data.draw(contenders(unit_us)))
    for who, size, count, gap in drawn:
        contender = arena.contenders[who % len(arena.contenders)]
        arena.submit(contender, drawn_us(contender, unit_us, size), count if unit_us == SECOND else 40 * count)
        for _ in range(gap):
            arena.run_pass()
            arena.note_intervals()
            arena.advance()
    while arena.ends or any(map(arena.is_backlogged, arena.contenders)):
        arena.run_pass()
        arena.note_intervals()
        arena.advance()
    arena.expect()
    arena.world.check()


# Wrong estimates


@dataclass
class Liar:
    """What a domain says of its units, and by which factors it is wrong."""

    estimate_us: int
    factors: list[Fraction]

    @property
    def error(self) -> int:
        """The largest error of one unit, in size."""
        return CPU * max(abs(int(self.estimate_us * factor) - self.estimate_us) for factor in self.factors)


FACTORS = (Fraction(1, 100), Fraction(1, 10), Fraction(1), Fraction(10), Fraction(100))


@FEWER
@given(st.data(), st.sampled_from(SLOTS), st.randoms(use_true_random=False))
def test_wrong_estimates_add_what_each_domain_has_in_flight(data: st.DataObject, slots: int, dice: Random) -> None:
    """P3 with estimates 0.01 to 100 times wrong.

    A domain that is wrong has up to a slot's worth of error a slot in flight when it passes another's deadline, and
    every domain may be wrong once: so m e_i of its own, and its share of what all others have, are added.
    """
    drawn = data.draw(contenders(SECOND, 10))
    liars = [
        Liar(who.longest_us, data.draw(st.lists(st.sampled_from(FACTORS), min_size=1, max_size=3))) for who in drawn
    ]
    for who, liar in zip(drawn, liars, strict=True):
        who.longest_us = int(liar.estimate_us * max(Fraction(1), *liar.factors))
    factors: dict[tuple[JobId, int], Fraction] = {}

    def took_us(job_id: JobId, index: int) -> int:
        terms = arena.world.job(job_id).terms
        liar = liars[arena.contenders.index(arena.by_id[terms.domain_id])]
        return int(liar.estimate_us * factors.setdefault((job_id, index), dice.choice(liar.factors)))

    arena = Arena(slots, drawn, took_us=took_us)
    for _ in range(60):
        for who, liar in zip(drawn, liars, strict=True):
            arena.keep_backlogged(who, liar.estimate_us, 2)
        arena.run_pass()
        for who, liar in zip(drawn, liars, strict=True):
            others = slots * sum(other.error for other in liars if other is not liar)
            in_flight = slots * liar.error + Fraction(who.share * others, arena.total_share)
            assert arena.lag(who) < arena.largest + in_flight + 1
            assert -arena.lag(who) < who.largest + in_flight + 1
        arena.advance()
    arena.world.check()


@pytest.mark.parametrize("factor", [Fraction(1, 100), Fraction(1, 10), Fraction(1), Fraction(10)])
@pytest.mark.parametrize("slots", [1, 4])
def test_a_newcomer_does_not_wait_for_the_history(factor: Fraction, slots: int) -> None:
    """After 2,000 units of which every one was wrongly estimated a new domain waits as if there had been none."""
    veterans = [Contender("a", 1, 10 * SECOND), Contender("b", 3, 10 * SECOND)]
    newcomer = Contender("new", 2, SECOND)
    arena = Arena(slots, [*veterans, newcomer], took_us=_wrong_by(factor, lambda: arena))
    while len(arena.order) < 2_000:
        for who in veterans:
            arena.keep_backlogged(who, 10 * SECOND, 10)
        arena.run_pass()
        arena.advance()
    arrived_us = arena.world.now_us
    arena.submit(newcomer, SECOND)
    while arena.is_backlogged(newcomer):
        for who in veterans:
            arena.keep_backlogged(who, 10 * SECOND, 10)
        arena.run_pass()
        arena.advance() if arena.is_backlogged(newcomer) else None
    waited_us = arena.world.now_us - arrived_us
    # T <= L + (Phi L_i / w_i + L - L_i) / m, and what was in flight, with L the larger of estimated and real.
    longest_us = int(10 * SECOND * max(Fraction(1), factor))
    bound_us = longest_us + (6 * SECOND // 2 + longest_us - SECOND) // slots + longest_us
    assert waited_us <= bound_us


def _wrong_by(factor: Fraction, arena: Callable[[], Arena]) -> Callable[[JobId, int], int]:
    def took_us(job_id: JobId, index: int) -> int:
        estimated_us = arena().world.job(job_id).terms.time_request_us
        assert estimated_us is not None
        return int(estimated_us * factor)

    return took_us


def test_the_debt_of_the_clock_stays_small() -> None:
    """Where all estimates are ten times too long V keeps with the service that was real."""
    who = [Contender("a", 1, 10 * SECOND), Contender("b", 1, 10 * SECOND)]
    arena = Arena(2, who, took_us=_wrong_by(Fraction(1, 10), lambda: arena))
    for _ in range(1_000):
        for contender in who:
            arena.keep_backlogged(contender, 10 * SECOND)
        arena.run_pass()
        arena.advance()
    jobs = arena.world.state.jobs
    served = Fraction(arena.served << 20, arena.total_share)
    in_flight = Fraction(2 * 2 * 10 * SECOND * CPU << 20, arena.total_share)
    assert abs(jobs.clock - served) <= in_flight
    assert jobs.debt <= in_flight


# The clock and the shares


def test_nothing_but_service_moves_the_clock() -> None:
    """Nobody waits who is owed: so it goes by the pool, which moves no tag, and V by what was served alone."""
    arena = Arena(3, [Contender("capped", 1, SECOND), Contender("b", 1, SECOND), Contender("idle", 1000, SECOND)])
    world = arena.world
    world.do(ChangeDomain(0, "capped", 1, cpus(1)))
    for name in ("capped", "b"):
        world.submit(name, 5, time_request_us=SECOND)
    leases = world.run_pass()
    served = [world.find_domain("capped").domain_id, world.find_domain("b").domain_id, world.find_domain("b").domain_id]
    assert [world.job(lease.job_id).terms.domain_id for lease in leases] == served
    size = CPU * SECOND << 20
    assert world.state.jobs.clock == 3 * (size // 1002)
    assert [bool(lease.charged & ENTITLED) for lease in leases] == [True, True, False]
    assert world.account("b").tag == size
    assert world.account("b").usage == 2 * CPU * SECOND


@given(
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.integers(1, 50),
    st.integers(1, 100 * SECOND),
)
def test_a_new_share_leaves_what_is_owed(share: int, new: int, others: int, count: int, unit_us: int) -> None:
    """P10a: S' = V - (V - S) g / g'; and the way back restores it, whatever lies between."""
    with World() as world:
        world.domain("d", share)
        world.domain("other", others)
        worker = world.worker(100)
        for name, units in (("d", 1), ("other", count), ("d", 2)):
            world.lease(worker, world.submit(name, units + 1, time_request_us=unit_us), units)

        def owed() -> int:
            return world.find_domain().share * (world.state.jobs.clock - world.account().tag)

        before, clock = owed(), world.state.jobs.clock
        world.do(ChangeDomain(0, "d", new))
        assert 0 <= before - owed() < new
        assert world.state.jobs.clock == clock
        world.do(ChangeDomain(0, "d", share))
        assert 0 <= before - owed() < new + share
        assert world.do(ChangeDomain(0, "d", share)) == ()


def test_a_share_that_goes_down_and_up_again_restores_the_lag_exactly() -> None:
    with World() as world:
        world.domain("d", 1_048_576)
        world.domain("other", 3)
        worker = world.worker(9)
        for name in ("other", "d", "other"):
            world.lease(worker, world.submit(name, 9, time_request_us=7 * SECOND), 3)
        tag = world.account().tag
        world.do(ChangeDomain(0, "d", 2))
        assert world.account().tag != tag
        world.do(ChangeDomain(0, "d", 1_048_576))
        assert world.account().tag == tag


def test_a_new_share_counts_from_now_on() -> None:
    """After a change of 1 : 1 to 1 : 3 the next forty units are shared 10 : 30, whatever was before."""
    who = [Contender("a", 1, SECOND), Contender("b", 1, SECOND)]
    arena = Arena(1, who)

    def serve(units: int) -> list[int]:
        begin = len(arena.order)
        while len(arena.order) < begin + units:
            for contender in who:
                arena.keep_backlogged(contender, SECOND)
            arena.run_pass()
            arena.advance()
        return [arena.order[begin:].count(at) for at in (0, 1)]

    assert serve(40) == [20, 20]
    who[1].share = 3
    arena.world.do(ChangeDomain(0, "b", 3))
    served = serve(40)
    assert abs(served[0] - 10) <= 1
    assert abs(served[1] - 30) <= 1


def test_shares_give_their_part_of_the_pool() -> None:
    """P22: shares 1 : 2 : 5 give 12.5, 25 and 62.5 % of the service."""
    who = [Contender(name, share, SECOND) for name, share in (("a", 1), ("b", 2), ("c", 5))]
    arena = Arena(8, who)
    while len(arena.order) < 10_000:
        for contender in who:
            arena.keep_backlogged(contender, SECOND, 100)
        arena.run_pass()
        arena.advance()
    parts = [contender.served / arena.served for contender in who]
    assert parts == [pytest.approx(0.125, abs=0.02), pytest.approx(0.25, abs=0.02), pytest.approx(0.625, abs=0.02)]


def test_equal_units_of_three_to_two_to_one_go_round_in_sixes() -> None:
    """In every six of equal units a, b and c have three, two and one."""
    who = [Contender(name, share, SECOND) for name, share in (("a", 3), ("b", 2), ("c", 1))]
    arena = Arena(1, who, all_backlogged=True)
    for _ in range(60):
        for contender in who:
            arena.keep_backlogged(contender, SECOND)
        arena.run_pass()
        arena.advance()
    for at in range(0, 60, 6):
        assert sorted(arena.order[at : at + 6]) == [0, 0, 0, 1, 1, 2]


def order_of(shares: list[int], units_us: list[int], slots: int, steps: int = 40) -> list[int]:
    """Return the order in which domains with such shares and units are served, all backlogged."""
    who = [Contender(f"d{at}", share, unit) for at, (share, unit) in enumerate(zip(shares, units_us, strict=True))]
    arena = Arena(slots, who)
    for _ in range(steps):
        for contender in who:
            arena.keep_backlogged(contender, contender.longest_us)
        arena.run_pass()
        arena.advance()
    return arena.order


@FEWER
@given(
    st.lists(st.tuples(st.sampled_from(WEIGHTS), st.integers(1, 8)), min_size=2, max_size=6),
    st.sampled_from(SLOTS),
    st.sampled_from([2, 3, 7, 1000]),
)
def test_only_proportions_matter(drawn: list[tuple[int, int]], slots: int, factor: int) -> None:
    """P20: all shares, or all sizes, a number of times as large leave the order as it is.

    Sizes are multiples of all that divides them, so that no rounding breaks a tie otherwise.
    """
    shares = [share for share, _ in drawn]
    whole_us = 150 * sum(shares) * 21_000
    units_us = [size * whole_us for _, size in drawn]
    order = order_of(shares, units_us, slots)
    assert order_of([share * factor for share in shares], units_us, slots) == order
    assert order_of(shares, [unit * factor for unit in units_us], slots) == order


@pytest.mark.slow
def test_decisions_do_not_depend_on_the_hash_seed() -> None:
    """P19: another PYTHONHASHSEED, the same log and state."""
    program = "from tests.core.test_clock_bounds import fingerprint; print(fingerprint())"
    outputs = {run_with_hash_seed(program, seed) for seed in ("0", "7", "999")}
    assert len(outputs) == 1
    assert outputs == {fingerprint() + "\n"}


def fingerprint() -> str:
    """Return the digest of the state after a busy while with many domains, shapes and tags."""
    dice = Random(5)
    who = [Contender(f"domain {at}", dice.choice(WEIGHTS), SECOND * dice.choice(LENGTHS)) for at in range(12)]
    arena = Arena(5, who)
    for _ in range(80):
        arena.submit(dice.choice(who), dice.choice((3 * MS, SECOND, 4 * SECOND)), dice.randint(1, 30))
        arena.run_pass()
        arena.advance()
    return state_digest(arena.world.state)
