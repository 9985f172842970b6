"""The connection of an async client: many calls under way at once, and dialled again when it breaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping

import trio

from ..wire.connection import Connection
from ..wire.errors import LocalProtocolError, RemoteProtocolError, Unreachable, WireError
from ..wire.limits import MSGID_MAX, OUTSTANDING_REQUESTS_MAX, READ_BYTES
from ..wire.messages import NEED_DATA, ConnectionClosed, Event, Notification, Request, Response
from ..wire.methods import METHODS
from .greeting import check_hello
from .repeating import REPEATS_MAX, give_key, pauses_s

Dial = Callable[[], Awaitable[trio.abc.Stream]]
Heard = Callable[[Notification], None]

TIMEOUT_S = 30.0
"""Seconds in which a server has to take the connection and answer ``hello``."""


class _Call:
    """One call that is under way."""

    def __init__(self, request: Request, repeatable: bool, answered: Callable[[object], None] | None) -> None:
        self.request = request
        self.repeatable = repeatable
        self.answered = answered
        self.sent = False
        self.done = trio.Event()
        self.result: object = None
        self.error: Exception | None = None

    def end(self, result: object, error: Exception | None) -> None:
        """Wake up whoever waits."""
        self.result, self.error = result, error
        if error is None and self.answered is not None:
            self.answered(result)
        self.done.set()


class Link:
    """Keeps a connection as long as :meth:`run` runs, and carries calls over it.

    A call whose answer was lost is made again over the next connection, with the same idempotency key, so that it acts
    once; one that may not be repeated fails.

    Attributes:
        server: What the server has said of itself (the answer to ``hello``).
    """

    def __init__(self, dial: Dial, hello: Mapping[str, object], heard: Heard, lost: Callable[[], None]) -> None:
        """Prepare; nothing is dialled yet.

        Args:
            dial: Returns a new stream to the server, or raises OSError or Unreachable.
            hello: Parameters of ``hello``.
            heard: Told each notification; it must not wait.
            lost: Told when a connection has broken.
        """
        self.server: Mapping[str, object] = {}
        self._dial = dial
        self._hello = hello
        self._heard = heard
        self._lost = lost
        self._calls: dict[int, _Call] = {}
        self._last_msgid = 0
        self._room = trio.Semaphore(OUTSTANDING_REQUESTS_MAX - 1)  # one is kept for hello
        self._out: deque[bytes] = deque()
        self._pushed = trio.Event()
        self._connection: Connection | None = None
        self._wanted = trio.Event()
        self._fresh: tuple[trio.abc.Stream, Connection] | None = None

    async def call(
        self, method: str, params: dict[str, object], answered: Callable[[object], None] | None = None
    ) -> object:
        """Call a method and return its answer; see ``Client.call``. ``answered`` is told first, before anything else.

        Raises:
            CallError: The server refuses, or it failed.
            Unreachable: No server answers, or the connection broke and the call may not be repeated.
            LocalProtocolError: A parameter is too large or of no type that can be sent.
        """
        row = METHODS.get(method)
        give_key(row, params)
        async with self._room:
            self._last_msgid = self._last_msgid % MSGID_MAX + 1
            request = Request(self._last_msgid, method, params)
            call = self._calls[request.msgid] = _Call(request, row is not None and row.repeatable, answered)
            try:
                self._send(call)
                self._wanted.set()
                await call.done.wait()
            finally:
                self._calls.pop(request.msgid, None)
        if call.error is not None:
            raise call.error
        return call.result

    async def dial(self) -> None:
        """Make a connection and say hello.

        Raises:
            Unreachable: No server answers.
            CallError: The server does not want to talk: 103 for another version of the protocol, 108 without token.
            RemoteProtocolError: What answers is no server.
        """
        stream = None
        try:
            with trio.fail_after(TIMEOUT_S):
                stream = await self._dial()
                connection = Connection()
                await stream.send_all(connection.send(Request(0, "hello", self._hello)))
                answer = await self._first_answer(stream, connection)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if stream is not None:
                await trio.aclose_forcefully(stream)
            reason = getattr(error, "strerror", None) or "it does not answer"
            raise Unreachable(f"The server cannot be reached ({reason}); see whether it runs.") from error
        except BaseException:
            if stream is not None:
                await trio.aclose_forcefully(stream)
            raise
        self.server = answer
        self._fresh = stream, connection

    async def _first_answer(self, stream: trio.abc.Stream, connection: Connection) -> Mapping[str, object]:
        while True:
            event = connection.next_event()
            if isinstance(event, Response):
                if event.error is not None:
                    raise event.error
                return check_hello(event.result)
            if event is NEED_DATA:
                data = await stream.receive_some(READ_BYTES)
                if not data:
                    raise Unreachable("The server hung up at once; look at what it prints.")
                connection.receive_data(data)

    async def run(self) -> None:
        """Keep a connection while there are calls, for ever; :meth:`dial` has made the first one."""
        while True:
            if self._fresh is None:
                await self._wanted.wait()
                await self._dial_again()
            if self._fresh is not None:
                (stream, self._connection), self._fresh = self._fresh, None
                await self._carry(stream)

    def close(self) -> None:
        """Fail all calls that are under way; no more is carried."""
        self._connection = None
        for call in list(self._calls.values()):
            call.end(None, Unreachable("The client was closed before the answer came."))

    async def _dial_again(self) -> None:
        error: WireError = Unreachable("The server is gone.")
        for pause_s in pauses_s(REPEATS_MAX + 1):
            try:
                await self.dial()
            except Unreachable as found:
                error = found
            except WireError as found:
                error = found
                break
            else:
                return
            await trio.sleep(pause_s)
        self._wanted = trio.Event()
        for call in list(self._calls.values()):
            call.end(None, error)

    async def _carry(self, stream: trio.abc.Stream) -> None:
        """Send and read until the connection breaks."""
        self._out.clear()
        for call in sorted(self._calls.values(), key=lambda call: call.request.msgid):
            try:
                self._send(call)
            except LocalProtocolError as error:
                call.end(None, error)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._write, stream, nursery.cancel_scope)
            try:
                await self._read(stream)
            finally:
                self._connection = None  # calls that are made while the stream is closed wait for the next one
            nursery.cancel_scope.cancel()
        self._wanted = trio.Event()
        gone = Unreachable("The connection broke before the answer came; see whether the server runs, then look.")
        for call in list(self._calls.values()):
            if call.request.method == "unsubscribe":
                call.end({}, None)  # done; on the next connection the number is another subscription's
            elif call.sent and not call.repeatable:
                call.end(None, gone)
        if any(not call.done.is_set() for call in self._calls.values()):
            self._wanted.set()
        self._lost()

    def _send(self, call: _Call) -> None:
        if self._connection is not None and not call.done.is_set():
            self._out.append(self._connection.send(call.request))
            call.sent = True
            self._pushed.set()

    async def _write(self, stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
        try:
            while True:
                if self._out:
                    data = b"".join(self._out)
                    self._out.clear()
                    await stream.send_all(data)
                else:
                    self._pushed = trio.Event()
                    await self._pushed.wait()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._connection = None
            scope.cancel()

    async def _read(self, stream: trio.abc.Stream) -> None:
        connection = self._connection
        assert connection is not None
        try:
            while True:
                event = connection.next_event()
                if event is NEED_DATA:
                    data = await stream.receive_some(READ_BYTES)
                    connection.receive_data(data)
                elif isinstance(event, ConnectionClosed):
                    return
                else:
                    self._take(event)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, RemoteProtocolError):
            return

    def _take(self, event: Event) -> None:
        if isinstance(event, Notification):
            self._heard(event)
        elif isinstance(event, Response):
            call = self._calls.get(event.msgid)
            if call is not None:
                call.end(event.result, event.error)
