"""Damage: whatever is changed behind the log's back is found, said in a sentence, and never a traceback."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meted.adapters.log import LogDamaged, LogError, MemoryLog, SQLiteLog
from meted.adapters.log.recovery import start_point, tail
from meted.adapters.log.repair import repair
from meted.adapters.log.verify import verify
from meted.core.batch import GENESIS

from .helper import Value, batch_after, fill, flipped, new_log, snapshot_here, sql

COUNTS = [2, 1, 5, 3, 1, 4]
STARTS = [1, 3, 4, 9, 12, 13]
END = sum(COUNTS)

Factory = pytest.TempPathFactory


@pytest.fixture(scope="module")
def good(tmp_path_factory: Factory) -> Path:
    """A log of six batches in a closed file."""
    data = tmp_path_factory.mktemp("good") / "data"
    new_log(data, COUNTS)
    return data


@pytest.fixture
def damaged(good: Path, tmp_path: Path) -> Path:
    """A copy of it for a test to damage."""
    return shutil.copytree(good, tmp_path / "data")


@given(
    row=st.integers(0, len(COUNTS) - 1),
    column=st.sampled_from(["first_seq", "last_seq", "at_us", "body", "chain"]),
    place=st.integers(0, 200),
    mask=st.integers(1, 255),
)
def test_any_flipped_byte_of_a_batch_is_found(
    good: Path, tmp_path_factory: Factory, row: int, column: str, place: int, mask: int
) -> None:
    data = tmp_path_factory.mktemp("flip") / "data"
    shutil.copytree(good, data)
    try:
        start = STARTS[row]
        value = sql(data, f"SELECT {column} FROM batches WHERE first_seq = ?", [start])[0][0]
        try:
            sql(data, f"UPDATE batches SET {column} = ? WHERE first_seq = ?", [flipped(value, place, mask), start])
        except sqlite3.IntegrityError:
            assume(False)  # two rows cannot have one key
        report = verify(data)
        assert not report.ok
        assert report.first_bad_seq == report.lost_from_seq == start
        assert report.last_good_seq == start - 1
        assert (report.batches, report.events) == (row, start - 1)
        with SQLiteLog.open(data) as log, pytest.raises(LogDamaged) as found:
            list(log.read(1))
        assert found.value.seq == start
    finally:
        shutil.rmtree(data.parent)


@pytest.mark.parametrize("column", ["first_seq", "last_seq", "at_us", "body", "chain"])
@pytest.mark.parametrize("value", [None, "text", b"", -1, 1.5])
def test_values_of_a_wrong_type_are_found(damaged: Path, column: str, value: Value) -> None:
    try:
        sql(damaged, f"UPDATE batches SET {column} = ? WHERE first_seq = 4", [value])
    except sqlite3.IntegrityError:
        return  # SQLite itself keeps it out
    report = verify(damaged)
    assert report.first_bad_seq == 4


@pytest.mark.parametrize("row", range(len(COUNTS)))
def test_a_missing_batch_is_found(damaged: Path, row: int) -> None:
    sql(damaged, "DELETE FROM batches WHERE first_seq = ?", [STARTS[row]])
    assert verify(damaged).first_bad_seq == STARTS[row]


@pytest.mark.parametrize("count", range(1, len(COUNTS) + 1))
def test_a_missing_end_is_found(damaged: Path, count: int) -> None:
    start = STARTS[-count]
    sql(damaged, "DELETE FROM batches WHERE first_seq >= ?", [start])
    report = verify(damaged)
    assert (report.first_bad_seq, report.last_good_seq) == (start, start - 1)
    assert report.reason is not None
    assert f"should go on to seq {END}" in report.reason


def test_batches_in_another_order_are_found(damaged: Path) -> None:
    sql(damaged, "UPDATE batches SET first_seq = -first_seq WHERE first_seq IN (9, 12)")
    sql(damaged, "UPDATE batches SET first_seq = 21 + first_seq WHERE first_seq < 0")
    assert verify(damaged).first_bad_seq == 9


def test_an_inserted_batch_is_found(damaged: Path) -> None:
    with SQLiteLog.open(damaged, read_only=True) as log:
        batch = batch_after(log.head, 1)
    row: list[Value] = [batch.first_seq, batch.last_seq, batch.at_us, bytes(32), batch.body]
    sql(damaged, "INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
    assert verify(damaged).first_bad_seq == END + 1


def test_a_batch_put_where_it_belongs_to_no_place_is_found(damaged: Path) -> None:
    row: list[Value] = [2, 2, 0, bytes(32), b""]
    sql(damaged, "DROP TRIGGER note_head")
    sql(damaged, "INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
    report = verify(damaged)
    assert (report.first_bad_seq, report.batches) == (END + 1, len(COUNTS))
    assert report.reason is not None
    assert "no place" in report.reason


@given(column=st.sampled_from(["seq", "chain", "complement"]), place=st.integers(0, 40), mask=st.integers(1, 255))
def test_a_damaged_note_of_the_end_is_found(
    good: Path, tmp_path_factory: Factory, column: str, place: int, mask: int
) -> None:
    data = tmp_path_factory.mktemp("note") / "data"
    shutil.copytree(good, data)
    value = sql(data, f"SELECT {column} FROM head")[0][0]
    sql(data, f"UPDATE head SET {column} = ?", [flipped(value, place, mask)])
    report = verify(data)
    assert (report.first_bad_seq, report.last_good_seq) == (END + 1, END)
    shutil.rmtree(data.parent)


def test_a_missing_note_of_the_end_is_found(damaged: Path) -> None:
    sql(damaged, "DELETE FROM head")
    assert verify(damaged).first_bad_seq == END + 1


def test_nothing_is_appended_to_a_damaged_end(damaged: Path) -> None:
    sql(damaged, "UPDATE batches SET body = x'00' WHERE first_seq = 13")
    with SQLiteLog.open(damaged) as log:
        assert log.head.seq == END
        with pytest.raises(LogDamaged, match="meted log repair"):
            log.append(batch_after(log.head))
        with pytest.raises(LogDamaged):
            list(log.read(1))


def test_a_batch_that_was_rewritten_with_its_own_chain_value_is_found(damaged: Path) -> None:
    """Somebody who changes a batch and computes its chain value anew is betrayed by the next one."""
    with SQLiteLog.open(damaged, read_only=True) as log:
        first, second, *_ = log.read(1)
    forged = MemoryLog()
    forged.append(first)
    batch = batch_after(forged.head, second.last_seq - second.first_seq + 1, "other")
    sql(
        damaged,
        "UPDATE batches SET body = ?, chain = ?, at_us = ? WHERE first_seq = 3",
        [batch.body, batch.chain, batch.at_us],
    )
    assert verify(damaged).first_bad_seq == 4


def test_damage_in_memory_is_found() -> None:
    log = MemoryLog()
    made = fill(log, [1, 2, 3])
    log._batches[1] = batch_after(MemoryLog().head, 2)
    report = verify(log)
    assert (report.first_bad_seq, report.events) == (2, 1)
    log._batches[1] = made[1]
    assert verify(log).ok


@pytest.mark.parametrize("column", ["seq", "at_us", "chain", "schema", "body", "sha256"])
def test_a_snapshot_that_is_not_what_was_written_is_passed_over(tmp_path: Path, column: str) -> None:
    new_log(tmp_path / "data", COUNTS, snapshot_after=[1, 3])
    data = tmp_path / "data"
    value = sql(data, f"SELECT {column} FROM snapshots WHERE seq = 11")[0][0]
    sql(data, f"UPDATE snapshots SET {column} = ? WHERE seq = 11", [flipped(value, 0, 1)])
    with SQLiteLog.open(data) as log:
        snapshot, seq = start_point(log)
        assert snapshot is not None
        assert (snapshot.body, seq) == (b"state 1", 4)
        assert len(list(tail(log, snapshot))) == 4
    report = verify(data)
    assert report.first_bad_seq is None
    assert not report.ok
    assert "snapshot" in report.flaws[0]


def test_recovery_starts_beyond_the_damage(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS, snapshot_after=[3])
    for column, start in (("body", 3), ("chain", 9), ("body", 9)):
        sql(data, f"UPDATE batches SET {column} = x'aa' WHERE first_seq = {start}")
        report = verify(data)
        assert (report.first_bad_seq, report.snapshot_beyond_damage, report.lost_from_seq) == (3, True, None)
        with SQLiteLog.open(data) as log:
            snapshot, seq = start_point(log)
            assert (snapshot is not None, seq) == (True, 12)
            assert [batch.first_seq for batch in tail(log, snapshot)] == [12, 13]
            log.append(batch_after(log.head))
        sql(data, f"DELETE FROM batches WHERE first_seq = {END + 1}")
        last = "(SELECT at_us, chain FROM batches WHERE first_seq = 13)"
        sql(data, f"UPDATE head SET seq = 16, complement = ~16, (at_us, chain) = {last}")


def test_a_snapshot_vouches_for_an_end_that_is_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS, snapshot_after=[5])
    sql(data, "DELETE FROM batches WHERE first_seq > 8")
    with SQLiteLog.open(data) as log:
        snapshot, seq = start_point(log)
        assert (snapshot is not None, seq) == (True, END + 1)
        assert list(tail(log, snapshot)) == []
        fill(log, [2])
        assert start_point(log) == (snapshot, END + 1)
        assert len(list(tail(log, snapshot))) == 1
    report = verify(data)
    assert (report.first_bad_seq, report.lost_from_seq) == (9, None)


def test_a_snapshot_of_another_history_is_passed_over(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    new_log(data, COUNTS)
    with SQLiteLog.open(other) as log:
        log.append(batch_after(log.head, 3, "other"))
        foreign = snapshot_here(log)
    with SQLiteLog.open(data) as log:
        row = sql(other, "SELECT seq, at_us, chain, schema, sha256, body FROM snapshots")[0]
        sql(data, "INSERT INTO snapshots (seq, at_us, chain, schema, sha256, body) VALUES (?, ?, ?, ?, ?, ?)", row)
        assert list(log.snapshots()) == [foreign]
        assert start_point(log) == (None, 1)


@given(place=st.integers(0, 2**20), length=st.integers(1, 600), mask=st.integers(1, 255))
def test_malformed_pages_are_reported_and_never_a_traceback(
    good: Path, tmp_path_factory: Factory, place: int, length: int, mask: int
) -> None:
    data = tmp_path_factory.mktemp("pages") / "data"
    shutil.copytree(good, data)
    try:
        path = data / "log.sqlite3"
        content = bytearray(path.read_bytes())
        for offset in range(place % len(content), min(place % len(content) + length, len(content))):
            content[offset] ^= mask
        path.write_bytes(content)
        with contextlib.suppress(LogError):  # that is a sentence; anything else fails the test
            report = verify(data)
            assert report.sentence
            with SQLiteLog.open(good, read_only=True) as untouched:
                expected = list(untouched.read(1))
            # Unused parts of the file may change unseen, but what is read as good is good.
            assert report.chain == (expected[report.batches - 1].chain if report.batches else GENESIS)
            with SQLiteLog.open(data, read_only=True) as log:
                for batch, original in zip(log.read(1), expected, strict=False):
                    assert batch == original
            repaired = repair(data)
            assert repaired.head.seq == (report.last_good_seq if repaired.changed else END)
            assert verify(data).ok
    finally:
        shutil.rmtree(data.parent)


def test_a_file_that_is_no_database_is_damage(damaged: Path) -> None:
    (damaged / "log.sqlite3").write_bytes(b"garbage" * 1_000)
    report = verify(damaged)
    assert (report.first_bad_seq, report.lost_from_seq, report.batches) == (1, 1, 0)
    assert "not a database" in report.sentence
