"""Usage that fades, in integers, against exact arithmetic; and what a change of the half-life leaves as it is."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import SetRules
from meted.core.events import RulesChanged, UsagesRescaled
from meted.core.usage import (
    EPOCH_HALF_LIVES,
    LOG_BITS,
    STEP_BITS,
    amount_at,
    current,
    epoch_of,
    expressed,
    job_weight,
    log2,
    step_of,
    weighted,
)

from .helper import SECOND, World

HALF_LIFE = 1 << STEP_BITS
"""Steps in a half-life."""

sizes = st.integers(2**20, 2**80)
steps = st.integers(0, 2**60)
priorities = st.integers(-12, 12)


@given(sizes, priorities, steps)
def test_what_is_added_counts_for_two_to_the_time(size: int, priority: int, step: int) -> None:
    """2**priority l 2**(t / h) to one in 2**28, in the epoch of the step; never more than that."""
    in_epoch = step % (EPOCH_HALF_LIVES * HALF_LIFE)
    doublings = in_epoch // HALF_LIFE + max(-10, min(10, priority))
    exact = size * Fraction(2) ** doublings * Fraction(2.0 ** (in_epoch % HALF_LIFE / HALF_LIFE))
    counted = amount_at(size, priority, step)
    assert abs(counted / exact - 1) < Fraction(1, 2**28) + 1 / exact


@given(sizes, steps, st.integers(0, 40))
def test_usage_halves_in_a_half_life(size: int, step: int, half_lives: int) -> None:
    """After n half-lives it is worth 2**-n of what it was, whatever epochs lie between."""
    used, epoch = amount_at(size, 0, step), epoch_of(step)
    later = current(used, epoch, step + half_lives * HALF_LIFE)
    assert abs(later - Fraction(size, 2**half_lives)) <= Fraction(size, 2 ** (half_lives + 28)) + 2


@given(st.integers(0, 2**200), st.integers(0, 1000), st.integers(0, 6))
def test_epochs_change_nothing(usage: int, epoch: int, later: int) -> None:
    """A usage in a later epoch is the same number of 2**(16 epochs); the way back loses less than one of these."""
    moved = expressed(usage, epoch, epoch + later)
    assert 0 <= usage - expressed(moved, epoch + later, epoch) < 1 << (later * EPOCH_HALF_LIVES)
    assert expressed(usage << (later * EPOCH_HALF_LIVES), epoch, epoch + later) == usage


@given(sizes, sizes, steps, st.integers(0, 40 * HALF_LIFE))
def test_order_does_not_depend_on_when_it_is_looked_at(one: int, other: int, step: int, later: int) -> None:
    """Usage of all fades alike, so whoever has used more clearly has so at any time."""
    used = sorted((amount_at(one, 0, step), amount_at(other, 0, step)))
    epoch = epoch_of(step)
    assert current(used[0], epoch, step + later) <= current(used[1], epoch, step + later)


@given(st.integers(1, 2**300))
def test_logarithms(number: int) -> None:
    """To 2**-29; of powers of two exactly."""
    bits = max(0, number.bit_length() - 60)
    exact = bits + math.log2(number >> bits)
    assert abs(log2(number) / 2**LOG_BITS - exact) < 2**-29 + exact * 2**-50
    assert log2(1 << number.bit_length()) == number.bit_length() << LOG_BITS


@given(st.integers(1, 2**100), st.integers(1, 2**100))
def test_logarithms_keep_order(one: int, other: int) -> None:
    """A number larger by one in 2**28 has no smaller logarithm."""
    low, high = min(one, other), max(one, other)
    assert log2(low) <= log2(high + (high >> 28))


@pytest.mark.parametrize(("priority", "times"), [(-1000, 2**-10), (-10, 2**-10), (-1, 0.5), (0, 1), (3, 8), (99, 1024)])
def test_a_priority_doubles_and_ten_steps_are_the_most(priority: int, times: float) -> None:
    assert job_weight(priority) == 1024 * times
    assert weighted(2**20, priority) == 2**20 * times
    assert amount_at(2**40, priority, 0) == 2**40 * times


@pytest.mark.parametrize("half_life_us", [SECOND, 3_600 * SECOND, 30 * 86_400 * SECOND])
@pytest.mark.parametrize("at_us", [0, 5 * SECOND, 400 * 86_400 * SECOND])
def test_another_half_life_keeps_what_usage_is_worth(half_life_us: int, at_us: int) -> None:
    world = World()
    world.now_us = at_us
    worker = world.worker(9)
    for name, count in (("a", 1), ("b", 3)):
        world.lease(worker, world.submit(name, 5, time_request_us=3_600 * SECOND), count)
    before = {name: worth(world, name) for name in "ab"}
    events = world.do(SetRules(at_us, half_life_us=half_life_us))
    assert [type(event) for event in events] == [RulesChanged, UsagesRescaled]
    for name in "ab":
        assert abs(worth(world, name) / before[name] - 1) < 2**-26
    assert worth(world, "b") == pytest.approx(3 * worth(world, "a"), rel=2**-26)
    assert world.do(SetRules(at_us, half_life_us=half_life_us)) == ()
    world.tick(half_life_us)
    assert worth(world, "a") == pytest.approx(before["a"] / 2, rel=2**-24)


def worth(world: World, name: str) -> int:
    """Return what the usage of a domain is worth now, in units of size."""
    account = world.account(name)
    return current(account.usage, account.epoch, step_of(world.now_us, world.state.rules.half_life_us))
