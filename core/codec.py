"""Bytes and back to plain values: events as ``[tag, version, {field: value}]`` in MessagePack.

What plain values mean is in :mod:`.schema`; who only writes does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack

from .errors import SchemaError
from .events import Event
from .record import fields_of

Fields = dict[str, object]

BIG_INT_EXT = 1
"""MessagePack extension type of an integer beyond 64 bits: two's complement, big-endian."""


def _pack_big(value: object) -> msgpack.ExtType:
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__} is nothing that a log can hold")
    return msgpack.ExtType(BIG_INT_EXT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _pack_part(value: Any) -> object:
    return _pack_big(value) if type(value) is int else fields_of(value)


def _unpack_ext(code: int, data: bytes) -> object:
    if code != BIG_INT_EXT:
        raise SchemaError(f"MessagePack extension type {code} is not known.")
    return int.from_bytes(data, "big", signed=True)


def pack(value: object) -> bytes:
    """Return ``value`` as MessagePack; integers may have any size."""
    packed: bytes = msgpack.packb(value, default=_pack_big)
    return packed


def unpack(data: bytes) -> object:
    """Return the value in ``data``: tuples for arrays, integers of any size.

    Raises:
        SchemaError: If it is not one whole MessagePack value.
    """
    try:
        value: object = msgpack.unpackb(data, use_list=False, strict_map_key=False, ext_hook=_unpack_ext)
    except SchemaError:
        raise
    except Exception as error:
        raise SchemaError(f"These {len(data)} bytes are no MessagePack value ({type(error).__name__}).") from error
    return value


def encode_events(events: Iterable[Event]) -> bytes:
    """Return the body of a batch."""
    plain = [(event.tag, event.version, fields_of(event)) for event in events]
    body: bytes = msgpack.packb(plain, default=_pack_part)
    return body


def unpack_plain(body: bytes) -> list[tuple[str, int, Fields]]:
    """Return the events in a body as (tag, version, fields), without knowing their classes."""
    items = unpack(body)
    if not isinstance(items, tuple):
        raise SchemaError("The body of a batch must be an array of events.")
    for item in items:
        match item:
            case (str(), int(version), dict()) if type(version) is int:
                pass
            case _:
                raise SchemaError("An event must be [tag, version, {field: value}].")
    return list(items)
