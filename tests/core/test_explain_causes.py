"""Why a job waits where several things keep it back, or something is not as usual: it is true, and all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain, DrainWorker, JoinWorker, LoseWorker, MarkWorkerAway
from meted.core.explain import Waiting, WaitReason, explain
from meted.core.ids import JobId, WorkerId
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources

from .helper import MS, SECOND, World, cpus, examples
from .test_explain import emptying

QUEUES = sorted(name for name in POLICIES if name != "static")
"""Policies under which nobody waits behind what a cap keeps back."""


def told(world: World, job_id: JobId) -> Waiting:
    """Return why all that waits of a job does, as of now, whether or not a pass has looked at it."""
    (part,) = explain(world.state, world.engine.index, job_id, world.now_us)
    assert part.sentence.endswith(".")
    return part


@pytest.mark.parametrize(
    ("cap", "request_", "fact"),
    [
        (cpus(2), cpus(4), "A unit needs 4 cpu, but the cap of domain 'c' allows no more than 2 cpu in all"),
        (cpus(2, 5), cpus(1, gpu=1), "A unit needs 1 gpu, but the cap of domain 'c' allows no more than 0 gpu in all"),
    ],
)
def test_what_a_cap_will_never_let_through_is_not_told_to_wait(cap: Resources, request_: Resources, fact: str) -> None:
    world = World()
    world.worker(cpus(8, gpu=1))
    world.domain("c", cap=cap)
    job_id = world.submit("c", request=request_)
    world.run_pass()
    part = told(world, job_id)
    assert part.reason is WaitReason.CAP
    assert fact in part.sentence
    assert "goes on when" not in part.sentence


def _drains(world: World, worker_id: WorkerId) -> None:
    world.do(DrainWorker(world.now_us, worker_id))


def _is_away(world: World, worker_id: WorkerId) -> None:
    world.do(MarkWorkerAway(world.now_us, worker_id))


def _belongs_to_others(world: World, worker_id: WorkerId) -> None:
    world.do(LoseWorker(world.now_us, worker_id, "gone"))
    world.do(CreateDomain(world.now_us, "others"))
    world.do(JoinWorker(world.now_us, "w", cpus(64, gpu=2), owner="others", restricted=True))


@pytest.mark.parametrize(
    ("happens", "fact"),
    [
        (_drains, "Large enough would be worker 1 (w), which is draining."),
        (_is_away, "Large enough would be worker 1 (w), which is out of touch."),
        (_belongs_to_others, "Large enough would be worker 3 (w), which takes its owner's work alone."),
    ],
)
def test_a_larger_worker_that_takes_nothing_of_it_now_is_named(
    happens: Callable[[World, WorkerId], None], fact: str
) -> None:
    world = World()
    large = world.worker(cpus(64, gpu=2))
    world.worker(cpus(2))
    wide, of_both = world.submit(request=cpus(8)), world.submit(request=cpus(1, gpu=1))
    happens(world, large)
    for job_id, needs in ((wide, "more than 2 cpu"), (of_both, "any gpu")):
        part = told(world, job_id)
        assert part.reason is WaitReason.NEVER_FITS
        assert f"but no worker that would take it now has {needs}" in part.sentence
        assert fact in part.sentence


def test_a_lifetime_is_told_as_exactly_as_it_counts() -> None:
    world = World()
    world.worker(1, until_us=5 * SECOND)
    just_too_long = world.submit(time_request_us=5 * SECOND + 1)
    short = world.submit(time_request_us=400 * MS)
    assert "A unit asks for 5.001 s, but" in told(world, just_too_long).sentence
    assert "longer than 5 s from now" in told(world, just_too_long).sentence
    world.now_us = 4_900 * MS
    assert "A unit asks for 0.4 s, but" in told(world, short).sentence
    assert "longer than 0.1 s from now" in told(world, short).sentence


def test_what_asks_for_no_time_is_not_told_of_lifetimes() -> None:
    world = World()
    world.worker(1, until_us=5 * SECOND)
    world.now_us = 6 * SECOND
    job_id = world.submit()
    assert told(world, job_id).reason is WaitReason.ORDER
    assert [lease.job_id for lease in world.run_pass()] == [job_id]


def test_every_resource_is_named_of_which_a_worker_has_too_little() -> None:
    world = World()
    world.worker(cpus(2, 10**9, gpu=1))
    world.submit(request=cpus(2, 10**9, gpu=1))
    world.run_pass()
    part = told(world, world.submit(request=cpus(1, 5 * 10**8, gpu=1)))
    assert part.reason is WaitReason.ROOM
    assert "A unit needs 1 cpu and 500 MB mem and 1 gpu: worker 1 (w) has" in part.sentence
    assert "0 cpu free of 2 cpu and 0 B mem free of 1 GB mem and 0 gpu free of 1 gpu." in part.sentence


def test_a_wide_unit_is_told_which_worker_is_emptied_for_it_and_until_when() -> None:
    world, wide, _ = emptying()
    (worker,) = world.state.workers.workers.values()
    part = told(world, wide)
    assert part.reason is WaitReason.ROOM
    assert "Worker 1 (w) is being emptied for it." in part.sentence
    assert part.until_us == worker.shadow_us


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_what_backed_off_is_told_so_until_a_pass_has_looked_at_it(policy: str) -> None:
    world = World(policy)
    world.worker()
    job_id = world.submit(retries=1, backoff_us=30 * SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    world.run_pass()
    world.tick(31 * SECOND)
    part = told(world, job_id)
    assert part.reason is WaitReason.ORDER
    assert part.sentence.endswith("Its back-off is over, so the next pass looks at it again.")
    assert [lease.job_id for lease in world.run_pass()] == [job_id]


@pytest.mark.parametrize("policy", QUEUES)
def test_what_a_cap_keeps_back_is_not_ahead(policy: str) -> None:
    world = World(policy)
    world.worker(2)
    world.domain("c", cap=cpus(2))
    for name in ("other", "c"):
        world.submit(name, time_request_us=100 * SECOND)
    world.run_pass()
    kept_back = world.submit("c", request=cpus(2), time_request_us=SECOND)
    free = world.submit("c", time_request_us=SECOND)
    world.run_pass()
    assert told(world, kept_back).reason is WaitReason.CAP
    assert told(world, free).reason is WaitReason.ROOM
    assert f"ob {kept_back}" not in told(world, free).sentence


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("domain", ["same", "another", "inner"])
def test_what_no_worker_lives_long_enough_for_is_not_ahead(policy: str, domain: str) -> None:
    world = World(policy)
    world.worker(1, until_us=50 * SECOND)
    world.domain("same", share=1)
    world.do(CreateDomain(0, "outer", 1000))
    world.do(CreateDomain(0, "inner", 1000, parent="outer"))
    world.submit("running", time_request_us=SECOND)
    world.run_pass()
    too_long = world.submit(domain, time_request_us=100 * SECOND)
    short = world.submit("same", time_request_us=SECOND)
    world.run_pass()
    assert told(world, too_long).reason is WaitReason.LIFETIME
    sentence = told(world, short).sentence
    assert f"ob {too_long}" not in sentence
    assert "'another'" not in sentence
    assert "'outer'" not in sentence


CAPS = st.sampled_from([None, None, cpus(2), cpus(1)])
NAMES = ("a", "b", "p1", "p2")


@examples(60)
@given(st.data())
def test_who_is_told_to_be_next_is_served_next(data: st.DataObject) -> None:
    """Where all ask for the same and no worker's life ends: nothing is passed over but what a cap keeps back."""
    with World() as world:
        for _ in range(data.draw(st.integers(1, 2))):
            world.worker(data.draw(st.integers(1, 2)))
        for name in ("a", "b", "p"):
            world.domain(name, data.draw(st.sampled_from([1, 2, 5])), data.draw(CAPS))
        for name in ("p1", "p2"):
            world.do(CreateDomain(0, name, data.draw(st.sampled_from([1, 3])), data.draw(CAPS), "p"))
        for _ in range(data.draw(st.integers(5, 30))):
            for _ in range(data.draw(st.integers(0, 2))):
                world.submit(
                    data.draw(st.sampled_from(NAMES)),
                    data.draw(st.integers(1, 3)),
                    time_request_us=data.draw(st.sampled_from([None, SECOND, 10 * SECOND])),
                    user=data.draw(st.sampled_from("uv")),
                    priority=data.draw(st.sampled_from([0, 0, 1, -2])),
                )
            world.run_pass()
            world.tick(data.draw(st.sampled_from([0, SECOND])))
            if world.leases():
                lease = data.draw(st.sampled_from(world.leases()))
                world.finish(lease.lease_id, run_us=data.draw(st.sampled_from([200 * MS, SECOND, 12 * SECOND])))
                _check_next(world)


def _check_next(world: World) -> None:
    """Check that of all that wait one is told that its domain is next, and that it is leased first."""
    waiting = [job_id for job_id, job in sorted(world.state.jobs.jobs.items()) if job.pending_count]
    parts = {job_id: told(world, job_id) for job_id in waiting}
    said = [job_id for job_id, part in parts.items() if part.reason is WaitReason.ORDER and "is next" in part.sentence]
    served = world.run_pass()
    assert [lease.job_id for lease in served[:1]] == said[:1], parts
    assert len(said) <= 1, parts
