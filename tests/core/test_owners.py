"""Machines with an owner: the owner's work goes first there, or alone (rows P24, P27)."""

from __future__ import annotations

import pytest

from meted.core.commands import CreateDomain, JoinWorker, LeaseUnits
from meted.core.errors import Reason
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.explain import explain
from meted.core.ids import JobId, WorkerId
from meted.core.limits import RUN_QUANTUM_US

from .helper import MS, SECOND, World, cpus


def owned(world: World, owner: str, *, restricted: bool, cpu: int = 1) -> WorkerId:
    """Have a machine of somebody join."""
    (event,) = world.do(JoinWorker(world.now_us, "desktop", cpus(cpu), owner=owner, restricted=restricted))
    assert isinstance(event, WorkerJoined)
    return event.worker_id


def played(world: World, turns: int) -> list[tuple[WorkerId, JobId]]:
    """Serve what waits, a unit of a second a place, and return what went where."""
    gone = []
    for _ in range(turns):
        before = len(world.log)
        world.run_pass()
        leased = [event for event in world.log[before:] if isinstance(event, UnitsLeased)]
        gone += [(event.worker_id, event.job_id) for event in leased]
        world.now_us += SECOND
        for event in leased:
            world.finish(event.lease_id, run_us=(SECOND,) * event.count)
    return gone


def test_the_owners_work_goes_first_on_his_machine_and_costs_nobody() -> None:
    """Row P24; the owner has had far more than anybody, others are owed; his tag and the clock stand still."""
    with World() as world:
        world.domain("mine", 1)
        world.domain("theirs", 1000)
        shared = world.worker(1)
        first = world.submit("mine", 30, time_request_us=SECOND)
        played(world, 10)
        desktop = owned(world, "mine", restricted=False)
        theirs = world.submit("theirs", 30, time_request_us=SECOND)
        tag, clock = world.account("mine").tag, world.state.jobs.clock
        world.run_pass()
        leases = {lease.worker_id: lease.job_id for lease in world.state.jobs.leases.values()}
        assert leases == {desktop: first, shared: theirs}
        assert world.account("mine").tag == tag
        moved = world.state.jobs.clock - clock
        assert moved == (1000 * SECOND << 20) // 1001, "only what is shared moves V"


def test_a_machine_goes_to_others_when_its_owner_has_nothing() -> None:
    with World() as world:
        world.domain("mine", 1)
        desktop = owned(world, "mine", restricted=False)
        theirs = world.submit("theirs", 3, time_request_us=SECOND)
        assert played(world, 3) == [(desktop, theirs)] * 3


@pytest.mark.parametrize("policy", ["meted", "fcfs", "easy"])
def test_a_restricted_machine_never_gets_foreign_work(policy: str) -> None:
    """Row P27, under every policy; the judge refuses it as well."""
    with World(policy) as world:
        world.domain("mine", 1)
        desktop = owned(world, "mine", restricted=True)
        theirs = world.submit("theirs", 3, time_request_us=SECOND)
        assert played(world, 3) == []
        (waiting,) = explain(world.state, world.engine.index, theirs, world.now_us)
        assert "owners' work alone" in waiting.sentence
        assert not world.engine.refusals, "no policy proposes it"
        world.refused(LeaseUnits(world.now_us, desktop, theirs), Reason.WORKER_UNAVAILABLE)
        mine = world.submit("mine", 3, time_request_us=SECOND)
        if policy == "meted":
            assert played(world, 3) == [(desktop, mine)] * 3


def test_a_machine_of_a_domain_serves_all_that_is_in_it() -> None:
    with World() as world:
        world.do(CreateDomain(0, "lab"))
        world.do(CreateDomain(0, "group", parent="lab"))
        world.do(CreateDomain(0, "other", parent="lab"))
        desktop = owned(world, "lab", restricted=True)
        jobs = [world.submit(name, 2, time_request_us=SECOND) for name in ("group", "other")]
        assert sorted(job for worker, job in played(world, 4) if worker == desktop) == sorted(jobs * 2)


