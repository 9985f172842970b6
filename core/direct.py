"""Events straight from bytes to records: nearly all of a log is in today's form, with integers of at most 64 bits.

What is not (an older version, a larger integer, anything wrong) is read, or refused, by :mod:`.schema`, which makes
plain values of everything first; that takes some ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec

from .events import Event
from .resources import Resources

EVENT_CLASSES: dict[str, type[Event]] = {cls.tag: cls for cls in get_args(Event)}
"""The class of events of each tag."""

_WITH_DEFAULTS = (Resources,)
"""Records in events that may be made without all of their fields; in a log they have all of them."""

_Reader = Callable[[msgspec.Raw], Event]

_split = msgspec.msgpack.Decoder(list[tuple[str, int, msgspec.Raw]]).decode
_encode = msgspec.msgpack.Encoder().encode


def decode_directly(body: bytes) -> list[Event] | None:
    """Return the events in a body, or None if not all of them are of the versions of today and fit 64 bits."""
    try:
        return [_READERS[tag, version](fields) for tag, version, fields in _split(body)]
    except (KeyError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


class _Readers(dict[tuple[str, int], _Reader]):
    """How to read events of a tag and a version, found when first asked for: that takes longer than reading many."""

    def __missing__(self, key: tuple[str, int]) -> _Reader:
        tag, version = key
        cls = EVENT_CLASSES[tag]
        if version != cls.version:
            raise KeyError(key)
        read = self[key] = _reader(cls)
        return read


def _reader(cls: type[Event]) -> _Reader:
    decode: _Reader = msgspec.msgpack.Decoder(cls).decode
    if not _holds(cls, _WITH_DEFAULTS):
        return decode

    def read(raw: msgspec.Raw) -> Event:
        event = decode(raw)
        if _encode(event) != bytes(raw):
            raise ValueError("written in another way, or without all fields")
        return event

    return read


def _holds(kind: Any, wanted: tuple[type, ...]) -> bool:
    """Whether a value of type ``kind`` may have one of the types ``wanted`` in it."""
    if kind in wanted or any(_holds(inner, wanted) for inner in get_args(kind)):
        return True
    is_record = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return is_record and any(_holds(field.type, wanted) for field in msgspec.structs.fields(kind))


_READERS = _Readers()
