"""What is to be sent to one peer: bounded, in order, and never waited for by anybody but that peer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from ..wire.limits import OUT_BYTES_MAX, STALLED_S

HIGH_WATER_BYTES = 512 * 1024
"""Above this nothing more is read from the peer, and no further page of a table is made for it."""

CHUNK_BYTES = 256 * 1024
"""Sent in one go; the peer has ``STALLED_S`` to take so much."""


class Outbox:
    """Bytes on their way to a peer.

    A peer that takes nothing for ``STALLED_S``, or lets more than ``OUT_BYTES_MAX`` pile up, is cut off.
    """

    def __init__(self, stream: trio.abc.SendStream, refill: Callable[[], None]) -> None:
        """Send over ``stream``; ``refill`` is called whenever there is room for more below the high water."""
        self._stream = stream
        self._refill = refill
        self._waiting: deque[bytes] = deque()
        self._size_bytes = 0
        self._spared_bytes = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._ending = False
        self.cut = trio.CancelScope()

    @property
    def is_full(self) -> bool:
        """Whether the peer should first take some of what waits."""
        return self._size_bytes >= HIGH_WATER_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether the peer has been sent all that was put, to the last byte."""
        return not self._size_bytes

    def put(self, data: bytes, *, is_spared: bool = False) -> None:
        """Send ``data`` after everything before it.

        Args:
            data: A message.
            is_spared: Whether it is no fault of the peer that it piles up: all that a large worker is given at once.
        """
        if not self._waiting:  # else :meth:`run` is not asleep, and sends all that waits
            self._wake.set()
        self._waiting.append(data)
        self._size_bytes += len(data)
        if is_spared:
            self._spared_bytes += len(data)
        elif self._size_bytes > OUT_BYTES_MAX + self._spared_bytes:
            self.cut.cancel()

    def poke(self) -> None:
        """Ask for a refill soon."""
        self._wake.set()

    def end(self) -> None:
        """Let :meth:`run` return once everything has been sent."""
        self._ending = True
        self._wake.set()

    async def room(self) -> None:
        """Wait until the peer has taken enough."""
        while self.is_full:
            self._room = trio.Event()
            await self._room.wait()

    async def run(self) -> None:
        """Send until :meth:`end`.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: The peer has gone.
            trio.TooSlowError: It took nothing for too long.
        """
        while True:
            if not self.is_full:
                self._refill()
            if self._waiting:
                await self._send()
                continue
            self._spared_bytes = 0
            if self._ending:
                return
            await self._wake.wait()
            self._wake = trio.Event()

    async def _send(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        view = memoryview(data)
        for start in range(0, len(data), CHUNK_BYTES):
            piece = view[start : start + CHUNK_BYTES]
            with trio.fail_after(STALLED_S):
                await self._stream.send_all(piece)
            self._size_bytes -= len(piece)
            if not self.is_full:
                self._room.set()
