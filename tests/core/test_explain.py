"""Why a job waits: one test a reason, and the facts that each sentence has to name."""

from __future__ import annotations

import pytest

from meted.core.commands import (
    ChangeDomain,
    CreateDomain,
    DrainWorker,
    GrantCredit,
    JoinWorker,
    MarkWorkerAway,
    NiceJob,
    SetRules,
)
from meted.core.errors import Reason, Refused
from meted.core.explain import Waiting, WaitReason, explain
from meted.core.ids import JobId
from meted.core.policy.registry import POLICIES
from meted.core.queries import job_state
from meted.core.resources import Resources
from meted.core.state import Lease

from .helper import SECOND, World, cpus


def parts(world: World, job_id: JobId) -> tuple[Waiting, ...]:
    """Return why the parts of a job wait."""
    world.run_pass()
    return explain(world.state, world.engine.index, job_id, world.now_us)


def only(world: World, job_id: JobId) -> Waiting:
    """Return the one part that waits."""
    (part,) = parts(world, job_id)
    assert part.sentence.endswith(".")
    return part


def names(part: Waiting, reason: WaitReason, *facts: str) -> None:
    """Expect a reason, and that its sentence names the facts."""
    assert part.reason is reason, part
    for fact in facts:
        assert fact in part.sentence, part.sentence
    assert "waiting for resources" not in part.sentence


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_nothing_waits(policy: str) -> None:
    world = World(policy)
    world.worker()
    assert parts(world, world.submit()) == ()


def test_unknown_job() -> None:
    world = World()
    with pytest.raises(Refused) as caught:
        explain(world.state, world.engine.index, 7, 0)
    assert caught.value.reason is Reason.UNKNOWN_JOB


def test_prepared() -> None:
    world = World()
    world.worker()
    job_id = world.submit(count=3, hold=True)
    part = only(world, job_id)
    names(part, WaitReason.PREPARED, f"start job {job_id}")
    assert part.units == 3


