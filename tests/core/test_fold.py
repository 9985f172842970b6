"""The state is the fold of the log: in one go or in parts, from the beginning or from a snapshot."""

from __future__ import annotations

from random import Random
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.batch import GENESIS, is_intact
from meted.core.commands import Command, RemoveDomain
from meted.core.decide import _JUDGES
from meted.core.engine import Engine
from meted.core.events import CreditEvent, Event, JobEvent, LeaseEvent
from meted.core.invariants import check
from meted.core.policy.registry import POLICIES
from meted.core.reducers import _FOLDS, OF_JOBS, evolve, fold
from meted.core.reducers.credit import CREDIT_REDUCERS
from meted.core.reducers.jobs import JOB_REDUCERS
from meted.core.reducers.leases import LEASE_REDUCERS
from meted.core.reducers.log import LogFold
from meted.core.schema import decode_events, decode_state, state_digest
from meted.core.state import State
from meted.core.state_bytes import encode_state

from .helper import World, examples, make_policy
from .playing import wander

policies = st.sampled_from(sorted(POLICIES))
seeds = st.integers(0, 10**6)


@examples(40)
@given(policies, seeds, st.integers(0, 120), st.data())
def test_a_log_is_folded_in_one_go_or_in_parts(policy: str, seed: int, steps: int, data: st.DataObject) -> None:
    with World(policy) as world:
        wander(world, Random(seed), steps)
        cut = data.draw(st.integers(0, len(world.log)))
        once = fold(State(), world.log)
        assert once == fold(fold(State(), world.log[:cut]), world.log[cut:])
        assert once == world.state == world.engine.committed
        assert once.seq == len(world.log)


@examples(40)
@given(policies, seeds, st.integers(0, 120), st.data())
def test_a_log_is_folded_in_place_as_event_by_event(policy: str, seed: int, steps: int, data: st.DataObject) -> None:
    with World(policy) as world:
        wander(world, Random(seed), steps)
        first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(world.log))] * 2)))
        start = fold(State(), world.log[:first])
        before = encode_state(start)
        folding = LogFold(start)
        folding.add(world.log[first:second])
        folding.add(world.log[second:])
        assert folding.finish() == world.state
        assert encode_state(folding.finish()) == encode_state(world.state)
        assert encode_state(start) == before


@examples(20)
@given(policies, seeds, st.integers(0, 120))
def test_a_snapshot_and_the_tail_are_the_whole_at_every_batch(policy: str, seed: int, steps: int) -> None:
    with World(policy) as world:
        wander(world, Random(seed), steps)
        tail = [event for sealed in world.batches for event in decode_events(sealed.batch.body)]
        assert tail == world.log
        chain, state = GENESIS, State()
        for sealed in world.batches:
            batch = sealed.batch
            assert (batch.first_seq, batch.last_seq) == (state.seq + 1, state.seq + len(sealed.events))
            assert is_intact(batch, chain)
            assert not is_intact(attrs.evolve(batch, body=batch.body + b"\0"), chain)
            assert not is_intact(attrs.evolve(batch, at_us=batch.at_us + 1), chain)
            chain = batch.chain
            state = fold(state, decode_events(batch.body))
            assert state == sealed.state
            check(state)
            snapshot = decode_state(encode_state(sealed.state))
            assert fold(snapshot, tail[batch.last_seq :]) == world.state
        assert chain == world.engine.chain


@examples(20)
@given(policies, seeds, st.integers(1, 120))
def test_a_folded_log_is_byte_for_byte_the_state(policy: str, seed: int, steps: int) -> None:
    """Row N38: what was dumped and read again is the state before the crash; it goes on alike."""
    with World(policy) as world:
        wander(world, Random(seed), steps)
        again = fold(State(), [event for sealed in world.batches for event in decode_events(sealed.batch.body)])
        assert encode_state(again) == encode_state(world.state)
        assert state_digest(again) == state_digest(world.state)
        twin = Engine(make_policy(policy), again, memory=world.engine.memory)
        world.tick(10**7)
        twin.run_timers(world.now_us)
        twin.run_pass(world.now_us)
        world.run_timers()
        world.run_pass()
        assert twin.state == world.state


@given(seeds, st.integers(1, 80))
def test_time_and_clock_never_run_back(seed: int, steps: int) -> None:
    with World() as world:
        wander(world, Random(seed), steps)
        state = State()
        for event in world.log:
            after = evolve(state, event)
            assert after.at_us >= state.at_us
            assert after.jobs.clock >= state.jobs.clock
            assert after.seq == state.seq + 1
            state = after


def test_the_empty_log_is_the_empty_state() -> None:
    assert fold(State(), ()) == State()
    check(State())


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_pool_without_domains_workers_or_jobs_has_passes(policy: str) -> None:
    world = World(policy)
    assert world.run_pass() == []
    world.worker()
    assert world.run_pass() == []
    world.domain()
    assert world.run_pass() == []
    world.do(RemoveDomain(0, "d"))
    assert world.run_pass() == []
    assert world.run_timers() == 0


def test_a_failed_append_leaves_nothing() -> None:
    world = World()
    world.submit(count=3)
    world.worker()
    world.commit()
    before, chain = world.state, world.engine.chain
    world.run_pass()
    world.engine.seal()
    world.submit()
    assert world.state != before
    world.abandon()
    assert world.state is before
    assert world.engine.chain == chain
    assert world.engine.seal() is None
    assert len(world.run_pass()) == 1


def test_batches_are_published_in_order() -> None:
    world = World()
    world.domain("a")
    first = world.engine.seal()
    world.domain("b")
    second = world.engine.seal()
    assert first is not None
    assert second is not None
    with pytest.raises(AssertionError, match="order"):
        world.engine.publish(second)
    world.engine.publish(first)
    assert world.engine.committed == first.state
    world.engine.publish(second)
    assert world.engine.committed is world.state


def test_every_event_has_its_reducer_and_every_command_its_judge() -> None:
    assert {*_FOLDS, *CREDIT_REDUCERS, *OF_JOBS} == set(get_args(Event))
    assert len(_FOLDS) + len(CREDIT_REDUCERS) + len(OF_JOBS) == len(get_args(Event)), "no event has two"
    assert set(CREDIT_REDUCERS) == set(get_args(CreditEvent))
    assert set(JOB_REDUCERS) == set(get_args(JobEvent))
    assert set(LEASE_REDUCERS) == set(get_args(LeaseEvent))
    assert set(_JUDGES) == set(get_args(Command))
