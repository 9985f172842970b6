"""Export to plain tables, backup while a server writes, and showing what happened."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meted.adapters.log import LogDamaged, LogError, LogIOError, LogMissing, LogUnsafe, MemoryLog, Result, SQLiteLog
from meted.adapters.log.backup import backup
from meted.adapters.log.export import ExportReport, export_sqlite
from meted.adapters.log.show import Entry, entries, iso_time, plain, show
from meted.adapters.log.verify import verify
from meted.core.batch import seal

from ...packing import pack
from .helper import batch_after, fill, new_log, sql

Fields = dict[str, object]


def log_of(*batches: list[tuple[str, Fields]]) -> MemoryLog:
    """A log of these events, a second between batches."""
    log = MemoryLog()
    for events in batches:
        head = log.head
        body = pack([[tag, 1, fields] for tag, fields in events])
        log.append(seal(head.chain, head.seq + 1, head.seq + len(events), head.at_us + 1_000_000, body))
    return log


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    """The rows of a query."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_events_are_shown_from_a_seq(tmp_path: Path) -> None:
    log = log_of([("born", {"name": "a"}), ("fed", {})], [("fed", {"food": [1, 2]})])
    assert list(show(log, 2)) == [Entry(2, 1_000_000, "fed", 1, {}), Entry(3, 2_000_000, "fed", 1, {"food": (1, 2)})]
    assert len(list(show(log))) == 3
    assert list(show(log, 4)) == []


@pytest.mark.parametrize("body", [b"\xc1", pack(1), pack(["x"]), pack([["tag", 1, {}]] * 3)])
def test_a_batch_that_cannot_be_decoded_is_damage(body: bytes) -> None:
    log = MemoryLog()
    fill(log, [2])
    batch = seal(log.head.chain, 3, 4, log.head.at_us, body)
    log.append(batch)
    with pytest.raises(LogDamaged, match="seq 3"):
        entries(batch)
    assert [entry.seq for entry in itertools.islice(show(log), 2)] == [1, 2]


def test_values_as_json_can_say_them() -> None:
    value = {"a": (b"\xff\0", 2**53, 2**53 + 1, -(2**70), None, True), 5: {"b": ["c"]}}
    assert plain(value) == {
        "a": ["ff00", 2**53, str(2**53 + 1), str(-(2**70)), None, True],
        "5": {"b": ["c"]},
    }
    assert iso_time(1_500_000) == "1970-01-01T00:00:01.500000+00:00"
    assert iso_time(2**62) is None


def test_every_event_is_a_row_of_the_table_of_its_tag(tmp_path: Path) -> None:
    log = log_of(
        [("born", {"name": "a", "key": b"\x01\x02"}), ("fed", {"food": (1, 2), "much": 2**70})],
        [("born", {"name": "b", "twin": True, "weight": 2**60}), ("fed", {})],
    )
    target = tmp_path / "out.sqlite3"
    assert export_sqlite(log, target) == ExportReport(2, 4, ("born", "fed"), None)
    assert query(target, "SELECT seq, at_us, name, key, twin, weight FROM born ORDER BY seq") == [
        (1, 1_000_000, "a", "0102", None, None),
        (3, 2_000_000, "b", None, 1, 2**60),
    ]
    assert query(target, "SELECT seq, food, much FROM fed ORDER BY seq") == [(2, "[1, 2]", str(2**70)), (4, None, None)]
    rows = query(target, "SELECT seq, tag, version, fields FROM events ORDER BY seq")
    assert [row[:3] for row in rows] == [(1, "born", 1), (2, "fed", 1), (3, "born", 1), (4, "fed", 1)]
    assert json.loads(str(rows[1][3])) == {"food": [1, 2], "much": str(2**70)}
    chain = log.head.chain.hex()
    assert query(target, "SELECT first_seq, last_seq, at_iso, chain FROM batches")[1] == (
        3,
        4,
        "1970-01-01T00:00:02.000000+00:00",
        chain,
    )
    assert query(target, "SELECT complete, last_seq, damage FROM about") == [(1, 4, None)]


def test_names_that_are_taken_get_another(tmp_path: Path) -> None:
    fields: Fields = {"seq": 1, "AT_US": 2, 'a"b': 3, "Seq": 4, "": 5}
    log = log_of([("events", fields), ("Events", {}), ("sqlite_thing", {}), ('drop "table"', {})])
    target = tmp_path / "out.sqlite3"
    report = export_sqlite(log, target)
    assert report.damage is None
    assert len(report.tables) == 4
    assert query(target, 'SELECT seq, "seq_", "AT_US_", "a""b", "Seq__", "" FROM events_') == [(1, 1, 2, 3, 4, 5)]
    assert query(target, "SELECT count(*) FROM events") == [(4,)]


