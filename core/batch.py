"""A committed batch: the unit that is written, synced and chained."""

from __future__ import annotations

import hashlib
import struct

from .record import record

GENESIS = bytes(32)
"""The chain value before the first batch: 32 zero bytes."""

_HEAD = struct.Struct(">QQQ")


@record
class Batch:
    """Events that became durable together.

    Attributes:
        first_seq: Position of the first event; the log starts at 1.
        last_seq: Position of the last event.
        at_us: Time of the batch, microseconds since the Unix epoch (or since the start of a trace).
        body: MessagePack array of the encoded events.
        chain: sha256 over the previous batch's chain, the three numbers and the body (32 bytes).
    """

    first_seq: int
    last_seq: int
    at_us: int
    body: bytes
    chain: bytes


def chain_hash(previous: bytes, first_seq: int, last_seq: int, at_us: int, body: bytes) -> bytes:
    """Return the chain value of a batch that follows a batch whose chain value is ``previous``."""
    return hashlib.sha256(previous + _HEAD.pack(first_seq, last_seq, at_us) + body).digest()


def seal(previous: bytes, first_seq: int, last_seq: int, at_us: int, body: bytes) -> Batch:
    """Return the batch with its chain value filled in."""
    chain = chain_hash(previous, first_seq, last_seq, at_us, body)
    return Batch(first_seq, last_seq, at_us, body, chain)


def is_intact(batch: Batch, previous: bytes) -> bool:
    """Whether ``batch`` really is what followed the batch with chain value ``previous``."""
    expected = chain_hash(previous, batch.first_seq, batch.last_seq, batch.at_us, batch.body)
    return batch.chain == expected