@pytest.mark.parametrize(("capped", "waits"), [("mine", "mine"), ("mine", "group"), ("group", "group")])
@pytest.mark.parametrize("until_us", [None, 3600 * SECOND])
def test_a_cap_holds_on_machines_of_ones_own_as_well(capped: str, waits: str, until_us: int | None) -> None:
    with World() as world:
        world.do(CreateDomain(0, "mine", cap=cpus(1) if capped == "mine" else None))
        if waits == "group":
            world.do(CreateDomain(0, "group", parent="mine", cap=cpus(1) if capped == "group" else None))
        world.do(JoinWorker(0, "desktop", cpus(3), owner="mine", restricted=True, until_us=until_us))
        world.submit(waits, 5, time_request_us=SECOND)
        for _ in range(3):
            assert len(world.run_pass()) == 1
            assert world.run_pass() == []
            world.tick(SECOND)
            world.finish(world.leases()[0].lease_id, run_us=SECOND)


@pytest.mark.parametrize("waits", ["mine", "group"])
def test_what_would_outlive_a_machine_is_not_given_to_it_though_it_is_its_owners(waits: str) -> None:
    with World() as world:
        world.do(CreateDomain(0, "mine"))
        if waits == "group":
            world.do(CreateDomain(0, "group", parent="mine"))
        world.do(JoinWorker(0, "desktop", cpus(1), owner="mine", restricted=True, until_us=100 * SECOND))
        world.submit(waits, 1, time_request_us=101 * SECOND)
        assert world.run_pass() == []


@pytest.mark.parametrize("waits", ["mine", "group"])
@pytest.mark.parametrize("users", ["aa", "ab"])
def test_what_would_outlive_a_machine_keeps_nothing_behind_it_back(waits: str, users: str) -> None:
    """Another of the same request goes: shorter, or of which it is not known how long it takes."""
    with World() as world:
        world.do(CreateDomain(0, "mine"))
        if waits == "group":
            world.do(CreateDomain(0, "group", parent="mine"))
        for _ in range(2):
            world.do(JoinWorker(0, "desktop", cpus(1), owner="mine", restricted=True, until_us=100 * SECOND))
        world.submit(waits, 2, user=users[0], time_request_us=101 * SECOND)
        short = world.submit(waits, 1, user=users[1], time_request_us=100 * SECOND)
        unknown = world.submit(waits, 1, user=users[1])
        assert sorted(lease.job_id for lease in world.run_pass()) == [short, unknown]


def test_of_a_run_on_an_owners_machine_no_more_goes_than_a_quantum() -> None:
    """Also where it goes as the first job would outlive the machine."""
    with World() as world:
        world.do(CreateDomain(0, "mine"))
        world.do(JoinWorker(0, "desktop", cpus(1), owner="mine", restricted=True, until_us=100 * SECOND))
        world.submit("mine", 2, time_request_us=101 * SECOND)
        short = world.submit("mine", 500, time_request_us=MS)
        assert [(lease.job_id, lease.count) for lease in world.run_pass()] == [(short, RUN_QUANTUM_US // MS)]


def test_what_waits_deep_inside_the_owner_goes_first_from_the_first_pass_on() -> None:
    """Also if nothing has ever waited there before: nobody else gets the machine meanwhile."""
    with World() as world:
        for name, parent in (("lab", ""), ("group", "lab"), ("team", "group")):
            world.do(CreateDomain(0, name, parent=parent))
        world.domain("theirs", 1000)
        desktop = owned(world, "lab", restricted=False)
        world.submit("theirs", 3, time_request_us=SECOND)
        mine = world.submit("team", 3, time_request_us=SECOND)
        assert played(world, 1) == [(desktop, mine)]


def test_an_owner_must_be_known_and_named() -> None:
    with World() as world:
        world.refused(JoinWorker(0, "w", cpus(1), owner="nobody"), Reason.UNKNOWN_DOMAIN)
        world.refused(JoinWorker(0, "w", cpus(1), restricted=True), Reason.OUT_OF_RANGE)
