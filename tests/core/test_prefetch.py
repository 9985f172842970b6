"""Prefetch: short work waits on its worker for the end of what runs there, in the order of the clock."""

from __future__ import annotations

from random import Random

import pytest

from meted.core.commands import (
    CreateDomain,
    DrainWorker,
    FinishUnits,
    LeaseUnits,
    LoseWorker,
    MarkWorkerAway,
    OfferLoan,
    ReturnUnits,
)
from meted.core.errors import Reason, Refused
from meted.core.events import UnitsLeased
from meted.core.explain import WaitReason, explain
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.state import Lease

from .helper import MS, SECOND, World, cpus


def short(world: World, domain: str = "d", count: int = 100, **fields: object) -> JobId:
    """Submit a job whose units are estimated to take 20 ms each, so that a lease has five."""
    return world.submit(domain, count, **{"time_request_us": 20 * MS} | fields)


def queued(world: World) -> dict[LeaseId, LeaseId]:
    """Return which leases wait, and behind which."""
    return {lease.lease_id: lease.behind for lease in world.leases() if world.state.jobs.is_queued(lease)}


def kinds(made: list[Lease]) -> list[int]:
    """Return behind which lease each of some waits."""
    return [lease.behind for lease in made]


def test_one_short_lease_waits_behind_each_that_runs(world: World) -> None:
    world.worker(2, prefetch=True)
    short(world)
    first, second, third, fourth = world.run_pass()
    assert kinds([first, second, third, fourth]) == [0, 0, first.lease_id, second.lease_id]
    assert world.run_pass() == []
    world.finish(first.lease_id, run_us=20 * MS)
    assert queued(world) == {fourth.lease_id: second.lease_id}
    (fifth,) = world.run_pass()
    assert fifth.behind == third.lease_id, "the one that waited runs now, and another may wait behind it"
    assert world.run_pass() == []


def test_other_workers_are_given_nothing_in_advance(world: World) -> None:
    world.worker(2)
    short(world)
    assert kinds(world.run_pass()) == [0, 0]
    assert world.run_pass() == []


@pytest.mark.parametrize("policy", ["fcfs", "easy"])
def test_other_policies_give_nothing_in_advance(policy: str) -> None:
    world = World(policy)
    world.worker(2, prefetch=True)
    short(world)
    assert kinds(world.run_pass()) == [0, 0]
    assert world.run_pass() == []


def test_long_work_is_never_queued(world: World) -> None:
    world.worker(1, prefetch=True)
    world.submit(count=5, time_request_us=101 * MS)
    assert kinds(world.run_pass()) == [0]


def test_short_work_is_not_queued_behind_long_work(world: World) -> None:
    world.worker(1, prefetch=True)
    world.submit(time_request_us=SECOND)
    world.run_pass()
    short(world, "other")
    assert world.run_pass() == []


@pytest.mark.parametrize(("each_us", "is_queued"), [(100 * MS, True), (100 * MS + 1, False)])
def test_what_waits_is_itself_no_longer_than_the_limit(world: World, each_us: int, is_queued: bool) -> None:
    world.worker(1, prefetch=True)
    short(world, count=5)
    world.run_pass()
    world.submit("other", time_request_us=each_us)
    assert bool(world.run_pass()) == is_queued


def test_unknown_work_is_not_queued_until_something_is_known(world: World) -> None:
    worker = world.worker(1, prefetch=True)
    world.submit(count=100)
    (first,) = world.run_pass()
    assert world.run_pass() == []
    world.finish(first.lease_id, run_us=20 * MS)
    second, third = world.run_pass()
    assert (second.count, third.count, second.worker_id, third.behind) == (5, 5, worker, second.lease_id)


def test_it_waits_only_for_a_place_of_its_own_size(world: World) -> None:
    world.worker(3, prefetch=True)
    narrow = short(world, "a", 5)
    (first,) = world.run_pass()
    assert first.job_id == narrow
    short(world, "b", 100, request=cpus(3))
    assert world.run_pass() == []
    short(world, "a", 100)
    assert kinds(world.run_pass()) == [0, 0], "what fits is given; what is wide is next, so nothing waits before it"


def test_who_is_next_is_never_passed_over(world: World) -> None:
    """A long unit cannot wait on a worker, so nobody may while its domain is next: a place is free for it soon."""
    world.worker(1, prefetch=True)
    world.domain("b")
    short(world, "a")
    made = world.run_pass()
    assert len(made) == 2
    long = world.submit("b", time_request_us=SECOND)
    world.finish(made[0].lease_id, run_us=20 * MS)
    assert world.run_pass() == []
    world.finish(made[1].lease_id, run_us=20 * MS)
    assert [lease.job_id for lease in world.run_pass()] == [long]


