"""Connections of the simulated network: two directions, each with what is in flight and what is wrong with it.

A connection behaves as TCP does: what arrives is what was sent, in order, or nothing more arrives. What is lost is
lost because the connection breaks, never out of its midst.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Protocol

import trio

WINDOW_BYTES = 64 * 1024
"""Bytes that may be in flight; who sends more waits."""


class Pipe:
    """One direction of a connection.

    Attributes:
        source, target: From which node to which.
        segments: What is in flight, with when it arrives.
        size_bytes: How much that is.
        has_ended: Whether the sender has said that nothing more comes.
        is_broken: Whether the connection was reset.
        frozen_until_s: Until when it carries nothing.
        dies_after: It carries nothing any more after so many pieces; None is never.
        changed: Set at the next change.
    """

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target
        self.segments: deque[tuple[float, bytes]] = deque()
        self.size_bytes = 0
        self.last_due_s = -math.inf
        self.has_ended = False
        self.is_broken = False
        self.frozen_until_s = -math.inf
        self.dies_after: int | None = None
        self.changed = trio.Event()

    def touch(self) -> None:
        """Wake up whoever waits for this direction."""
        changed, self.changed = self.changed, trio.Event()
        changed.set()

    def push(self, piece: bytes, due_s: float) -> None:
        """Send a piece that arrives at ``due_s``, and after everything before it."""
        self.last_due_s = max(self.last_due_s, due_s)
        self.segments.append((self.last_due_s, piece))
        self.size_bytes += len(piece)
        self.touch()

    def cut_tail(self, random: Random) -> None:
        """Lose what is in flight from some byte on."""
        keep = random.randint(0, self.size_bytes)
        kept: deque[tuple[float, bytes]] = deque()
        for due_s, piece in self.segments:
            if keep > 0:
                kept.append((due_s, piece[:keep]))
                keep -= len(piece)
        self.segments = kept
        self.size_bytes = sum(len(piece) for _, piece in kept)


class Weather(Protocol):
    """What a connection is subject to."""

    def due_s(self) -> float:
        """Return when a piece that is sent now arrives."""

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """Return what arrives separately of what is sent at once."""

    def is_cut(self, pipe: Pipe) -> bool:
        """Whether nothing arrives now, as one of its ends is cut off."""

    def taken(self, pipe: Pipe) -> None:
        """A piece has arrived."""

    def forget(self, stream: SimulatedStream) -> None:
        """An end was closed."""


class SimulatedStream(trio.abc.HalfCloseableStream):
    """One end of a connection."""

    def __init__(self, network: Weather, out: Pipe, into: Pipe) -> None:
        """Send into ``out`` and receive from ``into``."""
        self._network = network
        self._out = out
        self._in = into
        self._closed = False

    @property
    def pipes(self) -> tuple[Pipe, Pipe]:
        """The direction from here, and the direction to here."""
        return self._out, self._in

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, in pieces."""
        await trio.lowlevel.checkpoint()
        for piece in self._network.pieces(bytes(data)):
            while self._out.size_bytes >= WINDOW_BYTES and not self._out.is_broken and not self._closed:
                await self._out.changed.wait()
            self._check_out()
            self._out.push(piece, self._network.due_s())

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room in flight."""
        await trio.lowlevel.checkpoint()
        while self._out.size_bytes >= WINDOW_BYTES and not self._out.is_broken and not self._closed:
            await self._out.changed.wait()

    async def send_eof(self) -> None:
        """Send nothing more."""
        await trio.lowlevel.checkpoint()
        self._check_out()
        self._out.has_ended = True
        self._out.touch()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, ``b""`` at the end."""
        await trio.lowlevel.checkpoint()
        pipe = self._in
        while True:
            if self._closed:
                raise trio.ClosedResourceError
            if pipe.is_broken:
                raise trio.BrokenResourceError("the connection was reset")
            due_s = self._due_s()
            if due_s <= trio.current_time():
                return self._take(max_bytes or WINDOW_BYTES) if pipe.segments else b""
            with trio.move_on_at(due_s):
                await pipe.changed.wait()

    async def aclose(self) -> None:
        """Close this end: what was sent still arrives; what comes is refused."""
        if not self._closed:
            self._closed = True
            self._out.has_ended = True
            self._in.is_broken = True
            self._out.touch()
            self._in.touch()
            self._network.forget(self)
        await trio.lowlevel.checkpoint()

    def _due_s(self) -> float:
        """Return when there is something to read, or the end of it, as far as is known now."""
        pipe = self._in
        if self._network.is_cut(pipe) or not (pipe.segments or pipe.has_ended):
            return math.inf
        return max(pipe.frozen_until_s, pipe.segments[0][0] if pipe.segments else -math.inf)

    def _take(self, max_bytes: int) -> bytes:
        due_s, piece = self._in.segments.popleft()
        if len(piece) > max_bytes:
            self._in.segments.appendleft((due_s, piece[max_bytes:]))
            piece = piece[:max_bytes]
        self._in.size_bytes -= len(piece)
        self._in.touch()
        self._network.taken(self._in)
        return piece

    def _check_out(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._out.is_broken or self._out.has_ended:
            raise trio.BrokenResourceError("the connection was reset")


class SimulatedListener(trio.abc.Listener[SimulatedStream]):
    """Takes connections for a node."""

    def __init__(self) -> None:
        """Make a listener; :meth:`Network.listen` gives it to others."""
        self.is_closed = False
        self.send, self._receive = trio.open_memory_channel[SimulatedStream](math.inf)

    async def accept(self) -> SimulatedStream:
        """Return the next connection."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise trio.ClosedResourceError from None

    async def aclose(self) -> None:
        """Take no more."""
        self.is_closed = True
        self.send.close()
        await trio.lowlevel.checkpoint()
