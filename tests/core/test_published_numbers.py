"""Numbers that others published, or that follow on paper: the reference gives them exactly."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, log2
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import ChangeDomain, OfferLoan
from meted.core.domains.state import SHARE
from meted.core.errors import Reason

from .lending import flat
from .reference_clock import Choice, Domain, ReferenceClock, fifo
from .reference_others import (
    StartTimeFairQueueing,
    accepted_loans,
    asset_fairness,
    dominant_resource_fairness,
    equal_incomes,
    stride,
)
from .two_tier_prototype import Unit, starts


def test_dominant_resource_fairness() -> None:
    """Ghodsi and others, table 1: 9 cpus and 18 GB, A takes <1, 4> and B <3, 1>."""
    turns = dominant_resource_fairness((9, 18), {"A": (1, 4), "B": (3, 1)}, ties="BA")
    assert [name for name, _ in turns] == list("BAABA")
    assert [(shares["A"], shares["B"]) for _, shares in turns] == [
        (0, Fraction(1, 3)),
        (Fraction(2, 9), Fraction(1, 3)),
        (Fraction(4, 9), Fraction(1, 3)),
        (Fraction(4, 9), Fraction(2, 3)),
        (Fraction(2, 3), Fraction(2, 3)),
    ]


CAPACITY, A, B = (9, 18), (1, 4), (3, 1)
"""Cpus and GB, and what a task of each of two takes of them."""


def test_asset_fairness() -> None:
    """The same example divided by assets: A has 2.52 tasks and B 2.16; each holds 21/25 of a machine, all cpus go."""
    tasks = asset_fairness(CAPACITY, {"A": A, "B": B})
    assert tasks == {"A": Fraction("2.52"), "B": Fraction("2.16")}
    assert tasks["A"] * (Fraction(1, 9) + Fraction(4, 18)) == tasks["B"] * (Fraction(3, 9) + Fraction(1, 18))
    assert tasks["A"] + 3 * tasks["B"] == 9
    assert 4 * tasks["A"] + tasks["B"] < 18


def test_equal_incomes() -> None:
    """The same example bought with equal incomes: 45/11 and 18/11 tasks, at prices at which all is sold."""
    a, b = equal_incomes(CAPACITY, (A, B))
    assert (a, b) == (Fraction(45, 11), Fraction(18, 11))
    cpu, memory = Fraction(1, 5), Fraction(1, 90)  # the price of a cpu and of a GB, to who has 1 to spend
    assert a * (A[0] * cpu + A[1] * memory) == b * (B[0] * cpu + B[1] * memory) == 1
    assert [a * A[0] + b * B[0], a * A[1] + b * B[1]] == [*map(Fraction, CAPACITY)]
    # It pays to lie: if B says that a task takes 2 GB, it has more of them.
    assert equal_incomes(CAPACITY, (A, (3, 2)))[1] == Fraction(9, 5) > b


TAKES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), TAKES, TAKES)
def test_no_division_beats_that_of_equal_incomes_by_its_product(
    capacity: tuple[int, int], a: tuple[int, int], b: tuple[int, int]
) -> None:
    x, y = equal_incomes(capacity, (a, b))
    assert all(a[at] * x + b[at] * y <= capacity[at] for at in (0, 1))
    most = min(Fraction(have, one) for have, one in zip(capacity, a, strict=True))
    for step in range(1, 40):
        mine = most * step / 40
        others = min((capacity[at] - a[at] * mine) / b[at] for at in (0, 1))
        assert mine * others <= x * y


@pytest.mark.parametrize(("alpha", "order"), [(1000, "ABABA"), (750, "ABAAB"), (500, "ABABA")])
def test_dominant_shares_as_sizes(alpha: int, order: str) -> None:
    """The clock with dominant shares as sizes, 2/9 and 1/3: A has 3 tasks and B has 2, as in the paper."""
    clock = ReferenceClock(alpha)
    for who, size in ((1, 2), (2, 3)):
        clock.add_domain(who, 1)
        clock.submit(who, "u", who, size, count=9)
    used, taken = [0, 0], ""
    demands = {1: (1, 4), 2: (3, 1)}
    while (choice := clock.choose()) is not None:
        who = choice.leaf.domain_id
        used = [have + more for have, more in zip(used, demands[who], strict=True)]
        if used[0] > 9 or used[1] > 18:
            break
        clock.dispatch(choice)
        taken += " AB"[who]
    assert (taken.count("A"), taken.count("B")) == (3, 2)
    assert taken == order


def test_stride() -> None:
    """Shares 3:2:1, so strides 2, 3, 6: A B A A B C, and again."""
    assert stride({"A": 2, "B": 3, "C": 6}, 12) == "ABAABC" * 2


def test_the_clock_gives_the_same_totals_as_stride() -> None:
    """The order differs in detail; of each six, three, two and one are served."""
    clock = ReferenceClock(1000)
    for who, share in ((1, 3), (2, 2), (3, 1)):
        clock.add_domain(who, share)
        clock.submit(who, "u", who, 1, count=20)
    order = ""
    for _ in range(12):
        choice = clock.choose()
        assert choice is not None
        order += " ABC"[choice.leaf.domain_id]
        clock.dispatch(choice)
    assert sorted(order[:6]) == sorted(order[6:]) == sorted("AAABBC")


@pytest.mark.parametrize("count", [3, 5, 11])
def test_extremes_of_lag(count: int) -> None:
    """Shares n-1, 1, ..., 1 and equal units: under SFQ the large one falls (n-1) L / 2 behind; by the clock never L."""
    shares, size = [count - 1] + [1] * (count - 1), 10
    queue, clock = StartTimeFairQueueing(shares), ReferenceClock(1000)
    for who, share in enumerate(shares):
        clock.add_domain(who + 1, share)
        clock.submit(who + 1, "u", who, size, count=9 * count)
    served, worst, clocks_worst = [0] * count, Fraction(0), Fraction(0)
    for turn in range(8 * count):
        who = min(range(count), key=lambda it: (queue.tags[it], -it))
        queue.serve(who, size)
        served[who] += size
        worst = max(worst, Fraction(sum(served), 2) - served[0])
        choice = clock.choose()
        assert choice is not None
        clock.dispatch(choice)
        whole = size * (turn + 1)
        for domain in clock.children(0):
            clocks_worst = max(clocks_worst, Fraction(domain.share * whole, 2 * count - 2) - domain.served)
    assert worst == Fraction((count - 1) * size, 2)
    assert clocks_worst < size


@pytest.mark.parametrize(
    ("base", "amounts", "accepted"),
    [
        (32, [16], [True]),
        (32, [17], [False]),
        (32, [10, 10], [True, False]),
        (32, [10, 6], [True, True]),
        (32, [10, 10, 6], [True, False, True]),
        (20, [16], [False]),
        (10, [0], [False]),
    ],
)
def test_loans(base: int, amounts: list[int], accepted: list[bool]) -> None:
    """PlanetLab's rule with a floor of 16: in order, and never below it; the engine lends what the rule accepts."""
    assert accepted_loans(base, 16, amounts) == accepted
    world = flat("a", "b", share=base, floor_share=16)
    refused = world.set_loans("a", *(("b", SHARE, amount) for amount in amounts))
    assert refused == [Reason.BELOW_FLOOR] * accepted.count(False)
    lent = [amount for amount, is_accepted in zip(amounts, accepted, strict=True) if is_accepted]
    assert [loan.amount for loan in world.domains.loans.values()] == lent
    assert world.shares("a", "b") == [base - sum(lent), base + sum(lent)]