def test_an_export_ends_where_the_log_is_damaged(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "out.sqlite3"
    new_log(data, [2, 2, 2])
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 5")
    with SQLiteLog.open(data, read_only=True) as log:
        report = export_sqlite(log, target)
    assert report.events == 4
    assert report.damage is not None
    assert "seq 5" in report.damage
    assert query(target, "SELECT complete, last_seq FROM about") == [(0, 4)]


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "letter"
    new_log(data, [1])
    target.write_text("dear")
    with pytest.raises(LogUnsafe, match="is there already"):
        export_sqlite(MemoryLog(), target)
    with pytest.raises(LogUnsafe, match="is there already"):
        backup(data, target)
    assert target.read_text() == "dear"
    with pytest.raises(LogIOError):
        export_sqlite(MemoryLog(), tmp_path / "nowhere" / "out")


def test_a_backup_is_a_whole_log_in_one_file(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    large = b"large" * 20_000
    with SQLiteLog.open(data) as log:
        made = fill(log, [2, 3])
        log.append(batch_after(log.head), [Result(1, 0, 1, large), Result(1, 1, 1, b"s"), Result(2, 0, 1, large)])
        report = backup(data, copy)
        assert (report.verified.ok, report.verified.events) == (True, 6)
        assert (report.large_results, report.missing_results) == (2, 0)
        fill(log, [1])
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    restored = tmp_path / "restored"
    restored.mkdir(0o700)
    shutil.copyfile(copy, restored / "log.sqlite3")
    with SQLiteLog.open(restored) as log:
        assert list(log.read(1))[:2] == made
        assert log.head.seq == 6
        assert [result.body for result in log.results(1)] == [large, b"s"]
        fill(log, [1])
    assert verify(restored).ok


def test_a_backup_leaves_out_results_whose_file_is_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, b"large" * 20_000), Result(1, 1, 1, b"s")])
    for path in (data / "results").glob("*/*"):
        path.unlink()
    assert backup(data, tmp_path / "copy").missing_results == 1
    with SQLiteLog.open_file(tmp_path / "copy") as copy:
        assert list(copy.results(1)) == [Result(1, 1, 1, b"s")]


def test_a_backup_of_a_damaged_log_is_not_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, [2, 2])
    sql(data, "UPDATE batches SET at_us = 0 WHERE first_seq = 3")
    with pytest.raises(LogDamaged, match="seq 3"):
        backup(data, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    with pytest.raises(LogMissing):
        backup(tmp_path / "nothing", tmp_path / "copy")


FULL_DISK = """
import resource, sys
from meted.adapters.log import LogIOError, SQLiteLog
from meted.adapters.log.backup import backup
from meted.adapters.log.export import export_sqlite

data, target = sys.argv[1:]
with SQLiteLog.open(data, read_only=True) as log:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    for write in (lambda: backup(data, target), lambda: export_sqlite(log, target)):
        try:
            write()
        except LogIOError as error:
            print(error)
"""


def test_a_full_disk_leaves_nothing_of_a_backup_or_an_export(tmp_path: Path) -> None:
    """The real SQLite on the real file system, with a limit on the size of files in the place of a full disk."""
    data, target = tmp_path / "data", tmp_path / "copy"
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, number, 1, bytes(60_000)) for number in range(10)])
        fill(log, [400] * 10)
    (tmp_path / "copy.draft-journal").write_bytes(b"of one that was killed")
    command = [sys.executable, "-c", FULL_DISK, str(data), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [f"{target} (" in line for line in done.stdout.splitlines()] == [True, False], done.stdout
    assert sum(str(target) in line for line in done.stdout.splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize("content", [b"", b"garbage" * 1_000])
def test_what_is_no_log_is_not_backed_up(tmp_path: Path, content: bytes) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    (data / "log.sqlite3").write_bytes(content)
    with pytest.raises(LogError) as refused:
        backup(data, tmp_path / "copy")
    with pytest.raises(LogError) as same:
        SQLiteLog.open(data, read_only=True)
    assert str(refused.value) == str(same.value)
    assert not (tmp_path / "copy").exists()


def test_a_backup_is_consistent_while_a_program_writes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    stop = threading.Event()

    def write() -> None:
        with SQLiteLog.open(data) as log:
            while not stop.is_set():
                log.append(batch_after(log.head, 5), [Result(log.head.seq, 0, 1, bytes(2_000))])

    new_log(data, [50] * 200)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        ends = []
        for number in range(5):
            report = backup(data, tmp_path / f"copy-{number}")
            assert report.verified.ok
            with SQLiteLog.open_file(tmp_path / f"copy-{number}") as copy:
                written = range(10_000, copy.head.seq, 5)
                assert all(copy.result(seq, 0) is not None for seq in written)
            ends.append(report.verified.last_good_seq)
    finally:
        stop.set()
        writer.join()
    assert ends == sorted(ends)
    assert verify(data).ok
