"""One connection: reads requests, has them answered in their own time, and sends what is for this peer."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
import trio

from meted.core.errors import Refused
from meted.core.ids import WorkerId
from meted.core.record import record

from ..log import LogError
from ..wire.codec import encode
from ..wire.connection import Connection, State
from ..wire.errors import CallError, Code, LocalProtocolError, RemoteProtocolError
from ..wire.limits import FRAME_BYTES_MAX, OUTSTANDING_REQUESTS_MAX, READ_BYTES, STRANGER_BYTES_MAX
from ..wire.messages import NEED_DATA, BadRequest, ConnectionClosed, Notification, Request, Response
from ..wire.methods import METHODS, WORKER_NOTIFICATIONS
from ..wire.typed import TypedReader
from .faults import note_fault
from .outbox import Outbox
from .subscriptions import Subscriptions

_READER = TypedReader({**METHODS, **WORKER_NOTIFICATIONS})

TURN_MESSAGES = 16
"""After so many messages of one peer the others have their turn."""

LAST_WORD_S = 1.0
"""A peer that is cut off has so long to take the sentence that says why."""

LINGER_S = 5.0
"""A peer that has said all it wants to say is sent the answers that come within this time."""


@record
class Peer:
    """Who is at the other end, as far as the kernel says.

    Attributes:
        name: For people: a login name or an address.
        user: The login name where it is certain, else "".
        is_trusted: Whether it may call without a token, as it could read the token anyway.
    """

    name: str
    user: str
    is_trusted: bool


class Router(Protocol):
    """What a session asks for answers."""

    def request(self, session: Session, request: Request) -> None:
        """See to it that :meth:`Session.answer` is called once for ``request``, now or later."""

    def notice(self, session: Session, notification: Notification) -> None:
        """Take note."""

    def ended(self, session: Session) -> None:
        """The connection is gone."""


async def part_from(stream: trio.abc.Stream, sentence: str) -> None:
    """Close a connection, and say why before, unless ``sentence`` is empty or the peer does not take it."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORD_S):
        if sentence:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                await stream.send_all(encode(Notification("closing", {"sentence": sentence})))
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
        await trio.aclose_forcefully(stream)


