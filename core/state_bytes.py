"""The state to bytes: what a snapshot is. :mod:`.schema` reads them.

A map goes piece by piece: the plain form of a whole state would be millions of small objects, for which a program that
serves others meanwhile would need the memory, and the time of the collector of cycles that comes to look at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import attrs
import msgpack
import msgspec
from immutables import Map

from .codec import wire_part
from .indexset import IndexSet
from .record import replaced
from .state import State

PIECE_ENTRIES = 256
"""Entries of a map that are encoded in one go."""


def encode_state(state: State) -> bytes:
    """Return the canonical bytes of a state: equal states give equal bytes.

    Records are maps of their fields; maps are arrays of (key, value) sorted by key, as order never comes from a hash
    (design law 6); sets of indices are the ends of their runs.
    """
    return b"".join(state_pieces(state))


def state_pieces(state: State) -> Iterator[bytes]:
    """Return the bytes of a state in pieces that each take little time, for whoever has other work in between."""
    return _pieces(state)


def array_pieces(*values: object) -> Iterator[bytes]:
    """Yield the bytes of an array of states, of other records and of plain values, in such pieces."""
    yield _packer.pack_array_header(len(values))
    for value in values:
        yield from _pieces(value)


def _pieces(value: Any) -> Iterator[bytes]:
    if type(value) is Map:
        yield from _map_pieces(value)
    elif isinstance(value, msgspec.Struct):
        fields = msgspec.structs.asdict(value)
        yield _packer.pack_map_header(len(fields))
        for name, field in fields.items():
            yield _packed(name)
            yield from _pieces(field)
    else:
        yield _packed(value)


def _packed(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except OverflowError:  # an integer beyond 64 bits
        return _encoder.encode(wire_part(value))


def _hook(value: object) -> object:
    if type(value) is Map:
        return msgspec.Raw(b"".join(_map_pieces(value)))
    raise TypeError(f"{type(value).__name__} is nothing that a state can hold")


def _map_pieces(entries: Map[Any, Any]) -> Iterator[bytes]:
    yield _packer.pack_array_header(len(entries))
    keys = sorted(entries)
    for start in range(0, len(keys), PIECE_ENTRIES):
        piece = [(key, _plain(entries[key])) for key in keys[start : start + PIECE_ENTRIES]]
        try:
            packed = _encoder.encode(piece)
        except OverflowError:  # some integer is beyond 64 bits
            yield b"".join(map(_packed, piece))
        else:
            yield packed[len(_packer.pack_array_header(len(piece))) :]


def _plain(value: Any) -> Any:
    """Return a value of a map with its sets of indices, or itself if it is a fraction, as plain numbers."""
    if type(value) is IndexSet:
        return value.to_plain()
    if type(value) is Fraction:
        return value.as_integer_ratio()
    names = _sets_in(value.__class__)
    if not names:
        return value
    return replaced(value, **{name: getattr(value, name).to_plain() for name in names})


@cache
def _sets_in(cls: Any) -> tuple[str, ...]:
    """Return the fields of a class that are sets of indices; it has none where it is no record."""
    if not attrs.has(cls):
        return ()
    return tuple(field.name for field in attrs.fields(attrs.resolve_types(cls)) if field.type is IndexSet)


_encoder = msgspec.msgpack.Encoder(enc_hook=_hook)
_packer = msgpack.Packer()
