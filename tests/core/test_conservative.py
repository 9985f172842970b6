"""Conservative backfilling in a live pool: what it has promised holds over restarts, and places fit beside leases."""

from __future__ import annotations

import contextlib
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import (
    CancelJobs,
    ChangeDomain,
    ChangePlaces,
    ChangePriority,
    DrainWorker,
    GrantCredit,
    LeaseUnits,
    LoseWorker,
    MarkWorkerAway,
    NiceJob,
    RejoinWorker,
    SetRules,
)
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import PlacesChanged
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.invariants import check_engine
from meted.core.limits import PASS_EXAMINED_MAX, PLACE_SLACK_US, PLACES_CHANGED_MAX, PLACES_MAX, TIME_MAX_US
from meted.core.policy.base import Policy
from meted.core.policy.memory import Following
from meted.core.policy.meted import Meted
from meted.core.policy.rivals.conservative import Conservative
from meted.core.policy.rivals.place_memory import Places
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
        if lease.worker_id in held and not state.jobs.is_queued(lease):
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
            if self.dice.random() < 0.03:  # somebody who was not there before
                self.workers.append(self.world.worker(cpus(self.dice.randint(1, 6), 8, gpu=1)))
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
    """P17: estimates are never exceeded; there are arrays, priorities, failures, cancelled jobs, restarts."""
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
    """Do something more, at times with another cap, other rules, or points that a job is sold and may not pay for."""
    if dice.random() < 0.03:
        world.do(SetRules(world.now_us, pool=dice.choice(("decay", "fifo", "karma"))))
    if dice.random() < 0.1:
        world.do(GrantCredit(world.now_us, dice.choice("ab"), dice.choice((1, 500, 5_000))))
    waiting = [job_id for job_id, job in sorted(world.state.jobs.jobs.items()) if job.is_backlogged]
    if waiting and dice.random() < 0.1:
        with contextlib.suppress(Refused):
            world.do(NiceJob(world.now_us, dice.choice(waiting), dice.randint(-1, 3)))
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


def placed(*capacities: int, prefetch: bool = False, depth: int | None = PLACES_MAX) -> tuple[World, list[WorkerId]]:
    """Return a world with workers."""
    world = World(Conservative(depth))
    return world, [world.worker(cpus(capacity), prefetch=prefetch) for capacity in capacities]


def ask(world: World, width: int, time_us: int) -> JobId:
    """Submit a job of one unit, and run a pass."""
    job_id = world.submit("d", request=cpus(width), time_request_us=time_us)
    world.run_pass()
    return job_id


