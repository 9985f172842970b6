"""Karma's published distributions, and the trace from which others have taken figures (acceptance A4 to A6)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from time import process_time

import pytest

from meted.simulations.quanta.allocators import KarmaOptions, make_allocator
from meted.simulations.quanta.comparison import Contender, Outcome, compare
from meted.simulations.quanta.demands import DemandReader
from meted.simulations.quanta.figures import figures
from meted.simulations.quanta.karma import Karma
from meted.simulations.quanta.misreport import Search

from .slicewise import pour_to_who_lacks_least

USERS, QUANTA = 100, 3_600
CONTENDERS = (
    *(Contender("karma", KarmaOptions(alpha_milli)) for alpha_milli in (1_000, 0, 500)),
    *(Contender(name, KarmaOptions()) for name in ("max-min", "dmmf", "static")),
)


@cache
def played(path: Path, scale: int) -> tuple[Outcome, ...]:
    """Share the trace among its users with one slice for each, and return what all contenders came to."""
    with DemandReader(str(path), scale=scale) as reader:
        comparison = compare(reader, CONTENDERS, lambda users: users)
        assert (reader.users, reader.quanta, reader.malformed_count) == (USERS, QUANTA, 0)
    return tuple(comparison.outcomes())


@pytest.fixture
def trace(shared_traces: Path) -> Path:
    return shared_traces / "demands/snowflake-100users-3600s.txt.gz"


def published(shared_traces: Path) -> dict[str, list[int]]:
    """Return the useful slices of 100 users by policy, as published with the paper."""
    lines = (shared_traces / "demands/fairness-alloc-csf.tsv").read_text().splitlines()
    columns = zip(*(line.split("\t") for line in lines), strict=True)
    return {name: list(map(int, numbers)) for name, *numbers in columns}


@pytest.mark.parametrize(
    ("policy", "min_max", "jain"),
    [
        ("static", 0.0869, 0.832),
        ("max-min", 0.2692, 0.970),
        ("1", 0.5012, 0.990),
        ("0.9", 0.5763, None),
        ("0.8", 0.6448, None),
        ("0.7", 0.6880, None),
        ("0.5", 0.7081, None),
        ("0", 0.7200, 0.9965),
    ],
)
def test_our_measures_of_the_published_distributions(
    shared_traces: Path, policy: str, min_max: float, jain: float | None
) -> None:
    """A4: the demands behind them are not published, so only the measures can be held against them."""
    useful = published(shared_traces)[policy]
    found = figures(useful, [100 * 900] * USERS, 100 * USERS * 900)
    assert float(found.min_max_useful) == pytest.approx(min_max, abs=5e-5)
    assert jain is None or float(found.jain_useful) == pytest.approx(jain, abs=6e-4)
    total = 5_108_071 if policy == "static" else 8_321_452
    assert (found.useful, found.idle) == (total, 9_000_000 - total)
    assert round(float(found.utilisation), 4) == (0.5676 if policy == "static" else 0.9246)


def test_figures_of_a_trace_taken_by_others(trace: Path) -> None:
    """A5, demands times two: totals and utilisation are exact; of Karma with alpha 1, least and mean welfare too."""
    outcomes = {(o.contender.name, o.contender.options.alpha_milli): o.figures for o in played(trace, 2)}
    static = outcomes.pop(("static", 500))
    assert (static.useful, round(float(static.utilisation), 6)) == (70_473, 0.195758)
    assert (round(float(static.least_welfare), 5), round(static.mean_welfare, 2)) == (0.01438, 0.41)
    for found in outcomes.values():
        assert (found.useful, round(float(found.utilisation), 6)) == (359_392, 0.998311)
    welfare = {key: (float(found.least_welfare), found.mean_welfare) for key, found in outcomes.items()}
    assert welfare["karma", 1_000] == pytest.approx((0.158218, 0.979064), abs=5e-7)
    assert welfare["karma", 0] == pytest.approx((0.157172, 0.979156), abs=5e-6)
    assert welfare["max-min", 500] == pytest.approx((0.219704, 0.968441), abs=8e-5)


@pytest.mark.parametrize(
    ("remembers", "least", "mean"),
    [(False, 0.219704, 0.968441), (True, 0.157172, 0.979156)],
    ids=["max-min", "alpha 0"],
)
def test_the_two_figures_that_hang_on_ties(trace: Path, remembers: bool, least: float, mean: float) -> None:
    """A5: with ties as the lab of Karma's authors has them, max-min and Karma with alpha 0 are exact as well."""
    with DemandReader(str(trace), scale=2) as reader:
        rows = list(reader)
    useful = [0] * USERS
    for demands in rows:
        levels = useful if remembers else [0] * USERS
        taken = pour_to_who_lacks_least(levels, demands, USERS)
        useful = [before + now for before, now in zip(useful, taken, strict=True)]
    found = figures(useful, [sum(column) for column in zip(*rows, strict=True)], USERS * QUANTA)
    assert (round(float(found.least_welfare), 6), round(found.mean_welfare, 6)) == (least, mean)
    assert found.useful == 359_392


def test_the_trace_as_it_is(trace: Path) -> None:
    """A5 and trap f: utilisation .847447 with every alpha, a guarantee of half a slice among them."""
    for outcome in played(trace, 1):
        if outcome.contender.name != "static":
            assert (outcome.figures.useful, round(float(outcome.figures.utilisation), 6)) == (305_081, 0.847447)


def test_dynamic_max_min_is_karma_with_alpha_zero(trace: Path) -> None:
    """A6 asks for one slice a user over the whole trace."""
    useful = {(o.contender.name, o.contender.options.alpha_milli): o.useful for o in played(trace, 2)}
    assert useful["karma", 0] == useful["dmmf", 500]
    assert useful["karma", 0] != useful["karma", 1_000] != useful["max-min", 500]


@pytest.mark.slow
def test_one_user_looks_for_a_gain_in_the_trace(trace: Path) -> None:
    """P15 on a real trace: a search by a user with high demand finds next to nothing."""
    with DemandReader(str(trace), scale=2) as reader:
        rows = list(reader)
    search = Search(lambda: Karma(USERS, USERS), rows, 2, 1, USERS)
    for _ in range(10):
        search.step()
    assert search.found.truthful > 10_000
    assert 1 <= search.found.gain < Fraction(101, 100)


@pytest.mark.parametrize("name", ["karma", "max-min", "dmmf"])
def test_time_does_not_grow_with_the_fair_share(name: str) -> None:
    """A pool a million million times as large: the same shares but for rounding, and in the time of a small one."""

    def play(times: int) -> tuple[list[int], float]:
        dice, begun_s = Random(5), process_time()
        allocator = make_allocator(name, 50, 50 * 4 * times, KarmaOptions(500))
        rows = [allocator.allocate([times * dice.randint(0, 10) for _ in range(50)]) for _ in range(40)]
        return [sum(column) for column in zip(*rows, strict=True)], process_time() - begun_s

    (small, small_s), (large, large_s) = play(1), play(10**12)
    assert [round(total / 10**12) for total in large] == pytest.approx(small, abs=40)
    assert sum(large) == 10**12 * sum(small)
    assert large_s < 20 * small_s + 0.5
