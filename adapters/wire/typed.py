"""Calls read straight into the records of their parameters, as nearly all of them are what they should be.

What is so in every way is read in one step, by its types. All else is left to :mod:`.codec` and :mod:`.convert`, which
say what is wrong with it; so nothing is judged here, and what is read here is what these would make of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import attrs
import msgspec
from msgspec.msgpack import Decoder

from .codec import NOTIFICATION, REQUEST
from .convert import check_key
from .errors import CallError
from .limits import ARRAY_ITEMS_MAX, MAP_ITEMS_MAX, MSGID_MAX
from .messages import Notification, Request
from .methods import Method

TYPED_BYTES_MAX = min(ARRAY_ITEMS_MAX, 2 * MAP_ITEMS_MAX)
"""Larger frames are not read here: in so few bytes no array and no map can have more items than it may."""

_REQUEST_BEGINS, _NOTIFICATION_BEGINS = bytes((0x94, REQUEST)), bytes((0x93, NOTIFICATION))
"""An array of four items and of three, and the first of them."""

_request = Decoder(tuple[int, int, str, tuple[msgspec.Raw]])
_notification = Decoder(tuple[int, str, tuple[msgspec.Raw]])


class TypedReader:
    """Reads the calls of a table of methods."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        """Look at the types of all parameters."""
        self._decoders: dict[str, Decoder[Any]] = {
            name: Decoder(method.params) for name, method in methods.items() if not _holds_anything(method.params)
        }
        self._keyed = {name for name, method in methods.items() if method.keyed}

    def __call__(self, frame: bytes) -> Request | Notification | None:
        """Return the call that a frame is, with a record for its parameters, or None if it is to be read otherwise."""
        if len(frame) > TYPED_BYTES_MAX:
            return None
        try:
            if frame.startswith(_REQUEST_BEGINS):
                _, msgid, method, (params,) = _request.decode(frame)
                if 0 <= msgid <= MSGID_MAX:
                    return Request(msgid, method, {}, self._read(method, params))
            elif frame.startswith(_NOTIFICATION_BEGINS):
                _, method, (params,) = _notification.decode(frame)
                return Notification(method, {}, self._read(method, params))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, CallError):
            pass  # what is wrong with it is said by those who read it then
        return None

    def _read(self, method: str, params: msgspec.Raw) -> Any:
        record = self._decoders[method].decode(params)
        if method in self._keyed:
            check_key(record.key)
        return record


def _holds_anything(kind: Any) -> bool:
    """Whether a value of a type may hold what no type is known of: arrays in it would be lists, of any depth."""
    if attrs.has(kind):
        return any(_holds_anything(field.type) for field in attrs.fields(attrs.resolve_types(kind)))
    return kind is object or any(_holds_anything(arg) for arg in get_args(kind))
