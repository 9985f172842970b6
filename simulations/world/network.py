"""A network of streams between named nodes: latency, pieces, partitions, resets, links dead in one direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random

import trio

from .options import Options
from .stream import Pipe, SimulatedListener, SimulatedStream

LATENCY_S = (0.0001, 0.002)
SLOW_LATENCY_S = (0.01, 2.0)
FROZEN_S = (0.5, 40.0)
"""How long a direction is dead that is not dead for ever."""

BORN_DYING = 0.15
"""Of the connections that are made while links may be half dead, so many are so after the first pieces."""

REFUSED_S = 0.01
"""How long it takes to learn that nobody listens."""


class Network:
    """All connections, and what is wrong with them."""

    def __init__(self, random: Random, options: Options) -> None:
        """Draw what happens from ``random``."""
        self._random = random
        self._latency_s = SLOW_LATENCY_S if options.slow_links else LATENCY_S
        self._torn = options.torn_writes
        self._silent = options.silent_crashes
        self._half_dead = options.half_dead_links
        self._listeners: dict[str, SimulatedListener] = {}
        self._streams: dict[SimulatedStream, tuple[str, str]] = {}  # in the order of their making
        self._cut_off: dict[str, None] = {}
        self._mended = trio.Event()

    def listen(self, name: str) -> SimulatedListener:
        """Take connections under a name, instead of whoever did so before."""
        self._listeners[name] = SimulatedListener()
        return self._listeners[name]

    async def connect(self, source: str, target: str) -> SimulatedStream:
        """Return a connection; while one of both is cut off, wait.

        Raises:
            OSError: Nobody listens there.
        """
        await trio.sleep(self._random.uniform(*self._latency_s) * 2)
        while source in self._cut_off or target in self._cut_off:
            await self._mended.wait()
        listener = self._listeners.get(target)
        if listener is None or listener.is_closed:
            await trio.sleep(REFUSED_S)
            raise ConnectionRefusedError(111, "Connection refused")
        there, back = Pipe(source, target), Pipe(target, source)
        here, remote = SimulatedStream(self, there, back), SimulatedStream(self, back, there)
        self._streams[here] = self._streams[remote] = (source, target)
        if self._half_dead and self._random.random() < BORN_DYING:
            there.dies_after = self._random.randint(1, 3)
        listener.send.send_nowait(remote)
        return here

    def due_s(self) -> float:
        """Return when a piece that is sent now arrives."""
        return trio.current_time() + self._random.uniform(*self._latency_s)

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """Return what arrives separately of what is sent at once."""
        if not self._torn or len(data) < 2:
            return (data,)
        cuts = sorted({self._random.randrange(1, len(data)) for _ in range(self._random.randint(0, 3))})
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def is_cut(self, pipe: Pipe) -> bool:
        """Whether nothing arrives now, as one of its ends is cut off."""
        return pipe.source in self._cut_off or pipe.target in self._cut_off

    def taken(self, pipe: Pipe) -> None:
        """A piece has arrived; that may have been the last for a while."""
        if pipe.dies_after is not None and self._half_dead:
            pipe.dies_after -= 1
            if pipe.dies_after == 0:
                pipe.frozen_until_s = self._thaw_s()

    def forget(self, stream: SimulatedStream) -> None:
        """An end was closed."""
        self._streams.pop(stream, None)

    def cut_off(self, name: str) -> None:
        """Nothing comes from a node or goes to it until :meth:`mend`."""
        self._cut_off[name] = None

    def mend(self, name: str) -> None:
        """What was under way to a node and from it goes on."""
        self._cut_off.pop(name, None)
        self._touch_all()

    def mend_all(self) -> None:
        """All links work again; those that were dead in one direction are reset."""
        self._cut_off.clear()
        self._half_dead = False
        self._latency_s = LATENCY_S
        for stream in list(self._streams):
            if any(pipe.frozen_until_s > trio.current_time() for pipe in stream.pipes):
                _break(stream)
        self._touch_all()

    def break_link(self) -> str | None:
        """Reset one connection; return whose, or None if there is none."""
        return self._one(_break)

    def freeze_link(self) -> str | None:
        """Let one direction of one connection carry nothing, maybe for ever; return whose, or None if there is none."""

        def freeze(stream: SimulatedStream) -> None:
            stream.pipes[0].frozen_until_s = self._thaw_s()

        return self._one(freeze)

    def crash(self, name: str) -> None:
        """A node is dead: nothing more leaves it; the others are told at once, or by the end of what is in flight."""
        self._listeners.pop(name, None)
        silent = self._silent and self._random.random() < 0.5
        for stream in list(self._streams):
            out, into = stream.pipes
            if out.source != name:
                continue
            if silent:
                out.frozen_until_s = math.inf
                continue
            if self._torn:
                out.cut_tail(self._random)
            out.has_ended = into.is_broken = True
            if self._random.random() < 0.5:
                out.is_broken = True
            out.touch()
            into.touch()

    def revive(self, name: str) -> None:
        """A node starts again and knows nothing of the connections that it had."""
        for stream, ends in list(self._streams.items()):
            if name in ends:
                _break(stream)

    def _thaw_s(self) -> float:
        """Return until when a direction is dead; what was sent into it arrives then, after all that came since."""
        return math.inf if self._random.random() < 0.5 else trio.current_time() + self._random.uniform(*FROZEN_S)

    def _one(self, act: Callable[[SimulatedStream], None]) -> str | None:
        if not self._streams:
            return None
        stream = self._random.choice(list(self._streams))
        act(stream)
        return " to ".join(self._streams[stream])

    def _touch_all(self) -> None:
        mended, self._mended = self._mended, trio.Event()
        mended.set()
        for stream in self._streams:
            for pipe in stream.pipes:
                pipe.touch()


def _break(stream: SimulatedStream) -> None:
    for pipe in stream.pipes:
        pipe.is_broken = True
        pipe.touch()
