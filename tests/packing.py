"""Plain values to bytes as a log has them, by another library than the one that writes logs."""

from __future__ import annotations

import msgpack

from meted.core.codec import BIG_INT_EXT


def pack(value: object) -> bytes:
    """Return ``value`` as MessagePack; integers may have any size."""
    packed: bytes = msgpack.packb(value, default=_pack_big)
    return packed


def _pack_big(value: object) -> msgpack.ExtType:
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__} is nothing that a log can hold")
    return msgpack.ExtType(BIG_INT_EXT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
