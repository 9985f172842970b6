"""Reading batches and snapshots out of the tables, trusting nothing that is found there."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import cast

from meted.core.batch import GENESIS, Batch
from meted.core.record import record

from .checks import MAX_INTEGER, flaw
from .contract import MAX_SNAPSHOTS
from .driver import Connection, Row, Value
from .errors import LogDamaged
from .records import EMPTY, Head, Snapshot

PAGE_BATCHES = 256
PAGE_BYTES = 4 * 1024 * 1024
"""So much is read at once, in one transaction: a long reader never keeps the write-ahead log from shrinking."""

_BEFORE_ALL = -(2**63)
_COLUMNS = "first_seq, last_seq, at_us, body, chain"


@record
class Page:
    """Some rows in order, or, where there are none, the log's own note of its end; both of one moment.

    Attributes:
        batches: As they are stored, unchecked.
        note: None where it is missing or damaged, or there are rows.
    """

    batches: list[Batch]
    note: Head | None


@record
class Anchor:
    """Where reading starts.

    Attributes:
        after: Rows behind this ``first_seq`` are wanted.
        seq: The first of them must start here.
        chain: And follow this chain value.
    """

    after: int
    seq: int
    chain: bytes


def to_batch(row: Row) -> Batch:
    """A row as a batch. In a damaged file its fields may hold anything: ``flaw`` looks at their types as well."""
    first_seq, last_seq, at_us, body, chain = row
    return Batch(cast(int, first_seq), cast(int, last_seq), cast(int, at_us), cast(bytes, body), cast(bytes, chain))


def batches_before(connection: Connection, seq: int, count: int) -> list[Batch]:
    """The last ``count`` batches that start at ``seq`` or before, last first."""
    select = f"SELECT {_COLUMNS} FROM batches WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT ?"
    return [to_batch(row) for row in connection.execute(select, (seq, count))]


def noted_head(connection: Connection) -> Head | None:
    """The log's own note of where it ends, None where it is missing or damaged."""
    for seq, at_us, chain, complement in connection.execute("SELECT seq, at_us, chain, complement FROM head"):
        if isinstance(seq, int) and isinstance(at_us, int) and isinstance(chain, bytes) and complement == ~seq:
            return Head(seq, at_us, chain)
    return None


def last_head(connection: Connection) -> Head | None:
    """Where the last row of the batches ends, unchecked; None where there is none, or it holds something else."""
    for batch in batches_before(connection, MAX_INTEGER, 1):
        if type(batch.last_seq) is int and type(batch.at_us) is int and type(batch.chain) is bytes:
            return Head(batch.last_seq, batch.at_us, batch.chain)
    return None


def anchor(connection: Connection, from_seq: int) -> Anchor:
    """Where to start so that the batch that contains ``from_seq`` comes first."""
    found = batches_before(connection, min(from_seq, MAX_INTEGER), 2) if from_seq > 1 else []
    if found and _ends_before(found[0], from_seq):
        return Anchor(found[0].first_seq, found[0].last_seq + 1, found[0].chain)
    if found and found[0].first_seq > 1:
        return Anchor(found[0].first_seq - 1, found[0].first_seq, found[1].chain if len(found) > 1 else GENESIS)
    return Anchor(_BEFORE_ALL, 1, GENESIS)


def _ends_before(batch: Batch, seq: int) -> bool:
    # What is no number is left to flaw(), which sees it when the batch is read.
    return type(batch.last_seq) is int and batch.last_seq < seq


def page(connection: Connection, after: int) -> Page:
    """Read some rows behind ``after`` and the log's note of its end, in one transaction."""
    batches: list[Batch] = []
    size_bytes = 0
    list(connection.execute("BEGIN"))
    try:
        cursor = connection.execute(f"SELECT {_COLUMNS} FROM batches WHERE first_seq > ? ORDER BY first_seq", (after,))
        try:
            for row in cursor:
                batches.append(to_batch(row))
                size_bytes += len(row[3]) if isinstance(row[3], bytes) else 0
                if size_bytes >= PAGE_BYTES or len(batches) >= PAGE_BATCHES:
                    break
        except Exception:
            # What was read before a malformed page is good; the next call starts there and raises at once.
            if not batches:
                raise
        cursor.close()
        return Page(batches, None if batches else noted_head(connection))
    finally:
        if connection.in_transaction:
            list(connection.execute("ROLLBACK"))  # nothing was written, and behind a malformed page COMMIT fails


