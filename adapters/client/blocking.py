"""A client for one thread: a blocking socket, one call at a time, and every call acts once though connections break."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from ..wire.address import Address, default_address, parse_address
from ..wire.connection import Connection
from ..wire.errors import RemoteProtocolError, Unreachable
from ..wire.limits import READ_BYTES
from ..wire.messages import NEED_DATA, Event, Notification, Request, Response
from ..wire.methods import METHODS
from .dial import dial
from .greeting import check_hello, hello_params
from .repeating import REPEATS_MAX, give_key, pauses_s

TIMEOUT_S = 30.0
"""Seconds in which a server has to answer, beyond what a call asks it to wait."""

NOTIFICATIONS_KEPT = 10_000
"""Notifications that may lie unread."""


class _Broken(Exception):
    """The connection broke before the answer had come."""


class BlockingClient:
    """Calls a server; for use by one thread at a time.

    It dials when it is first needed. If the connection breaks before an answer has come, a call that may be repeated
    is: with the same idempotency key, so that it acts once. A broken connection also ends its subscriptions.

    Attributes:
        address: Where the server is.
        server: What the server has said of itself (the answer to ``hello``), once dialled.
        dialled: How many connections have been made.
    """

    def __init__(
        self,
        address: Address | str | None = None,
        *,
        program: str = "meted",
        token: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Prepare a client; nothing is dialled yet.

        Args:
            address: Where the server is; None is where the user's own server is.
            program: What the client calls itself.
            token: The secret of the pool; None is the user's own, if it is needed.
            timeout_s: Seconds in which the server has to answer, beyond what a call asks it to wait.

        Raises:
            AddressError: If ``address`` is none.
        """
        self.address = parse_address(address) if isinstance(address, str) else address or default_address()
        self.server: Mapping[str, object] = {}
        self.dialled = 0
        self._program = program
        self._token = token
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._connection = Connection()
        self._last_msgid = 0
        self._notifications: deque[Notification] = deque()

    def __enter__(self) -> BlockingClient:
        self.dial()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def dial(self) -> None:
        """Connect and say hello, unless there is a connection.

        Raises:
            Unreachable: If no server answers.
            CallError: If the server does not want to talk: 103 for another version of the protocol, 108 without token.
            TokenError: If the user's token cannot be read.
            RemoteProtocolError: If what answers is no server.
        """
        if self._socket is not None:
            return
        hello = hello_params(self.address, self._program, self._token)
        self._socket = dial(self.address, self._timeout_s)
        self._connection = Connection()
        self.dialled += 1
        try:
            self.server = check_hello(self._call_once("hello", hello, self._timeout_s))
        except _Broken as error:
            raise Unreachable(f"The server at {self.address} hung up at once; look at what it prints.") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next call dials again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(self, method: str, /, **params: object) -> Any:
        """Call a method and return its answer.

        A method that takes an idempotency key is given a random one unless ``key`` is among the parameters.

        Args:
            method: Its name, as in docs/wire.md.
            params: Its arguments.

        Raises:
            CallError: If the server refuses, or it failed.
            Unreachable: If no server answers, or the connection broke and the call could not be repeated.
            RemoteProtocolError: If what answers is no server.
            LocalProtocolError: If a parameter is too large or of no type that can be sent.
        """
        row = METHODS.get(method)
        give_key(row, params)
        wait_us = params.get("wait_us")
        limit_s = self._timeout_s + (max(wait_us, 0) / 1_000_000 if isinstance(wait_us, int) else 0)
        pauses = pauses_s(REPEATS_MAX if row is not None and row.repeatable else 0)
        self.dial()
        while True:
            try:
                return self._call_once(method, params, limit_s)
            except _Broken:
                self._dial_again(method, pauses)

    def _dial_again(self, method: str, pauses: Iterator[float]) -> None:
        for pause_s in pauses:
            time.sleep(pause_s)
            with contextlib.suppress(Unreachable):
                return self.dial()
        raise Unreachable(
            f"The connection to {self.address} broke before the answer came, so it is not known whether {method} was "
            "carried out; see whether the server runs, then look."
        )

    def notifications(self, wait_s: float = 0.0) -> list[Notification]:
        """Return what the server has told since this was called last, in order.

        Args:
            wait_s: Seconds to wait for something, if there is nothing.

        Raises:
            Unreachable: If the connection broke and nothing is left to return; subscribe again.
            RemoteProtocolError: If what answers is no server.
        """
        if self._socket is not None and not self._notifications:
            with contextlib.suppress(TimeoutError):
                deadline_s = time.monotonic() + wait_s
                try:
                    while not self._notifications:
                        self._keep(self._next_event(deadline_s))
                except _Broken as error:
                    raise Unreachable(f"The connection to {self.address} broke; subscribe again.") from error
        told = list(self._notifications)
        self._notifications.clear()
        return told

    def _call_once(self, method: str, params: Mapping[str, object], limit_s: float) -> Any:
        """Send a call and wait for its answer; nothing is repeated."""
        self._last_msgid = msgid = (self._last_msgid + 1) % 2**32
        deadline_s = time.monotonic() + limit_s
        data = self._connection.send(Request(msgid, method, params))
        try:
            self._send(data, limit_s)
            while True:
                event = self._next_event(deadline_s)
                if isinstance(event, Response) and event.msgid == msgid:
                    break
                self._keep(event)
        except TimeoutError:
            self.close()
            raise Unreachable(
                f"The server at {self.address} has not answered {method} within {limit_s:g} s, so it is not known "
                "whether it was carried out; see whether the server is overloaded or stopped."
            ) from None
        if event.error is not None:
            raise event.error
        return event.result

    def _send(self, data: bytes, limit_s: float) -> None:
        assert self._socket is not None
        self._socket.settimeout(limit_s)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            self.close()
            raise _Broken from error

    def _next_event(self, deadline_s: float) -> Event:
        """Return the next event that is one, reading as often as that takes.

        Raises:
            TimeoutError: If there is none at ``deadline_s``.
            _Broken: If the connection broke.
        """
        while True:
            try:
                event = self._connection.next_event()
            except RemoteProtocolError:
                self.close()
                raise
            if event is not NEED_DATA:
                return event
            self._receive(deadline_s)

    def _receive(self, deadline_s: float) -> None:
        assert self._socket is not None
        # A timeout of zero would ask for a socket that never blocks, and raise another error.
        self._socket.settimeout(max(deadline_s - time.monotonic(), 1e-6))
        try:
            data = self._socket.recv(READ_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            self.close()
            raise _Broken from error
        if not data:  # whether inside a message or not: the answer is lost
            self.close()
            raise _Broken
        self._connection.receive_data(data)

    def _keep(self, event: Event) -> None:
        """Put a notification aside; pass over answers to calls that were given up."""
        if isinstance(event, Notification):
            if len(self._notifications) >= NOTIFICATIONS_KEPT:
                self.close()
                raise Unreachable(
                    f"More than {NOTIFICATIONS_KEPT:,} notifications lay unread, so the connection was closed; "
                    "fetch them more often, and subscribe again."
                )
            self._notifications.append(event)
        elif not isinstance(event, Response):
            self.close()
            raise RemoteProtocolError("The server called a method of its client; look at the address.")
