"""The three messages of MessagePack-RPC, and what else a connection can tell its owner."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import attrs

from meted.core.record import record

from .errors import CallError

Params = Mapping[str, object]


@record
class Request:
    """A call that wants an answer.

    Attributes:
        msgid: Number of the call, chosen by the caller; unique among its calls that are not answered yet.
        method: Name of the method.
        params: Its arguments by name.
        typed: The record of them, in place of ``params``: of what comes (:mod:`.typed`), and of what is sent.
    """

    msgid: int
    method: str
    params: Params = attrs.field(factory=dict)
    typed: attrs.AttrsInstance | None = None


@record
class Response:
    """The answer to a call.

    Attributes:
        msgid: Number of the call.
        error: Why it was not done, or None.
        result: What the method returns, if there is no error.
    """

    msgid: int
    error: CallError | None = None
    result: object = None


@record
class Notification:
    """A call that wants no answer.

    Attributes:
        method: Name of the method.
        params: Its arguments by name.
        typed: The record of them, as in a request.
    """

    method: str
    params: Params = attrs.field(factory=dict)
    typed: attrs.AttrsInstance | None = None


@record
class BadRequest:
    """A call whose parameters have the wrong shape; to be answered with ``Response(msgid, error)``.

    Attributes:
        msgid: Number of the call.
        method: Name of the method that was meant.
        error: What is wrong with the parameters.
    """

    msgid: int
    method: str
    error: CallError


@record
class ConnectionClosed:
    """The peer has closed its side after a whole message; what it asked can still be answered."""


class Pause(Enum):
    """Why there is no message."""

    NEED_DATA = "need data"


NEED_DATA = Pause.NEED_DATA
"""All that was received has been told; receive more."""

Message = Request | Response | Notification
Event = Message | BadRequest | ConnectionClosed | Pause