def test_a_borrower_lends_no_more_than_a_base_of_its_own_allows() -> None:
    """A base of 32 and a floor of 16: with 16 borrowed it has 48, and can lend 16 and no more."""
    world = flat("a", "b", "c")
    world.lend("a", "b", 16)
    assert world.shares("a", "b", "c") == [16, 48, 32]
    world.refused(OfferLoan(0, "b", "c", SHARE, 17), Reason.BELOW_FLOOR)
    world.lend("b", "c", 16)
    assert world.shares("a", "b", "c") == [16, 32, 48]
    world.refused(OfferLoan(0, "b", "c", SHARE, 1), Reason.BELOW_FLOOR)


@pytest.mark.parametrize(("lent", "left"), [([16], []), ([10, 6], []), ([4, 12], [4]), ([2, 2, 12], [2, 2])])
def test_a_base_that_shrinks_ends_the_newest_loans(lent: list[int], left: list[int]) -> None:
    """With 16 of 32 lent the base becomes 20: what is beyond 4 is lent no more, the newest loans first."""
    world = flat("a", "b")
    for amount in lent:
        world.lend("a", "b", amount)
    assert world.shares("a", "b") == [16, 48]
    world.do(ChangeDomain(0, "a", 20, floor_share=16))
    assert [loan.amount for loan in world.domains.loans.values()] == left
    assert world.shares("a", "b") == [20 - sum(left), 32 + sum(left)]


