"""Fewest recent jobs first (row P38): the worked example, the window, numbers that do not move, and a plain model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CancelJobs, StartJobs
from meted.core.errors import Reason
from meted.core.ids import JobId, LeaseId
from meted.core.policy.rivals.recent_jobs import WINDOW_US, RecentJobs, RecentJobsIndex
from meted.core.queries import is_running_or_over, job_state
from meted.simulations.policies.registry import make_policy
from meted.simulations.scenario import Scenario

from ...core.helper import World
from .playing import S

DAY = 86_400 * S


@pytest.fixture(params=[False, True], ids=["moving", "frozen"])
def frozen(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=["user", "domain"])
def me_and_you(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Two owners: users of one domain, or domains whose jobs name no user."""
    if request.param == "user":
        return [{"user": "me"}, {"user": "you"}]
    return [{"domain": "me"}, {"domain": "you"}]


def taken(world: World) -> LeaseId | None:
    """Run a pass where one job at most can start, and return its lease."""
    leases = [lease.lease_id for lease in world.run_pass()]
    return leases[0] if leases else None


def drained(world: World) -> Iterator[JobId]:
    """Run all that waits, one after another, and yield what is started."""
    while (lease_id := taken(world)) is not None:
        yield world.state.jobs.leases[lease_id].job_id
        world.finish(lease_id)


def states(world: World) -> dict[JobId, str]:
    return {job_id: job_state(world.state, job) for job_id, job in world.state.jobs.jobs.items()}


def test_the_worked_example(frozen: bool, me_and_you: list[dict[str, Any]]) -> None:
    """Example 4 of the rows: the third job, of another owner, has the number 0 and goes before the second, with 1."""
    me, you = me_and_you
    with World(RecentJobs(frozen=frozen)) as world:
        world.worker(2)
        assert (world.submit(**me), world.submit(**me)) == (1, 2)
        assert [lease.job_id for lease in world.run_pass(decisions_max=1)] == [1]
        assert world.submit(**you) == 3
        assert [lease.job_id for lease in world.run_pass(decisions_max=1)] == [3]
        world.finish(LeaseId(1))
        assert states(world) == {1: "succeeded", 2: "pending", 3: "running"}
        assert not is_running_or_over(world.state, JobId(99))  # what never was has no state
        world.refused(CancelJobs(0, (JobId(99),)), Reason.UNKNOWN_JOB)
        assert list(drained(world)) == [2]
        assert world.run_pass() == []  # nothing waits


@pytest.mark.parametrize(("since_us", "order"), [(WINDOW_US, ["you", "me"]), (WINDOW_US + 1, ["me", "you"])])
def test_what_was_submitted_a_whole_window_ago_still_counts(since_us: int, order: list[str], frozen: bool) -> None:
    """And a microsecond later no more. What was cancelled counts as well."""
    with World(RecentJobs(frozen=frozen), retention_us=0) as world:
        world.worker()
        world.cancel(world.submit(user="me"))
        world.tick(since_us)
        owners = {world.submit(user="me"): "me", world.submit(user="you"): "you"}
        assert [owners[job_id] for job_id in drained(world)] == order


def test_numbers_move_on_with_the_window_unless_they_are_frozen(frozen: bool) -> None:
    """What one has asked for 31 days ago is held against its job for ever, or is forgotten."""
    with World(RecentJobs(frozen=frozen), retention_us=0) as world:
        old = [world.submit(user="much") for _ in range(5)]
        world.cancel(*old)
        world.tick(20 * DAY)
        waiting = world.submit(user="much")
        world.tick(11 * DAY)
        little = [world.submit(user="little") for _ in range(3)]
        world.worker()
        assert list(drained(world)) == ([*little, waiting] if frozen else [waiting, *little])


def test_who_has_waited_for_a_window_goes_before_all_newcomers(frozen: bool) -> None:
    """The promise: with one newcomer after another, each with the number 0, the job of a busy owner has its turn."""
    window_s, every_s, newcomers = 1_000, 10, 200
    pool = Scenario(1, policy=RecentJobs(window_us=window_s * S, frozen=frozen))
    pool.domain("d")
    pool.submit(0, "d", units=1, unit_s=every_s, user="busy")
    pool.submit(1, "d", units=1, unit_s=every_s, user="busy")
    for number in range(newcomers):
        pool.submit(number * every_s + 2, "d", units=1, unit_s=every_s, user=f"new {number}")
    pool.run(every_s * (newcomers + 3), every_s)
    (start,) = [start for start in pool.starts if start.job_id == 2]
    if frozen:
        assert start == pool.starts[-1]
    else:
        assert window_s < start.at_s <= window_s + every_s


