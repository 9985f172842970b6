"""Units of a job that has ended are run again in the same job: what failed, what was cancelled, or both."""

from __future__ import annotations

from meted.core import limits
from meted.core.commands import DeleteJob, RerunUnits
from meted.core.engine import UnitResult
from meted.core.errors import Reason
from meted.core.events import JobEnded, UnitsReopened
from meted.core.ids import JobId, WorkerId
from meted.core.limits import RETENTION_US
from meted.core.queries import failure_reason, job_state
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state

from .helper import SECOND, World, cpus


def failed_job(world: World, worker: WorkerId) -> JobId:
    """Return a job of four units of which the second and the fourth have failed."""
    job = world.submit(count=4)
    world.finish(world.lease(worker, job, 4), exits=((1, 1), (3, 9)))
    return job


def test_what_failed_is_pending_again_and_counts_on(world: World) -> None:
    worker = world.worker()
    job = failed_job(world, worker)
    assert world.job(job).outcome == "failed"
    world.tick(5 * SECOND)
    (event,) = world.do(RerunUnits(world.now_us, job))
    assert isinstance(event, UnitsReopened)
    assert job_state(world.state, world.job(job)) == "pending"
    assert (world.job(job).pending_count, world.account().backlog) == (2, 1)
    assert failure_reason(world.job(job)) is None
    first, second = world.lease(worker, job), world.lease(worker, job)
    assert [(lease.first, lease.attempt, lease.failures) for lease in world.leases()] == [(1, 2, 0), (3, 2, 0)]
    world.finish(first)
    assert world.finish(second)[1:] == (JobEnded(world.now_us, job, "succeeded"),)
    world.refused(RerunUnits(world.now_us, job), Reason.NO_UNITS)


def test_retries_begin_anew(world: World) -> None:
    worker = world.worker()
    job = world.submit(retries=1)
    for _ in range(2):
        world.finish(world.lease(worker, job), exits=((0, 1),))
    world.do(RerunUnits(0, job))
    world.finish(world.lease(worker, job), exits=((0, 1),))
    assert world.job(job).outcome is None
    lease = world.lease(worker, job)
    assert world.leases()[0].attempt == 4
    world.finish(lease, exits=((0, 1),))
    assert world.job(job).outcome == "failed"


def test_what_was_cancelled_is_run_again_if_that_is_asked_for(world: World) -> None:
    worker = world.worker()
    job = world.submit(count=100, max_failures=0)
    world.finish(world.lease(worker, job, 2), exits=((0, 1),))
    assert (world.job(job).failed.count, world.job(job).cancelled.count) == (1, 98)
    world.do(RerunUnits(0, job))
    world.finish(world.lease(worker, job))
    assert world.job(job).outcome == "cancelled", "98 units were cancelled and not asked for"
    world.do(RerunUnits(0, job, False, True))
    (run,) = world.job(job).requeued
    assert (run.first, run.count) == (2, 98)
    lease = world.lease(worker, job, 98)
    world.finish(lease)
    assert world.job(job).outcome == "succeeded"


def test_a_job_that_too_many_failures_stopped_goes_on_only_without_them(world: World) -> None:
    worker = world.worker()
    job = world.submit(count=4, max_failures=0)
    world.finish(world.lease(worker, job, 2), exits=((0, 1),))
    assert (world.job(job).failed.count, world.job(job).cancelled.count) == (1, 2)
    world.refused(RerunUnits(world.now_us, job, failed=False, cancelled=True), Reason.NO_UNITS)
    world.do(RerunUnits(world.now_us, job, failed=True, cancelled=True))
    assert world.job(job).pending_count == 3


def test_neighbours_of_both_kinds_are_one_run(world: World) -> None:
    worker = world.worker()
    job = world.submit(count=100, max_failures=0)
    world.finish(world.lease(worker, job, 2), exits=((1, 1),))
    world.do(RerunUnits(0, job, True, True))
    (run,) = world.job(job).requeued
    assert (run.first, run.count, run.attempt) == (1, 99, 1)


def test_a_job_that_never_ran_is_run_after_its_cancellation(world: World) -> None:
    job = world.submit(count=3, hold=True)
    world.cancel(job)
    world.do(RerunUnits(0, job, cancelled=True))
    world.worker(3)
    leases = world.run_pass()
    assert [(lease.first, lease.attempt) for lease in leases] == [(0, 1), (1, 1), (2, 1)] or leases[0].count > 1


def test_a_job_that_is_run_again_is_not_archived_for_its_first_end(world: World) -> None:
    worker = world.worker()
    job = failed_job(world, worker)
    world.tick(RETENTION_US - SECOND)
    world.do(RerunUnits(world.now_us, job))
    world.tick(2 * SECOND)
    assert world.run_timers() == 0
    for _ in range(2):
        world.finish(world.lease(worker, job))
    again = World(state=decode_state(encode_state(world.state)))
    again.now_us = world.now_us
    for one in (world, again):
        one.tick(RETENTION_US - 1)
        assert one.run_timers() == 0
        one.tick(1)
        assert one.run_timers() == 1
        assert job not in one.state.jobs.jobs


