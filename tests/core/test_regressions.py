"""Cases in which the entitlement clock once went wrong, kept as they were found."""

from __future__ import annotations

from fractions import Fraction

import pytest

from meted.core.commands import (
    ChangeDomain,
    CreateDomain,
    DeleteJob,
    EndReservation,
    RejoinWorker,
    RemoveDomain,
    ReserveWorker,
    SetRules,
)
from meted.core.effects import KeepLeases
from meted.core.errors import Reason
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources

from .helper import SECOND, World, cpus
from .playing import Play

NO_CPU = Resources(cpu_milli=1)


def test_short_work_of_another_shape_makes_long_work_no_more_urgent() -> None:
    play = Play("meted", cpus(1, 10))
    play.world.do(SetRules(0, alpha_milli=1000))
    play.world.domain("i", 50)
    play.submit(1, 10 * SECOND, domain="i", count=1000)
    for number in range(12):
        name = f"j{number}"
        play.world.domain(name, 1)
        play.submit(1, 40 * SECOND, domain=name, count=1000)
        play.submit(cpus(1, 5), SECOND, domain=name, count=1000)
    served = mine = 0
    for _ in range(300):
        for lease in play.run_pass():
            took_s = play.took_us[lease.job_id] // SECOND
            served += took_s
            mine += took_s if play.domain_of(lease) == "i" else 0
            assert Fraction(50, 62) * served - mine < 40  # P3: less than the largest unit, in cpu-seconds
        play.advance()


def test_a_domain_that_could_not_be_served_shuts_out_nobody_when_it_returns() -> None:
    play = Play("meted", 1)
    for name in "abx":
        play.world.domain(name, 1, cap=NO_CPU if name == "x" else None)
        play.submit(1, SECOND, domain=name, count=5000)
    for _ in range(500):
        play.run_pass()
        play.advance()
    play.world.do(ChangeDomain(play.world.now_us, "x", 1, None))
    order = ""
    for _ in range(40):
        order += "".join(play.domain_of(lease) for lease in play.run_pass())
        play.advance()
    assert "xxxxxx" not in order
    assert min(order.count(name) for name in "abx") >= 10


@pytest.mark.parametrize("giant", [False, True])
def test_a_long_request_once_does_not_stop_draining_for_ever(giant: bool) -> None:
    play = Play("meted", 4, 4)
    play.world.domain("g")
    if giant:
        play.submit(4, SECOND, 30 * 86_400 * SECOND, domain="g")
        play.run_pass()
        play.advance()
    for number in range(4):
        play.submit(1, (7 + number) * SECOND, domain=f"a{number}", count=10**6)
    for _ in range(8):
        play.run_pass()
        play.advance()
    wide, submitted_us = play.submit(4, 10 * SECOND, domain="b"), play.world.now_us
    while not any(lease.job_id == wide for lease in play.run_pass()):
        play.advance()
        assert play.world.now_us - submitted_us < 120 * SECOND


def test_nobody_is_drained_for_where_all_units_are_alike() -> None:
    play = Play("meted", 3)
    for number, took_s in enumerate((1, 7, 40)):
        play.submit(1, took_s * SECOND, domain=f"d{number}", count=1000)
    for _ in range(300):
        play.run_pass()
        assert all(worker.reserved_for is None for worker in play.world.state.workers.workers.values())
        play.advance()


def test_the_results_of_one_report_are_bounded_together() -> None:
    world = World()
    worker = world.worker()
    lease_id = world.lease(worker, world.submit(count=5), 5)
    body = bytes(16 * 2**20)
    report = world.report(lease_id, results=tuple((index, body) for index in range(5)))
    world.refused(report, Reason.TOO_LARGE)
    world.finish(lease_id, results=tuple((index, body) for index in range(4)))


def test_one_worker_is_reserved_at_a_time() -> None:
    world = World()
    first, second = world.worker(), world.worker()
    job_id = world.submit()
    world.do(ReserveWorker(world.now_us, first, job_id, SECOND))
    world.refused(ReserveWorker(world.now_us, second, job_id, SECOND), Reason.WORKER_UNAVAILABLE)
    world.cancel(job_id)
    world.do(EndReservation(world.now_us, first))


def test_a_worker_that_was_not_missed_is_told_what_it_holds() -> None:
    world = World()
    worker = world.worker()
    lease_id = world.lease(worker, world.submit())
    world.commit()
    world.do(RejoinWorker(world.now_us, worker, ((lease_id, ((0, 1),)),)))
    assert world.commit() == (KeepLeases(worker, (lease_id,)),)


def test_a_domain_that_lost_its_parts_is_where_it_was_in_the_tree() -> None:
    """Its account was made for what is inside it, and was of no domain above."""
    world = World()
    for name, parent in (("top", ""), ("middle", "top"), ("low", "middle")):
        world.do(CreateDomain(0, name, 1, parent=parent))
    worker = world.worker()
    job = world.submit("low")
    world.finish(world.lease(worker, job))
    world.do(DeleteJob(0, job))
    world.do(RemoveDomain(0, "low"))
    world.lease(worker, world.submit("middle", time_request_us=SECOND))
    assert world.account("middle").above == (world.find_domain("top").domain_id,)
    assert world.account("top").service == world.account("middle").service


def test_a_domain_of_prepared_jobs_alone_may_be_changed() -> None:
    world = World()
    for name, parent in (("top", ""), ("low", "top")):
        world.do(CreateDomain(0, name, 1, parent=parent))
    world.submit("low", hold=True)
    world.do(ChangeDomain(0, "low", 2))
    assert world.run_pass() == []


def test_a_domain_may_go_with_all_that_was_in_it() -> None:
    """Between two passes, so that nothing was ranked meanwhile."""
    world = World()
    for name, parent in (("top", ""), ("low", "top"), ("other", "")):
        world.do(CreateDomain(0, name, 1, parent=parent))
    job = world.submit("low")
    world.run_pass()
    world.cancel(job)
    world.do(DeleteJob(0, job))
    for name in ("low", "top"):
        world.do(RemoveDomain(0, name))
    other = world.submit("other")
    world.worker()
    assert [lease.job_id for lease in world.run_pass()] == [other]


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_worker_that_another_policy_kept_free_is_leased_again(policy: str) -> None:
    """A pool that ran under ``meted``, which was emptying its only worker for a wide unit, goes on under another."""
    before = World()
    worker = before.worker(2)
    narrow, wide, other = before.submit(), before.submit(request=cpus(2)), before.submit()
    before.lease(worker, narrow)
    before.do(ReserveWorker(before.now_us, worker, wide, SECOND))
    world = World(policy, before.state)
    done = set()
    for _ in range(6):
        world.run_pass()
        world.tick(SECOND)
        for lease in world.leases():
            done.add(lease.job_id)
            world.finish(lease.lease_id)
    assert done == {narrow, wide, other}
    assert world.state.workers.workers[worker].reserved_for is None
