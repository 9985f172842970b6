"""When a job should start with a point more: the engine run forward twice from one state."""

from __future__ import annotations

import pytest

from meted.core.commands import OpenCredit, SetRules
from meted.core.errors import Refused
from meted.core.forecast import forecast
from meted.core.ids import JobId
from meted.core.policy.registry import POLICIES
from meted.core.what_if import price_of_points, with_points

from .helper import SECOND
from .test_nice import Market

HOUR = 3_600 * SECOND


def pool() -> tuple[Market, JobId]:
    """Two equal domains whose jobs of an hour wait for the pool, one machine that is busy, and the job of ``b``."""
    market = Market(slots=1, income="funded")
    market.do(SetRules(0, alpha_milli=1))
    for name in "ab":
        market.make(name)
    market.grant("b", 5_000)
    market.submit("a", 8, time_request_us=HOUR)
    mine = market.submit("b", 8, time_request_us=HOUR)
    market.run_pass()
    return market, mine


def ends(market: Market, job_id: JobId, points: int) -> tuple[int, int]:
    state = with_points(market.state, market.now_us, job_id, points) if points else market.state
    found = forecast(state, POLICIES["meted"](), market.now_us)
    (row,) = [job for job in found.jobs if job.job_id == job_id]
    assert row.first_us is not None
    assert row.last_us is not None
    return row.first_us, row.last_us


def test_a_point_brings_a_job_forward_and_what_it_costs_is_said() -> None:
    market, mine = pool()
    before = market.state
    as_it_is, raised = ends(market, mine, 0), ends(market, mine, 3)
    assert raised[1] < as_it_is[1]
    assert price_of_points(market.state, mine, 3) == 3 * 8_000
    assert market.state is before  # nothing was bought


def test_it_does_not_matter_whether_the_domain_can_pay() -> None:
    market, mine = pool()
    assert price_of_points(market.state, mine, 1) == 8_000 > market.credit("b").free_mc
    poor = ends(market, mine, 1)
    market.grant("b", 100_000)
    assert ends(market, mine, 1) == poor


def test_a_point_of_an_idle_pool_brings_nothing() -> None:
    market = Market(slots=4)
    market.make("a")
    market.grant("a", 5_000)
    market.submit("a", 2, time_request_us=HOUR)
    only = market.submit("a", 2, time_request_us=HOUR)
    assert ends(market, only, 0) == ends(market, only, 2)


def test_who_pays_for_nothing_is_told_so() -> None:
    market, mine = pool()
    market.do(OpenCredit(market.now_us, "b", unlimited=True))
    assert price_of_points(market.state, mine, 1) == 0
    assert with_points(market.state, market.now_us, mine, 1).jobs.jobs[mine].terms.priority == 1


def test_what_cannot_be_had_is_refused() -> None:
    market, mine = pool()
    for wrong, points in ((mine, 11), (JobId(99), 1)):
        with pytest.raises(Refused):
            with_points(market.state, market.now_us, wrong, points)
    unknown = market.submit("b")  # nothing is known of how long it takes, so nor what it costs
    assert price_of_points(market.state, unknown, 1) is None
    with pytest.raises(Refused):
        with_points(market.state, market.now_us, unknown, 1)
    market.nice(mine, -1)
    with pytest.raises(Refused, match="sold"):
        with_points(market.state, market.now_us, mine, 1)
