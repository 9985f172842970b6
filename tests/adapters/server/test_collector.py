"""The collector of cyclic garbage: what is old is frozen, and what dies frozen is found in the end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from meted.adapters.log import MemoryLog
from meted.adapters.server.app import Server
from meted.adapters.server.collector import DOUBTS_MAX, YOUNG_MAX, Collector
from meted.adapters.server.runner import in_place
from meted.adapters.server.secret_store import MemorySecrets
from meted.adapters.server.session import Peer
from meted.core.engine import Engine
from meted.core.policy.meted import Meted


class Node:
    """Something that can be part of a cycle."""

    def __init__(self) -> None:
        self.other = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Return a collector that is entered."""
    with Collector() as entered:
        yield entered


def test_what_lives_through_a_full_collection_is_frozen(collector: Collector) -> None:
    frozen = gc.get_freeze_count()
    assert frozen > 0
    kept = [[number] for number in range(1_000)]
    gc.collect()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_a_cycle_that_dies_frozen_is_found_after_enough_connections(collector: Collector) -> None:
    node = Node()
    gc.collect()  # it is frozen now
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is not None
    for _ in range(DOUBTS_MAX):
        collector.parted()
    assert gone() is None
    assert gc.get_freeze_count() > 0


def test_a_cycle_that_dies_young_is_found_at_once(collector: Collector) -> None:
    gone = weakref.ref(Node())
    gc.collect(0)
    assert gone() is None


def test_afterwards_all_is_as_before() -> None:
    before = gc.get_threshold(), list(gc.callbacks)
    with Collector():
        assert gc.get_threshold()[0] == YOUNG_MAX
    assert (gc.get_threshold(), gc.callbacks, gc.get_freeze_count()) == (*before, 0)


def test_a_server_tells_of_each_connection_that_ends() -> None:
    ended: list[bool] = []

    async def main() -> None:
        server = Server(
            MemoryLog(),
            Engine(Meted()),
            0,
            clock=lambda: 1,
            secrets=MemorySecrets(lambda: "word"),
            instance="instance",
            runner=in_place,
            parted=lambda: ended.append(True),
        )
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(server.serve, theirs, Peer("somebody", "", True))
                await trio.testing.wait_all_tasks_blocked()
                await ours.aclose()

    trio.run(main)
    assert ended == [True, True]
