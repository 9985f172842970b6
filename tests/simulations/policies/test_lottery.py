"""Lottery scheduling of jobs: worked numbers, shares of units by priority, places that are kept, the seed."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CancelJobs, ChangePriority
from meted.core.ids import JobId
from meted.core.invariants import check_engine
from meted.simulations.errors import SimulationError
from meted.simulations.policies.lottery import Lottery, LotteryIndex, drawn, tickets
from meted.simulations.policies.registry import make_policy
from meted.simulations.scenario import Scenario

UNITS = 10_000
ONE_TWO_FIVE = (1, 2, 5)


def waiting(policy: Lottery, priorities: tuple[int, ...], slots: int = 1, units: int = UNITS) -> Scenario:
    """Return a pool in which one job of each priority, submitted in this order, has units of a second waiting."""
    pool = Scenario(slots, policy=policy)
    pool.domain("d")
    for priority in priorities:
        pool.submit(0, "d", units=units, unit_s=1, priority=priority)
    return pool


def served(pool: Scenario, units: int) -> list[int]:
    """Run one slot for so many units, and return whose they were, by id."""
    pool.run(units - 1, units)
    return [start.job_id for start in pool.starts for _ in range(start.units)]


@pytest.mark.parametrize(
    ("thousandths", "job"), [(0, 1), (100, 1), (124, 1), (125, 2), (200, 2), (374, 2), (375, 3), (900, 3), (999, 3)]
)
def test_the_first_job_whose_edge_is_above_what_is_drawn(thousandths: int, job: int) -> None:
    """1d-3: of priorities 1, 2, 5 the edges are .125, .375 and 1; .10 is job 1, .20 job 2, .90 job 3, .125 job 2."""
    assert 1 + drawn(ONE_TWO_FIVE, thousandths, 1000) == job
    assert 1 + drawn([tickets(priority) for priority in ONE_TWO_FIVE], thousandths, 1000) == job


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=5), st.integers(0, 2**53 - 1))
def test_any_number_has_one_job(weights: list[int], draw: int) -> None:
    place = drawn(weights, draw)
    below, edge = sum(weights[:place]), sum(weights[: place + 1])
    assert below * 2**53 <= draw * sum(weights) < edge * 2**53


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("switch_milli", [1000, 300])
def test_units_are_given_by_priority(seed: int, switch_milli: int) -> None:
    """Row P22: priorities 1, 2 and 5 get 12.5, 25 and 62.5 % of 10,000 units, to 2 %."""
    counts = Counter(served(waiting(Lottery(seed, switch_milli), ONE_TWO_FIVE), UNITS))
    assert sum(counts.values()) == UNITS
    for job_id, part in zip((1, 2, 3), (0.125, 0.25, 0.625), strict=True):
        assert abs(counts[JobId(job_id)] / UNITS - part) <= 0.02


def test_who_has_no_priority_has_a_chance_nonetheless() -> None:
    """1c.7 and row P23: with a priority of 0 or less a job has one ticket; its gaps stay near what is expected."""
    turns = served(waiting(Lottery(), (0, -4, 9)), UNITS)
    counts = Counter(turns)
    for job_id in (JobId(1), JobId(2)):
        assert abs(counts[job_id] / UNITS - 1 / 20) <= 0.01
        at = [turn for turn, served_id in enumerate(turns) if served_id == job_id]
        assert max(later - earlier for earlier, later in pairwise(at)) < 20 * 15


def test_who_has_ended_has_no_ticket() -> None:
    """1c.8: those that have ended, or were cancelled, are drawn no more, and nothing stays empty."""
    pool = waiting(Lottery(), (9, 1, 1), units=50)
    pool.at(60, CancelJobs(60_000_000, (JobId(3),)))
    turns = served(pool, 150)
    counts = Counter(turns)
    assert counts[JobId(1)] == counts[JobId(2)] == 50
    assert set(turns[60:]) <= {1, 2}
    assert [start.at_s for start in pool.starts] == list(range(len(turns)))
    check_engine(pool.engine)


def test_another_priority_counts_from_the_next_draw_on() -> None:
    pool = waiting(Lottery(), (1, 1))
    pool.at(1_000, ChangePriority(1_000_000_000, JobId(2), 9))
    turns = served(pool, 3_000)
    assert abs(turns[:1_000].count(1) - 500) <= 60
    assert abs(turns[1_000:].count(1) - 200) <= 50


@pytest.mark.parametrize(("switch_milli", "stays"), [(0, 1.0), (200, 0.9), (1000, 0.5)])
def test_the_chance_to_switch_is_one_to_switch(switch_milli: int, stays: float) -> None:
    """1c.8: of two alike, who has the place keeps it but for the chance to switch, and then wins half of the draws."""
    turns = served(waiting(Lottery(0, switch_milli), (1, 1)), 4_000)
    same = sum(one == other for one, other in pairwise(turns)) / (len(turns) - 1)
    assert abs(same - stays) <= 0.03
    if not switch_milli:
        assert len(list(groupby(turns))) == 1


def test_on_several_slots_each_job_keeps_its_own() -> None:
    pool = waiting(Lottery(0, 0), (1, 1, 1, 1), slots=3)
    pool.run(30, 31)
    at_first = Counter(start.job_id for start in pool.starts if start.at_s == 0)
    for at_s in range(1, 31):
        assert Counter(start.job_id for start in pool.starts if start.at_s == at_s) == at_first


def test_who_keeps_places_stands_in_the_order_once() -> None:
    """Else whoever asks what is ahead of its job is told of jobs twice."""
    pool = waiting(Lottery(0, 0), (1, 1, 1, 1))
    index = pool.engine.index
    assert isinstance(index, LotteryIndex)
    pool.run(0, 1)
    (lease,) = pool.engine.state.jobs.leases.values()
    for _ in range(2):
        index.units_back(lease, pool.engine.state.jobs.jobs[lease.job_id].terms, (1,), True)
    order = list(index.order(0))
    assert order[0] == lease.job_id
    assert sorted(order) == [1, 2, 3, 4]


def test_the_seed_says_what_is_drawn() -> None:
    def turns(seed: int) -> list[int]:
        return served(waiting(Lottery(seed), ONE_TWO_FIVE), 200)

    assert turns(7) == turns(7) != turns(8)


def test_to_ask_who_is_next_changes_nothing() -> None:
    asked, not_asked = (waiting(Lottery(3), ONE_TWO_FIVE) for _ in range(2))
    for until_s in range(0, 100, 10):
        asked.run(until_s, 10)
        for job_id in (1, 2, 3):
            asked.engine.index.ahead_of(JobId(job_id))
    assert served(asked, 100)[:100] == served(not_asked, 100)


def test_what_is_drawn_first_and_does_not_fit_is_kept_a_place() -> None:
    """One wide job among many narrow ones, which have all the tickets but one in ten thousand."""
    pool = waiting(Lottery(), (100,) * 50, slots=4, units=100)
    pool.submit(0, "d", units=1, unit_s=1, width=4, priority=1000)
    pool.run(60, 60)
    assert any(start.job_id == JobId(51) for start in pool.starts)


def test_a_chance_is_at_most_one() -> None:
    policy = make_policy("lottery:seed=5,switch-milli=250")
    assert isinstance(policy, Lottery)
    assert (policy.seed, policy.switch_milli, policy.fill) == (5, 250, "easy")
    with pytest.raises(
        SimulationError, match=r"^switch-milli of lottery: 1001 is no chance; give one from 0 to 1000\.$"
    ):
        make_policy("lottery:switch-milli=1001")