def test_what_could_only_run_elsewhere_stops_no_prefetch(world: World) -> None:
    world.worker(cpus(1, gpu=1))
    world.worker(1, prefetch=True)
    world.submit("a", 10, request=cpus(1, gpu=1), time_request_us=SECOND)
    short(world, "b")
    assert sum(behind > 0 for behind in kinds(world.run_pass())) == 1


def test_nothing_is_queued_where_it_could_not_end_in_time(world: World) -> None:
    world.worker(1, until_us=100 * MS, prefetch=True)
    short(world)
    assert kinds(world.run_pass()) == [0]


def test_nothing_is_queued_behind_what_should_have_ended_long_ago(world: World) -> None:
    world.worker(1, prefetch=True)
    short(world, count=5)
    (first,) = world.run_pass()
    world.tick(first.ends_us + 101 * MS)
    short(world)
    assert world.run_pass() == []


def test_a_cap_counts_what_waits(world: World) -> None:
    world.domain("d", cap=cpus(3))
    world.worker(2, prefetch=True)
    short(world)
    assert len(world.run_pass()) == 3


def test_what_waits_can_be_given_back_or_end_first(world: World) -> None:
    worker = world.worker(1, prefetch=True)
    job = short(world)
    first, second = world.run_pass()
    world.give_back(second.lease_id)
    assert world.job(job).requeued
    (again,) = world.run_pass()
    assert again.behind == first.lease_id
    world.finish(again.lease_id, run_us=20 * MS)
    assert kinds(world.run_pass()) == [first.lease_id]
    world.do(LoseWorker(world.now_us, worker, "gone", started=()))
    assert not world.leases()


@pytest.mark.parametrize("change", ["drain", "away"])
def test_draining_and_absent_workers_are_given_nothing(world: World, change: str) -> None:
    worker = world.worker(1, prefetch=True)
    short(world, count=5)
    (first,) = world.run_pass()
    world.do(DrainWorker(0, worker) if change == "drain" else MarkWorkerAway(0, worker))
    short(world)
    assert world.run_pass() == []
    world.finish(first.lease_id)
    assert world.run_pass() == []


def test_a_wide_unit_that_waits_stops_prefetch_and_is_served(world: World) -> None:
    world.worker(4, prefetch=True)
    short(world, "narrow", 1_000)
    wide = world.submit("wide", request=cpus(4), time_request_us=20 * MS)
    for _ in range(200):
        if any(lease.job_id == wide for lease in world.run_pass()):
            return
        world.tick(100 * MS)
        running = [lease for lease in world.leases() if lease.lease_id not in queued(world)]
        world.finish(running[0].lease_id, run_us=20 * MS)
    pytest.fail("the wide unit was never served")


def test_room_is_explained_without_what_waits(world: World) -> None:
    world.worker(2, prefetch=True)
    short(world, count=10)
    assert len(world.run_pass()) == 2
    job = world.submit("e", request=cpus(2), time_request_us=SECOND)
    (part,) = explain(world.state, world.engine.index, job, world.now_us)
    assert part.reason is WaitReason.ROOM
    assert "0 cpu free of 2 cpu" in part.sentence
    for lease in world.leases():
        world.finish(lease.lease_id, run_us=20 * MS)
    assert [lease.job_id for lease in world.run_pass()] == [job]


def test_a_lease_waits_only_behind_one_that_runs_there_and_is_alike(world: World) -> None:
    worker, other, plain = world.worker(2, prefetch=True), world.worker(2, prefetch=True), world.worker(2)
    job, wide = short(world), short(world, request=cpus(2))
    ahead, alone = world.lease(worker, job), world.lease(plain, job)
    for worker_id, job_id, behind, reason in (
        (worker, job, LeaseId(99), Reason.UNKNOWN_LEASE),
        (other, job, ahead, Reason.UNKNOWN_LEASE),
        (worker, wide, ahead, Reason.WORKER_UNAVAILABLE),
        (plain, job, alone, Reason.WORKER_UNAVAILABLE),
    ):
        world.refused(LeaseUnits(0, worker_id, job_id, 1, 0, behind), reason)
    world.do(LeaseUnits(0, worker, job, 1, 0, ahead))
    world.refused(LeaseUnits(0, worker, job, 1, 0, LeaseId(ahead + 2)), Reason.WORKER_UNAVAILABLE)