@pytest.mark.parametrize(("others", "half_lives"), [(1, 1.0), (3, 2.0), (9, 3.322), (99, 6.644)])
def test_decay_alone_locks_out(others: int, half_lives: float) -> None:
    """Who had all of the pool meets others that return, and waits h log2(1/e), with e = 1 in ``others`` + 1.

    Here units are served one an instant, not a fluid: so to within a few of them.
    """
    assert round(log2(others + 1), 3) == half_lives
    half_life = 2_000
    clock = ReferenceClock(half_life=half_life)
    for who, share in ((1, 1), (2, others)):
        clock.add_domain(who, share)
        clock.submit(who, "u", who, 1, count=20 * half_life)
    clock.domains[0].inside.time = Fraction(-1)  # nobody is eligible: all is from the pool
    clock.domains[1].usage = Fraction(1 / (1 - 2 ** (-1 / half_life)))
    heads = [Choice(clock.jobs[who], [clock.domains[who]], [2]) for who in (1, 2)]
    while (chosen := clock.pool(clock, heads)).leaf.domain_id != 1:
        used = clock.domains[2].usage + Fraction(2.0 ** (clock.now / half_life))
        clock.domains[2].usage = Fraction(float(used))
        clock.now += 1
    assert chosen.leaf is clock.domains[1]
    assert abs(clock.now - half_life * log2(others + 1)) <= 4


def test_lead_of_a_reservation() -> None:
    """50 machines, 5 loaded at once, 3 minutes apart, loads of 12 minutes at the 95th percentile: 42 minutes.

    On paper alone: nothing is reserved or loaded ahead of its time here.
    """
    assert ceil(50 / 5) * 3 + 12 == 42


def units_of(path: Path) -> list[Unit]:
    """Return submission, run time and user of what ran at all, of a trace in the Standard Workload Format."""
    with gzip.open(path, "rt") as lines:
        rows = [line.split() for line in lines if line.strip() and not line.startswith(";")]
    return [(int(row[1]), int(row[3]), int(row[11])) for row in rows if int(row[3]) > 0]


def test_lcg_2005(shared_traces: Path) -> None:
    """The trace of a grid, 216 users as equal domains on 1600 slots."""
    units = units_of(shared_traces / "swf/LCG-2005-1.swf.gz")
    assert (len(units), len({user for _, _, user in units})) == (187_520, 216)
    waits, slowdowns = defaultdict(list), defaultdict(list)
    for (came, ran, user), start in zip(units, starts(units, 1_600, 86_400), strict=True):
        waits[user].append(start - came)
        slowdowns[user].append(max(1.0, (start - came + ran) / max(ran, 10)))
    assert max(map(max, waits.values())) == 230_585
    assert round(sum(map(sum, waits.values())) / len(units), 2) == 15_234.26
    assert round(sum(map(sum, slowdowns.values())) / len(units), 3) == 60.839
    assert round(fmean(map(fmean, waits.values())), 1) == 2_108.7
    assert round(fmean(map(fmean, slowdowns.values())), 2) == 7.75


def of_many(_clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
    """A pool that gives nothing to the first."""
    return heads[-1]


def test_the_guarantee_does_not_ask_the_pool() -> None:
    """Half of a half: with alpha = 1/2 and a pool that gives one of two nothing, it has a quarter all the same."""
    clock = ReferenceClock(500, pool=of_many)
    for who in (1, 2):
        clock.add_domain(who, 1)
        clock.submit(who, "u", who, 1, count=400)
    for _ in range(400):
        choice = clock.choose()
        assert choice is not None
        clock.dispatch(choice)
    victim: Domain = clock.domains[1]
    assert abs(victim.served - 100) <= 1
    assert fifo is not clock.pool
