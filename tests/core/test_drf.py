"""Dominant resource fairness in a pool: the paper's example, shares, trees, and changes of what there is."""

from __future__ import annotations

import pytest

from meted.core.commands import ChangeDomain, CreateDomain
from meted.core.policy.drf import Drf, dominant_share
from meted.core.policy.ranked import Fill
from meted.core.resources import NOTHING, Resources

from .helper import SECOND, World, cpus

GB = 10**9
MB = 10**6


def served(world: World) -> str:
    """Run a pass, and return whose units were leased, in order."""
    made = world.run_pass()
    names = {domain_id: domain.name for domain_id, domain in world.state.domains.domains.items()}
    return "".join(names[world.job(lease.job_id).terms.domain_id] * lease.count for lease in made)


def test_the_example_of_the_paper() -> None:
    """Nine cpus and 18 GB; the paper serves B first among equals, so B is the domain with the lower id."""
    world = World("drf")
    world.worker(Resources(9000, 18 * GB))
    world.submit("B", 10, request=Resources(3000, GB), time_request_us=SECOND)
    world.submit("A", 10, request=Resources(1000, 4 * GB), time_request_us=SECOND)
    assert served(world) == "BAABA"


def test_it_goes_by_what_is_held_and_not_by_what_was() -> None:
    world = World("drf")
    world.worker(4)
    world.submit("A", 100, time_request_us=SECOND)
    world.submit("B", 100, time_request_us=SECOND)
    for _ in range(5):
        assert sorted(served(world)) == list("AABB")
        for lease in world.leases():
            if world.job(lease.job_id).terms.domain_id == 2:
                world.finish(lease.lease_id)
        assert served(world) == "BB"
        for lease in world.leases():
            world.finish(lease.lease_id)


def test_shares_are_weights() -> None:
    world = World("drf")
    world.worker(12)
    world.domain("A", share=3)
    world.domain("B", share=1)
    for name in "AB":
        world.submit(name, 100, time_request_us=SECOND)
    assert sorted(served(world)) == list("A" * 9 + "B" * 3)


def test_a_tree_is_divided_level_by_level() -> None:
    world = World("drf")
    world.worker(12)
    world.do(CreateDomain(0, "lab", 1))
    world.do(CreateDomain(0, "X", 1, None, "lab"))
    world.do(CreateDomain(0, "Y", 2, None, "lab"))
    world.do(CreateDomain(0, "Z", 1))
    for name in "XYZ":
        world.submit(name, 100, time_request_us=SECOND)
    assert sorted(served(world)) == list("XXYYYYZZZZZZ")


def test_the_agents_of_mesos() -> None:
    """A test of Apache Mesos (``HierarchicalAllocatorTest``, DRF): each agent that joins goes whole to one framework.

    Frameworks are in roles. The shares are those of the roles once the agent has joined, with the digits given there.
    """
    world = World("drf")
    for role in ("role1", "role2"):
        world.do(CreateDomain(0, role, 1))
    roles: dict[str, str] = {}
    held = {"role1": NOTHING, "role2": NOTHING}
    for joins, role, milli, mem_mb, shares, takes in (
        ("1", "role1", 2000, 1024, (0, 0), "1"),
        ("2", "role2", 1000, 512, (0.66, 0), "2"),
        ("", "", 3000, 2048, (0.33, 0.16), "2"),
        ("3", "role1", 4000, 4096, (0.2, 0.4), "3"),
        ("4", "role1", 1000, 512, (0.63, 0.36), "2"),
    ):
        if joins:
            world.do(CreateDomain(0, joins, 1, None, role))
            roles[joins] = role
        agent = Resources(milli, mem_mb * MB)
        world.worker(agent)
        found = [dominant_share(amount, world.state.workers.capacity) for amount in held.values()]
        assert [float(share) for share in found] == [pytest.approx(share, abs=0.01) for share in shares]
        jobs = {name: world.submit(name, request=agent, time_request_us=SECOND) for name in roles}
        assert served(world) == takes
        world.cancel(*(job_id for name, job_id in jobs.items() if name != takes))
        held[roles[takes]] = held[roles[takes]].plus(agent)


def test_another_share_and_more_machines_count_at_once() -> None:
    world = World("drf")
    world.worker(4)
    for name in "AB":
        world.domain(name, share=1)
        world.submit(name, 100, time_request_us=SECOND)
    assert sorted(served(world)) == list("AABB")
    world.do(ChangeDomain(0, "B", share=3))
    world.worker(4)
    assert served(world) == "BBBB"
    world.check()


def test_an_idle_resource_of_which_there_is_none_does_not_count() -> None:
    world = World("drf")
    world.worker(2)
    world.submit("A", 1, request=cpus(1, gpu=1))
    world.submit("B", 1, request=cpus(1))
    assert served(world) == "B"


@pytest.mark.parametrize(("fill", "order"), [("strict", ""), ("easy", "C"), ("first-fit", "CD")])
def test_what_does_not_fit(fill: Fill, order: str) -> None:
    """Three of four are held for ten seconds and B's job of four is next; C's is short, D's is long."""
    world = World(Drf(fill))
    world.worker(4)
    world.submit("A", 2, time_request_us=10 * SECOND)
    assert served(world) == "AA"
    world.submit("B", 1, request=cpus(4), time_request_us=10 * SECOND)
    world.submit("C", 1, time_request_us=5 * SECOND)
    world.submit("D", 1, time_request_us=50 * SECOND)
    assert served(world) == order


def test_it_says_who_is_ahead() -> None:
    world = World("drf")
    world.worker(1)
    world.submit("A", 3, time_request_us=SECOND)
    second = world.submit("B", 1)
    assert served(world) == "A"
    assert world.engine.index.ahead_of(second) == "It is first by dominant share."
    assert world.engine.index.ahead_of(world.submit("A")) == "2 jobs are ahead of it by dominant share, job 2 first."