def test_a_user_of_two_domains_is_two_owners_and_priorities_do_not_count() -> None:
    with World(RecentJobs()) as world:
        first, second = world.submit("a", user="me"), world.submit("a", user="me", priority=9)
        elsewhere, nobody = world.submit("b", user="me"), world.submit("a")
        world.worker()
        assert list(drained(world)) == [first, elsewhere, nobody, second]


def test_a_job_that_comes_back_has_the_place_that_it_had(frozen: bool) -> None:
    """Units that return, and a job that is prepared long before it starts, count from when they were submitted."""
    with World(RecentJobs(frozen=frozen)) as world:
        world.worker()
        prepared = world.submit(user="me", hold=True)
        lone, second = world.submit(user="you"), world.submit(user="me")
        lease_id = taken(world)
        assert lease_id is not None
        world.give_back(lease_id)
        world.do(StartJobs(0, (prepared,)))
        assert list(drained(world)) == [prepared, lone, second]


def test_parameters() -> None:
    policy = make_policy("recent-jobs:window=12h,frozen=yes,fill=strict")
    assert isinstance(policy, RecentJobs)
    assert (policy.window_us, policy.frozen, policy.fill) == (12 * 3_600 * S, True, "strict")
    assert RecentJobs().window_us == 30 * DAY


class Asked(NamedTuple):
    """A job: when it was submitted, whose, how long it runs, and when it was cancelled if it waited then."""

    at_s: int
    owner: tuple[str, str]
    run_s: int
    cancel_s: int | None


def expected(jobs: list[Asked], slots: int, window_s: int, frozen: bool) -> list[tuple[int, int]]:
    """Return (time, job) of each start, in order, by looking at everything again and again."""

    def number(job: int, at_s: int) -> int:
        since_s = (jobs[job].at_s if frozen else at_s) - window_s
        return sum(other.owner == jobs[job].owner and other.at_s >= since_s for other in jobs[:job])

    started: list[tuple[int, int]] = []
    waiting: set[int] = set()
    ends: list[int] = []
    now_s = 0
    while ends or waiting or now_s <= max(job.at_s for job in jobs):
        ends = [end for end in ends if end > now_s]
        waiting |= {job for job, asked in enumerate(jobs) if asked.at_s == now_s}
        waiting -= {job for job, asked in enumerate(jobs) if asked.cancel_s == now_s}
        while waiting and len(ends) < slots:
            job = min(waiting, key=lambda job: (number(job, now_s), job))
            waiting.discard(job)
            started.append((now_s, job))
            ends.append(now_s + jobs[job].run_s)
        now_s += 1
    return started


owners = st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]))
drawn_jobs = st.lists(
    st.tuples(st.integers(0, 12), owners, st.integers(1, 25), st.none() | st.integers(1, 40)), min_size=1, max_size=30
)


@given(drawn_jobs, st.integers(1, 3), st.integers(1, 80), st.booleans())
def test_the_starts_are_those_of_a_plain_model(
    drawn: list[tuple[int, tuple[str, str], int, int | None]], slots: int, window_s: int, frozen: bool
) -> None:
    jobs, at_s = [], 0
    for gap_s, owner, run_s, after_s in drawn:
        at_s += gap_s
        jobs.append(Asked(at_s, owner, run_s, None if after_s is None else at_s + after_s))
    want = expected(jobs, slots, window_s, frozen)
    waits_s = {job: start_s - jobs[job].at_s for start_s, job in want}
    pool = Scenario(slots, policy=RecentJobs(window_s * S, frozen))
    for name in "ab":
        pool.domain(name)
    for number, job in enumerate(jobs):
        pool.submit(job.at_s, job.owner[0], units=1, unit_s=job.run_s, user=job.owner[1])
        if number not in waits_s and job.cancel_s is not None:
            pool.at(job.cancel_s, CancelJobs(job.cancel_s * S, (JobId(number + 1),)))
    pool.run(2_000, 2_000)
    assert [(start.at_s, start.job_id - 1) for start in pool.starts] == want
    assert isinstance(pool.engine.index, RecentJobsIndex)
    assert not list(pool.engine.index.order(pool.engine.now_us))


def test_what_is_remembered_does_not_grow_with_time(frozen: bool) -> None:
    """Of a hundred windows, no more than two are kept, and nothing of jobs that are archived."""
    with World(RecentJobs(window_us=10 * S, frozen=frozen), retention_us=None) as world:
        world.worker()
        for _ in range(1_000):
            world.tick(S)
            world.submit(user="me")
            assert len(list(drained(world))) == 1
        index = world.engine.index
        assert isinstance(index, RecentJobsIndex)
        ((_, kept),) = index._submissions.items()
        assert len(kept.known) <= 2 * 11
        assert not index._frozen