def test_back_off_names_how_long() -> None:
    world = World()
    world.worker()
    job_id = world.submit(retries=1, backoff_us=30 * SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    part = only(world, job_id)
    names(part, WaitReason.BACK_OFF, "30 s")
    assert part.until_us == world.now_us + 30 * SECOND


def test_back_off_counts_the_failures_and_says_hours() -> None:
    world = World()
    world.worker()
    job_id = world.submit(retries=2, backoff_us=3_600 * SECOND)
    for times, hours in (("once", "1 h"), ("2 times", "2 h")):
        (lease,) = world.run_pass()
        world.finish(lease.lease_id, exits=((0, 1),))
        part = only(world, job_id)
        names(part, WaitReason.BACK_OFF, f"1 unit failed {times} and waits out the back-off")
        assert f"for {hours} more." in part.sentence
        assert part.until_us is not None
        world.now_us = part.until_us


def test_workers_that_take_their_owners_work_alone_are_counted() -> None:
    world = World()
    world.do(CreateDomain(world.now_us, "mine"))
    for said in (
        "The only worker that takes work now is for their owners' work alone",
        "The 2 workers that take work now are for their owners' work alone",
    ):
        world.do(JoinWorker(world.now_us, "desktop", cpus(1), owner="mine", restricted=True))
        names(only(world, world.submit()), WaitReason.NO_WORKER, said)


def test_each_part_has_its_own_reason() -> None:
    world = World()
    world.worker()
    job_id = world.submit(count=3, retries=1, backoff_us=30 * SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    found = {part.reason: part.units for part in parts(world, job_id)}
    assert found == {WaitReason.ROOM: 1, WaitReason.BACK_OFF: 1}


def test_no_worker() -> None:
    world = World()
    job_id = world.submit()
    names(only(world, job_id), WaitReason.NO_WORKER, "No worker is connected")
    draining, away = world.worker(), world.worker()
    world.do(DrainWorker(world.now_us, draining))
    world.do(MarkWorkerAway(world.now_us, away))
    names(only(world, job_id), WaitReason.NO_WORKER, "1 draining", "1 out of touch")


def test_never_fits_names_the_resource_and_the_most_there_is() -> None:
    world = World()
    world.worker(cpus(4))
    world.worker(cpus(8, gpu=1))
    names(only(world, world.submit(request=cpus(64))), WaitReason.NEVER_FITS, "64 cpu", "8 cpu")
    names(only(world, world.submit(request=cpus(1, gpu=2))), WaitReason.NEVER_FITS, "2 gpu", "1 gpu")
    big = Resources(mem_bytes=2 * 10**9)
    names(only(world, world.submit(request=big)), WaitReason.NEVER_FITS, "2 GB mem")


def test_never_fits_together() -> None:
    world = World()
    world.worker(cpus(1, gpu=1))
    world.worker(cpus(8))
    names(only(world, world.submit(request=cpus(8, gpu=1))), WaitReason.NEVER_FITS, "8 cpu and 1 gpu together")


def test_lifetime() -> None:
    world = World()
    world.worker(1, until_us=100 * SECOND)
    job_id = world.submit(time_request_us=3_600 * SECOND)
    names(only(world, job_id), WaitReason.LIFETIME, "3600 s", "100 s")


def test_cap_names_what_the_domain_holds() -> None:
    world = World()
    world.worker(8)
    world.domain("capped", cap=cpus(2))
    job_id = world.submit("capped", count=5)
    names(only(world, job_id), WaitReason.CAP, "'capped'", "2 cpu of the 2 cpu")
    world.do(ChangeDomain(world.now_us, "capped", 1000, None))
    assert parts(world, job_id) == ()


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_what_fits_runs_and_the_rest_waits_with_a_reason(policy: str) -> None:
    """Row G09: of six with room for five, one is pending, and the next pass after an end runs it."""
    world = World(policy)
    world.worker(5)
    jobs = [world.submit(time_request_us=SECOND) for _ in range(6)]
    leases = world.run_pass()
    states = [job_state(world.state, world.job(job_id)) for job_id in jobs]
    assert sorted(states) == ["pending"] + ["running"] * 5
    rest = jobs[states.index("pending")]
    names(only(world, rest), WaitReason.ROOM, "1 cpu", "worker 1 (w) has 0 cpu free of 5 cpu")
    world.finish(leases[0].lease_id)
    assert [lease.job_id for lease in world.run_pass()] == [rest]


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_room_names_the_resource_the_workers_and_who_is_ahead(policy: str) -> None:
    world = World(policy)
    for _ in range(5):
        world.worker(2)
    world.submit("a", count=10)
    world.run_pass()
    first = world.submit("a", count=4)
    second = world.submit("a", count=4)
    names(only(world, first), WaitReason.ROOM, "1 cpu", "worker 1 (w) has 0 cpu free of 2 cpu", "and 2 more")
    names(only(world, second), WaitReason.ROOM, f"ob {first}")


def test_room_names_the_domains_ahead_with_their_standing() -> None:
    world = World()
    world.worker(1)
    for name in ("hog", "b", "c", "d", "e"):
        world.domain(name)
    world.submit("hog", count=50)
    world.run_pass()
    waiting = {name: world.submit(name, count=5) for name in ("b", "c", "d", "e")}
    hog = only(world, JobId(1))
    names(hog, WaitReason.ROOM, "'hog' (in the pool, having used", "'b' (owed", "and 1 more")
    names(only(world, waiting["b"]), WaitReason.ROOM, "'b' is next (owed")


def emptying() -> tuple[World, JobId, Lease]:
    """Return a pool of one worker that is being emptied for a wide job, that job, and the oldest narrow lease there."""
    world = World()
    world.worker(2)
    world.submit("narrow", count=100, time_request_us=10 * SECOND)
    world.run_pass()
    wide = world.submit("wide", request=cpus(2), time_request_us=10 * SECOND)
    oldest = world.leases()[0]
    for _ in range(50):
        world.tick(5 * SECOND)
        oldest = min(world.leases(), key=lambda lease: (lease.leased_us, lease.lease_id))
        if any(worker.reserved_for for worker in world.state.workers.workers.values()):
            break
        world.finish(oldest.lease_id, run_us=10 * SECOND)
        world.run_pass()
    return world, wide, oldest


def test_reserved_names_the_job_and_until_when() -> None:
    world, wide, oldest = emptying()
    (worker,) = world.state.workers.workers.values()
    assert worker.reserved_for == wide
    world.finish(oldest.lease_id, run_us=10 * SECOND)
    part = only(world, JobId(1))
    names(part, WaitReason.RESERVED, f"emptied for job {wide}")
    assert part.until_us == worker.shadow_us


def test_whom_a_pass_set_aside_is_not_next() -> None:
    """Three wait beside a worker that is being emptied: each is told who is ahead, as if nobody had tried."""
    world = World()
    world.worker(2)
    jobs = [world.submit(name, 100, time_request_us=10 * SECOND) for name in "abc"]
    world.run_pass()
    world.submit("wide", request=cpus(2), time_request_us=10 * SECOND)
    for _ in range(50):
        world.tick(5 * SECOND)
        oldest = min(world.leases(), key=lambda lease: (lease.leased_us, lease.lease_id))
        world.finish(oldest.lease_id, run_us=10 * SECOND)
        world.run_pass()
        if len(world.leases()) == 1:
            break
    told = [only(world, job_id) for job_id in jobs]
    assert [part.reason for part in told] == [WaitReason.RESERVED] * 3
    assert all("Ahead of its domain" in part.sentence and "'wide' (owed" in part.sentence for part in told)


def test_who_is_next_by_a_guarantee_is_told_so() -> None:
    world = World()
    world.worker(2)
    world.submit("other", 9, time_request_us=SECOND)
    world.run_pass()
    world.do(CreateDomain(0, "sure", guarantee=cpus(2)))
    names(only(world, world.submit("sure")), WaitReason.ROOM, "'sure' is next (within its guarantee)")
    names(only(world, JobId(1)), WaitReason.ROOM, "'sure' (within its guarantee)")


def test_order_before_the_next_pass() -> None:
    world = World()
    world.worker()
    job_id = world.submit()
    (part,) = explain(world.state, world.engine.index, job_id, world.now_us)
    names(part, WaitReason.ORDER, "worker 1 (w)", "'d' is next")


def test_easy_says_when_only_the_head_keeps_it_waiting() -> None:
    world = World("easy")
    world.worker(3)
    world.submit(request=cpus(2), time_request_us=100 * SECOND)
    head = world.submit(request=cpus(3), time_request_us=100 * SECOND)
    behind = world.submit(request=cpus(1), time_request_us=1_000 * SECOND)
    names(only(world, behind), WaitReason.ORDER, f"could delay job {head}")


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_what_could_never_run_is_not_ahead(policy: str) -> None:
    world = World(policy)
    world.worker(1)
    world.submit(request=cpus(64))
    waiting = world.submit()
    (part,) = explain(world.state, world.engine.index, waiting, world.now_us)
    names(part, WaitReason.ORDER)
    assert "ob 1" not in part.sentence


@pytest.mark.parametrize(
    ("points", "credit_mc", "fact"),
    [
        (0, 60_000, "One more point (+1) would cost 19 credits for the rest of it, and bring it before 'b', 'c'."),
        (0, 1_000, "would cost 19 credits for the rest of it, of 1 credit that its domain has free, and bring"),
        (1, 60_000, "'a' is next (in the pool, having used 5102.591 cpu-seconds lately, having paid for 1 point)."),
        (-1, 60_000, "lately, having sold 1 point): "),
        (-1, 60_000, "1 point of it was sold, so it is served from the pool alone."),
        (None, 0, "in the pool, a higher priority would bring it forward."),
    ],
)
def test_what_a_point_costs_and_who_has_paid(points: int | None, credit_mc: int, fact: str) -> None:
    """In the pool, where ``c`` is ahead as it has paid; a domain without credit is told nothing of prices."""
    world = World("meted")
    world.do(SetRules(0, alpha_milli=1, aging_us=None))
    jobs = {}
    for name in "abc":
        world.domain(name)
        jobs[name] = world.submit(name, 40, time_request_us=1_800 * SECOND)
    world.do(GrantCredit(0, "c", 60_000))
    world.do(NiceJob(0, jobs["c"], 1))
    world.worker(cpus(1))
    for _ in range(8):
        (lease,) = world.run_pass()
        world.tick(1_800 * SECOND)
        world.finish(lease.lease_id, run_us=1_800 * SECOND)
    world.run_pass()
    if points is not None:
        world.do(GrantCredit(world.now_us, "a", credit_mc))
        world.do(NiceJob(world.now_us, jobs["a"], points, SECOND))
    told = only(world, jobs["a"])
    names(told, WaitReason.ROOM, fact)
    if points is None or points < 0:
        assert "would cost" not in told.sentence
    if points is None or not points:
        names(told, WaitReason.ROOM, "'b' (in the pool, having used", "'c' (in the pool", "having paid for 1 point).")
