"""Which jobs no worker could ever hold: the same by the largest workers as by all of them, and in every place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain, DrainWorker, JoinWorker, LoseWorker, MarkWorkerAway
from meted.core.explain import WaitReason, explain
from meted.core.ids import WorkerId
from meted.core.offers import is_too_large, largest_offers
from meted.core.queries import job_state
from meted.core.resources import Resources
from meted.core.state import Job

from .helper import SECOND, World, cpus, examples

sizes = st.builds(
    lambda cpu, mem, gpu: Resources.of(1000 * cpu, mem, {"gpu": 1000 * gpu}),
    *(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)),
)
owners = st.sampled_from([("", False), ("group", True), ("group", False), ("inner", True), ("other", True)])
fates = st.sampled_from(["ready", "ready", "ready", "draining", "away"])


def brute(world: World, job: Job) -> bool:
    """Look at every worker."""
    within = world.state.domains.is_within
    mine = [
        worker
        for worker in world.state.workers.workers.values()
        if worker.is_leasable and (not worker.restricted or within(job.terms.domain_id, worker.owner))
    ]
    return bool(mine) and not any(job.terms.request.fits(worker.capacity) for worker in mine)


@examples(100)
@given(
    st.lists(st.tuples(sizes, owners, fates), max_size=7),
    st.lists(st.tuples(sizes, st.sampled_from(["inner", "other"])), max_size=6),
)
def test_the_largest_workers_speak_for_all(
    workers: list[tuple[Resources, tuple[str, bool], str]], jobs: list[tuple[Resources, str]]
) -> None:
    with World() as world:
        world.do(CreateDomain(0, "group"))
        world.do(CreateDomain(0, "inner", parent="group"))
        world.do(CreateDomain(0, "other"))
        for number, (capacity, (owner, restricted), fate) in enumerate(workers, 1):
            world.do(JoinWorker(0, "w", capacity, owner=owner, restricted=restricted))
            if fate == "draining":
                world.do(DrainWorker(0, WorkerId(number)))
            elif fate == "away":
                world.do(MarkWorkerAway(0, WorkerId(number)))
        for request, domain in jobs:
            job = world.job(world.submit(domain, request=request))
            held = is_too_large(world.state, job, largest_offers(world.state))
            assert held == brute(world, job)
            assert job_state(world.state, job) == ("held" if held else "pending")
            (part,) = explain(world.state, world.engine.index, job.job_id, world.now_us)
            assert (part.reason is WaitReason.NEVER_FITS) == held


def test_what_fits_nowhere_is_held_also_while_it_backs_off() -> None:
    """So the word for a job changes with an event only, and whoever follows a table is told."""
    world = World()
    large = world.worker(4)
    job = world.submit(request=cpus(4), retries=1, backoff_us=30 * SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    assert job_state(world.state, world.job(job)) == "pending"
    world.worker(1)
    world.do(LoseWorker(world.now_us, large, "gone"))
    for _ in range(2):
        assert job_state(world.state, world.job(job)) == "held"
        (part,) = explain(world.state, world.engine.index, job, world.now_us)
        assert (part.reason, part.units, part.until_us) == (WaitReason.NEVER_FITS, 1, None)
        world.now_us += 60 * SECOND


def test_a_job_that_waits_for_a_held_one_says_so() -> None:
    world = World()
    world.worker(1)
    first = world.submit(request=cpus(4))
    second = world.submit(after=(first,))
    (part,) = explain(world.state, world.engine.index, second, world.now_us)
    assert part.sentence == f"It runs after job {first} (held)."
