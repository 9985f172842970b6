"""Workers: away and back, drained, lost; units taken back in two phases, and units that are tried elsewhere."""

from __future__ import annotations

import pytest

from meted.core.commands import DrainWorker, LeaseUnits, LoseWorker, MarkWorkerAway, RecallUnits, RejoinWorker
from meted.core.effects import AskBack, KeepLeases, RunUnits, StopUnits
from meted.core.errors import Reason
from meted.core.events import (
    JobEnded,
    UnitsRecalled,
    UnitsReturned,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerLost,
)
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import ADOPT_GRACE_US
from meted.core.react import outstanding

from .helper import SECOND, World, cpus


@pytest.fixture
def leased(world: World) -> tuple[World, WorkerId, JobId, LeaseId]:
    """A worker that holds ten units of a job."""
    worker = world.worker(4)
    job = world.submit(count=10, time_request_us=SECOND, max_losses=1)
    lease = world.lease(worker, job, 10)
    world.commit()
    return world, worker, job, lease


Leased = tuple[World, WorkerId, JobId, LeaseId]

# Effects


def test_a_lease_is_sent_to_its_worker_once_it_is_durable(world: World) -> None:
    worker = world.worker()
    job = world.submit(time_limit_us=5 * SECOND)
    lease = world.lease(worker, job)
    digest = world.job(job).terms.spec_digest
    assert world.commit() == (RunUnits(worker, lease, job, 0, 1, 1, digest, 5 * SECOND),)
    assert outstanding(world.state) == ()


def test_what_came_back_in_the_same_batch_is_not_sent(world: World) -> None:
    lease = world.lease(world.worker(), world.submit())
    world.give_back(lease)
    assert world.commit() == ()


# Taking back in two phases


def test_units_are_taken_back_in_two_phases_and_refunded(leased: Leased) -> None:
    world, worker, job, lease = leased
    tag = world.account().tag
    assert world.do(RecallUnits(0, lease)) == (UnitsRecalled(0, lease),)
    assert world.do(RecallUnits(0, lease)) == ()
    assert world.commit() == (AskBack(worker, lease),)
    assert outstanding(world.state) == (AskBack(worker, lease),)
    assert world.job(job).out == 10, "what has started may go on"
    world.give_back(lease, ((3, 7),))
    assert world.account().tag == tag * 3 // 10
    assert [(run.first, run.count, run.attempt, run.losses) for run in world.job(job).requeued] == [(3, 7, 1, 0)]
    world.finish(lease)
    assert outstanding(world.state) == ()
    assert world.do(RecallUnits(0, lease)) == ()


def test_returned_neighbours_become_one_run_again(leased: Leased) -> None:
    world, worker, job, lease = leased
    for first in (8, 2, 4, 6, 3, 5, 7):
        world.give_back(lease, ((first, 1),))
    assert [(run.first, run.count) for run in world.job(job).requeued] == [(2, 7)]
    assert world.lease(worker, job, 3) == lease + 1
    assert [(run.first, run.count) for run in world.job(job).requeued] == [(5, 4)]


# Drain


