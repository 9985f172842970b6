"""The worker's end of a connection: a slow server is one that takes little, not one that takes nothing."""

from __future__ import annotations

import trio
from trio.testing import MockClock, memory_stream_pair

from meted.adapters.wire.limits import STALLED_S
from meted.adapters.wire.params_workers import WorkerOutput
from meted.adapters.worker.link import CHUNK_BYTES, Link


class SlowStream(trio.abc.Stream):
    """A stream that carries so many bytes a second, and nothing back."""

    def __init__(self, bytes_per_s: int) -> None:
        self.bytes_per_s = bytes_per_s
        self.sent_bytes = 0
        self._inner, self._other = memory_stream_pair()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(len(data) / self.bytes_per_s)
        self.sent_bytes += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._inner.aclose()


def send(bytes_per_s: int, wait_s: float) -> tuple[Link, SlowStream]:
    """Say 6 MiB at once over a slow connection, and look after so long."""

    async def main() -> tuple[Link, SlowStream]:
        stream = SlowStream(bytes_per_s)
        link = Link(stream, 2.0)
        for number in range(6):
            link.request("worker.output", WorkerOutput(number, b"x" * 2**20, 2**20, False, True))
        with link.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.write)
                await trio.sleep(wait_s)
                nursery.cancel_scope.cancel()
        return link, stream

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_slow_server_has_time_for_each_chunk() -> None:
    link, stream = send(CHUNK_BYTES // 10, 1_000)
    assert link.lost is None
    assert stream.sent_bytes > 6 * 2**20


def test_a_server_that_takes_less_than_a_chunk_is_dialled_again() -> None:
    link, stream = send(CHUNK_BYTES // (STALLED_S + 1), 1_000)
    assert link.lost == f"the server took less than 256 KiB in {STALLED_S} s"
    assert stream.sent_bytes == 0
