"""Where the next run goes: to a worker that has its job loaded, and nobody is earlier or later for it (row P24)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import DrainWorker, JoinWorker, LeaseUnits, LoseWorker
from meted.core.engine import Engine
from meted.core.events import UnitsLeased, WorkerJoined
from meted.core.ids import JobId, WorkerId
from meted.core.limits import JOB_WORKERS_MAX
from meted.core.policy.base import Index
from meted.core.policy.meted import Meted, MetedIndex
from meted.core.policy.room import Room
from meted.core.reducers import fold
from meted.core.schema import decode_state
from meted.core.state import Lease, State
from meted.core.state_bytes import encode_state

from .helper import MS, SECOND, World, cpus, examples
from .playing import wander


def stay(room: Room, *_: object) -> Room:
    """Be content with what first fit has found."""
    return room


class FirstFit(Meted):
    """The model: the default policy, without the preference."""

    def index(self, state: State) -> Index:
        """Return a new index."""
        index = MetedIndex(state)
        index.capacity.find_loaded = stay  # type: ignore[method-assign, assignment]
        return index


def end(world: World, leases: list[Lease]) -> None:
    """Let leases end at once, a second later."""
    world.tick(SECOND)
    for lease in leases:
        world.finish(lease.lease_id, run_us=(SECOND,) * lease.count)


def places(leases: list[Lease]) -> list[tuple[WorkerId, JobId]]:
    """Return what went where."""
    return [(lease.worker_id, lease.job_id) for lease in leases]


def waves(policy: Meted, seed: int, workers: int, slots: int) -> tuple[list[tuple[JobId, int, int]], int, int]:
    """Play jobs whose units all take a second, so that all workers come free at once.

    Returns the runs in their order (job, first unit, units), how often workers changed over, and the leases.
    """
    dice, order, switches = Random(seed), [], 0
    held: Counter[tuple[WorkerId, JobId]] = Counter()
    last: dict[WorkerId, JobId] = {}
    with World(policy) as world:
        for name in "abc":
            world.domain(name, dice.randint(1, 5))
        for _ in range(workers):
            world.worker(slots)
        for _ in range(dice.randint(2, 8)):
            world.submit(dice.choice("abc"), dice.randint(1, 30), user=dice.choice("uv"), time_request_us=SECOND)
        while made := world.run_pass():
            for lease in made:
                pair = lease.worker_id, lease.job_id
                switches += not held[pair] and last.get(lease.worker_id, lease.job_id) != lease.job_id
                held[pair] += 1
                last[lease.worker_id] = lease.job_id
                order.append((lease.job_id, lease.first, lease.count))
            ended = [lease for lease in world.leases() if slots == 1 or dice.random() < 0.7]
            held.subtract((lease.worker_id, lease.job_id) for lease in ended)
            end(world, ended)
            if dice.random() < 0.3:
                world.submit(dice.choice("abc"), dice.randint(1, 30), time_request_us=SECOND)
            if len(order) > 300:
                break
    return order, switches, len(order)


@pytest.mark.parametrize("slots", [1, 4])
def test_who_is_next_is_as_without_the_preference(slots: int) -> None:
    """Row P24: the same runs in the same order, and fewer changes; with one slot a worker, in no case more."""
    with_it, without = 0, 0
    for seed in range(25):
        order, switches, _ = waves(Meted(), seed, 6, slots)
        model, more, _ = waves(FirstFit(), seed, 6, slots)
        assert order == model
        if slots == 1:
            assert switches <= more
        with_it, without = with_it + switches, without + more
    assert with_it < 0.9 * without


@examples(60)
@given(st.integers(0, 10**6), st.integers(0, 150))
def test_any_decision_is_that_of_first_fit_but_for_the_place(seed: int, steps: int) -> None:
    """Whatever was asked for and wherever it fits: the next run is the same, and goes where it fits."""
    with World() as world:
        wander(world, Random(seed), steps)
        state, now_us = world.state, world.now_us
        found = next(iter(Meted().index(state).proposals(now_us)), None)
        model = next(iter(FirstFit().index(state).proposals(now_us)), None)
        if not isinstance(found, LeaseUnits) or not isinstance(model, LeaseUnits):
            assert found == model
            return
        assert (found.job_id, found.count, found.covered) == (model.job_id, model.count, model.covered)
        assert bool(found.behind) == bool(model.behind)
        if found.worker_id != model.worker_id:
            assert found.worker_id in state.jobs.loaded[found.job_id]
        Engine(Meted(), state).handle(found)


@examples(30)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6))
def test_an_index_built_anew_decides_the_same(seed: int, slots: int, rounds: int) -> None:
    """From a snapshot and from the log: who comes back after a restart has the same job loaded."""
    dice = Random(seed)
    with World() as world:
        for _ in range(5):
            world.worker(slots)
        for name in "abcd":
            world.submit(name, 20, time_request_us=SECOND)
        for _ in range(rounds):
            world.run_pass()
            end(world, [lease for lease in world.leases() if dice.random() < 0.6])
        twins = [World("meted", decode_state(encode_state(world.state))), World("meted", fold(State(), world.log))]
        world.run_pass()
        for twin in twins:
            twin.now_us = world.now_us
            twin.run_pass()
            assert twin.state == world.state


def test_each_of_several_choices_goes_to_its_own_worker(world: World) -> None:
    """Also where the order of the jobs has turned round since."""
    one, two = world.worker(), world.worker()
    first, second = world.submit("a", 9, time_request_us=SECOND), world.submit("b", 9, time_request_us=SECOND)
    made = world.run_pass()
    assert places(made) == [(one, first), (two, second)]
    end(world, made[:1])
    (again,) = world.run_pass()
    end(world, [made[1], again])
    for _ in range(4):
        made = world.run_pass()
        assert sorted(places(made)) == [(one, first), (two, second)]
        end(world, made)


def test_of_shared_workers_the_one_that_holds_the_job_is_preferred(world: World) -> None:
    """Two come free at once: by first fit alone it would be the first."""
    one, two = world.worker(2), world.worker(2)
    other = world.submit("a", 2, time_request_us=SECOND)
    filled = world.run_pass()
    assert places(filled) == [(one, other)] * 2
    mine = world.submit("b", 9, time_request_us=SECOND)
    filled += world.run_pass()
    assert places(filled[2:]) == [(two, mine)] * 2
    end(world, filled[1:3])
    assert places(world.run_pass()) == [(two, mine), (one, mine)]


def test_a_worker_that_is_drained_lost_full_or_ends_too_soon_is_not_preferred(world: World) -> None:
    one, two = world.worker(), world.worker()
    job = world.submit("a", 50, time_request_us=SECOND)
    three = world.worker(1, until_us=world.now_us + 10 * SECOND)
    made = world.run_pass()
    assert [lease.worker_id for lease in made] == [one, two, three]
    assert world.state.jobs.loaded[job] == (three, two, one)
    world.tick(9 * SECOND + 1)
    for lease in made:
        world.finish(lease.lease_id)
    world.do(DrainWorker(world.now_us, two))
    assert [lease.worker_id for lease in world.run_pass()] == [one]
    world.do(LoseWorker(world.now_us, one, "left"))
    assert world.run_pass() == []


def test_its_owners_work_stays_on_the_same_of_his_machines(world: World) -> None:
    """Rows P24 and P27: nobody else may have these, and each goes on with what it has loaded."""
    world.domain("mine")
    desktops = []
    for _ in range(2):
        (joined,) = world.do(JoinWorker(0, "desktop", cpus(1), owner="mine", restricted=True))
        assert isinstance(joined, WorkerJoined)
        desktops.append(joined.worker_id)
    jobs = [world.submit("mine", 20, user=user, time_request_us=SECOND) for user in "uv"]
    made = world.run_pass()
    assert places(made) == list(zip(desktops, jobs, strict=True))
    end(world, made[:1])
    again = world.run_pass()
    assert places(again) == [(desktops[0], jobs[0])], "there is no other"
    end(world, [made[1], *again])
    for _ in range(4):
        made = world.run_pass()
        assert sorted(places(made)) == list(zip(desktops, jobs, strict=True))
        end(world, made)


def test_what_is_prefetched_waits_where_its_job_is(world: World) -> None:
    """Behind its own job, though it would wait a little less behind another."""
    one, two = world.worker(1, prefetch=True), world.worker(1, prefetch=True)
    world.domain("a", 5000)
    first = world.submit("a", 40, time_request_us=90 * MS)
    world.run_pass(decisions_max=1)
    second = world.submit("b", 40, time_request_us=60 * MS)
    world.run_pass(decisions_max=1)
    assert places(world.leases()) == [(one, first), (two, second)]
    (behind,) = world.run_pass(decisions_max=1)
    assert (behind.worker_id, behind.job_id, behind.behind) == (one, first, world.leases()[0].lease_id)


def test_a_job_remembers_so_many_workers_and_no_more(world: World) -> None:
    workers = [world.worker() for _ in range(JOB_WORKERS_MAX + 2)]
    job = world.submit(count=JOB_WORKERS_MAX + 3, time_request_us=SECOND)
    last = world.submit("e", 1, time_request_us=SECOND)
    world.run_pass()
    assert len(world.state.jobs.loaded[job]) == JOB_WORKERS_MAX
    assert set(world.state.jobs.loaded[job]) < set(workers)
    assert last not in world.state.jobs.loaded, "nothing of it is left to go anywhere"
    assert all(isinstance(event, UnitsLeased) for event in world.log[-JOB_WORKERS_MAX:])
