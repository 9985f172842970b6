"""What a policy remembers is a fold of the events: who is next after a restart or a failed append is who was before."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.batch import GENESIS
from meted.core.commands import (
    ChangeDomain,
    ChangePriority,
    Command,
    CreateDomain,
    DeleteJob,
    DrainWorker,
    RemoveDomain,
)
from meted.core.engine import Engine
from meted.core.errors import Refused, SchemaError
from meted.core.events import Event
from meted.core.forecast import forecast
from meted.core.invariants import check_engine
from meted.core.policy.base import Policy
from meted.core.policy.memory import Following, Memory, Remembering, followed, index_of
from meted.core.policy.rivals.conservative import Conservative
from meted.core.policy.rivals.easy_plus_plus import EasyPlusPlus
from meted.core.policy.rivals.least_used import LeastUsed
from meted.core.policy.rivals.recent_jobs import Recent, RecentJobs
from meted.core.policy.rivals.sfq import Sfq
from meted.core.policy.rivals.static import Static
from meted.core.policy.rivals.stride import Stride
from meted.core.policy.rivals.tagged import PRECISE_BITS, Tags, bounded
from meted.core.schema import SNAPSHOT_VERSION, decode_events
from meted.core.snapshots import VERSIONS, decode_snapshot, encode_snapshot, snapshot_version
from meted.core.state import State
from meted.core.state_bytes import encode_state

from .helper import SECOND, World, examples
from .playing import _step

POLICIES: dict[str, Callable[[], Policy]] = {
    "stride": Stride,
    "stride, strict": lambda: Stride("strict"),
    "sfq": Sfq,
    "least-used": LeastUsed,
    "static": Static,
    "easy++": EasyPlusPlus,
    "easy++, by the queue": lambda: EasyPlusPlus(shortest=False, steps=False),
    "recent-jobs": lambda: RecentJobs(window_us=20 * SECOND),
    "recent-jobs, frozen": lambda: RecentJobs(window_us=20 * SECOND, frozen=True),
    "conservative": Conservative,
    "conservative, shallow": lambda: Conservative(depth=2),
    "conservative, of simulations": lambda: Conservative(depth=None, slack_us=0),
    "sfq, first-fit": lambda: Sfq("first-fit"),
}
REMEMBERING = [name for name in POLICIES if isinstance(POLICIES[name](), Remembering)]

policies = st.sampled_from(sorted(POLICIES))
remembering = st.sampled_from(REMEMBERING)
seeds = st.integers(0, 10**6)


class Disturbed(World):
    """A world whose engine is stopped and started again, or has its index thrown away, whenever the dice say so."""

    def __init__(self, policy: Policy, dice: Random) -> None:
        super().__init__(policy)
        self.kept: list[tuple[bytes, int]] = [(encode_snapshot(State(), policy, self.engine.memory), 0)]
        self.chains = [GENESIS]
        self._dice = dice
        self._done: list[Command | int] = []  # commands, and times of passes, since the last commit

    def do(self, command: Command) -> tuple[Event, ...]:
        """Let the engine decide; something may go wrong before."""
        self._disturb()
        self._done.append(command)
        return super().do(command)

    def run_pass(self, **options: int) -> list:  # type: ignore[type-arg]
        """Run a pass; something may go wrong before."""
        self._disturb()
        self._done.append(self.now_us)
        return super().run_pass(**options)

    def commit(self) -> tuple:  # type: ignore[type-arg]
        """Commit, keep a snapshot, and perhaps start again."""
        done = super().commit()
        self._done.clear()
        if len(self.chains) <= len(self.batches):
            self.chains.append(self.engine.chain)
            engine = self.engine
            self.kept.append((encode_snapshot(engine.committed, engine.policy, engine.committed_memory), len(self.log)))
        if self._dice.random() < 0.3:
            self._restart()
        return done

    def _restart(self) -> None:
        """Recover from some snapshot and what came after it."""
        policy, memory = self.engine.policy, self.engine.committed_memory
        body, seq = self._dice.choice(self.kept)
        state, known = decode_snapshot(body, policy)
        tail = [event for sealed in self.batches for event in decode_events(sealed.batch.body)][seq:]
        state, known = followed(policy, state, known, tail)
        assert (state, known) == (self.engine.committed, memory)
        self.engine = Engine(policy, state, self.engine.chain, memory=known)

    def _disturb(self) -> None:
        what = self._dice.random()
        if what < 0.1:  # as after a proposal that is refused
            self.engine.index = index_of(self.engine.policy, self.engine.state, self.engine.memory)
        elif what < 0.2:  # the append fails, and all is asked for again
            before = self.engine.state
            self.engine.abandon()
            self.engine.now_us = self.engine.committed.at_us  # so that all happens at its time again
            for thing in self._done:
                if isinstance(thing, int):
                    self.engine.run_pass(thing)
                    continue
                try:
                    self.engine.handle(thing)
                except Refused:
                    continue
            assert self.engine.state == before
        elif what < 0.3:
            check_engine(self.engine)


def stray(world: World, dice: Random, steps: int) -> None:
    """Let a world do things at random, in a tree of domains that come and go."""
    for name, share, parent in (("a", 3, ""), ("b", 1, ""), ("c", 2, ""), ("c1", 1, "c"), ("c2", 4, "c")):
        world.do(CreateDomain(world.now_us, name, share, parent=parent))
    for cpus in (1, 3):
        world.worker(cpus)
    for number in range(steps):
        if dice.random() < 0.6:
            _step(world, dice)
        else:
            _step_of_domain(world, dice, number)
        if dice.random() < 0.3:
            world.commit()
    world.commit()


def _step_of_domain(world: World, dice: Random, number: int) -> None:
    what = dice.random()
    if what < 0.5:
        world.submit(
            dice.choice(("c1", "c2")),
            dice.choice((1, 5)),
            user=dice.choice(("x", "y")),
            time_request_us=dice.choice((None, SECOND, 3 * SECOND)),
            retries=3,
            backoff_us=dice.choice((0, SECOND, 5 * SECOND)),
        )
    elif what < 0.7:
        name = dice.choice(("a", "b", "c", "c1", "c2"))
        world.do(ChangeDomain(world.now_us, name, share=dice.randint(1, 7)))
    elif what < 0.85:
        world.do(CreateDomain(world.now_us, f"n{number}", 5))
        world.do(RemoveDomain(world.now_us, f"n{number}"))
    elif jobs := [
        job for _, job in sorted(world.state.jobs.jobs.items()) if job.outcome is None and job.stopped is None
    ]:
        world.do(ChangePriority(world.now_us, dice.choice(jobs).job_id, dice.randint(-2, 2)))


@examples(60)
@given(policies, seeds, st.integers(0, 150))
def test_who_is_next_hangs_on_no_restart_no_failed_append_and_no_index_anew(policy: str, seed: int, steps: int) -> None:
    with World(POLICIES[policy]()) as straight, Disturbed(POLICIES[policy](), Random(-seed)) as world:
        stray(straight, Random(seed), steps)
        stray(world, Random(seed), steps)
        assert world.log == straight.log
        assert world.engine.memory == straight.engine.memory


@examples(40)
@given(remembering, seeds, st.integers(0, 150))
def test_memory_is_a_fold_of_the_events_and_not_of_passes(policy: str, seed: int, steps: int) -> None:
    chosen = POLICIES[policy]()
    assert isinstance(chosen, Remembering)
    with World(chosen) as world:
        stray(world, Random(seed), steps)
        following = Following(chosen, State(), None)
        following.add(world.log)
        assert following.finish() == world.state
        assert following.memory == world.engine.memory == world.engine.committed_memory
        world.tick(10 * SECOND)
        before = world.engine.memory
        next(iter(world.engine.index.proposals(world.now_us)), None)  # what was backing off has come back
        assert world.engine.memory == before


@examples(30)
@given(remembering, seeds, st.integers(0, 100))
def test_a_snapshot_holds_what_its_policy_remembers(policy: str, seed: int, steps: int) -> None:
    chosen = POLICIES[policy]()
    with World(chosen) as world:
        stray(world, Random(seed), steps)
        memory = world.engine.memory
        body = encode_snapshot(world.state, chosen, memory)
        assert decode_snapshot(body, chosen) == (world.state, memory)
        assert decode_snapshot(body) == (world.state, None)
        other = Sfq() if chosen.name == "stride" else Stride()
        assert decode_snapshot(body, other) == (world.state, None)
        assert decode_snapshot(encode_state(world.state), chosen) == (world.state, None)
        assert encode_snapshot(world.state, chosen, decode_snapshot(body, chosen)[1]) == body
        again = Engine(chosen, world.state, memory=memory)
        assert encode_snapshot(world.state, chosen, again.memory) == body
        seen = forecast(world.state, chosen, world.now_us, memory=memory)
        assert seen == forecast(again.state, chosen, world.now_us, memory=again.memory)


def test_a_policy_without_a_memory_has_the_snapshots_that_it_had() -> None:
    world = World("meted")
    world.submit()
    assert world.engine.memory is None
    assert encode_snapshot(world.state, world.engine.policy, None) == encode_state(world.state)
    assert snapshot_version(None) == SNAPSHOT_VERSION
    assert {snapshot_version(None), snapshot_version(Tags())} == VERSIONS


@pytest.mark.parametrize("body", [b"\x90", b"\x93\x01\x02\x03", b"\x81\xa1a\x01"])
def test_what_is_no_snapshot(body: bytes) -> None:
    with pytest.raises(SchemaError):
        decode_snapshot(body, Stride())


def test_a_memory_of_another_form_is_none() -> None:
    policy = Stride()
    with pytest.raises(SchemaError):
        decode_snapshot(b"".join((b"\x93\xa6stride", b"\x81\xa4tags\x90", encode_state(State()))), policy)


@pytest.mark.parametrize("policy", REMEMBERING)
def test_what_has_come_back_by_time_alone_is_remembered_from_the_next_event_on(policy: str) -> None:
    chosen = POLICIES[policy]()
    world = World(chosen)
    worker = world.worker()
    world.submit("a", retries=3, backoff_us=SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, exits=((0, 1),))
    world.do(DrainWorker(world.now_us, worker))
    before = world.engine.memory
    world.tick(5 * SECOND)
    assert not world.run_pass()  # it is back, and there is no room
    assert world.engine.memory == before
    again = Engine(chosen, world.state, memory=before)
    assert encode_snapshot(world.state, chosen, again.memory) == encode_snapshot(world.state, chosen, before)
    for engine in (world.engine, again):
        engine.handle(DrainWorker(world.now_us, worker, False))
        assert engine.run_pass(world.now_us)
        assert len(engine.state.jobs.leases) == 1
    assert again.state == world.engine.state
    assert again.memory == world.engine.memory
    assert (again.memory == before) == isinstance(before, Recent)


def memory_after(policy: Policy) -> Memory:
    """Return what is remembered where a has been served for ten seconds and b for none."""
    world = World(policy)
    world.worker()
    for name in "ab":
        world.domain(name)
    world.submit("a", time_request_us=10 * SECOND)
    (lease,) = world.run_pass()
    world.tick(10 * SECOND)
    world.finish(lease.lease_id, run_us=10 * SECOND)
    return world.engine.memory


def test_stride_remembers_a_debt_over_a_restart() -> None:
    memory = memory_after(Stride())
    assert isinstance(memory, Tags)
    assert sorted(memory.tags) == [1]
    assert sorted(memory.left_at) == [1]
    assert not memory.counted


def test_who_is_removed_is_forgotten() -> None:
    world = World("stride")
    world.domain("a")
    job_id = world.submit("a")
    world.cancel(job_id)
    world.do(DeleteJob(world.now_us, job_id))
    assert world.engine.memory != Tags()
    world.do(RemoveDomain(world.now_us, "a"))
    memory = world.engine.memory
    assert isinstance(memory, Tags)
    assert (len(memory.tags), len(memory.left_at), len(memory.counted)) == (0, 0, 0)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_tags_are_exact_until_their_denominators_are_huge(numerator: int, denominator: int) -> None:
    value = Fraction(numerator, denominator)
    assert bounded(value) is value
    fine = value + Fraction(1, 3**2_000)
    assert 0 <= fine - bounded(fine) < Fraction(1, 1 << PRECISE_BITS)
    assert bounded(fine).denominator.bit_length() <= PRECISE_BITS + 1
