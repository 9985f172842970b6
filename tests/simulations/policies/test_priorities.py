"""Slurm's multifactor priority and HTCondor's priorities in a pool, and the static partition."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.limits import PASS_DECISIONS_MAX
from meted.core.policy.rivals.static import Static
from meted.simulations.policies.condor import Condor
from meted.simulations.policies.fading import DAY_US
from meted.simulations.policies.multifactor import FairTree, Multifactor, Weights, job_priority
from meted.simulations.scenario import Scenario
from meted.simulations.traces.job import TraceJob

from ..driving import make_trace
from .playing import S, starts

ONLY_SHARE = Weights(fair_share=10_000, age=0, size=0, period_us=1)


def order(pool: Scenario, until_s: int) -> str:
    """Run, and return whose units started, in order."""
    pool.run(until_s, until_s)
    return "".join(start.domain * start.units for start in pool.starts)


def test_a_priority_is_a_sum_of_weighted_factors() -> None:
    weights = Weights(fair_share=1_000, age=100, size=10)
    assert job_priority(weights, 0.5, 0, 0.0, 0) == 500
    assert job_priority(weights, 0.5, weights.max_age_us // 4, 0.5, 7) == 500 + 25 + 5 - 7
    assert job_priority(weights, 1.0, 9 * weights.max_age_us, 1.0, 0) == 1_110
    small = Weights(fair_share=0, age=0, size=10, favour_small=True)
    assert job_priority(small, 1.0, 0, 0.25, 0) == 7.5


@pytest.mark.parametrize("policy", [Multifactor, FairTree])
def test_usage_beside_shares_decides(policy: type[Multifactor] | type[FairTree]) -> None:
    pool = Scenario(1, policy=policy(weights=ONLY_SHARE))
    pool.domain("A", 3)
    pool.domain("B", 1)
    for name in "AB":
        pool.submit(0, name, units=1_000, unit_s=10)
    found = Counter(order(pool, 4_000))
    assert abs(found["A"] - 300) <= 3


@pytest.mark.parametrize("policy", [Multifactor, FairTree])
def test_between_two_calculations_priorities_stand(policy: type[Multifactor] | type[FairTree]) -> None:
    """A takes all that becomes free in five minutes, and only then is it seen what A has used."""
    pool = Scenario(1, policy=policy(weights=Weights(age=0, size=0)))
    for name in "AB":
        pool.domain(name)
        pool.submit(0, name, units=100, unit_s=60)
    assert order(pool, 1_190) == "A" * 5 + "B" * 5 + "A" * 5 + "B" * 5


def test_age_and_nice() -> None:
    """With no weight on shares, the older job goes first, but for points of nice."""
    pool = Scenario(1, policy=Multifactor(weights=Weights(fair_share=0, size=0, age=1_000, period_us=1)))
    for name in "ABC":
        pool.domain(name)
    pool.submit(0, "A", units=1, unit_s=1_000)
    pool.submit(1, "B", units=1, unit_s=10)
    pool.submit(2, "C", units=1, unit_s=10)
    pool.submit(3, "A", units=1, unit_s=10, priority=5)
    assert order(pool, 2_000) == "AABC"


def test_fair_tree_keeps_siblings_together_where_the_classic_rule_does_not() -> None:
    """Account y has used less than x. By Fair Tree all of y goes first; the classic rule has x1, who has used nothing,
    go before y2, who has used all that y has.
    """

    def first(policy: Multifactor | FairTree) -> str:
        pool = Scenario(1, policy=policy)
        for name in ("x", "y"):
            pool.domain(name)
        for name in ("x1", "x2", "y1", "y2"):
            pool.domain(name, parent=name[0])
        pool.submit(0, "x2", units=1, unit_s=500)
        pool.submit(0, "y2", units=1, unit_s=400)
        for name in ("x1", "y2"):
            pool.submit(10, name, units=1, unit_s=10, priority=-1)
        pool.run(2_000, 2_000)
        return pool.starts[2].domain

    weights = attrs.evolve(ONLY_SHARE, fair_share=10**6)
    assert first(FairTree(weights=weights)) == "y2"
    assert first(Multifactor(weights=weights)) == "x1"


def test_tied_accounts_differ_by_merging() -> None:
    """Both accounts have used as much; unmerged, all of a goes before the second user of b."""

    def played(merge_ties: bool) -> str:
        pool = Scenario(4, policy=FairTree(merge_ties, ONLY_SHARE))
        for name in "ab":
            pool.domain(name)
            pool.domain(f"{name}1", parent=name)
            pool.domain(f"{name}2", parent=name)
        for name in ("b2", "a2"):
            pool.submit(0, name, units=2, unit_s=100)
        pool.submit(50, "a2", units=1, unit_s=1)
        for name in ("b1", "a1", "b2"):
            pool.submit(50, name, units=1, unit_s=1)
        pool.submit(50, "a1", units=1, unit_s=500, width=4)
        return order(pool, 3_000)

    assert played(True)[8:].startswith("b1a1")
    assert played(True) != played(False)


def test_condor_divides_the_pool_by_one_over_priority() -> None:
    """Factors are 1000 / share, so that shares of 4, 2 and 1 are priorities of 5, 10 and 20."""
    pool = Scenario(70, policy=Condor())
    for name, share in (("C", 1), ("A", 4), ("B", 2)):
        pool.domain(name, share)
        pool.submit(0, name, units=100, unit_s=1_000)
    found = order(pool, 1)
    assert found == "A" * 40 + "B" * 20 + "C" * 10


def test_condor_gives_to_others_what_one_does_not_want() -> None:
    """Once A has all that it wants, B may hold two thirds of all 70 and has 20: it takes 26 of the 30 that are left."""
    pool = Scenario(70, policy=Condor())
    for name, share, units in (("A", 4, 10), ("B", 2, 100), ("C", 1, 100)):
        pool.domain(name, share)
        pool.submit(0, name, units=units, unit_s=1_000)
    assert order(pool, 1) == "A" * 10 + "B" * 20 + "C" * 10 + "B" * 26 + "C" * 4


def test_condor_gives_what_becomes_free_to_who_holds_less_than_its_slice() -> None:
    """A has the best priority all the time, but holds its 4 of 7: what becomes free of B and C goes to these again."""
    pool = Scenario(7, policy=Condor())
    for name, share, unit_s in (("A", 4, 5_000), ("B", 2, 70), ("C", 1, 100)):
        pool.domain(name, share)
        pool.submit(0, name, units=100, unit_s=unit_s)
    found = order(pool, 1_000)
    assert found.startswith("AAAABBC")
    assert set(found[7:]) == {"B", "C"}


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 5, 50]), st.integers(1, 4), st.integers(1, 30)), min_size=1, max_size=5)
)
def test_condor_leaves_nothing_free_that_something_fits(drawn: list[tuple[int, int, int]]) -> None:
    pool = Scenario(10, policy=Condor())
    for at, (share, width, units) in enumerate(drawn):
        pool.domain(str(at), share)
        pool.submit(0, str(at), units=units, unit_s=1_000, width=width)
    pool.run(1, 1)
    started = Counter[str]()
    for start in pool.starts:
        started[start.domain] += start.units
    free = 10 - sum(width * started[str(at)] for at, (_, width, _) in enumerate(drawn))
    assert free >= 0
    assert all(width > free for at, (_, width, units) in enumerate(drawn) if started[str(at)] < units)


def test_condor_divides_once_what_more_jobs_take_than_a_live_pass_starts() -> None:
    free = 10 * PASS_DECISIONS_MAX
    pool = Scenario(free, policy=Condor())
    for name, share in (("A", 4), ("B", 1)):
        pool.domain(name, share)
        pool.submit(0, name, units=free, unit_s=1_000)
    assert Counter(order(pool, 1)) == {"A": free * 4 // 5, "B": free // 5}


def test_condor_remembers_who_held_much() -> None:
    pool = Scenario(1, policy=Condor(half_life_us=DAY_US))
    for name in "AB":
        pool.domain(name)
    pool.submit(0, "A", units=10, unit_s=10_000)
    pool.submit(99_999, "A", units=10, unit_s=10)
    pool.submit(99_999, "B", units=10, unit_s=10)
    assert order(pool, 101_000) == "A" * 10 + "B" * 10 + "A" * 10


def test_a_slice_is_all_that_one_may_hold() -> None:
    pool = Scenario(12, policy=Static())
    pool.domain("A", 1)
    pool.domain("lab", 2)
    pool.domain("B", 1, parent="lab")
    pool.domain("C", 3, parent="lab")
    pool.submit(0, "A", units=100, unit_s=10)
    pool.submit(0, "B", units=100, unit_s=10)
    sample = pool.run(100, 10)[5]
    assert {name: sample.held[name] for name in "ABC"} == {"A": 4, "B": 2, "C": 0}


def test_a_slice_may_be_exceeded_by_one_job_alone(tmp_path: Path) -> None:
    """Ten users of ten processors; each of three wants jobs of four."""
    made = [TraceJob(at, 1 + at % 3, at * S, 100 * S, 100 * S, 4) for at in range(6)]
    made += [TraceJob(6 + at, 4 + at, 700 * S, S, S, 1) for at in range(7)]
    found = starts(make_trace(tmp_path, made, 10), Static())
    assert [found[at] // S for at in range(6)] == [0, 1, 100, 101, 200, 201]
    assert all(found[6 + at] == 700 * S for at in range(7))
