"""Peers that break rules on purpose, over a raw socket, and one beside them that keeps all of them."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgpack

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.errors import CallError

from ..faults.pool import LivePool

ANSWER_S = 20.0
"""An answer that has not come by then does not come."""

LATENCY_MAX_S = 1.0
"""99 of 100 calls of a well-behaved client are answered within this time, whatever others do; of fewer, half.

Of six calls the slowest would stand for the hundredth, and a busy machine may stand still for a second.
"""

RSS_MAX_BYTES = 256 * 2**20
"""Memory that a small pool's server never exceeds, whatever it is sent."""

NOBODY: Mapping[str, object] = {}


class Gone(Exception):
    """The server has closed the connection."""


class RawPeer:
    """A connection that says whatever it is told to say."""

    def __init__(self, to: LivePool | socket.socket) -> None:
        """Connect to a pool's server, or take over a connection."""
        if isinstance(to, LivePool):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(to.address.removeprefix("unix:"))
        else:
            self.socket = to
        self.socket.settimeout(ANSWER_S)
        self._unpacker = msgpack.Unpacker(use_list=False, strict_map_key=False, max_buffer_size=2**25)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are; where the server has closed the connection they are lost."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def send_what_is_taken(self, data: bytes) -> int:
        """Send as much as fits without reading anything; return how much that was."""
        self.socket.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while sent < len(data):
                sent += self.socket.send(data[sent : sent + 65_536])
        self.socket.settimeout(ANSWER_S)
        return sent

    def message(self) -> tuple[Any, ...]:
        """Return the next message.

        Raises:
            Gone: There is none, and there will be none.
        """
        while True:
            with contextlib.suppress(msgpack.OutOfData):
                found: tuple[Any, ...] = self._unpacker.unpack()
                return found
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Gone
            self._unpacker.feed(data)

    def answer(self, msgid: int) -> tuple[Any, Any]:
        """Return (error, result) of a call, and pass over everything else."""
        while True:
            message = self.message()
            if message[0] == 1 and message[1] == msgid:
                return message[2], message[3]

    def call(self, method: object, params: Mapping[str, object] = NOBODY, msgid: int = 1) -> tuple[Any, Any]:
        """Call a method, and return (error, result)."""
        self.send(request(method, params, msgid))
        return self.answer(msgid)

    def is_cut_off(self) -> list[str]:
        """Wait until the server closes the connection, and return the sentences that it gave for it."""
        sentences = []
        try:
            while True:
                message = self.message()
                if message[:2] == (2, "closing"):
                    sentences.append(message[2][0]["sentence"])
        except Gone:
            return sentences

    def reset(self) -> None:
        """Break off without a word, and with what was sent perhaps unread."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def request(method: object, params: Mapping[str, object] = NOBODY, msgid: object = 1) -> bytes:
    """Return the bytes of a call."""
    packed: bytes = msgpack.packb([0, msgid, method, [params] if params else []])
    return packed


def notification(method: object, params: Mapping[str, object] = NOBODY) -> bytes:
    """Return the bytes of a notification."""
    packed: bytes = msgpack.packb([2, method, [params] if params else []])
    return packed


def rss_bytes(pid: int) -> int:
    """Return how much memory a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Witness:
    """A client that keeps the rules, in a thread: what it is told has to be right, and has to come soon.

    Attributes:
        seconds: How long each of its calls took.
        most_bytes: The most memory that it has seen the server have.
    """

    def __init__(self, pool: LivePool) -> None:
        self.seconds: list[float] = []
        self.most_bytes = 0
        self.failure: BaseException | None = None
        self._pool = pool
        self._said = pool.errors
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        self._thread.join(2 * ANSWER_S)
        if kind is None:
            self.check()

    def check(self) -> None:
        """See that it was served as if it were alone."""
        if self.failure is not None:
            raise self.failure
        assert not self._thread.is_alive()
        ordered = sorted(self.seconds)
        place = int(len(ordered) * (0.99 if len(ordered) >= 100 else 0.5))
        assert ordered[place] < LATENCY_MAX_S, (len(ordered), ordered[-10:])
        assert ordered[-1] < ANSWER_S, ordered[-10:]
        assert self.most_bytes < RSS_MAX_BYTES, f"{self.most_bytes / 2**20:.0f} MiB"
        assert self._pool.server is not None
        assert self._pool.server.poll() is None
        assert self._pool.errors == self._said

    def _look(self) -> None:
        dice = random.Random(1)
        try:
            with self._pool.client() as client:
                while not (self._over.is_set() and self.seconds):
                    self._round(client, f"witness {dice.random()}")
                    self._weigh()
                    time.sleep(0.005)
                assert client.dialled == 1, "its connection was cut"
        except BaseException as error:
            self.failure = error

    def _round(self, client: BlockingClient, name: str) -> None:
        """Go through the life of a job, and note how long each call took."""

        def call(method: str, **params: object) -> Any:
            begun_s = time.perf_counter()
            try:
                return client.call(method, **params)
            finally:
                self.seconds.append(time.perf_counter() - begun_s)

        job = call("submit", argv=("true",), name=name, hold=True)["job"]
        assert call("job", job=job)["name"] == name
        (row,) = call("jobs", after=job - 1, limit=1)
        assert (row["job"], row["state"]) == (job, "held")
        call("cancel", jobs=(job,))
        assert call("wait", job=job, wait_us=1_000_000)["state"] == "cancelled"
        call("delete", job=job)

    def _weigh(self) -> None:
        assert self._pool.server is not None
        self.most_bytes = max(self.most_bytes, rss_bytes(self._pool.server.pid))


@contextlib.contextmanager
def peers(pool: LivePool, count: int) -> Iterator[list[RawPeer]]:
    """Connect so many peers, and close what they have left open at the end."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RawPeer(pool)) for _ in range(count)]


def is_sound_error(error: object) -> bool:
    """Whether an error has the shape that errors have: a code, a reason and a sentence."""
    if not isinstance(error, dict) or error.keys() != {"code", "reason", "sentence"}:
        return False
    found = CallError.from_plain(error)
    return 100 <= found.code <= 108 and bool(found.reason) and len(found.sentence) > 10