def starts(world: World) -> dict[JobId, int]:
    """Return when the places begin, in seconds."""
    return {row[0]: row[2] // SECOND for row in memory_of(world).rows.values()}


def test_places_are_facts() -> None:
    """What a pass gives, moves and takes back is in one event, and an engine that is made of it goes on as before."""
    world, _ = placed(2)
    first, second, third = (ask(world, width, 10 * SECOND) for width in (1, 2, 2))
    assert starts(world) == {second: 10, third: 20}
    again = Engine(world.engine.policy, world.state, memory=world.engine.memory)
    world.tick(4 * SECOND)
    world.finish(LeaseId(1))
    for job_id in (second, first):
        assert job_id in world.state.jobs.jobs
    made = world.run_pass()
    assert [lease.job_id for lease in made] == [second]
    assert starts(world) == {third: 14}
    told = [event for event in world.log if isinstance(event, PlacesChanged)]
    assert [event.change for event in told] == ["anew", "given", "given", "forward"]
    assert [row[0] for row in told[-1].places] == [second, third]
    assert again.index.next_wake_us() == 10 * SECOND


def test_a_lease_of_somebody_else_where_a_place_is_makes_the_plan_void() -> None:
    world, (worker,) = placed(3)
    ask(world, 1, 10 * SECOND)
    ask(world, 3, 10 * SECOND)
    short = world.submit("d", request=cpus(1), time_request_us=10 * SECOND)
    world.lease(worker, short)
    assert not memory_of(world).is_void
    long = world.submit("d", request=cpus(1), time_request_us=11 * SECOND)
    world.lease(worker, long)
    assert memory_of(world).is_void
    world.run_pass()
    assert list(starts(world).values()) == [11]


def test_a_lease_of_somebody_else_before_its_time_makes_the_plan_void() -> None:
    world, (worker, _) = placed(2, 1)
    ask(world, 2, 10 * SECOND)
    second, third = ask(world, 2, 10 * SECOND), ask(world, 1, 10 * SECOND)
    assert third not in starts(world)
    world.finish(LeaseId(1))
    assert starts(world) == {second: 10}
    world.lease(worker, second)
    assert memory_of(world).is_void


def test_what_waited_behind_another_lease_is_known_when_it_runs() -> None:
    world, (worker,) = placed(1, prefetch=True)
    first = world.submit("d", 2, request=cpus(1), time_request_us=50 * MS)
    lease = world.lease(worker, first)
    world.do(LeaseUnits(world.now_us, worker, first, 1, 0, lease))
    second = ask(world, 1, 10 * SECOND)
    assert memory_of(world).rows[second][2] == 50 * MS
    world.tick(10 * MS)
    world.finish(lease)
    assert memory_of(world).is_void
    world.run_pass()
    assert memory_of(world).rows[second][2] == 50 * MS  # by what it was expected to take when it was given
    check_engine(world.engine)


def test_who_finds_the_place_not_free_yet_waits_a_moment() -> None:
    world, _ = placed(2)
    ask(world, 2, 10 * SECOND)
    second = ask(world, 2, 10 * SECOND)
    third = ask(world, 1, 5 * SECOND)
    assert starts(world) == {second: 10, third: 20}
    world.tick(10 * SECOND)
    assert not world.run_pass()
    assert world.engine.index.next_wake_us() == 10 * SECOND + PLACE_SLACK_US
    world.tick(SECOND // 2)
    world.finish(LeaseId(1))
    assert [lease.job_id for lease in world.run_pass()] == [second]
    assert starts(world) == {third: 20}  # as if the second had started in time
    check_engine(world.engine)


def test_after_that_the_plan_is_made_anew() -> None:
    world, _ = placed(2)
    ask(world, 2, 10 * SECOND)
    second = ask(world, 2, 10 * SECOND)
    world.tick(10 * SECOND)
    world.run_pass()
    world.tick(PLACE_SLACK_US)
    assert not world.run_pass()
    assert starts(world) == {second: 22}
    (*_, event) = world.log
    assert isinstance(event, PlacesChanged)
    assert event.change == "anew"
    check_engine(world.engine)


def test_so_many_have_a_place_and_the_next_is_given_one_then() -> None:
    world, _ = placed(1, depth=2)
    jobs = [ask(world, 1, 10 * SECOND) for _ in range(5)]
    assert starts(world) == {jobs[1]: 10, jobs[2]: 20}
    said = world.engine.index.ahead_of(jobs[3])
    assert said.endswith("It has no place in the plan yet, as 2 others have one.")
    world.tick(10 * SECOND)
    world.finish(LeaseId(1))
    assert [lease.job_id for lease in world.run_pass()] == [jobs[1]]
    assert starts(world) == {jobs[2]: 20, jobs[3]: 30}


def test_a_capped_domain_with_many_jobs_keeps_no_place_from_others() -> None:
    world, _ = placed(4, depth=2)
    world.domain("capped", cap=cpus(1))
    for _ in range(20):
        world.submit("capped", request=cpus(1), time_request_us=10 * SECOND)
    other = world.submit("d", request=cpus(1), time_request_us=10 * SECOND)
    assert [lease.job_id for lease in world.run_pass()][-1] == other
    for turn in range(20):
        world.tick(10 * SECOND)
        for lease in world.leases():
            world.finish(lease.lease_id)
        world.run_pass()
        assert len(world.leases()) == (turn < 19)


def test_a_queue_that_is_longer_than_the_bounds_is_passed_step_by_step() -> None:
    """A pass gives few places, and says in no event more than fits in one."""
    world, _ = placed(1)
    for _ in range(PLACES_MAX + 100):
        world.submit("d", request=cpus(1), time_request_us=10 * SECOND)
    world.run_pass()
    assert len(memory_of(world).rows) == PLACES_MAX
    whole = World(Conservative(depth=None))
    whole.worker(cpus(1))
    for _ in range(PLACES_CHANGED_MAX + 100):
        whole.submit("d", request=cpus(1), time_request_us=10 * SECOND)
    whole.run_pass()
    assert len(memory_of(whole).rows) == PLACES_CHANGED_MAX + 99
    whole.tick(SECOND)
    whole.finish(LeaseId(1))
    whole.run_pass()
    told = [event for event in whole.log if isinstance(event, PlacesChanged)]
    assert [(event.change, len(event.places)) for event in told] == [
        ("anew", 0),
        ("given", PLACES_CHANGED_MAX),
        ("given", 99),
        ("forward", PLACES_CHANGED_MAX),
        ("forward", 99),
    ]
    check_engine(whole.engine)


def test_with_many_workers_a_pass_gives_fewer_places_and_asks_for_another() -> None:
    world, _ = placed(*[1] * 600)
    for _ in range(700):
        world.submit("d", request=cpus(1), time_request_us=10 * SECOND)
    passes, given = 0, []
    while not passes or world.engine.more or world.engine.index.next_wake_us() == world.now_us:
        world.run_pass()
        passes += 1
        given.append(len(memory_of(world).rows))
    assert len(world.leases()) == 600
    assert given[-1] == 100
    assert max(after - before for before, after in pairwise(given)) <= PASS_EXAMINED_MAX // 600 + 1
    assert Engine(Conservative(), world.state, memory=world.engine.memory).index.next_wake_us() == 10 * SECOND
    check_engine(world.engine)


def test_another_priority_keeps_the_place_that_was_promised() -> None:
    world, _ = placed(1)
    ask(world, 1, 10 * SECOND)
    second, third = ask(world, 1, 10 * SECOND), ask(world, 1, 10 * SECOND)
    world.do(ChangePriority(world.now_us, second, -5))
    world.run_pass()
    assert starts(world) == {second: 10, third: 20}
    check_engine(world.engine)


def test_a_worker_that_is_out_of_touch_keeps_its_places_and_one_that_is_lost_does_not() -> None:
    world, (one, other) = placed(2, 2)
    ask(world, 2, 10 * SECOND)
    ask(world, 2, 20 * SECOND)
    third = ask(world, 2, 10 * SECOND)
    world.do(MarkWorkerAway(world.now_us, one))
    fourth = ask(world, 1, 10 * SECOND)
    rows = memory_of(world).rows
    assert (rows[third][1:3], rows[fourth][1:3]) == ((one, 10 * SECOND), (other, 20 * SECOND))
    world.do(LoseWorker(world.now_us, one, "gone"))
    world.run_pass()
    assert {job_id for job_id, row in memory_of(world).rows.items() if row[1] == other} >= {third, fourth}
    check_engine(world.engine)


def test_a_worker_that_comes_is_planned_for_and_nobody_loses_a_place() -> None:
    world, _ = placed(2)
    ask(world, 2, 10 * SECOND)
    second, third, wide = ask(world, 2, 10 * SECOND), ask(world, 2, 10 * SECOND), ask(world, 2, 30 * SECOND)
    world.worker(cpus(1, gpu=1))
    narrow = ask(world, 1, 10 * SECOND)
    assert [lease.job_id for lease in world.leases()][-1] == narrow
    assert starts(world) == {second: 10, third: 20, wide: 30}
    world.worker(cpus(3))
    assert [lease.job_id for lease in world.run_pass()] == [second]
    assert starts(world) == {third: 10, wide: 10}
    assert [event.change for event in world.log if isinstance(event, PlacesChanged)].count("anew") == 1
    check_engine(world.engine)


def test_a_place_that_would_end_beyond_all_time_is_none() -> None:
    world, _ = placed(1)
    *_, job_id = (ask(world, 1, TIME_MAX_US) for _ in range(3))
    assert sorted(starts(world).values()) == [TIME_MAX_US // SECOND]
    assert not world.engine.refusals
    assert "no place in the plan yet" in world.engine.index.ahead_of(job_id)


def test_a_pass_that_is_cut_between_a_place_and_its_lease_forgets_nobody() -> None:
    """By another estimate a job is given its place anew when it may start; the pass ends just after that was said."""
    world, _ = placed(1)
    blocking = ask(world, 1, 10 * SECOND)
    array = world.submit("d", 2, request=cpus(1))
    world.run_pass()
    world.tick(10 * SECOND)
    world.finish(LeaseId(1), run_us=10 * SECOND)  # of which the estimate of the other is made
    world.run_pass(decisions_max=1)
    while array not in {lease.job_id for lease in world.leases()}:
        assert world.engine.more
        world.run_pass(decisions_max=1)
    assert blocking not in {lease.job_id for lease in world.leases()}
    check_engine(world.engine)


def test_places_that_somebody_else_gave_and_that_cannot_be_are_passed_over() -> None:
    world, (worker,) = placed(1)
    ask(world, 1, 10 * SECOND)
    second, wide, odd = (world.submit("d", request=request) for request in (cpus(1), cpus(2), cpus(1, gpu=1)))
    later, held = world.submit("d", hold=True), world.submit("d", request=cpus(1))
    other = world.worker(cpus(8, gpu=1))
    world.do(DrainWorker(world.now_us, other))
    world.run_pass()
    rows = [(job_id, worker, 5 * SECOND, 6 * SECOND, 1) for job_id in (second, wide, odd, later)]
    rows.append((held, other, 5 * SECOND, 6 * SECOND, 1))
    world.do(ChangePlaces(world.now_us, "given", tuple(rows), ()))
    assert list(memory_of(world).rows) == [second]
    check_engine(world.engine)
    world.run_pass()
    check_engine(world.engine)
