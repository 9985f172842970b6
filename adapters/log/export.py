"""The log as plain tables, for any tool that speaks SQL."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from meted.core.batch import Batch
from meted.core.record import record

from .contract import Log
from .driver import STANDARD, connect, explain
from .errors import LogDamaged
from .files import draft_of
from .show import Entry, Plain, entries, iso_time, plain
from .verify import Progress

_TABLES = """
CREATE TABLE batches (
    first_seq INTEGER PRIMARY KEY, last_seq INTEGER, at_us INTEGER, at_iso TEXT, bytes INTEGER, chain TEXT);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at_us INTEGER, at_iso TEXT, tag TEXT, version INTEGER, fields TEXT);
CREATE INDEX events_by_tag ON events (tag, seq);
CREATE TABLE about (complete INTEGER, last_seq INTEGER, damage TEXT);
"""
_OURS = ("seq", "at_us", "at_iso")


@record
class ExportReport:
    """What was exported.

    Attributes:
        batches: How many batches.
        events: How many events.
        tables: The names of the tables that hold the events of one tag each.
        damage: Why the export ends before the log does, None where it is complete.
    """

    batches: int
    events: int
    tables: tuple[str, ...]
    damage: str | None


class _Tables:
    """One table a tag, with a column for each field that an event of this tag was ever seen to have."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, dict[str, str]] = {}
        self._names: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The tables made so far, in alphabetical order."""
        return tuple(sorted(self._names.values()))

    def insert(self, entry: Entry) -> None:
        """Write one event to the table of its tag."""
        name = self._names.get(entry.tag) or self._make(entry.tag)
        columns = self._columns[entry.tag]
        for field in entry.fields:
            if field not in columns:
                columns[field] = _unlike(field, (*_OURS, *columns.values()))
                self._connection.execute(f"ALTER TABLE {_quoted(name)} ADD COLUMN {_quoted(columns[field])}")
        row = (entry.seq, entry.at_us, iso_time(entry.at_us), *map(_column, entry.fields.values()))
        into = ", ".join(map(_quoted, (*_OURS, *(columns[field] for field in entry.fields))))
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {_quoted(name)} ({into}) VALUES ({marks})", row)

    def _make(self, tag: str) -> str:
        name = self._names[tag] = _unlike(tag, ("batches", "events", "about", *self._names.values()))
        self._columns[tag] = {}
        self._connection.execute(f"CREATE TABLE {_quoted(name)} (seq INTEGER PRIMARY KEY, at_us INTEGER, at_iso TEXT)")
        return name


def export_sqlite(log: Log, target: Path | str, progress: Progress | None = None) -> ExportReport:
    """Write a log to an SQLite file of plain tables.

    ``batches`` has a row a batch, ``events`` a row an event with its fields as JSON, and each tag has a table of its
    own name with one column a field. Bytes are hexadecimal text, integers beyond 64 bits text, nested values JSON.
    Where the log is damaged the export ends there, and the row of ``about`` says so.

    Args:
        log: Where to read.
        target: A file that is not there yet; it gets mode 0600.
        progress: Is told the seq that was reached, and the last one.

    Raises:
        LogUnsafe: The target is there already.
        LogFull: No space is left for it.
        LogIOError: The operating system refused.
    """
    target = Path(target)
    with draft_of(target) as draft, contextlib.closing(connect(draft, False)) as connection:
        try:
            connection.executescript(_TABLES)
            connection.execute("BEGIN")
            report = _fill(log, connection, progress)
            about = (report.damage is None, report.events, report.damage)
            connection.execute("INSERT INTO about VALUES (?, ?, ?)", about)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise explain(STANDARD, error, target, "written", 1) from error
    return report


def _fill(log: Log, connection: sqlite3.Connection, progress: Progress | None) -> ExportReport:
    tables = _Tables(connection)
    batches = events = 0
    end = log.head.seq
    try:
        for batch in log.read(1):
            found = entries(batch)
            _insert(connection, tables, batch, found)
            batches += 1
            events += len(found)
            if progress is not None:
                progress(batch.last_seq, end)
    except LogDamaged as damage:
        return ExportReport(batches, events, tables.names, str(damage))
    return ExportReport(batches, events, tables.names, None)


def _insert(connection: sqlite3.Connection, tables: _Tables, batch: Batch, found: Iterable[Entry]) -> None:
    at_iso = iso_time(batch.at_us)
    row = (batch.first_seq, batch.last_seq, batch.at_us, at_iso, len(batch.body), batch.chain.hex())
    connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", row)
    for entry in found:
        fields = json.dumps(plain(entry.fields), ensure_ascii=False)
        event = (entry.seq, entry.at_us, at_iso, entry.tag, entry.version, fields)
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", event)
        tables.insert(entry)


def _column(value: object) -> str | int | None:
    """A field's value as one column can hold it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    simple: Plain = plain(value)
    return simple if simple is None or isinstance(simple, str | int) else json.dumps(simple, ensure_ascii=False)


def _unlike(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores behind it until it is none of those taken; SQL does not tell case apart."""
    lowered = {other.lower() for other in taken}
    while name.lower() in lowered or name.lower().startswith("sqlite_"):
        name = f"{name}_" if name.lower() in lowered else f"_{name}"
    return name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
