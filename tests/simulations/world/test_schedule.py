"""The one function that touches trio's private dice: loud when they move, and worth its name."""

from __future__ import annotations

import gc

import pytest
import trio
import trio.testing
from trio._core import _run as trio_run

from meted.adapters.collector_pause import collector_paused
from meted.simulations.world.schedule import ScheduleMoved, one_schedule


def order(seed: int) -> list[int]:
    """Return in which order ten tasks take their turns."""
    turns: list[int] = []

    async def take_turns(number: int) -> None:
        for _ in range(5):
            turns.append(number)
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(take_turns, number)

    with one_schedule(seed):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return turns


def test_a_seed_gives_one_order_and_another_seed_another() -> None:
    assert order(1) == order(1)
    assert order(1) != order(2)


def test_afterwards_trio_is_as_it_was() -> None:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    with one_schedule(1):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    after = trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    assert after == before


@pytest.mark.parametrize("name", ["_r", "_ALLOW_DETERMINISTIC_SCHEDULING"])
def test_it_says_so_when_trio_has_moved_its_dice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio_run, name)
    with pytest.raises(ScheduleMoved, match="change this function"), one_schedule(1):
        pass


def test_the_collector_comes_back() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
