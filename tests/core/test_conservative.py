"""Conservative backfilling in a live pool: what it has promised holds over restarts, and places fit beside leases."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    CancelJobs,
    ChangeDomain,
    ChangePriority,
    MarkWorkerAway,
    RejoinWorker,
)
from meted.core.engine import Engine
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.invariants import check_engine
from meted.core.limits import PLACE_SLACK_US, PLACES_MAX
from meted.core.policy.base import Policy
from meted.core.policy.memory import Following
from meted.core.policy.meted import Meted
from meted.core.policy.rivals.conservative import Conservative
from meted.core.policy.rivals.placing import Places
from meted.core.resources import NOTHING, Resources
from meted.core.state import State

from .helper import MS, SECOND, World, cpus, examples
from .playing import _step, wander

seeds = st.integers(0, 10**6)
depths = st.sampled_from((1, 3, PLACES_MAX, None))


def memory_of(world: World) -> Places:
    """Return what the policy remembers."""
    memory = world.engine.memory
    assert isinstance(memory, Places)
    return memory


def check_room(state: State, memory: object) -> None:
    """Count again, at every time at which something begins: leases and places fit on their workers together."""
    assert isinstance(memory, Places)
    if memory.is_void:
        assert not memory.rows
        return
    held: dict[WorkerId, list[tuple[int, int, Resources]]] = {worker_id: [] for worker_id in memory.workers}
    for lease in state.jobs.leases.values():
        ends_us = memory.ends.get(lease.lease_id, lease.leased_us + lease.estimate_us * lease.count)
        if lease.worker_id in held:
            held[lease.worker_id].append((state.at_us, ends_us, state.jobs.jobs[lease.job_id].terms.request))
    for job_id, worker_id, start_us, end_us, _ in memory.rows.values():
        held[worker_id].append((max(start_us, state.at_us), end_us, state.jobs.jobs[job_id].terms.request))
    for worker_id, rows in held.items():
        for at_us, _, _ in rows:
            total = NOTHING
            for start_us, end_us, request in rows:
                if start_us <= at_us < end_us:
                    total = total.plus(request)
            assert total.fits(state.workers.workers[worker_id].capacity), (worker_id, at_us, rows)


class Life:
    """A pool in which nothing runs longer than estimated, with a pass whenever the policy has asked for one.

    Attributes:
        promised: The first place of the next run of each job.
    """

    def __init__(self, dice: Random, depth: int | None, capacities: list[int]) -> None:
        self.world = World(Conservative(depth))
        self.dice = dice
        self.workers = [self.world.worker(cpus(capacity, 8)) for capacity in capacities]
        self.promised: dict[JobId, int] = {}
        self.took_us: dict[JobId, int] = {}
        self.ends: list[tuple[int, LeaseId]] = []
        self.world.domain("d")

    def live(self, steps: int) -> None:
        """Do things at random, and then run out."""
        for _ in range(steps):
            self.go_on(self.world.now_us + self.dice.choice((0, MS, 100 * MS, SECOND, 3 * SECOND)))
            self.act()
            self.run_pass()
            if self.dice.random() < 0.3:
                self.restart()
        while self.ends or self.world.engine.next_wake_us() is not None:
            self.go_on(None)
        assert not memory_of(self.world).rows
        assert all(job.outcome is not None for job in self.world.state.jobs.jobs.values())

    def go_on(self, until_us: int | None) -> None:
        """Let all happen that happens by then, or what happens next."""
        while True:
            wake_us = self.world.engine.index.next_wake_us()
            times_us = [self.ends[0][0]] if self.ends else []
            times_us += [] if wake_us is None else [wake_us]
            next_us = min(times_us, default=None)
            if next_us is None or (until_us is not None and next_us > until_us):
                break
            self.world.now_us = max(self.world.now_us, next_us)
            while self.ends and self.ends[0][0] <= next_us:
                self.end(heappop(self.ends)[1])
            self.run_pass()
            if until_us is None:
                return
        if until_us is None:
            self.world.tick(10**9 * SECOND)
            self.world.run_timers()
        else:
            self.world.now_us = until_us

    def end(self, lease_id: LeaseId) -> None:
        """Units of a lease have ended; a first try may have failed."""
        lease = self.world.state.jobs.leases.get(lease_id)
        if lease is None:
            return
        fails = lease.attempt == 1 and lease.count == 1 and self.dice.random() < 0.2
        exits = ((lease.first, 1),) if fails else ()
        self.world.finish(lease_id, run_us=self.took_us[lease.job_id], exits=exits)

    def act(self) -> None:
        """Submit, cancel, change a priority."""
        world, dice = self.world, self.dice
        waiting = [job_id for job_id, job in sorted(world.state.jobs.jobs.items()) if job.is_backlogged]
        what = dice.random()
        if what < 0.7 or not waiting:
            estimate_us = dice.choice((30 * MS, SECOND, 2 * SECOND, 7 * SECOND))
            job_id = world.submit(
                "d",
                dice.choice((1, 1, 2, 4)),
                request=cpus(dice.randint(1, 4), dice.randint(0, 8)),
                time_request_us=estimate_us,
                retries=1 if estimate_us > SECOND else 0,
                backoff_us=dice.choice((0, SECOND)),
                priority=dice.choice((0, 0, 0, 1, -1)),
            )
            self.took_us[job_id] = dice.choice((1, estimate_us // 2, estimate_us, estimate_us))
        elif what < 0.8:
            world.do(CancelJobs(world.now_us, (dice.choice(waiting),)))
        else:
            world.do(ChangePriority(world.now_us, dice.choice(waiting), dice.randint(-2, 2)))

    def run_pass(self) -> None:
        """Let the policy choose, and look at what it has promised."""
        world = self.world
        while True:
            for lease in world.run_pass():
                assert world.now_us <= self.promised.pop(lease.job_id, world.now_us), "a promise is broken"
                heappush(self.ends, (world.now_us + lease.count * self.took_us[lease.job_id], lease.lease_id))
            check_room(world.state, world.engine.memory)
            if not world.engine.more:
                break
        rows = memory_of(world).rows
        for job_id in [job_id for job_id in self.promised if job_id not in rows]:
            del self.promised[job_id]
            assert job_id not in world.engine.index.shape_of  # type: ignore[attr-defined]
        for job_id, row in rows.items():
            assert row[2] <= self.promised.setdefault(job_id, row[2]), "a place has become later"

    def restart(self) -> None:
        """Go on with another engine that has state and memory alone, as after a failed append or a restart."""
        world = self.world
        if self.dice.random() < 0.5:
            for worker_id in self.workers:
                world.do(MarkWorkerAway(world.now_us, worker_id))
        check_engine(world.engine)
        world.commit()
        engine = world.engine
        world.engine = Engine(engine.policy, engine.state, engine.chain, memory=engine.memory)
        self.run_pass()
        for worker_id in self.workers:
            mine = [lease.lease_id for lease in world.leases() if lease.worker_id == worker_id]
            world.do(RejoinWorker(world.now_us, worker_id, tuple((lease, world.out(lease)) for lease in mine)))
        self.run_pass()


@examples(60)
@given(seeds, depths, st.lists(st.integers(4, 6), min_size=1, max_size=3), st.integers(0, 60))
def test_nobody_starts_later_than_first_promised(
    seed: int, depth: int | None, capacities: list[int], steps: int
) -> None:
    """P17: estimates are never exceeded; there are arrays, priorities, failures, cancelled jobs and restarts."""
    life = Life(Random(seed), depth, capacities)
    life.live(steps)
    check_engine(life.world.engine)


@examples(60)
@given(seeds, depths, st.integers(0, 120))
def test_places_fit_beside_leases_whatever_happens(seed: int, depth: int | None, steps: int) -> None:
    """Workers come, go, are out of touch and drained; a domain has a cap; units overrun, fail and come back."""
    dice = Random(seed)
    with World(Conservative(depth, dice.choice((0, PLACE_SLACK_US)))) as world:
        wander(world, dice, 0)
        for _ in range(steps):
            wander_on(world, dice)
            check_room(world.state, world.engine.memory)
            check_engine(world.engine)


def wander_on(world: World, dice: Random) -> None:
    """Do something more, at times with another cap."""
    if dice.random() < 0.1:
        cap = dice.choice((None, cpus(1, 9, gpu=1), cpus(2, 9, gpu=1)))
        world.do(ChangeDomain(world.now_us, dice.choice("ab"), dice.randint(1, 3), cap))
    _step(world, dice)
    if dice.random() < 0.3:
        world.commit()


@examples(40)
@given(seeds, depths, st.integers(1, 6), st.integers(1, 40))
def test_another_policy_may_choose_for_a_while(seed: int, depth: int | None, turns: int, steps: int) -> None:
    """Places are forgotten where its leases, some behind others, are in their way; whoever folds them all agrees."""
    dice, policy = Random(seed), Conservative(depth)
    with World(policy) as world:
        wander(world, dice, 0)
        state, memory, followed_to = State(), None, 0
        for turn in range(turns):
            following = Following(policy, state, memory)
            for _ in range(steps):
                wander_on(world, dice)
                following.add(world.log[followed_to:])
                state, memory, followed_to = following.finish(), following.memory, len(world.log)
                assert state == world.state
                check_room(state, memory)
                check_engine(world.engine)
            world.commit()
            chosen: Policy = policy if turn % 2 else Meted()
            if world.engine.policy is policy:
                assert memory == world.engine.memory
            kept = memory if chosen is policy else None
            world.engine = Engine(chosen, world.state, world.engine.chain, memory=kept)
            check_engine(world.engine)
