"""Karma live is Karma by the quantum: the engine's pool under karma against Algorithm 1 (A1 to A3, A5, P14)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.invariants import check_engine
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state
from meted.simulations.quanta.demands import DemandReader
from meted.simulations.quanta.karma import Karma

from .helper import examples
from .karma_quanta import Quanta

NEVER_BINDS = 10**8
"""Credits to begin with that nobody comes to the end of."""


def held_equal(live: Quanta, karma: Karma, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Play all quanta in both, demand that allocation and credit are the same after each, and return what all got."""
    totals = [0] * len(live.ids)
    credits = []
    for row in rows:
        got = live.allocate(row)
        assert got == karma.allocate(row), row
        assert live.credits_mc() == [1000 * credit for credit in karma.credits], row
        totals = [total + new for total, new in zip(totals, got, strict=True)]
        credits.append(list(karma.credits))
    check_engine(live.engine)
    return [totals, *credits]


def test_the_example_of_the_readme() -> None:
    """A1: allocations and the credits after each quantum."""
    live, karma = Quanta(3, 6, 500, 6), Karma(3, 6, 500, 6)
    demands = [(4, 1, 1), (0, 3, 0), (2, 2, 5), (2, 2, 4), (2, 2, 4)]
    _, *credits = held_equal(live, karma, demands)
    assert credits == [[4, 7, 7], [6, 6, 9], [7, 7, 7], [7, 7, 7], [7, 7, 7]]


def test_the_running_example_of_the_paper() -> None:
    """A2: 8, 8 and 8 slices, where max-min gives 10, 10 and 4; and three times as large."""
    demands = [(2, 2, 0), (4, 0, 0), (0, 4, 0), (2, 2, 6), (2, 2, 4)]
    totals, *credits = held_equal(Quanta(3, 6, 500, 6), Karma(3, 6, 500, 6), demands)
    assert totals == [8, 8, 8]
    assert credits[-1] == [8, 8, 8]
    tripled = [tuple(3 * demand for demand in row) for row in demands]
    totals, *_ = held_equal(Quanta(3, 18, 500, 18), Karma(3, 18, 500, 18), tripled)
    assert totals == [24, 24, 24]


def test_the_adversarial_cycle() -> None:
    """A3: 600 slices of which 6 are public; in all 1200, 700 and 1100 slices, so that least by most is 0.583."""
    cycle = [(0, 400, 400), (400, 400, 0), (0, 400, 400), (0, 0, 400), (400, 0, 0), (400, 0, 0)]
    totals, *_ = held_equal(Quanta(3, 600, 990, NEVER_BINDS), Karma(3, 600, 990, NEVER_BINDS), cycle)
    assert totals == [1200, 700, 1100]


@st.composite
def pools(draw: st.DrawFn) -> tuple[int, int, int, list[list[int]]]:
    """Draw users, fair share and alpha of which the guarantee is whole, and demands."""
    users, alpha_milli = draw(st.integers(2, 6)), draw(st.sampled_from((200, 250, 500, 750, 1000)))
    step = {200: 5, 250: 4, 500: 2, 750: 4, 1000: 1}[alpha_milli]
    fair = step * draw(st.integers(1, 8 // step))
    demand = st.just(0) | st.integers(0, fair) | st.integers(0, 3 * fair) | st.just(users * fair)
    rows = draw(st.lists(st.lists(demand, min_size=users, max_size=users), min_size=1, max_size=12))
    return users, fair, alpha_milli, rows


@examples(40)
@given(pools(), st.integers(0, 11))
def test_any_demands_are_served_and_paid_alike(pool: tuple[int, int, int, list[list[int]]], restart: int) -> None:
    """Allocation and credit of each quantum are the same, also where a snapshot is taken up again on the way.

    P14 with it: nobody has less than min(demand, guarantee), or more than it asked for; no slot is free that somebody
    wants; and credit changes by what is granted and what was taken of nobody's slots, and by nothing else.
    """
    users, fair, alpha_milli, rows = pool
    live = Quanta(users, users * fair, alpha_milli, NEVER_BINDS)
    karma = Karma(users, users * fair, alpha_milli, NEVER_BINDS)
    guaranteed = alpha_milli * fair // 1000
    for at, row in enumerate(rows):
        if at == restart:
            live.restart(decode_state(encode_state(live.engine.state)))
        before_mc = sum(live.credits_mc())
        got = live.allocate(row)
        assert got == karma.allocate(row)
        assert live.credits_mc() == [1000 * credit for credit in karma.credits]
        assert all(min(d, guaranteed) <= g <= d for d, g in zip(row, got, strict=True))
        assert sum(got) == min(sum(row), users * fair)
        assert karma.last is not None
        granted = users * (fair - guaranteed)
        assert sum(live.credits_mc()) == before_mc + 1000 * (granted - karma.last.shared_used)
    check_engine(live.engine)


@examples(25)
@given(pools(), st.integers(0, 3))
def test_without_credit_nothing_idles(pool: tuple[int, int, int, list[list[int]]], start: int) -> None:
    """Who cannot pay is served for nothing: the same in all, nobody below its guarantee, no account below zero."""
    users, fair, alpha_milli, rows = pool
    live = Quanta(users, users * fair, alpha_milli, start)
    guaranteed = alpha_milli * fair // 1000
    for row in rows:
        got = live.allocate(row)
        assert sum(got) == min(sum(row), users * fair)
        assert all(min(d, guaranteed) <= g <= d for d, g in zip(row, got, strict=True))
        assert min(live.credits_mc()) >= 0
    check_engine(live.engine)


def test_shares_weigh() -> None:
    """All want everything: what they get, of guarantee and pool, is by their shares in the long run."""
    shares = 1, 2, 3
    live = Quanta(3, 12, 500, NEVER_BINDS, shares)
    totals = [sum(column) for column in zip(*(live.allocate((12, 12, 12)) for _ in range(30)), strict=True)]
    assert sum(totals) == 360
    assert all(abs(total - 60 * share) <= 1 for total, share in zip(totals, shares, strict=True))


def test_a_trace_through_the_engine(shared_traces: Path) -> None:
    """A5, its first quanta: every quantum and all credits are those of the quantum form, for 100 users."""
    live, karma = Quanta(100, 100, 1000, NEVER_BINDS), Karma(100, 100, 1000, NEVER_BINDS)
    path = shared_traces / "demands/snowflake-100users-3600s.txt.gz"
    with DemandReader(str(path), scale=2, first=40) as reader:
        totals, *_ = held_equal(live, karma, [[min(demand, 100) for demand in row] for row in reader])
    assert sum(totals) == 3_774


@pytest.mark.slow
def test_the_whole_trace_through_the_engine(shared_traces: Path) -> None:
    """A5: 359,392 slices and the least welfare of Karma with alpha 1, through the live engine."""
    live, karma = Quanta(100, 100, 1000, NEVER_BINDS), Karma(100, 100, 1000, NEVER_BINDS)
    path = shared_traces / "demands/snowflake-100users-3600s.txt.gz"
    with DemandReader(str(path), scale=2) as reader:
        rows = [list(row) for row in reader]
    totals, *_ = held_equal(live, karma, [[min(demand, 100) for demand in row] for row in rows])
    demanded = [sum(column) for column in zip(*rows, strict=True)]
    assert sum(totals) == 359_392
    welfare = min(total / demand for total, demand in zip(totals, demanded, strict=True) if demand)
    assert welfare == pytest.approx(0.158218, abs=5e-7)