def test_a_drained_worker_finishes_and_gets_no_more(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.submit(count=5)
    events = world.do(DrainWorker(0, worker))
    assert events == (WorkerDrained(0, worker, True), UnitsRecalled(0, lease))
    assert world.do(DrainWorker(0, worker)) == ()
    assert world.run_pass() == []
    world.refused(LeaseUnits(0, worker, job), Reason.WORKER_UNAVAILABLE)
    world.finish(lease, ((0, 2),))
    world.give_back(lease)
    assert world.do(DrainWorker(0, worker, False)) == (WorkerDrained(0, worker, False),)
    assert world.run_pass()


# Away, back, adoption


def test_a_worker_that_comes_back_in_time_keeps_what_it_holds(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.submit()
    assert world.do(MarkWorkerAway(0, worker)) == (WorkerAway(0, worker, ADOPT_GRACE_US),)
    assert world.do(MarkWorkerAway(0, worker)) == ()
    assert world.engine.next_due_us() == ADOPT_GRACE_US
    assert world.run_pass() == [], "it gets nothing meanwhile"
    world.tick(ADOPT_GRACE_US - 1)
    assert world.run_timers() == 0
    held = ((lease, ((0, 10),)), (LeaseId(lease + 99), ((0, 5),)))
    assert world.do(RejoinWorker(world.now_us, worker, held)) == (WorkerBack(world.now_us, worker),)
    assert world.commit() == (KeepLeases(worker, (lease,)),)
    world.tick(ADOPT_GRACE_US)
    assert world.run_timers() == 0, "the timer is void"
    assert world.job(job).out == 10


def test_whoever_was_away_has_all_of_the_grace_again_after_a_restart(leased: Leased) -> None:
    world, worker, *_ = leased
    world.do(MarkWorkerAway(0, worker))
    again = MarkWorkerAway(ADOPT_GRACE_US + 5, worker, anew=True)
    assert world.do(again) == (WorkerAway(ADOPT_GRACE_US + 5, worker, 2 * ADOPT_GRACE_US + 5),)
    assert world.run_timers() == 0, "what was due before is void"
    world.now_us = 2 * ADOPT_GRACE_US + 5
    assert world.run_timers() == 1


def test_what_it_does_not_hold_any_more_is_tried_again_without_blame(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.finish(lease, ((0, 2),))
    world.do(MarkWorkerAway(0, worker))
    back, returned = world.do(RejoinWorker(0, worker, ((lease, ((0, 3), (5, 1))),)))
    assert isinstance(back, WorkerBack)
    assert isinstance(returned, UnitsReturned)
    assert (returned.cause, returned.spans) == ("returned", ((3, 2), (6, 4)))
    assert all(run.losses == 0 for run in returned.requeued)
    assert world.out(lease) == ((2, 1), (5, 1))
    world.run_pass()
    assert world.job(job).out == 2 + 3, "and one unit on each of the three cpus that are free"


def test_an_unknown_worker_has_to_join(world: World) -> None:
    worker = world.worker()
    world.do(LoseWorker(0, worker, "left"))
    world.refused(RejoinWorker(0, worker, ()), Reason.UNKNOWN_WORKER)
    assert world.worker() > worker


# Lost (row P37)


def test_a_worker_out_of_touch_for_too_long_is_lost(leased: Leased) -> None:
    """Row P37."""
    world, worker, job, lease = leased
    world.do(MarkWorkerAway(0, worker, 5 * SECOND))
    late = world.report(lease)
    world.tick(5 * SECOND)
    assert world.run_timers() == 1
    assert world.log[-1] == WorkerLost(5 * SECOND, worker, "timeout")
    assert not world.leases()
    assert world.job(job).pending_count == 10
    assert world.state.workers.capacity == cpus(0)
    assert world.do(late) == (), "it is fenced"
    other = world.worker(1)
    (again, *_) = world.run_pass()
    assert (again.worker_id, again.attempt, again.losses) == (other, 2, 1)
    while world.leases():
        for lease_ in world.leases():
            world.finish(lease_.lease_id)
        world.run_pass()
    assert world.job(job).outcome == "succeeded"


def test_what_was_on_a_lost_worker_is_tried_one_by_one_whatever_was_asked_for(world: World) -> None:
    """So a unit that kills workers takes no others with it; what had not started goes in runs as before."""
    worker, job = world.worker(), world.submit(count=6)
    lease = world.lease(worker, job, 6)
    world.do(LoseWorker(0, worker, "crash", ((lease, ((0, 3),)),)))
    other = world.worker(9)
    for _ in range(4):
        world.lease(other, job, 6)
    assert [one.count for one in world.leases()] == [1, 1, 1, 3]


def test_only_what_had_started_counts_towards_the_poison_limit(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.do(LoseWorker(0, worker, "crash", ((lease, ((0, 1), (4, 2))),)))
    runs = [(run.first, run.count, run.losses) for run in world.job(job).requeued]
    assert runs == [(0, 1, 1), (1, 3, 0), (4, 2, 1), (6, 4, 0)]


def test_nothing_counts_where_nothing_had_started(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.do(LoseWorker(0, worker, "stopped", ()))
    assert [(run.count, run.losses) for run in world.job(job).requeued] == [(10, 0)]
    assert world.state.jobs.next_lease_id == lease + 1


def test_a_unit_that_was_on_too_many_lost_workers_fails(world: World) -> None:
    job = world.submit(count=2, max_losses=2)
    for losses in range(3):
        worker = world.worker()
        world.run_pass()
        (lease,) = world.leases()
        assert lease.losses == losses
        world.do(LoseWorker(0, worker, "crash"))
    assert (world.job(job).failed.count, world.job(job).pending_count) == (1, 1)
    assert [run.count for run in world.job(job).requeued] in ([], [1])


def test_a_unit_that_may_not_be_lost_at_all_fails_at_once(world: World) -> None:
    job = world.submit(max_losses=0)
    worker = world.worker()
    world.lease(worker, job)
    events = world.do(LoseWorker(0, worker, "crash"))
    assert [type(event) for event in events] == [UnitsReturned, JobEnded, WorkerLost]
    assert world.job(job).outcome == "failed"


def test_units_of_a_stopped_job_are_cancelled_when_their_worker_is_lost(leased: Leased) -> None:
    world, worker, job, lease = leased
    world.cancel(job)
    assert world.commit() == (StopUnits(worker, lease),)
    assert outstanding(world.state) == (StopUnits(worker, lease),)
    world.do(LoseWorker(0, worker, "crash"))
    assert world.job(job).outcome == "cancelled"
    assert world.job(job).cancelled.count == 10


def test_a_lost_worker_s_many_leases_end_a_job_once(world: World) -> None:
    worker = world.worker(3)
    job = world.submit(count=3, max_losses=0, max_failures=1)
    for _ in range(3):
        world.lease(worker, job)
    events = world.do(LoseWorker(0, worker, "crash"))
    assert sum(isinstance(event, JobEnded) for event in events) == 1
    assert (world.job(job).failed.count, world.job(job).cancelled.count) == (2, 1)


def test_work_goes_only_to_workers_that_live_long_enough(world: World) -> None:
    short = world.worker(1, until_us=10 * SECOND)
    job = world.submit(count=2, time_request_us=6 * SECOND)
    (lease,) = world.run_pass()
    assert lease.worker_id == short
    world.tick(6 * SECOND)
    world.finish(lease.lease_id)
    assert world.run_pass() == []
    long = world.worker(1)
    assert [lease.worker_id for lease in world.run_pass()] == [long]
    assert world.job(job).out == 1
