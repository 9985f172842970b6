"""Jobs: prepared, started, tried again, stopped, ended, kept, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve as replaced

from meted.core.commands import (
    ArchiveJob,
    CancelJobs,
    DeleteJob,
    NoteRepair,
    RejoinWorker,
    ReturnUnits,
    StartJobs,
    SubmitJob,
)
from meted.core.effects import StopUnits, TellOwner
from meted.core.engine import UnitResult
from meted.core.errors import Reason
from meted.core.events import JobArchived, JobEnded, JobStarted, JobStopped, UnitsFinished, WorkerBack
from meted.core.ids import JobId, LeaseId
from meted.core.limits import BACKOFF_DOUBLINGS_MAX, TIME_MAX_US
from meted.core.queries import failure_reason, job_state
from meted.core.spec import Spec, pack_spec, spec_digest, unpack_spec

from .helper import SECOND, World

# Prepare, start, submit (row P19)


def test_a_prepared_job_waits_until_it_is_started(world: World) -> None:
    """Row P19."""
    world.worker()
    job = world.submit(hold=True)
    assert world.run_pass() == []
    assert job_state(world.state, world.job(job)) == "held"
    (event,) = world.do(StartJobs(world.now_us, (job,)))
    assert isinstance(event, JobStarted)
    assert job_state(world.state, world.job(job)) == "pending"
    assert [lease.job_id for lease in world.run_pass()] == [job]
    assert world.do(StartJobs(world.now_us, (job,))) == ()


def test_starting_is_all_or_nothing(world: World) -> None:
    job = world.submit(hold=True)
    world.refused(StartJobs(0, (job, JobId(99))), Reason.UNKNOWN_JOB)
    assert world.job(job).held


def test_two_jobs_of_a_domain_start_at_once(world: World) -> None:
    jobs = (world.submit(hold=True), world.submit(hold=True))
    world.do(StartJobs(0, jobs))
    assert world.account().backlog == 2


def test_idle_time_is_not_banked(world: World) -> None:
    """Whoever has work again starts at the clock: S = max(S, V)."""
    world.domain("late")
    world.worker()
    world.finish(world.lease(world.worker(), world.submit("busy", 5), 5), run_us=100 * SECOND)
    assert world.state.jobs.clock > 0
    world.submit("late")
    assert world.account("late").tag == world.state.jobs.clock
    held = world.submit("later", hold=True)
    assert world.account("later").tag == 0
    world.do(StartJobs(0, (held,)))
    assert world.account("later").tag == world.state.jobs.clock


# Cancel and delete (rows P21, G06)


def test_cancel_keeps_what_has_ended_and_stops_what_runs(world: World) -> None:
    worker = world.worker(4)
    job = world.submit(count=10)
    done, running = world.lease(worker, job, 3), world.lease(worker, job, 3)
    world.finish(done)
    world.commit()
    (event,) = world.cancel(job)
    assert isinstance(event, JobStopped)
    assert (world.job(job).succeeded.count, world.job(job).cancelled.count, world.job(job).out) == (3, 4, 3)
    assert world.commit() == (StopUnits(worker, running),)
    (_, ended) = world.finish(running, exits=((3, -15), (4, -15)))
    assert isinstance(ended, JobEnded)
    assert (world.job(job).succeeded.count, world.job(job).cancelled.count) == (4, 6)
    assert world.job(job).outcome == "cancelled"
    assert world.commit() == (TellOwner(job, "cancelled"),)


def test_killing_a_list_is_idempotent(world: World) -> None:
    """Row G06: each job is stopped once, however often it is named."""
    jobs = [world.submit(), world.submit(hold=True), world.submit(count=5)]
    first = world.cancel(*jobs, jobs[0])
    assert [event.job_id for event in first if isinstance(event, JobStopped)] == jobs
    assert [event.outcome for event in first if isinstance(event, JobEnded)] == ["cancelled"] * 3
    assert world.cancel(*jobs) == ()
    world.refused(CancelJobs(0, (jobs[0], JobId(99))), Reason.UNKNOWN_JOB)


def test_after_cancel_the_data_is_there_and_after_delete_it_is_not(world: World) -> None:
    """Row P21."""
    worker = world.worker()
    job = world.submit(count=2)
    world.finish(world.lease(worker, job), results=((0, b"kept"),))
    sealed = world.engine.seal()
    assert sealed is not None
    assert sealed.results == (UnitResult(job, 0, 1, b"kept"),)
    world.engine.publish(sealed)
    world.cancel(job)
    sealed = world.engine.seal()
    assert sealed is not None
    assert sealed.forget == ()
    world.engine.publish(sealed)
    assert world.do(DeleteJob(0, job)) == (JobArchived(0, job, True),)
    sealed = world.engine.seal()
    assert sealed is not None
    assert sealed.forget == (job,)
    world.engine.publish(sealed)
    world.refused(DeleteJob(0, job), Reason.UNKNOWN_JOB)
    assert not world.state.jobs.specs
    assert world.account().jobs == 0


def test_a_running_job_is_not_deleted(world: World) -> None:
    job = world.submit()
    world.refused(DeleteJob(0, job), Reason.JOB_NOT_ENDED)
    world.lease(world.worker(), job)
    world.cancel(job)
    world.refused(DeleteJob(0, job), Reason.JOB_NOT_ENDED)


# What was measured


def test_what_a_unit_used_is_in_the_event_once(world: World) -> None:
    worker = world.worker()
    job = world.submit(count=4)
    lease = world.lease(worker, job, 4)
    report = replaced(world.report(lease, ((1, 2),)), cpu_us=(5, 6), peak_bytes=(50, 60))
    (first,) = world.do(report)
    assert isinstance(first, UnitsFinished)
    assert (first.cpu_us, first.peak_bytes) == ((5, 6), (50, 60))
    (second, _) = world.do(replaced(world.report(lease, ((0, 4),)), cpu_us=(1, 2, 3, 4), run_us=(7, 7, 7, 8)))
    assert isinstance(second, UnitsFinished)
    assert (second.done, second.run_us) == (((0, 1), (3, 1)), (7, 8))
    assert (second.cpu_us, second.peak_bytes) == ((1, 4), ())


# Retries, back-off, max_failures


def test_a_failed_unit_is_tried_again_after_a_doubling_delay(world: World) -> None:
    worker = world.worker()
    job = world.submit(retries=3, backoff_us=SECOND)
    for failures, wait_us in ((1, SECOND), (2, 2 * SECOND), (3, 4 * SECOND)):
        (lease,) = world.run_pass()
        assert (lease.attempt, lease.failures) == (failures, failures - 1)
        world.finish(lease.lease_id, exits=((0, 1),))
        assert world.job(job).requeued[0].not_before_us == world.now_us + wait_us
        world.tick(wait_us - 1)
        assert world.run_pass() == []
        world.tick(1)
    (lease,) = world.run_pass()
    assert lease.worker_id == worker
    world.finish(lease.lease_id, exits=((0, 1),))
    assert world.job(job).outcome == "failed"
    assert failure_reason(world.job(job)) == "1 of 1 units failed."


def test_the_delay_stops_doubling(world: World) -> None:
    worker = world.worker()
    job = world.submit(retries=1_000, backoff_us=TIME_MAX_US)
    for _ in range(BACKOFF_DOUBLINGS_MAX + 2):
        world.tick(3 * TIME_MAX_US if world.job(job).requeued else 0)
        world.now_us = min(world.now_us, TIME_MAX_US)
        world.finish(world.lease(worker, job), exits=((0, 1),))
        assert world.job(job).requeued[0].not_before_us <= 2 * TIME_MAX_US
        if world.now_us == TIME_MAX_US:
            break


def test_others_go_on_while_a_unit_backs_off(world: World) -> None:
    world.worker(1)
    job = world.submit(count=2, retries=1, backoff_us=60 * SECOND)
    (first,) = world.run_pass()
    world.finish(first.lease_id, exits=((0, 1),))
    (second,) = world.run_pass()
    assert (second.first, second.attempt) == (1, 1)
    world.finish(second.lease_id)
    assert world.run_pass() == []
    assert job_state(world.state, world.job(job)) == "pending"
    world.tick(60 * SECOND)
    (again,) = world.run_pass()
    assert (again.first, again.attempt) == (0, 2)
    world.finish(again.lease_id)
    assert world.job(job).outcome == "succeeded"


def test_too_many_failures_stop_the_job(world: World) -> None:
    worker = world.worker(9)
    job = world.submit(count=100, max_failures=2)
    running = world.lease(worker, job, 4)
    lease = world.lease(worker, job, 4)
    world.finish(lease, ((4, 2),), exits=((4, 1), (5, 1)))
    assert world.job(job).stopped is None
    events = world.finish(lease, ((6, 1),), exits=((6, 1),))
    assert events[1:] == (JobStopped(0, job, "max_failures"),)
    assert (world.job(job).failed.count, world.job(job).cancelled.count, world.job(job).out) == (3, 92, 5)
    world.give_back(lease)
    world.finish(running)
    assert world.job(job).outcome == "failed"
    assert failure_reason(world.job(job)) == "3 units failed, more than the 2 that were allowed."


def test_all_at_once_the_job_stops_and_ends(world: World) -> None:
    job = world.submit(count=3, max_failures=0)
    events = world.finish(world.lease(world.worker(), job, 3), exits=((1, 9),))
    assert events[1:] == (JobStopped(0, job, "max_failures"), JobEnded(0, job, "failed"))


def test_retries_come_before_max_failures(world: World) -> None:
    job = world.submit(count=1, max_failures=0, retries=1)
    worker = world.worker()
    world.finish(world.lease(worker, job), exits=((0, 1),))
    assert world.job(job).stopped is None
    world.finish(world.lease(worker, job))
    assert world.job(job).outcome == "succeeded"


# Results are accepted once (row P35)


def test_a_repeated_report_counts_once(world: World) -> None:
    """Row P35."""
    job = world.submit(count=4, time_request_us=SECOND)
    lease = world.lease(world.worker(4), job, 4)
    first = world.report(lease, ((0, 2),), 3 * SECOND, results=((0, b"a"), (1, b"b")))
    overlapping = world.report(lease, ((1, 2),), 5 * SECOND, exits=((1, 1),), results=((1, b"x"), (2, b"c")))
    world.do(first)
    after = world.state
    assert world.do(first) == ()
    assert world.state is after, "nothing is charged twice"
    (event,) = world.do(overlapping)
    assert isinstance(event, UnitsFinished)
    assert (event.done, event.run_us, event.exits) == (((2, 1),), (5 * SECOND,), ())
    sealed = world.engine.seal()
    assert sealed is not None
    assert [(row.index, row.body) for row in sealed.results] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert world.job(job).measured_us == 11 * SECOND


def test_a_late_report_of_an_ended_lease_counts_for_nothing(world: World) -> None:
    job = world.submit()
    worker = world.worker()
    lease = world.lease(worker, job)
    late = world.report(lease)
    back = ReturnUnits(0, worker, lease, ((0, 1),))
    world.do(back)
    assert world.do(late) == ()
    assert world.do(back) == ()
    again = world.lease(worker, job)
    assert again != lease
    assert world.do(late) == ()
    world.finish(again)
    assert world.do(late) == ()
    assert world.job(job).succeeded.count == 1


# Time, retention, ids


def test_an_older_time_never_moves_the_state_s_time_back(world: World) -> None:
    world.tick(100 * SECOND)
    world.domain()
    world.now_us = 5 * SECOND
    job = world.submit()
    assert world.state.at_us == 100 * SECOND
    assert world.job(job).submitted_us == 100 * SECOND
    world.run_pass()
    assert world.state.at_us == 100 * SECOND


def test_an_ended_job_leaves_the_state_after_its_retention() -> None:
    world = World(retention_us=10 * SECOND)
    job = world.submit()
    world.finish(world.lease(world.worker(), job))
    assert world.engine.next_due_us() == 10 * SECOND
    world.refused(ArchiveJob(9 * SECOND, job, 10 * SECOND), Reason.JOB_NOT_ENDED)
    world.tick(10 * SECOND - 1)
    assert world.run_timers() == 0
    world.tick(1)
    assert world.run_timers() == 1
    assert world.log[-1] == JobArchived(10 * SECOND, job, False)
    assert job not in world.state.jobs.jobs
    assert world.engine.next_due_us() is None


def test_a_deleted_job_s_timer_does_nothing() -> None:
    world = World(retention_us=SECOND)
    job = world.submit()
    world.cancel(job)
    world.do(DeleteJob(0, job))
    world.tick(SECOND)
    assert world.run_timers() == 0


def test_timers_are_made_anew_from_the_state() -> None:
    world = World(retention_us=SECOND)
    job = world.submit()
    world.cancel(job)
    again = World(state=world.state, retention_us=SECOND)
    assert again.engine.next_due_us() == SECOND
    again.tick(SECOND)
    assert again.run_timers() == 1


def test_ids_are_never_given_twice(world: World) -> None:
    worker = world.worker()
    job = world.submit()
    world.finish(world.lease(worker, job))
    world.do(DeleteJob(0, job))
    assert world.submit() > job


def test_ids_that_lost_events_may_have_given_are_skipped(world: World) -> None:
    """Law 5 after a repair: at most one id of each kind an event was lost."""
    world.domain("a")
    worker, job = world.worker(2), world.submit("a", 2)
    lease = world.lease(worker, job)
    world.do(NoteRepair(0, 50, 59))
    assert world.submit("a") == job + 11
    assert world.worker() == worker + 11
    assert world.lease(worker, job) == lease + 11
    assert world.domain("b") == 12
    assert world.do(ReturnUnits(0, worker, LeaseId(lease + 5), ((0, 1),))) == (), "it may have been given"


@pytest.mark.parametrize("count", [1, 3])
def test_equal_specs_are_kept_once(world: World, count: int) -> None:
    spec = Spec(("run", "{index}"), (("B", "2"), ("A", "1")), "/tmp", b"\0payload")
    same = Spec(("run", "{index}"), (("A", "1"), ("B", "2")), "/tmp", b"\0payload")
    jobs = [world.submit(spec=spec if at % 2 else same) for at in range(count)]
    digest = spec_digest(pack_spec(spec))
    assert {key: kept.jobs for key, kept in world.state.jobs.specs.items()} == {digest: count}
    assert unpack_spec(world.state.jobs.specs[digest].body) == same
    world.cancel(*jobs)
    for job in jobs:
        world.do(DeleteJob(0, job))
    assert not world.state.jobs.specs


class Word(str):
    """Text that is no plain text, and equal to it."""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (Spec(("run",)), Spec((Word("run"),))),
        (Spec(env=(("A", "1"),)), Spec(env=(("A", Word("1")),))),
        (Spec(cwd="/tmp"), Spec(cwd=Word("/tmp"))),
        (Spec(payload=b"x"), Spec(payload=memoryview(b"x"))),  # type: ignore[arg-type]  # that is what is wrong
    ],
)
def test_what_equals_a_spec_that_was_accepted_is_refused_as_before(world: World, right: Spec, wrong: Spec) -> None:
    assert right == wrong
    assert hash(right) == hash(wrong)
    world.domain("d")
    before = world.refused(SubmitJob(0, "d", wrong), Reason.BAD_TYPE)
    world.submit("d", spec=right)
    assert world.refused(SubmitJob(0, "d", wrong), Reason.BAD_TYPE).sentence == before.sentence


def test_no_pass_is_refused_what_it_proposes(world: World) -> None:
    """A pass that ends early leaves a state from which the next goes on."""
    world.worker(8)
    world.submit(count=8)
    assert len(world.run_pass(decisions_max=3)) == 3
    assert world.engine.more
    assert len(world.run_pass(decisions_max=5)) == 5
    world.run_pass()
    assert not world.engine.more


def test_adoption_after_a_restart_keeps_what_is_held(world: World) -> None:
    worker = world.worker(4)
    job = world.submit(count=4)
    lease = world.lease(worker, job, 4)
    again = World(state=world.state)
    (back,) = again.do(RejoinWorker(0, worker, ((lease, ((0, 4),)),)))
    assert isinstance(back, WorkerBack)
    again.finish(lease)
    assert again.job(job).outcome == "succeeded"


@pytest.mark.parametrize("name", ["count", "priority", "retries", "backoff_us"])
def test_a_truth_is_no_number_though_it_is_equal_to_one(world: World, name: str) -> None:
    world.domain()
    field: dict[str, Any] = {name: name == "count"}
    world.refused(SubmitJob(0, "d", time_request_us=SECOND, **field), Reason.BAD_TYPE)


def test_without_retention_a_job_leaves_with_its_end_and_the_log_is_the_same() -> None:
    at_once, later = World("fcfs", retention_us=None), World("fcfs", retention_us=0)
    for world in (at_once, later):
        worker = world.worker(2)
        first, second, third = world.submit(), world.submit(count=2), world.submit()
        world.finish(world.lease(worker, first))
        assert world.run_timers() == (world is later)
        assert sorted(world.state.jobs.jobs) == [second, third]
        world.cancel(second, third)
        assert world.run_timers() == 2 * (world is later)
        assert not world.state.jobs.jobs
    assert at_once.log == later.log
    assert at_once.state == later.state
