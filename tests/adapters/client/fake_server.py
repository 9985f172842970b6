"""A server that does as it is told, in a thread: enough to see what a client says, and to lose its answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from meted.adapters.wire.connection import Connection
from meted.adapters.wire.messages import NEED_DATA, ConnectionClosed, Message, Notification, Request, Response

HELLO = {"protocol": 1, "program": "fake", "version": "0", "instance": "0" * 16, "now_us": 0, "heartbeat_us": 2_000_000}

Reply = Message | bytes | None
"""What to send: a message, raw bytes, or None to hang up."""


class HangUp(Exception):
    """The handler wants the connection closed."""


class FakeServer:
    """Answers each request with what ``handler`` yields for it; remembers all requests but ``hello``."""

    def __init__(self, path: Path | None, handler: Callable[[Request], Iterator[Reply]]) -> None:
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self._listener.listen()
            self.address = f"unix:{path}"
        self._handler = handler
        self._thread = threading.Thread(target=self._serve)
        self._streams: list[socket.socket] = []
        self.hellos: list[Request] = []
        self.requests: list[Request] = []

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for opened in (self._listener, *self._streams):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self._streams.append(stream)
            with stream, contextlib.suppress(HangUp, OSError):
                stream.settimeout(10)
                self._handle(stream)

    def _handle(self, stream: socket.socket) -> None:
        connection = Connection()
        while True:
            event = connection.next_event()
            if isinstance(event, ConnectionClosed):
                return
            if event is NEED_DATA:
                connection.receive_data(stream.recv(2**16))
            elif isinstance(event, Request):
                for reply in self._replies(event):
                    if reply is None:
                        raise HangUp
                    stream.sendall(reply if isinstance(reply, bytes) else connection.send(reply))

    def _replies(self, request: Request) -> Iterator[Reply]:
        if request.method == "hello":
            self.hellos.append(request)
            yield from self.say_hello(request)
        else:
            self.requests.append(request)
            yield from self._handler(request)

    def say_hello(self, request: Request) -> Iterator[Reply]:
        """Yield what a ``hello`` is answered with; a test may replace it."""
        yield Response(request.msgid, None, HELLO)


def echo(request: Request) -> Iterator[Reply]:
    """Answer with the parameters."""
    yield Response(request.msgid, None, dict(request.params))


def tell(count: int) -> Iterator[Reply]:
    """Send so many notifications."""
    for number in range(count):
        yield Notification("table", {"subscription": 1, "kind": "changes", "seq": number})
