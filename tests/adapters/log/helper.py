"""Batches, logs with something in them, and ways to damage them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from meted.adapters.log import Head, Log, Snapshot, SQLiteLog
from meted.core.batch import Batch, seal

from ...packing import pack

Value = int | float | str | bytes | None


def batch_after(head: Head, count: int = 1, name: str = "thing") -> Batch:
    """A batch of ``count`` events that follows ``head``."""
    first_seq = head.seq + 1
    events = [[name, 1, {"place": first_seq + place, "note": "n" * (place % 7)}] for place in range(count)]
    return seal(head.chain, first_seq, head.seq + count, head.at_us + 1_000, pack(events))


def fill(log: Log, counts: Sequence[int]) -> list[Batch]:
    """Append a batch of each of these sizes, and return them."""
    made = []
    for count in counts:
        batch = batch_after(log.head, count)
        assert log.append(batch) == batch.last_seq
        made.append(batch)
    return made


def snapshot_here(log: Log, body: bytes = b"state") -> Snapshot:
    """Keep a snapshot of the head, and return it."""
    head = log.head
    snapshot = Snapshot(head.seq, head.at_us, head.chain, 1, body)
    log.save_snapshot(snapshot)
    return snapshot


def new_log(directory: Path, counts: Sequence[int], snapshot_after: Sequence[int] = ()) -> list[Batch]:
    """Make a log with batches of these sizes and a snapshot behind each of the batches numbered; close it."""
    with SQLiteLog.open(directory) as log:
        made = []
        for number, count in enumerate(counts):
            made += fill(log, [count])
            if number in snapshot_after:
                snapshot_here(log, b"state %d" % number)
    return made


def sql(directory: Path, statement: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
    """Do something to the database behind the log's back."""
    with contextlib.closing(sqlite3.connect(directory / "log.sqlite3", isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def flipped(value: Value, place: int, mask: int) -> Value:
    """The value with some bits of one byte flipped; integers as the eight bytes that they are."""
    if isinstance(value, int):
        data = bytearray(value.to_bytes(8, "big", signed=True))
        data[place % 8] ^= mask
        return int.from_bytes(data, "big", signed=True)
    assert isinstance(value, bytes)
    data = bytearray(value)
    data[place % len(data)] ^= mask
    return bytes(data)