def test_idle_time_is_not_banked(world: World) -> None:
    worker = world.worker(4)
    job = failed_job(world, worker)
    world.submit("other", 10, time_request_us=SECOND)
    for _ in range(4):
        world.finish(world.run_pass()[0].lease_id)
    (event,) = world.do(RerunUnits(0, job))
    assert isinstance(event, UnitsReopened)
    assert event.domain_tag == world.account().tag == world.state.jobs.clock


def test_dependants_that_were_cancelled_stay_so_and_can_be_run_after_their_parents(world: World) -> None:
    worker = world.worker()
    parent = world.submit()
    child = world.submit(after=(parent,))
    world.finish(world.lease(worker, parent), exits=((0, 1),))
    refusal = world.refused(RerunUnits(0, child, cancelled=True), Reason.JOB_NOT_ENDED)
    assert (
        refusal.sentence == f"Job {parent}, which job {child} runs after, has not succeeded; run that one again first."
    )
    world.do(RerunUnits(0, parent))
    later = world.submit(after=(parent,))
    world.refused(RerunUnits(0, child, cancelled=True), Reason.JOB_NOT_ENDED)
    world.finish(world.lease(worker, parent))
    assert world.job(child).outcome == "cancelled"
    assert job_state(world.state, world.job(later)) == "pending"
    world.do(RerunUnits(0, child, cancelled=True))
    world.finish(world.lease(worker, child))
    assert world.job(child).outcome == "succeeded"


def test_a_job_that_was_cancelled_while_it_waited_is_not_run_before_its_parents_have_succeeded(world: World) -> None:
    worker = world.worker()
    first, second = world.submit(), world.submit()
    child = world.submit(after=(first, second))
    world.finish(world.lease(worker, first))
    world.cancel(child)
    refusal = world.refused(RerunUnits(0, child, cancelled=True), Reason.JOB_NOT_ENDED)
    assert refusal.sentence == f"Job {second}, which job {child} runs after, has not ended; wait for it first."
    lease = world.lease(worker, second)
    world.refused(RerunUnits(0, child, cancelled=True), Reason.JOB_NOT_ENDED)
    world.finish(lease, exits=((0, 1),))
    world.refused(RerunUnits(0, child, cancelled=True), Reason.JOB_NOT_ENDED)
    world.do(RerunUnits(0, second))
    world.finish(world.lease(worker, second))
    world.do(RerunUnits(0, child, cancelled=True))
    assert [lease.job_id for lease in world.run_pass()] == [child]


def test_a_parent_that_is_gone_counts_as_succeeded_only_where_the_job_was_leased_before(world: World) -> None:
    worker = world.worker()
    succeeded, cancelled = world.submit(), world.submit()
    ran, waited = world.submit(after=(succeeded,)), world.submit(after=(cancelled,))
    world.finish(world.lease(worker, succeeded))
    world.finish(world.lease(worker, ran), exits=((0, 1),))
    world.cancel(waited, cancelled)
    for parent in (succeeded, cancelled):
        world.do(DeleteJob(0, parent))
    refusal = world.refused(RerunUnits(0, waited, cancelled=True), Reason.UNKNOWN_JOB)
    assert refusal.sentence == (
        f"Job {cancelled}, which job {waited} runs after, was archived or deleted, so it is not known whether it "
        f"succeeded; submit job {waited} again as a new job."
    )
    world.do(RerunUnits(0, ran))
    assert [lease.job_id for lease in world.run_pass()] == [ran]


def test_scattered_units_have_a_limit(world: World) -> None:
    count = 2 * limits.RERUN_RUNS_MAX + 2
    worker = world.worker(cpus(1))
    job = world.submit(count=count)
    while world.job(job).outcome is None:
        lease = world.leases()[0] if world.leases() else None
        if lease is None:
            world.lease(worker, job, limits.RUN_UNITS_MAX)
            continue
        exits = tuple((index, 1) for index in range(lease.first, lease.first + lease.count) if index % 2)
        world.finish(lease.lease_id, exits=exits)
    world.refused(RerunUnits(0, job), Reason.TOO_MANY)


def test_an_older_result_does_not_outlive_a_rerun(world: World) -> None:
    worker = world.worker()
    job = world.submit()
    world.finish(world.lease(worker, job), exits=((0, 1),), results=((0, b"no"),))
    world.do(RerunUnits(0, job))
    world.finish(world.lease(worker, job))
    sealed = world.engine.seal()
    assert sealed is not None
    assert sealed.results == (UnitResult(job, 0, 1, b"no"), UnitResult(job, 0, 2, b""))
    world.engine.publish(sealed)
