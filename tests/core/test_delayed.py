"""Jobs that begin no sooner than at a time: delayed, and not started while something else holds them (row N33)."""

from __future__ import annotations

from itertools import permutations

import pytest

from meted.core.commands import BeginJob, StartJobs, SubmitJob
from meted.core.errors import Reason
from meted.core.events import HoldLifted, JobDelayed, JobEnded, JobStarted, JobSubmitted
from meted.core.explain import WaitReason, explain
from meted.core.forecast import forecast
from meted.core.ids import JobId
from meted.core.limits import TIMERS_DUE_MAX
from meted.core.policy.meted import Meted
from meted.core.queries import job_state
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state

from .helper import SECOND, World

TIME = 100 * SECOND


def why(world: World, job_id: JobId) -> tuple[WaitReason, str]:
    (part,) = explain(world.state, world.engine.index, job_id, world.now_us)
    return part.reason, part.sentence


def test_a_job_begins_at_its_time_and_not_before(world: World) -> None:
    """Row N33."""
    world.worker()
    job = world.submit(begin_us=TIME)
    assert job_state(world.state, world.job(job)) == "pending"
    assert why(world, job) == (WaitReason.BEGIN, "It begins in 1 min 40 s at the earliest.")
    assert world.engine.next_wake_us() == TIME
    world.now_us = TIME - 1
    assert (world.run_timers(), world.run_pass()) == (0, [])
    world.now_us = TIME
    assert world.run_timers() == 1
    assert isinstance(world.log[-1], JobStarted)
    assert not world.state.jobs.waiting
    assert [lease.job_id for lease in world.run_pass()] == [job]


@pytest.mark.parametrize("begin_us", [None, 0, 7])
def test_a_time_that_has_passed_keeps_it_from_nothing(world: World, begin_us: int | None) -> None:
    world.domain()
    world.tick(7)
    *_, last = world.do(SubmitJob(7, "d", begin_us=begin_us))
    assert isinstance(last, JobSubmitted)
    assert not last.held


def test_it_banks_no_idle_time_while_it_waits(world: World) -> None:
    world.worker()
    world.submit("later", begin_us=TIME)
    busy = world.submit("busy", count=3)
    for _ in range(3):
        (lease,) = world.run_pass()
        assert lease.job_id == busy
        world.finish(lease.lease_id)
    assert world.account("busy").tag > 0
    world.now_us = TIME
    world.run_timers()
    assert world.account("later").tag >= world.state.jobs.clock > 0


@pytest.mark.parametrize("order", list(permutations(("start", "parent", "time"))), ids="-".join)
def test_what_holds_it_may_go_in_any_order(world: World, order: tuple[str, ...]) -> None:
    """Not enabled, no start: a job that is prepared, waits for another and for its time needs all three."""
    worker = world.worker()
    parent = world.submit()
    job = world.submit(after=(parent,), hold=True, begin_us=TIME)
    for what in order:
        assert world.job(job).held
        if what == "start":
            events = world.do(StartJobs(world.now_us, (job,)))
            assert [type(event) for event in events] == [JobStarted if what == order[-1] else HoldLifted]
            assert world.do(StartJobs(world.now_us, (job,))) == ()
        elif what == "parent":
            events = world.finish(world.lease(worker, parent))[1:]
            assert [type(event) for event in events] == [JobEnded] + [JobStarted] * (what == order[-1])
        else:
            world.now_us = TIME
            assert world.run_timers() == (what == order[-1])
        world.check()
        with World(state=decode_state(encode_state(world.state))) as again:  # timers come from the state alone
            again.now_us = world.now_us
            assert again.run_timers() == 0  # what is obsolete is dropped
            assert again.engine.next_wake_us() == world.engine.next_wake_us()
    assert not world.job(job).held
    assert [lease.job_id for lease in world.run_pass()] == [job]


def test_the_reason_names_all_that_holds_it(world: World) -> None:
    parent = world.submit()
    both = world.submit(after=(parent,), begin_us=26 * 3_600 * SECOND)
    assert why(world, both) == (
        WaitReason.DEPENDENCY,
        f"It runs after job {parent} (pending). It begins in 1 d 2 h at the earliest.",
    )
    prepared = world.submit(hold=True, begin_us=TIME)
    assert job_state(world.state, world.job(prepared)) == "held"
    world.now_us = TIME - SECOND
    assert why(world, prepared)[1].endswith(" to let it run. It begins in 1 s at the earliest.")
    world.now_us = TIME
    assert why(world, prepared)[1].endswith(" to let it run.")


def test_a_delayed_job_that_is_cancelled_never_begins(world: World) -> None:
    job = world.submit(begin_us=TIME)
    world.cancel(job)
    world.now_us = TIME
    assert world.run_timers() == 0
    assert job_state(world.state, world.job(job)) == "cancelled"
    assert world.do(BeginJob(TIME, job)) == ()


def test_nobody_begins_a_job_before_its_time(world: World) -> None:
    job = world.submit(begin_us=TIME)
    refusal = world.refused(BeginJob(TIME - 1, job), Reason.NOT_DUE)
    assert refusal.sentence == f"Job {job} begins at {TIME} us; wait for that."
    assert world.log[-1] == JobDelayed(0, job, TIME, False)


def test_a_forecast_has_it_begin_at_its_time(world: World) -> None:
    world.worker()
    job = world.submit(begin_us=TIME, time_request_us=SECOND)
    (row,) = forecast(world.state, Meted(), 0).jobs
    assert (row.job_id, row.first_us, row.ends_us) == (job, TIME, TIME + SECOND)


def test_many_that_begin_at_once_do_not_hold_up_all_others(world: World) -> None:
    for _ in range(TIMERS_DUE_MAX + 5):
        world.submit(begin_us=TIME)
    world.now_us = TIME
    assert world.run_timers() == TIMERS_DUE_MAX
    assert world.engine.next_wake_us() == TIME
    assert world.run_timers() == 5
    assert not world.state.jobs.waiting
