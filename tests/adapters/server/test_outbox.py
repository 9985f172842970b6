"""What is to be sent to a peer: all of it, in order, however it is put while some of it is being sent."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import trio

from meted.adapters.server.outbox import CHUNK_BYTES, HIGH_WATER_BYTES, Outbox

pytestmark = pytest.mark.trio


class Taker(trio.abc.SendStream):
    """A peer that takes what comes, now at once and now after a while."""

    def __init__(self, random: Random) -> None:
        self.taken = bytearray()
        self._random = random

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""
        for _ in range(self._random.choice((1, 1, 2, 5))):
            await trio.lowlevel.checkpoint()
        if self._random.random() < 0.2:
            await trio.sleep(self._random.random())
        self.taken += data

    async def wait_send_all_might_not_block(self) -> None:
        """It never blocks."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Nothing is to be closed."""
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("seed", range(20))
async def test_all_that_is_put_is_sent_in_order(seed: int, autojump_clock: Any) -> None:
    random, put = Random(seed), bytearray()
    taker = Taker(random)
    pages = 0

    def put_one(size: int) -> None:
        data = bytes(random.randbytes(4)) * size
        put.extend(data)
        outbox.put(data)

    def refill() -> None:
        nonlocal pages
        while pages and not outbox.is_full:
            pages -= 1
            put_one(random.choice((1, CHUNK_BYTES // 4)))

    outbox = Outbox(taker, refill)

    async def putter(is_reader: bool) -> None:
        nonlocal pages
        for _ in range(30):
            for _ in range(random.choice((0, 1, 2, 3))):
                await trio.lowlevel.checkpoint()
            if random.random() < 0.2:
                await trio.sleep(random.random())
            if random.random() < 0.3:
                pages += 1
                outbox.poke()
            if is_reader:
                await outbox.room()
            put_one(random.choice((1, 10, HIGH_WATER_BYTES // 8)))
            if random.random() < 0.1:
                with trio.fail_after(60):
                    while not outbox.is_empty:
                        await trio.sleep(0.01)

    with trio.fail_after(1_000):
        async with trio.open_nursery() as sending:
            sending.start_soon(outbox.run)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(putter, True)
                nursery.start_soon(putter, False)
            outbox.end()
    assert taker.taken == put
    assert not pages
