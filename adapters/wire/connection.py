"""The protocol as a state machine without I/O, in the manner of h11: bytes in, events out; messages in, bytes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

from .codec import decode, encode
from .errors import LocalProtocolError, RemoteProtocolError
from .frames import FrameReader, build
from .limits import FRAME_BYTES_MAX
from .messages import (
    NEED_DATA,
    BadRequest,
    ConnectionClosed,
    Event,
    Message,
    Notification,
    Request,
    Response,
)

Typed = Callable[[bytes], Request | Notification | None]
"""Returns the call that a frame is, its parameters a record; None of what is no such call, or not as it should be."""


class State(Enum):
    """Where a connection stands."""

    OPEN = "open"
    """Both sides may send."""
    PEER_CLOSED = "closed by the peer"
    """The peer sends no more; what it asked can still be answered."""
    CLOSED = "closed"
    """This side is done with it."""
    FAILED = "failed"
    """The peer broke the rules, so nothing that it sends can be understood any more."""


class Action(Enum):
    """What happens to a connection."""

    SEND = "send on"
    RECEIVE = "receive on"
    RECEIVE_END = "receive the end of"
    READ = "read from"
    FAIL = "fail"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Action], State] = MappingProxyType(
    {
        (State.OPEN, Action.SEND): State.OPEN,
        (State.OPEN, Action.RECEIVE): State.OPEN,
        (State.OPEN, Action.RECEIVE_END): State.PEER_CLOSED,
        (State.OPEN, Action.READ): State.OPEN,
        (State.OPEN, Action.FAIL): State.FAILED,
        (State.OPEN, Action.CLOSE): State.CLOSED,
        (State.PEER_CLOSED, Action.SEND): State.PEER_CLOSED,
        (State.PEER_CLOSED, Action.RECEIVE_END): State.PEER_CLOSED,
        (State.PEER_CLOSED, Action.READ): State.PEER_CLOSED,
        (State.PEER_CLOSED, Action.FAIL): State.FAILED,
        (State.PEER_CLOSED, Action.CLOSE): State.CLOSED,
        (State.CLOSED, Action.CLOSE): State.CLOSED,
        (State.FAILED, Action.CLOSE): State.CLOSED,
    }
)
"""(state, what happens) -> next state; what is not here breaks the rules."""

# Sending and reading leave the state as it is, and are too frequent to hash two enums each time.
_MAY_SEND, _MAY_READ = (
    tuple(state for state, action in TRANSITIONS if action is wanted) for wanted in (Action.SEND, Action.READ)
)


class Connection:
    """One side of a connection; both sides are alike, as either may call the other.

    Attributes:
        state: Where it stands; changed by the methods only.
    """

    __slots__ = ("_failure", "_frames", "_owed", "_typed", "_wanted", "state")

    def __init__(self, receive_bytes_max: int = FRAME_BYTES_MAX, typed: Typed | None = None) -> None:
        """Make a connection of which nothing was sent or received.

        Args:
            receive_bytes_max: Bytes of one message of the peer.
            typed: Reads calls that are as they should be at once into the records of their parameters (:mod:`.typed`).
        """
        self.state = State.OPEN
        self._frames = FrameReader(receive_bytes_max)
        self._typed = typed
        self._failure: RemoteProtocolError | None = None
        self._owed: set[int] = set()
        """Numbers of the peer's calls that this side has read and not answered."""
        self._wanted: set[int] = set()
        """Numbers of this side's calls that the peer has not answered."""

    @property
    def receive_bytes_max(self) -> int:
        """Bytes of one message of the peer; raise it from ``STRANGER_BYTES_MAX`` once the peer is known."""
        return self._frames.bytes_max

    @receive_bytes_max.setter
    def receive_bytes_max(self, value: int) -> None:
        self._frames.bytes_max = min(value, FRAME_BYTES_MAX)

    @property
    def owed(self) -> int:
        """How many calls of the peer were read and not answered."""
        return len(self._owed)

    @property
    def wanted(self) -> int:
        """How many calls to the peer are not answered."""
        return len(self._wanted)

    def send(self, message: Message) -> bytes:
        """Return the bytes of a message, which the caller has to send.

        Raises:
            LocalProtocolError: If it may not be sent now, is too large, answers a call that is not open, or has the
                number of one that is. The connection is as it was.
        """
        if self.state not in _MAY_SEND:
            self._after(Action.SEND)
        if isinstance(message, Response):
            if message.msgid not in self._owed:
                raise LocalProtocolError(f"The peer waits for no answer to a call {message.msgid}.")
            data = encode(message)
            self._owed.remove(message.msgid)
            return data
        if isinstance(message, Request) and message.msgid in self._wanted:
            raise LocalProtocolError(f"Call {message.msgid} is not answered yet; take another number.")
        data = encode(message)
        if isinstance(message, Request):
            self._wanted.add(message.msgid)
        return data

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take in what came from the peer; nothing of it is judged before :meth:`next_event`.

        What is not read with ``next_event`` is kept, so read until ``NEED_DATA`` before receiving more.

        Args:
            data: Any number of bytes; none means that the peer has closed its side.

        Raises:
            LocalProtocolError: If nothing can be received any more.
        """
        self.state = self._after(Action.RECEIVE if data else Action.RECEIVE_END)
        self._frames.feed(data)

    def next_event(self) -> Event:
        """Return the next thing that the peer said.

        Raises:
            RemoteProtocolError: If the peer broke the rules; the connection has failed, and every further call says so.
            LocalProtocolError: If this side has closed the connection.
        """
        if self._failure is not None:
            raise self._failure
        if self.state not in _MAY_READ:
            self._after(Action.READ)
        try:
            frame = self._frames.next_frame()
            if frame is None:
                return self._pause()
            call = self._typed(frame) if self._typed is not None else None
            return self._note(call if call is not None else decode(build(frame)))
        except RemoteProtocolError as error:
            self.state = self._after(Action.FAIL)
            self._failure = error
            self._frames.clear()
            raise

    def close(self) -> None:
        """Note that this side is done, and let go of what it holds; the caller closes the stream."""
        self.state = self._after(Action.CLOSE)
        self._frames.clear()

    def _after(self, action: Action) -> State:
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise LocalProtocolError(f"Nobody can {action.value} a connection that is {self.state.value}.")
        return state

    def _pause(self) -> Event:
        if self.state is State.OPEN:
            return NEED_DATA
        if not self._frames.is_between_frames:
            raise RemoteProtocolError("The peer closed the connection in the middle of a message.")
        return ConnectionClosed()

    def _note(self, event: Message | BadRequest) -> Event:
        match event:
            case Request() | BadRequest():
                if event.msgid in self._owed:
                    raise RemoteProtocolError(
                        f"The peer numbered a call {event.msgid} before the last such was answered."
                    )
                self._owed.add(event.msgid)
            case Response():
                if event.msgid not in self._wanted:
                    raise RemoteProtocolError(f"The peer answered a call {event.msgid} that is not open.")
                self._wanted.remove(event.msgid)
            case Notification():
                pass
        return event
