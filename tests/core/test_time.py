"""The engine's time never runs back, whatever a wall clock does; and a policy that lies stops nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meted.core.commands import DrainWorker, LeaseUnits
from meted.core.errors import Reason
from meted.core.explain import explain
from meted.core.ids import JobId, WorkerId
from meted.core.limits import RETENTION_US, TIME_MAX_US
from meted.core.policy.base import Index, Proposal
from meted.core.policy.fcfs import FcfsIndex
from meted.core.policy.registry import POLICIES
from meted.core.reducers import fold
from meted.core.state import State

from .helper import SECOND, World

START_US = 1_000 * SECOND


def backing_off(policy: str) -> tuple[World, WorkerId, JobId]:
    """Return a world in which a unit backs off for five seconds, on a worker that is drained meanwhile."""
    world = World(policy)
    world.tick(START_US)
    worker, job = world.worker(), world.submit(retries=3, backoff_us=5 * SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    world.do(DrainWorker(world.now_us, worker, True))
    return world, worker, job


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_clock_that_is_set_back_after_a_back_off_was_over_stops_no_pass(policy: str) -> None:
    world, worker, job = backing_off(policy)
    world.tick(8 * SECOND)
    assert world.run_pass() == []  # the back-off is over, and no event says so
    world.tick(-4 * SECOND)
    world.do(DrainWorker(world.now_us, worker, False))
    (lease,) = world.run_pass()
    assert (lease.job_id, lease.leased_us) == (job, START_US + 8 * SECOND)
    assert not world.engine.refusals
    assert [event.at_us for event in world.log] == sorted(event.at_us for event in world.log)
    assert fold(State(), world.log) == world.state


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_restart_with_the_clock_set_back_waits_out_the_back_off(policy: str) -> None:
    world, worker, job = backing_off(policy)
    world.tick(8 * SECOND)
    world.run_pass()
    with World(policy, world.state) as again:
        again.now_us = START_US + 4 * SECOND
        again.do(DrainWorker(again.now_us, worker, False))
        assert again.run_pass() == []
        assert again.engine.next_wake_us() == START_US + 5 * SECOND
        again.tick(SECOND)
        assert [lease.job_id for lease in again.run_pass()] == [job]


def test_what_a_look_at_the_timers_or_a_command_without_an_event_has_seen_counts(world: World) -> None:
    world.tick(START_US)
    worker = world.worker()
    world.tick(SECOND)
    world.run_timers()
    assert world.state.at_us == START_US
    (event,) = world.do(DrainWorker(START_US, worker, True))
    assert event.at_us == START_US + SECOND
    assert world.do(DrainWorker(START_US + 2 * SECOND, worker, True)) == ()
    (event,) = world.do(DrainWorker(START_US, worker, False))
    assert event.at_us == world.engine.now_us == START_US + 2 * SECOND
    world.refused(DrainWorker(START_US + 9 * SECOND, WorkerId(99), True), Reason.UNKNOWN_WORKER)
    assert world.engine.now_us == START_US + 2 * SECOND


def test_what_fell_due_is_done_though_the_clock_is_set_back(world: World) -> None:
    job = world.submit()
    world.cancel(job)
    world.engine.run_pass(RETENTION_US)
    assert world.run_timers() == 1
    assert job not in world.state.jobs.jobs


def test_a_clock_beyond_the_end_of_time_makes_no_event_beyond_it(world: World) -> None:
    worker = world.worker()
    world.engine.run_pass(10 * TIME_MAX_US)
    world.engine.run_timers(10 * TIME_MAX_US)
    (event,) = world.do(DrainWorker(0, worker, True))
    assert event.at_us == TIME_MAX_US


class LyingIndex(FcfsIndex):
    """Proposes what is right, then a worker that is not there, and then what would be right again."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield a lie after the first lease."""
        for proposal in super().proposals(at_us):
            yield proposal
            yield LeaseUnits(at_us, WorkerId(99), JobId(1))


class Liar:
    """A policy that lies."""

    name = "liar"

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return LyingIndex(state)


def test_a_policy_that_proposes_what_is_refused_stops_nothing() -> None:
    with World(Liar()) as world:
        world.worker(3)
        job = world.submit(count=3)
        index = world.engine.index
        for leased in (1, 2, 3):
            assert [lease.job_id for lease in world.run_pass()] == [job]
            assert world.engine.refusals == {Reason.WORKER_UNAVAILABLE: leased}
            assert world.engine.index is not index
            assert not world.engine.more
            index = world.engine.index
        assert explain(world.state, index, job, world.now_us) == ()
        for lease in world.leases():
            world.finish(lease.lease_id)
        assert world.job(job).outcome == "succeeded"