class Session:
    """A connection while it lasts.

    Attributes:
        peer: Who is there.
        is_admitted: Whether it may call anything but ``hello``.
        worker_id: The worker that speaks here, or None.
        instance: Which life of a worker wants to speak here, or None.
        since_s, heard_s: When it connected, and when it was last heard of (``trio.current_time``).
        has_ended: Whether the connection is gone.
        subscriptions: The tables that it follows.
    """

    def __init__(self, stream: trio.abc.Stream, peer: Peer, router: Router) -> None:
        """Speak over ``stream``, which :meth:`run` closes."""
        self.peer = peer
        self.is_admitted = peer.is_trusted
        self.worker_id: WorkerId | None = None
        self.instance: str | None = None
        self.heard_s = trio.current_time()
        self.since_s = self.heard_s
        self.has_ended = False
        self.subscriptions = Subscriptions(self._send_table)
        self._stream = stream
        self._router = router
        self._wire = Connection(FRAME_BYTES_MAX if peer.is_trusted else STRANGER_BYTES_MAX, _READER)
        self._outbox = Outbox(stream, self._refill)
        self._outstanding = 0
        self._fewer: trio.Event | None = None
        self._nursery: trio.Nursery | None = None
        self._last_word = ""

    async def run(self) -> None:
        """Serve the peer until it goes, misbehaves, or :meth:`close`; never raises because of the peer."""
        try:
            with self._outbox.cut:
                async with trio.open_nursery() as self._nursery:
                    self._nursery.start_soon(self._write)
                    await self._read()
                    self._nursery.cancel_scope.deadline = trio.current_time() + LINGER_S
                    if self._wire.state is not State.FAILED:
                        await self._fewer_than(1)
                    self._outbox.end()
        finally:
            self._outbox.cut.cancel()
            self.has_ended = True
            self._wire.close()
            self._router.ended(self)
            await part_from(self._stream, self._last_word if self._outbox.is_empty else "")

    def admit(self) -> None:
        """The peer has shown the token: it may call everything, with messages of full size."""
        self.is_admitted = True
        self._wire.receive_bytes_max = FRAME_BYTES_MAX

    def part(self, sentence: str) -> None:
        """End the connection once what was said to the peer has been sent, and ``sentence``, which says why."""
        self.notify("closing", {"sentence": sentence})
        self._outbox.end()
        if self._nursery is not None:
            self._nursery.cancel_scope.deadline = trio.current_time() + LINGER_S

    def close(self, sentence: str) -> None:
        """Cut the connection; ``sentence`` says why, where it does not come in the middle of something else."""
        self._last_word = self._last_word or sentence
        self._outbox.cut.cancel()

    def answer(self, msgid: int, outcome: object) -> None:
        """Answer a request, with a ``CallError`` or a result."""
        self._outstanding -= 1
        if self._fewer is not None:
            self._fewer.set()
        error = outcome if isinstance(outcome, CallError) else None
        self._send(Response(msgid, error, None if error is not None else outcome))

    def notify(self, method: str, params: dict[str, object] | attrs.AttrsInstance, *, is_spared: bool = False) -> None:
        """Send a notification, its parameters by name or as a record; see :meth:`.outbox.Outbox.put`."""
        if isinstance(params, dict):
            self._send(Notification(method, params), is_spared=is_spared)
        else:
            self._send(Notification(method, typed=params), is_spared=is_spared)

    def answer_later(self, msgid: int, work: Callable[[], Awaitable[object]]) -> None:
        """Answer a request with what ``work`` returns or the ``CallError`` that it raises, while others go on."""
        assert self._nursery is not None, "requests come while the session runs"
        self._nursery.start_soon(self._work, msgid, work)

    def poke(self) -> None:
        """There may be something new for this session's tables."""
        self._outbox.poke()

    async def _work(self, msgid: int, work: Callable[[], Awaitable[object]]) -> None:
        try:
            outcome = await work()
        except CallError as error:
            outcome = error
        except Refused as refusal:
            outcome = CallError(Code.REFUSED, refusal.reason.value, refusal.sentence)
        except LogError as error:
            outcome = CallError(Code.FAILED, "not_read", str(error))
        except Exception as error:
            outcome = note_fault(error)
        self.answer(msgid, outcome)

    async def _read(self) -> None:
        try:
            while True:
                await self._outbox.room()
                data = await self._stream.receive_some(READ_BYTES)
                self.heard_s = trio.current_time()
                self._wire.receive_data(bytes(data))
                if not await self._take():
                    return
        except RemoteProtocolError as error:
            self._outbox.put(encode(Notification("closing", {"sentence": str(error)})))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._outbox.cut.cancel()

    async def _take(self) -> bool:
        """Hand on what has come, and return whether more may come."""
        taken = 0
        while (event := self._wire.next_event()) is not NEED_DATA:
            taken += 1
            if taken % TURN_MESSAGES == 0:
                await trio.lowlevel.checkpoint()
            match event:
                case Request():
                    if self._outbox.is_full:
                        await self._outbox.room()
                    if self._outstanding >= OUTSTANDING_REQUESTS_MAX:
                        await self._fewer_than(OUTSTANDING_REQUESTS_MAX)
                    self._outstanding += 1
                    self._router.request(self, event)
                case BadRequest():
                    self._outstanding += 1
                    self.answer(event.msgid, event.error)
                case Notification():
                    self._router.notice(self, event)
                case ConnectionClosed():
                    return False
                case _:
                    raise RemoteProtocolError("A response came, but this server asks nothing; send requests.")
        return True

    async def _fewer_than(self, outstanding: int) -> None:
        while self._outstanding >= outstanding:
            self._fewer = fewer = trio.Event()
            await fewer.wait()
            self._fewer = None

    async def _write(self) -> None:
        try:
            await self._outbox.run()
            self._outbox.cut.cancel()  # all is sent, and nothing more is to be
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            self._outbox.cut.cancel()

    def _refill(self) -> None:
        self.subscriptions.pump(lambda: self._outbox.is_full)

    def _send_table(self, params: dict[str, object]) -> None:
        self.notify("table", params)

    def _send(self, message: Response | Notification, *, is_spared: bool = False) -> None:
        if self._wire.state not in (State.OPEN, State.PEER_CLOSED):
            return  # what the peer says cannot be understood any more, so nothing is said to it
        try:
            data = self._wire.send(message)
        except LocalProtocolError as error:  # larger than a message may be
            if not isinstance(message, Response):
                raise
            data = self._wire.send(Response(message.msgid, CallError(Code.FAILED, "too_large", str(error)), None))
        self._outbox.put(data, is_spared=is_spared)
