"""Jobs that run after others: they wait, are released, and are cancelled when one does not succeed (row G36)."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from meted.core.commands import CancelJobs, DeleteJob, RerunUnits, StartJobs, SubmitJob
from meted.core.errors import Reason
from meted.core.events import HoldLifted, JobEnded, JobStarted, JobStopped
from meted.core.explain import WaitReason, explain
from meted.core.ids import JobId, WorkerId
from meted.core.limits import AFTER_MAX
from meted.core.queries import failure_reason, job_state
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state

from .helper import SECOND, World


def run(world: World, worker: WorkerId, job: JobId, exit_code: int = 0) -> list[object]:
    """Run the one unit of a job, and return what follows from its end."""
    exits = ((0, exit_code),) if exit_code else ()
    return list(world.finish(world.lease(worker, job), exits=exits)[1:])


def test_a_job_waits_until_all_its_parents_have_succeeded(world: World) -> None:
    worker = world.worker(9)
    first, second = world.submit(), world.submit()
    child = world.submit(after=(first, second, first))
    assert world.job(child).terms.after == (first, second)
    assert job_state(world.state, world.job(child)) == "pending"
    assert {lease.job_id for lease in world.run_pass()} == {first, second}
    one, two = world.leases()
    world.finish(one.lease_id)
    assert world.run_pass() == []
    assert world.finish(two.lease_id)[1:] == (
        JobEnded(0, second, "succeeded"),
        JobStarted(0, child, world.account().tag, 0, world.job(child).tag, ()),
    )
    assert not world.state.jobs.waiting
    assert not world.state.jobs.dependants
    (lease,) = world.run_pass()
    assert (lease.job_id, lease.worker_id) == (child, worker)


def test_a_parent_that_has_succeeded_counts_as_done(world: World) -> None:
    worker = world.worker()
    done = world.submit()
    run(world, worker, done)
    child = world.submit(after=(done,))
    assert job_state(world.state, world.job(child)) == "pending"
    world.do(DeleteJob(0, done))
    assert [lease.job_id for lease in world.run_pass()] == [child]


def test_idle_time_is_not_banked_while_a_job_waits(world: World) -> None:
    worker = world.worker(2)
    parent = world.submit("other", time_request_us=SECOND)
    world.submit("d", after=(parent,))
    world.submit("third", 10, time_request_us=SECOND)
    for _ in range(3):
        world.finish(world.run_pass()[-1].lease_id)
    leases = world.leases()
    for lease in leases:
        world.finish(lease.lease_id)
    assert world.job(parent).outcome == "succeeded"
    assert 0 < world.account("d").tag == world.state.jobs.clock
    assert worker


@pytest.mark.parametrize("how", ["failed", "cancelled", "max_failures"])
def test_dependants_of_a_job_that_does_not_succeed_are_cancelled(world: World, how: str) -> None:
    worker = world.worker()
    parent = world.submit(max_failures=0 if how == "max_failures" else None)
    other = world.submit()
    child = world.submit(after=(other, parent))
    grandchild = world.submit(after=(child,), hold=True)
    events = list(world.cancel(parent))[1:] if how == "cancelled" else run(world, worker, parent, 1)
    assert events[-4:] == [
        JobStopped(0, child, "dependency"),
        JobEnded(0, child, "cancelled"),
        JobStopped(0, grandchild, "dependency"),
        JobEnded(0, grandchild, "cancelled"),
    ]
    assert world.job(child).outcome == world.job(grandchild).outcome == "cancelled"
    reason = failure_reason(world.job(child))
    assert reason == f"It was to run after jobs {other}, {parent}, and not all of that succeeded."
    assert run(world, worker, other) == [JobEnded(0, other, "succeeded")]
    assert not world.state.jobs.waiting


def test_a_running_parent_that_is_cancelled_ends_first(world: World) -> None:
    worker = world.worker()
    parent = world.submit()
    child = world.submit(after=(parent,))
    lease = world.lease(worker, parent)
    assert len(world.cancel(parent)) == 1
    world.refused(SubmitJob(0, "d", after=(parent,)), Reason.JOB_ENDED)
    assert world.job(child).held
    world.finish(lease)
    assert world.job(child).stopped == "dependency"


def test_who_is_cancelled_together_is_cancelled_once(world: World) -> None:
    parent = world.submit()
    child = world.submit(after=(parent,))
    grandchild = world.submit(after=(parent, child))
    events = world.do(CancelJobs(0, (parent, child)))
    assert [event.job_id for event in events if isinstance(event, JobEnded)] == [parent, child, grandchild]
    assert world.job(child).stopped == "cancelled"
    assert world.job(grandchild).stopped == "dependency"


def test_a_child_that_was_cancelled_is_not_released(world: World) -> None:
    worker = world.worker()
    parent = world.submit()
    child = world.submit(after=(parent,))
    world.cancel(child)
    assert run(world, worker, parent) == [JobEnded(0, parent, "succeeded")]
    world.refused(StartJobs(0, (child,)), Reason.JOB_ENDED)


@pytest.mark.parametrize("started_first", [True, False])
def test_a_prepared_job_with_parents_needs_both(world: World, started_first: bool) -> None:
    worker = world.worker()
    parent = world.submit()
    child = world.submit(after=(parent,), hold=True)
    if started_first:
        assert world.do(StartJobs(0, (child, child))) == (HoldLifted(0, child),)
        assert world.do(StartJobs(0, (child,))) == ()
    assert [type(event) for event in run(world, worker, parent)] == [JobEnded] + [JobStarted] * started_first
    assert world.job(child).held != started_first
    if not started_first:
        assert explain(world.state, world.engine.index, child, 0)[0].reason is WaitReason.PREPARED
        (event,) = world.do(StartJobs(0, (child,)))
        assert isinstance(event, JobStarted)
    assert [lease.job_id for lease in world.run_pass()] == [child]


def test_parents_that_will_not_succeed_are_refused(world: World) -> None:
    worker = world.worker()
    failed, cancelled = world.submit(), world.submit()
    run(world, worker, failed, 1)
    world.cancel(cancelled)
    for parent, word in ((failed, "failed"), (cancelled, "stopped")):
        assert word in world.refused(SubmitJob(0, "d", after=(parent,)), Reason.JOB_ENDED).sentence
    refusal = world.refused(SubmitJob(0, "d", after=(JobId(99),)), Reason.UNKNOWN_JOB)
    assert refusal.sentence.startswith("There is no job 99 to run after")
    world.refused(SubmitJob(0, "d", after=(JobId(10**100),)), Reason.UNKNOWN_JOB)
    next_id = world.state.jobs.next_job_id
    world.refused(SubmitJob(0, "d", after=(JobId(next_id),)), Reason.UNKNOWN_JOB)
    world.refused(SubmitJob(0, "d", after=tuple(JobId(n) for n in range(AFTER_MAX + 1))), Reason.TOO_MANY)


def test_explain_names_the_parents_and_their_states(world: World) -> None:
    worker = world.worker()
    parents = tuple(world.submit() for _ in range(6))
    world.finish(world.lease(worker, parents[1]))
    world.lease(worker, parents[0])
    child = world.submit(after=parents)
    (part,) = explain(world.state, world.engine.index, child, 0)
    assert (part.units, part.reason) == (1, WaitReason.DEPENDENCY)
    assert part.sentence == "It runs after job 1 (running), job 3 (pending), job 4 (pending) and 2 more."
    both = world.submit(after=parents[:1], hold=True)
    (part,) = explain(world.state, world.engine.index, both, 0)
    assert part.sentence == f"It is only prepared; start job {both} to let it run. It runs after job 1 (running)."


def test_what_waits_survives_a_restart(world: World) -> None:
    worker = world.worker()
    parent = world.submit()
    child = world.submit(after=(parent,))
    with World(state=decode_state(encode_state(world.state))) as again:
        run(again, worker, parent)
        assert [lease.job_id for lease in again.run_pass()] == [child]


def test_a_long_chain_is_cancelled_at_once() -> None:
    """No recursion, and in proportion to its length: five times as long takes no more than six times the calls."""
    short, long = _calls_to_cancel(1_000), _calls_to_cancel(5_000)
    assert long < 6 * short


def _calls_to_cancel(length: int) -> int:
    """Return how many functions are called, those in C among them, as a chain of so many jobs is cancelled."""
    calls = 0

    def count(_frame: FrameType, what: str, _arg: object) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    with World() as world:
        first = last = world.submit()
        for _ in range(length - 1):
            last = world.submit(after=(last,))
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            cancelled = world.cancel(first)
            world.commit()
        finally:
            sys.setprofile(before)
        assert len(cancelled) == 2 * length
        assert world.job(last).outcome == "cancelled"
    return calls


def test_a_wide_fan_is_released_at_once(world: World) -> None:
    worker = world.worker()
    parent = world.submit()
    children = [world.submit(after=(parent,)) for _ in range(3_000)]
    events = run(world, worker, parent)
    assert [event.job_id for event in events[1:] if isinstance(event, JobStarted)] == children
    assert world.account().backlog == 3_000


def test_a_parent_of_which_units_stayed_cancelled_is_said_to_be_cancelled(world: World) -> None:
    """Its failed unit was run again and succeeded; those that were cancelled were not."""
    worker = world.worker()
    parent = world.submit(count=3)
    world.finish(world.lease(worker, parent), exits=((0, 1),))
    world.cancel(parent)
    world.do(RerunUnits(world.now_us, parent, True, False))
    world.finish(world.lease(worker, parent))
    assert (world.job(parent).outcome, world.job(parent).stopped) == ("cancelled", None)
    refusal = world.refused(SubmitJob(world.now_us, "d", after=(parent,)), Reason.JOB_ENDED)
    assert "was cancelled and will not succeed" in refusal.sentence
