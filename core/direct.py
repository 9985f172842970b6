"""Events straight from bytes to records, where they are of the versions of today.

What is not (an older version, anything wrong) is read, or refused, by :mod:`.schema`, which makes plain values of
everything first; that takes some ten times as long. Events with integers beyond 64 bits, as tags are once a pool has
worked for a while, are read into twins of their classes first, which may hold such integers as they are written.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, NewType, cast, get_args, get_origin

import msgspec
from msgspec.msgpack import Ext

from .codec import unpack_big
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
    """Return the events in a body, or None if not all of them are of the versions of today and as they should be."""
    for readers in (_READERS, _WIDE_READERS):
        try:
            return [readers[tag, version](fields) for tag, version, fields in _split(body)]
        except (KeyError, ValueError, RecursionError):  # msgspec's errors are ValueErrors, as are ours
            continue
    return None


class _Readers(dict[tuple[str, int], _Reader]):
    """How to read events of a tag and a version, found when first asked for: that takes longer than reading many."""

    def __init__(self, make: Callable[[type[Event]], _Reader]) -> None:
        self._make = make

    def __missing__(self, key: tuple[str, int]) -> _Reader:
        tag, version = key
        cls = EVENT_CLASSES[tag]
        if version != cls.version:
            raise KeyError(key)
        read = self[key] = self._make(cls)
        return read


def _reader(cls: Any) -> _Reader:
    """Return what reads an event whose integers have at most 64 bits."""
    decode: _Reader = msgspec.msgpack.Decoder(cls).decode
    if not _holds(cls, _WITH_DEFAULTS):
        return decode

    def read(raw: msgspec.Raw) -> Event:
        event = decode(raw)
        if _encode(event) != bytes(raw):
            raise ValueError("written in another way, or without all fields")
        return event

    return read


def _wide_reader(cls: Any) -> _Reader:
    """Return what reads an event whose own integers may have any size."""
    fields = [(field.name, _widened(field.type)) for field in msgspec.structs.fields(cls)]
    twin = msgspec.defstruct(cls.__name__, fields, forbid_unknown_fields=True, gc=False)
    read_twin = _reader(twin)

    def read(raw: msgspec.Raw) -> Event:
        values = msgspec.structs.astuple(cast(msgspec.Struct, read_twin(raw)))
        event: Event = cls(*[value if type(value) is int else _narrowed(value) for value in values])
        return event

    return read


def _widened(kind: Any) -> Any:
    """Return the type of what is written for a value of type ``kind``: an extension type for a large integer."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if kind is int:
        return int | Ext
    if get_origin(kind) is tuple:
        return cast(Any, tuple)[tuple(arg if arg is Ellipsis else _widened(arg) for arg in get_args(kind))]
    if isinstance(kind, UnionType) and int in get_args(kind):
        return kind | Ext
    return kind


def _narrowed(value: Any) -> Any:
    if type(value) is tuple:
        return tuple([part if type(part) is int else _narrowed(part) for part in value]) if value else value
    return unpack_big(value.code, bytes(value.data)) if type(value) is Ext else value


def _holds(kind: Any, wanted: tuple[type, ...]) -> bool:
    """Whether a value of type ``kind`` may have one of the types ``wanted`` in it."""
    if kind in wanted or any(_holds(inner, wanted) for inner in get_args(kind)):
        return True
    is_record = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return is_record and any(_holds(field.type, wanted) for field in msgspec.structs.fields(kind))


_READERS, _WIDE_READERS = _Readers(_reader), _Readers(_wide_reader)
