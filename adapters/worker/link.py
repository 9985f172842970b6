"""One connection of a worker to its server, while it lasts: calls, notifications, beats, and a bounded buffer."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from meted.core.limits import SECOND_US

from ..wire.connection import Connection
from ..wire.errors import CallError, RemoteProtocolError
from ..wire.limits import MSGID_MAX, OUT_BYTES_MAX, READ_BYTES, STALLED_S
from ..wire.messages import NEED_DATA, BadRequest, Message, Notification, Request, Response
from ..wire.methods import SERVER_NOTIFICATIONS
from ..wire.params_pool import Ping
from ..wire.params_workers import WorkerBeat
from ..wire.typed import TypedReader

_READER = TypedReader(SERVER_NOTIFICATIONS)

CHUNK_BYTES = 256 * 1024
"""Sent in one go; the server has ``STALLED_S`` to take so much."""

PING_S = 10.0
"""A server of which nothing was heard for so long is asked whether it is there."""

SILENT_S = 30.0
"""A server of which nothing was heard for so long, though it was asked, is dialled again."""


Answer = Callable[[CallError | None, object], None]


def now_us() -> int:
    """Return trio's time in microseconds; under a mock clock it is that one's."""
    return round(trio.current_time() * SECOND_US)


def ignore(_error: CallError | None, _result: object) -> None:
    """Take an answer that says nothing new."""


class Link:
    """A connection that ends by itself when anything is wrong with it; ``lost`` then says what.

    Attributes:
        scope: To be entered around everything that uses the connection; it is cancelled when the connection ends.
        lost: Why the connection has ended, one sentence, or None.
        worker_id: The worker for which beats are sent, once it has one.
        heartbeat_s: Seconds after which a beat is sent if nothing else was.
    """

    def __init__(self, stream: trio.abc.Stream, heartbeat_s: float) -> None:
        """Speak over ``stream``; :meth:`close` closes it."""
        self.scope = trio.CancelScope()
        self.lost: str | None = None
        self.worker_id: int | None = None
        self.heartbeat_s = heartbeat_s
        self._stream = stream
        self._wire = Connection(typed=_READER)
        self._answers: dict[int, Answer] = {}
        self._msgid = 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._more = trio.Event()
        self._heard_s = self._sent_s = trio.current_time()
        self._is_pinging = False

    def hang_up(self, sentence: str) -> None:
        """End the connection; the first reason counts."""
        if self.lost is None:
            self.lost = sentence
            self.scope.cancel()

    async def close(self) -> None:
        """Close the stream, also while being cancelled."""
        self.hang_up("this worker has closed the connection")
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(self._stream)

    def notify(self, method: str, params: attrs.AttrsInstance) -> None:
        """Send a notification; nothing happens if the connection has ended."""
        self._send(Notification(method, typed=params))

    def request(self, method: str, params: attrs.AttrsInstance, answer: Answer = ignore) -> None:
        """Call a method; ``answer`` is called with the error or the result, or never if the connection ends before."""
        self._msgid = self._msgid + 1 if self._msgid < MSGID_MAX else 1
        self._answers[self._msgid] = answer
        self._send(Request(self._msgid, method, typed=params))

    async def call(self, method: str, params: attrs.AttrsInstance) -> object:
        """Call a method and return its result.

        Raises:
            CallError: What the server answered.
        """
        came = trio.Event()
        outcome: list[CallError | object] = []

        def answer(error: CallError | None, result: object) -> None:
            outcome.append(result if error is None else error)
            came.set()

        self.request(method, params, answer)
        await came.wait()
        if isinstance(outcome[0], CallError):
            raise outcome[0]
        return outcome[0]

    async def read(self, notice: Callable[[Notification], None]) -> None:
        """Take in what the server says until the connection ends."""
        try:
            while True:
                data = await self._stream.receive_some(READ_BYTES)
                self._heard_s = trio.current_time()
                self._wire.receive_data(bytes(data))
                while self.lost is None and (event := self._wire.next_event()) is not NEED_DATA:
                    match event:
                        case Notification():
                            notice(event)
                        case Response():
                            self._answers.pop(event.msgid)(event.error, event.result)
                        case Request() | BadRequest():
                            self.hang_up("the server called a method of the worker, which has none")
                        case _:
                            self.hang_up("the server closed the connection")
                if self.lost is not None:
                    return
        except RemoteProtocolError as error:
            self.hang_up(f"the server sent what is no message: {error}")
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            self.hang_up("the connection broke")

    async def write(self) -> None:
        """Send what is to be sent until the connection ends."""
        try:
            while True:
                if not self._out:
                    self._more = trio.Event()
                    await self._more.wait()
                data = memoryview(b"".join(self._out))
                self._out.clear()
                for start in range(0, len(data), CHUNK_BYTES):
                    piece = data[start : start + CHUNK_BYTES]
                    with trio.fail_after(STALLED_S):
                        await self._stream.send_all(piece)
                    self._out_bytes -= len(piece)
        except trio.TooSlowError:
            self.hang_up(f"the server took less than {CHUNK_BYTES // 1024} KiB in {STALLED_S} s")
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            self.hang_up("the connection broke")

    async def watch(self) -> None:
        """Send beats, and end the connection if the server is silent."""
        while True:
            now_s = trio.current_time()
            if self.worker_id is not None and now_s >= self._sent_s + self.heartbeat_s:
                self.notify("worker.beat", WorkerBeat(self.worker_id))
            if now_s >= self._heard_s + SILENT_S:
                self.hang_up(f"the server said nothing for {SILENT_S:g} s")
            elif now_s >= self._heard_s + PING_S and not self._is_pinging:
                self._is_pinging = True
                self.request("ping", Ping(), self._ponged)
            next_s = self._heard_s + (SILENT_S if self._is_pinging else PING_S)
            beat_s = now_s if self.worker_id is None else self._sent_s
            await trio.sleep_until(min(next_s, beat_s + self.heartbeat_s))

    def _ponged(self, _error: CallError | None, _result: object) -> None:
        self._is_pinging = False

    def _send(self, message: Message) -> None:
        if self.lost is not None:
            return
        data = self._wire.send(message)
        self._sent_s = trio.current_time()
        self._out.append(data)
        self._out_bytes += len(data)
        self._more.set()
        if self._out_bytes > OUT_BYTES_MAX:
            self.hang_up("the server takes less than there is to say")


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception in a group that is no group itself."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