def walk(start: Anchor, next_page: Callable[[int, int], Page]) -> Iterator[Batch]:
    """Yield batches from ``start`` to the end of the log, each checked against the one before.

    A row that stands where it does not belong (its ``first_seq`` was changed) is passed over until the log ends or
    misses a batch, so that all that is good is yielded first.

    Args:
        start: Where to start.
        next_page: Gives the rows behind a ``first_seq``; its second argument is the seq that is due, for its errors.

    Raises:
        LogDamaged: At the first batch that is not what was written, or is not there.
    """
    after, seq, chain = start.after, start.seq, start.chain
    stray: int | None = None
    while (found := next_page(after, seq)).batches:
        for batch in found.batches:
            if batch.first_seq <= after and after != _BEFORE_ALL:
                raise LogDamaged(seq, "the rows are not in order")
            after = batch.first_seq
            if batch.first_seq < seq:
                stray = batch.first_seq
            elif reason := flaw(batch, seq, chain):
                raise LogDamaged(seq, reason)
            else:
                yield batch
                seq, chain = batch.last_seq + 1, batch.chain
    if stray is not None:
        raise LogDamaged(seq, f"a batch that claims to start at seq {stray} belongs to no place in the log")
    if found.note is None:
        raise LogDamaged(seq, "the log's own note of where it ends is missing or damaged")
    if found.note.seq >= seq:
        raise LogDamaged(seq, f"the log should go on to seq {found.note.seq}, but the batches are not there")
    if found.note.seq != seq - 1 or found.note.chain != chain:
        raise LogDamaged(seq, f"the batches end at seq {seq - 1}, but the log's own note of its end says otherwise")


def snapshot_digest(snapshot: Snapshot) -> bytes:
    """sha256 over all that a snapshot says: its numbers, its chain value and its body."""
    digest = hashlib.sha256(struct.pack(">qqq", snapshot.seq, snapshot.at_us, snapshot.schema))
    digest.update(snapshot.chain)
    digest.update(snapshot.body)
    return digest.digest()


def keep_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Write a snapshot and let go of all but the newest ``MAX_SNAPSHOTS``, in one transaction."""
    digest = snapshot_digest(snapshot)
    row = (snapshot.seq, snapshot.at_us, snapshot.chain, snapshot.schema, digest, snapshot.body)
    kept = f"SELECT id FROM snapshots ORDER BY id DESC LIMIT {MAX_SNAPSHOTS}"
    list(connection.execute("BEGIN IMMEDIATE"))
    insert = "INSERT INTO snapshots (seq, at_us, chain, schema, sha256, body) VALUES (?, ?, ?, ?, ?, ?)"
    list(connection.execute(insert, row))
    list(connection.execute(f"DELETE FROM snapshots WHERE id NOT IN ({kept})"))
    list(connection.execute("COMMIT"))


def flaws(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with pages, indexes and snapshots, each as a clause."""
    yield from (str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok")
    kept = list(connection.execute("SELECT seq, at_us, chain, schema, body, sha256 FROM snapshots"))
    yield from (f"the snapshot at seq {row[0]!r} is not what was written" for row in kept if not snapshot_of(row))


def snapshot_of(row: Row) -> Snapshot | None:
    """A row (seq, at_us, chain, schema, body, sha256) as a snapshot, None where it is not what was written."""
    seq, at_us, chain, schema, body, sha256 = row
    if not (isinstance(seq, int) and isinstance(at_us, int) and isinstance(schema, int)):
        return None
    if not (isinstance(chain, bytes) and isinstance(body, bytes)):
        return None
    snapshot = Snapshot(seq, at_us, chain, schema, body)
    return snapshot if snapshot_digest(snapshot) == sha256 else None


def snapshot_ids(connection: Connection) -> list[Value]:
    """The keys of the snapshots, newest first."""
    return [row[0] for row in connection.execute("SELECT id FROM snapshots ORDER BY id DESC")]


def snapshot(connection: Connection, number: Value) -> Snapshot | None:
    """The snapshot with this key, None where it is not what was written."""
    select = "SELECT seq, at_us, chain, schema, body, sha256 FROM snapshots WHERE id = ?"
    for row in list(connection.execute(select, (number,))):
        return snapshot_of(row)
    return None


def tail_flaw(connection: Connection) -> LogDamaged | None:
    """Whether the end of the log is damaged, so that nothing can follow it; None where all is well.

    So it is where a snapshot vouches for the noted end: then recovery starts there.
    """
    note = noted_head(connection)
    last = batches_before(connection, MAX_INTEGER, 2)
    if note is not None:
        if note == EMPTY and not last:
            return None
        if last and last[0].last_seq == note.seq and last[0].chain == note.chain:
            first = last[0].first_seq == 1
            before = GENESIS if first else last[1].chain if len(last) > 1 else b""
            if flaw(last[0], last[0].first_seq, before) is None:
                return None
        kept = (snapshot(connection, number) for number in snapshot_ids(connection))
        if any(found and (found.seq, found.chain) == (note.seq, note.chain) for found in kept):
            return None
    seq = note.seq if note is not None else 1
    return LogDamaged(max(seq, 1), "its last batch is missing or is not what was written")