def test_prefetch_moves_service_by_no_more_than_what_waits() -> None:
    """Whoever is next waits for the end of what is queued: m slots with P each, beside the bound without prefetch."""
    slots, lease_us = 4, 100 * MS
    world = World()
    world.worker(slots, prefetch=True)
    world.domain("short", 1)
    world.domain("long", 1)
    short(world, "short", 10**6)
    world.submit("long", 10**4, time_request_us=SECOND)
    received = {"short": 0, "long": 0}
    ends: dict[LeaseId, int] = {}
    names = {domain.domain_id: domain.name for domain in world.state.domains.domains.values()}
    for _ in range(2_000):
        world.run_pass()
        waiting = queued(world)
        for lease in world.leases():
            if lease.lease_id not in waiting and lease.lease_id not in ends:
                ends[lease.lease_id] = world.now_us + lease.estimate_us * lease.count
        lease_id = min(ends, key=lambda lease_id: (ends[lease_id], lease_id))
        world.now_us = ends.pop(lease_id)
        lease = world.state.jobs.leases[lease_id]
        terms = world.job(lease.job_id).terms
        received[names[terms.domain_id]] += lease.estimate_us * lease.count
        _finish(world, lease)
        largest_us = SECOND
        assert abs(received["short"] - received["long"]) <= 2 * largest_us + slots * (largest_us + lease_us)
    assert min(received.values()) > 50 * SECOND


def _finish(world: World, lease: Lease) -> None:
    spans = ((lease.first, lease.count),)
    world.do(FinishUnits(world.now_us, lease.worker_id, lease.lease_id, spans, (lease.estimate_us,) * lease.count))


@pytest.mark.parametrize("is_owed", [True, False])
def test_units_of_a_queued_lease_return_exactly(world: World, is_owed: bool) -> None:
    """Tag, usage and V less its debt are as before the lease, whether it was of the entitlement or of the pool."""
    worker = world.worker(1, prefetch=True)
    short(world)
    if is_owed:
        world.domain("other", 1000)
        long = world.submit("other", time_request_us=3_600 * SECOND)
        world.lease(world.worker(1), long)
    world.run_pass(decisions_max=1)
    before = world.state.jobs
    account = world.account()
    (second,) = world.run_pass()
    assert second.behind
    assert (world.account().tag > account.tag) == is_owed
    world.do(ReturnUnits(world.now_us, WorkerId(worker), second.lease_id, ((second.first, second.count),)))
    assert world.account() == account
    assert world.state.jobs.clock - world.state.jobs.debt == before.clock - before.debt


def leased(world: World) -> list[tuple[JobId, int, int, int, int]]:
    """Return what was leased so far: of which job, which units, from which tier, and where that left its domain."""
    events = (event for event in world.log if isinstance(event, UnitsLeased))
    return [(event.job_id, event.first, event.count, event.charged, event.domain_tag) for event in events]


@pytest.mark.parametrize("seed", range(20))
def test_short_work_goes_in_the_order_of_a_pool_with_a_second_place_for_each_that_runs(seed: int) -> None:
    """The model of prefetch: the same leases and charges, in a tree with guarantees, caps, loans and priorities."""
    dice = Random(seed)
    slots = dice.randint(1, 4)
    pair = World(), World()
    pair[0].worker(slots, prefetch=True)
    pair[1].worker(2 * slots)
    domains = [CreateDomain(0, "free")]
    for number in range(dice.randint(2, 7)):
        parent = dice.choice(["", *(domain.name for domain in domains[1:])])
        cap, sure = dice.choice((None, None, cpus(2))), cpus(dice.choice((0, 0, 1)))
        domains.append(CreateDomain(0, f"d{number}", dice.choice((1, 2, 5)), cap, parent, sure))
    for world in pair:
        for domain in domains:
            world.do(domain)
    names = [domain.name for domain in domains]
    leaves = [name for name in names if not pair[0].find_domain(name).children]
    for _ in range(150):
        some = dice.random()
        if some < 0.4:
            fields = {"user": dice.choice("uv"), "priority": dice.randint(0, 2)}
            name, count, each_us = dice.choice(leaves), dice.randint(1, 20), dice.choice((15, 20, 50, 100)) * MS
            for world in pair:
                short(world, name, count, time_request_us=each_us, **fields)
        elif some < 0.5:
            loan = OfferLoan(0, dice.choice(names), dice.choice(names), "share", 1)
            refused = 0
            for world in pair:
                try:
                    world.do(loan)
                except Refused:
                    refused += 1
            assert refused in (0, 2)
        elif running := [lease for lease in pair[0].leases() if lease.lease_id not in queued(pair[0])]:
            lease_id, gives_back = dice.choice(running).lease_id, dice.random() < 0.2
            for world in pair:
                if gives_back:
                    world.give_back(lease_id)
                else:
                    world.finish(lease_id, run_us=10 * MS)
        for world in pair:
            world.run_pass()
        assert leased(pair[0]) == leased(pair[1])
    assert any(isinstance(event, UnitsLeased) and event.behind for event in pair[0].log)
    for world in pair:
        world.check()
