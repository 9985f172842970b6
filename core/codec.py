"""Bytes and back to plain values: events as ``[tag, version, {field: value}]`` in MessagePack.

What plain values mean is in :mod:`.schema`; who only writes does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack
import msgspec

from .errors import SchemaError
from .events import Event
from .record import fields_of

Fields = dict[str, object]

_encoder = msgspec.msgpack.Encoder()
"""Ten times as fast as msgpack, and its bytes are the same; but it refuses integers beyond 64 bits."""

BIG_INT_EXT = 1
"""MessagePack extension type of an integer beyond 64 bits: two's complement, big-endian."""

_INT_BITS = 64
_INT_MIN, _INT_MAX = -(1 << _INT_BITS - 1), (1 << _INT_BITS) - 1


def _wire(event: Any) -> dict[str, object]:
    """Return the fields of an event with an extension type for each integer beyond 64 bits; nearly all are small."""
    fields = fields_of(event)
    for name, value in fields.items():
        if type(value) is not int or value.bit_length() >= _INT_BITS:
            fields[name] = wire_part(value)
    return fields


def wire_part(value: Any) -> object:
    """Return a field with an extension type for each integer beyond 64 bits, in what it holds as well."""
    if type(value) is int:
        if _INT_MIN <= value <= _INT_MAX:
            return value
        big = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
        return msgspec.msgpack.Ext(BIG_INT_EXT, big)
    if type(value) is tuple:
        try:
            _encoder.encode(value)
        except OverflowError:
            return [wire_part(part) for part in value]
        return value
    is_record = isinstance(value, msgspec.Struct)
    return _wire(value) if is_record else value


def unpack_big(code: int, data: bytes) -> int:
    """Return the integer of an extension type.

    Raises:
        SchemaError: It is another extension type.
    """
    if code != BIG_INT_EXT:
        raise SchemaError(f"MessagePack extension type {code} is not known.")
    return int.from_bytes(data, "big", signed=True)


def unpack(data: bytes) -> object:
    """Return the value in ``data``: tuples for arrays, integers of any size.

    Raises:
        SchemaError: If it is not one whole MessagePack value.
    """
    try:
        value: object = msgpack.unpackb(data, use_list=False, strict_map_key=False, ext_hook=unpack_big)
    except SchemaError:
        raise
    except Exception as error:
        raise SchemaError(f"These {len(data)} bytes are no MessagePack value ({type(error).__name__}).") from error
    return value


def encode_events(events: Iterable[Event]) -> bytes:
    """Return the body of a batch."""
    plain = [(event.tag, event.version, event) for event in events]
    try:
        return _encoder.encode(plain)
    except OverflowError:
        return _encoder.encode([(tag, version, _wire(event)) for tag, version, event in plain])


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
