"""Messages to bytes, and plain values to messages; framing is in ``frames``, the order of things in ``connection``."""

from __future__ import annotations

from collections.abc import Iterable

import msgpack
import msgspec

from .errors import CallError, Code, LocalProtocolError, RemoteProtocolError
from .limits import DEPTH_MAX, FRAME_BYTES_MAX, METHOD_BYTES_MAX, MSGID_MAX
from .messages import BadRequest, Message, Notification, Params, Request, Response

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2
"""The first item of a message says what it is."""

_LEAVES = {int, str, bytes, bool, type(None), float}
_TEXT = {str}

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1

_packer = msgpack.Packer(datetime=False)
_record_encoder = msgspec.msgpack.Encoder()

_NO_PARAMS: Params = {}
_BAD_SHAPE = CallError(
    Code.BAD_SHAPE, "bad_shape", "The parameters of a call must be an array of one map, [{name: value}], or []."
)


def encode(message: Message) -> bytes:
    """Return a message as bytes; a connection does this itself, and keeps count.

    A number of an answer that MessagePack cannot hold, a sum over all that ever ran, say, is given as the nearest that
    a signed number of 64 bits can be: one such number must not hide all others.

    Raises:
        LocalProtocolError: If the message is too large, or nothing that MessagePack can hold.
    """
    try:
        plain = _plain(message)
        if isinstance(message, Response) or message.typed is None:
            packed: bytes = _packer.pack(plain)
        else:
            packed = _record_encoder.encode(plain)
    except OverflowError as error:
        if not isinstance(message, Response):
            raise LocalProtocolError(f"This message cannot be packed ({error}).") from error
        packed = _packer.pack(_within_64_bits(_plain(message)))
    except (TypeError, ValueError, RecursionError) as error:
        raise LocalProtocolError(f"This message cannot be packed ({error}).") from error
    if len(packed) > FRAME_BYTES_MAX:
        raise LocalProtocolError(f"A message of {len(packed):,} bytes is too long; the limit is {FRAME_BYTES_MAX:,}.")
    return packed


def _within_64_bits(value: object) -> object:
    if type(value) is int:
        return min(max(value, _INT_MIN), _INT_MAX)
    if isinstance(value, dict):
        return {name: _within_64_bits(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_within_64_bits(item) for item in value]
    return value


def _plain(message: Message) -> tuple[object, ...]:
    match message:
        case Response():
            error = message.error
            return RESPONSE, message.msgid, error and error.to_plain(), message.result if error is None else None
        case Request():
            return REQUEST, message.msgid, message.method, _arguments_of(message)
        case Notification():
            return NOTIFICATION, message.method, _arguments_of(message)


def _arguments_of(call: Request | Notification) -> tuple[object, ...]:
    params = call.params if call.typed is None else call.typed
    return (params,) if params else ()


def decode(value: object) -> Message | BadRequest:
    """Return the message that a value is.

    Raises:
        RemoteProtocolError: If it is none, or holds what no message may hold.
    """
    if type(value) is tuple and value and type(value[0]) is int:
        match value:
            case (0, msgid, method, params):
                return _request(_msgid(msgid), _method(method), params)
            case (2, method, params):
                return _notification(_method(method), params)
            case (1, msgid, error, result):
                check_inside(result)
                return Response(_msgid(msgid), _error(error), result)
            case _:
                pass
    raise RemoteProtocolError(
        "The peer sent what is no message; there are [0, msgid, method, params], [1, msgid, error, result] "
        "and [2, method, params]."
    )


def check_inside(value: object, room: int = DEPTH_MAX - 1) -> None:
    """See that a value nests no deeper than ``room``, and has text for all names and no types but the usual ones.

    Whole containers are looked at in one step, so that long arrays of plain values cost next to nothing.

    Raises:
        RemoteProtocolError: If not.
    """
    if type(value) is dict:
        if not _TEXT.issuperset(map(type, value)):
            raise RemoteProtocolError("The peer sent a map with a name that is not text.")
        items: Iterable[object] = value.values()
    elif type(value) is tuple:
        items = value
    elif type(value) in _LEAVES:
        return
    else:
        raise RemoteProtocolError("The peer sent an extension type or a time; plain values only, please.")
    if room <= 0:
        raise RemoteProtocolError(f"The peer sent a message that nests deeper than {DEPTH_MAX}.")
    if not _LEAVES.issuperset(map(type, items)):
        for item in items:
            check_inside(item, room - 1)


def _request(msgid: int, method: str, params: object) -> Request | BadRequest:
    arguments = _arguments(params)
    if arguments is None:
        check_inside(params)
        return BadRequest(msgid, method, _BAD_SHAPE)
    return Request(msgid, method, arguments)


def _notification(method: str, params: object) -> Notification:
    arguments = _arguments(params)
    if arguments is None:  # nobody waits for an answer that could say so
        raise RemoteProtocolError(f"The peer sent a notification {method!r} whose parameters are no array of one map.")
    return Notification(method, arguments)


def _arguments(params: object) -> Params | None:
    """Return the arguments by name, or None if they have the wrong shape."""
    if type(params) is tuple:
        if not params:
            return _NO_PARAMS
        if len(params) == 1 and type(params[0]) is dict:
            check_inside(params[0], DEPTH_MAX - 2)
            return params[0]
    return None


def _msgid(value: object) -> int:
    if type(value) is int and 0 <= value <= MSGID_MAX:
        return value
    raise RemoteProtocolError(f"The peer numbered a call with something other than 0 to {MSGID_MAX}.")


def _method(value: object) -> str:
    if type(value) is str and len(value) <= METHOD_BYTES_MAX and len(value.encode()) <= METHOD_BYTES_MAX:
        return value
    raise RemoteProtocolError(f"The peer named a method with something other than text of {METHOD_BYTES_MAX} bytes.")


def _error(value: object) -> CallError | None:
    if value is None:
        return None
    try:
        return CallError.from_plain(value)
    except ValueError as error:
        raise RemoteProtocolError(f"The peer answered a call with an error that is none: {error}.") from error
