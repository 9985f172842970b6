"""Getting rows out of a damaged database: all that can still be read, and a count of what cannot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from meted.core.batch import GENESIS, Batch

from . import rows
from .checks import flaw
from .driver import Connection, Driver, Row
from .records import EMPTY, Head, Snapshot
from .verify import VerifyReport

_BATCH = "first_seq, last_seq, at_us, body, chain"
_SNAPSHOT = "seq, at_us, chain, schema, body, sha256"
_RESULT = "job_id, unit_index, attempt, seq, digest, body"
_REPORT = "job_id, first, lease_id, seq, worker_id, attempt, count"
_ASIDE = "repair, reason, first_seq, last_seq, at_us, chain, body"
_OTHERS = (
    ("quarantined", _ASIDE),
    ("quarantined_snapshots", "repair, seq, at_us, chain, schema, sha256, body"),
    ("quarantined_results", f"repair, {_RESULT}"),
)


class Salvage:
    """Reads tables of a database whose pages may be malformed.

    Attributes:
        unreadable: So many rows were seen to be there and could not be read. Rows on a page that is lost with all that
            led to it are not counted, as nobody knows of them.
    """

    def __init__(self, driver: Driver, connection: Connection) -> None:
        """Read from ``connection``."""
        self._driver = driver
        self._connection = connection
        self.unreadable = 0

    def note(self) -> Head | None:
        """The log's own note of its end, None where it is missing, damaged or cannot be read."""
        try:
            return rows.noted_head(self._connection)
        except self._driver.errors:
            return None

    def rows(self, table: str, columns: str) -> Iterator[Row]:
        """Yield the rows that can be read, in the order of their rowid."""
        for rowid in self._rowids(table):
            try:
                found = list(self._connection.execute(f"SELECT {columns} FROM {table} WHERE rowid = ?", (rowid,)))
            except self._driver.errors:
                found = []
            if not found:
                self.unreadable += 1
            yield from found

    def _rowids(self, table: str) -> list[int]:
        """The rowids that are found from the beginning and, where that breaks off, from the end."""
        # Not through an index: it may be what is damaged.
        found: set[int] = set()
        for order in ("ASC", "DESC"):
            try:
                for (rowid,) in self._connection.execute(f"SELECT rowid FROM {table} NOT INDEXED ORDER BY 1 {order}"):
                    if isinstance(rowid, int):
                        found.add(rowid)
                break
            except self._driver.errors:
                continue
        return sorted(found)


class Rescue:
    """Copies from a damaged log to an empty one: what is proven stays in the log, the rest goes to the quarantine.

    Attributes:
        salvage: Where the rows come from.
        kept: The end of the new log.
        batches_aside: So many batches were set aside.
        events_aside: So many events they claim to hold, as far as that can be.
        results_aside: So many results were set aside, as they came with those batches.
    """

    def __init__(self, salvage: Salvage, new: Connection, found: VerifyReport, snapshot: Snapshot | None) -> None:
        """Copy to ``new``, which has empty tables and an open transaction.

        Args:
            salvage: Where the rows come from.
            new: Where they go.
            found: What verifying the old log said.
            snapshot: The one that recovery starts from, if any. Where it lies beyond damage, the batches between the
                two stay where they are: nobody needs them, and nothing can take their place.
        """
        self.salvage = salvage
        self.kept = EMPTY
        self.batches_aside = 0
        self.events_aside = 0
        self.results_aside = 0
        self._new = new
        self._reason = found.reason or ""
        self._repair = datetime.now(UTC).isoformat(timespec="seconds")
        self._beyond = snapshot if found.snapshot_beyond_damage else None
        self._hole_seq = found.first_bad_seq or 0

    def note(self) -> Head | None:
        """Where the old log says that it ends."""
        return self.salvage.note()

    def copy_batches(self) -> None:
        """Copy the batches that stay, and set the others aside."""
        seq, chain, beyond = 1, GENESIS, self._beyond
        for row in self.salvage.rows("batches", _BATCH):
            batch = rows.to_batch(row)
            if beyond is not None and seq <= beyond.seq < batch.first_seq:
                seq, chain = beyond.seq + 1, beyond.chain
            proven = flaw(batch, seq, chain) is None
            if proven:
                seq, chain = batch.last_seq + 1, batch.chain
                self.kept = Head(batch.last_seq, batch.at_us, batch.chain)
            if proven or (beyond is not None and self._hole_seq <= batch.first_seq <= beyond.seq):
                self._insert("batches", _BATCH, row)
            else:
                self._set_aside(batch)
        if beyond is not None and beyond.seq > self.kept.seq:
            self.kept = Head(beyond.seq, beyond.at_us, beyond.chain)
        note = (self.kept.seq, self.kept.at_us, self.kept.chain, ~self.kept.seq)
        self._new.execute("UPDATE head SET seq = ?, at_us = ?, chain = ?, complement = ?", note)

    def copy_rest(self) -> None:
        """Copy the results and snapshots that go with the batches that stay, and what earlier repairs have set aside.

        A result came with the batch that logs the finish of its unit. Where that batch is cut off, the unit runs
        again, and its new result must not meet the old one.
        """
        for row in self.salvage.rows("snapshots", _SNAPSHOT):
            snapshot = rows.snapshot_of(row)
            if snapshot is not None and snapshot.seq <= self.kept.seq:
                self._insert("snapshots", _SNAPSHOT, row)
            else:
                self._insert("quarantined_snapshots", f"repair, {_SNAPSHOT}", (self._repair, *row))
        for row in self.salvage.rows("results", _RESULT):
            if isinstance(row[3], int) and row[3] <= self.kept.seq:
                self._insert("results", _RESULT, row)
            else:
                self._insert("quarantined_results", f"repair, {_RESULT}", (self._repair, *row))
                self.results_aside += 1
        for row in self.salvage.rows("reports", _REPORT):
            if isinstance(row[3], int) and row[3] <= self.kept.seq:  # what is set aside needs no row to find it
                self._insert("reports", _REPORT, row)
        for table, columns in _OTHERS:
            for row in self.salvage.rows(table, columns):
                self._insert(table, columns, row)

    def _set_aside(self, batch: Batch) -> None:
        row = (self._repair, self._reason, batch.first_seq, batch.last_seq, batch.at_us, batch.chain, batch.body)
        self._insert("quarantined", _ASIDE, row)
        self.batches_aside += 1
        if type(batch.last_seq) is int and type(batch.body) is bytes:
            # An event takes at least a byte: a larger number is part of the damage.
            claimed = batch.last_seq - batch.first_seq + 1
            self.events_aside += claimed if 0 < claimed <= len(batch.body) else 0

    def _insert(self, table: str, columns: str, row: Row) -> None:
        # A damaged page may hold a key twice, or a row that breaks a rule of its table: the rest goes on without it.
        marks = ", ".join("?" * len(row))
        list(self._new.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row))
