"""The default service: nested blocks restore it, and threads and tasks have their own (row P16)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import trio

from meted.adapters.default_service import NoService, default_service, use_service
from meted.adapters.embedded import Pool
from meted.adapters.log import MemoryLog

from .service_suite import WAYS


@pytest.fixture
def pools() -> list[Pool]:
    return [Pool(MemoryLog()) for _ in range(3)]


def test_the_innermost_block_counts_and_its_end_restores_the_one_around_it(pools: list[Pool]) -> None:
    one, two, _ = pools
    with use_service(one) as given:
        assert given is default_service() is one
        with suppress(ZeroDivisionError), use_service(two):
            assert default_service() is two
            with use_service(one):
                assert default_service() is one
            assert default_service() is two
            raise ZeroDivisionError
        assert default_service() is one
    with pytest.raises(NoService, match="put a block around the call: with use_service"):
        default_service()


def test_tasks_that_run_at_once_do_not_see_each_others(pools: list[Pool]) -> None:
    seen: dict[int, list[bool]] = {}

    async def task(number: int) -> None:
        seen[number] = [default_service() is pools[0]]  # what it was where the task was started
        for _ in range(3):
            with use_service(pools[number]):
                await trio.lowlevel.checkpoint()
                seen[number].append(default_service() is pools[number])
                await trio.lowlevel.checkpoint()
            seen[number].append(default_service() is pools[0])

    async def main() -> None:
        with use_service(pools[0]):
            async with trio.open_nursery() as nursery:
                for number in (1, 2):
                    nursery.start_soon(task, number)
                await trio.lowlevel.checkpoint()
                assert default_service() is pools[0]

    trio.run(main)
    assert seen == {1: [True] * 7, 2: [True] * 7}


def test_another_thread_has_none(pools: list[Pool]) -> None:
    seen: list[bool] = []

    def ask() -> None:
        with suppress(NoService):
            default_service()
            seen.append(False)
        with use_service(pools[1]):
            seen.append(default_service() is pools[1])

    with use_service(pools[0]):
        thread = Thread(target=ask)
        thread.start()
        thread.join()
        assert default_service() is pools[0]
    assert seen == [True]


@pytest.mark.parametrize("kind", ["embedded", "blocking"])
def test_the_same_function_works_for_a_pool_and_for_a_server(kind: str, tmp_path: Path) -> None:
    def submit_twice() -> list[str]:
        service = default_service()
        service.domain("lab")
        return [service.status(service.submit("lab", hold=True)) for _ in range(2)]

    with WAYS[kind](tmp_path) as way, use_service(way.service):
        assert submit_twice() == ["held", "held"]
        assert len(way.service.jobs()) == 2
