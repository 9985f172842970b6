"""Repair: what is proven stays, the rest is set aside, nothing is deleted, and a failure changes nothing."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path

import pytest

from meted.adapters.log import Log, LogDamaged, LogFull, LogHeld, LogMissing, LogUnsafe, Report, Result, SQLiteLog
from meted.adapters.log.backup import backup
from meted.adapters.log.recovery import start_point, tail
from meted.adapters.log.repair import repair
from meted.adapters.log.verify import verify

from .helper import batch_after, fill, new_log, snapshot_here, sql

COUNTS = [2, 1, 5, 3, 1, 4]  # from seq 1, 3, 4, 9, 12, 13 to 16


def test_a_good_log_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    report = repair(data)
    assert (report.changed, report.head.seq, report.copy) == (False, 16, None)
    assert "Nothing is wrong" in report.sentence


def test_damage_without_a_snapshot_beyond_it_is_cut_off(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = new_log(data, COUNTS, snapshot_after=[1])
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, b"small"), Result(1, 1, 1, b"large" * 20_000)])
        snapshot_here(log)
    sql(data, "UPDATE snapshots SET body = x'00' WHERE seq = 17")
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 9")
    report = repair(data)
    assert (report.changed, report.lost_first_seq, report.lost_last_seq) == (True, 9, 17)
    assert (report.quarantined, report.unreadable, report.head.seq) == (4, 0, 8)
    assert report.found.first_bad_seq == 9
    assert "Events 9 to 17 are lost" in report.sentence
    assert "4 batches in the table `quarantined`, 2 results in the table `quarantined_results`" in report.sentence
    assert "meted log repair" not in report.sentence
    assert verify(data).ok
    aside = sql(data, "SELECT first_seq, last_seq, body FROM quarantined ORDER BY first_seq")
    assert [row[0] for row in aside] == [9, 12, 13, 17]
    assert (aside[0][2], aside[1][2]) == (b"\0", made[4].body)
    assert sql(data, "SELECT seq, body FROM quarantined_snapshots") == [(17, b"\0")]
    with SQLiteLog.open(data) as log:
        assert list(log.read(1)) == made[:3]
        snapshot, seq = start_point(log)
        assert (snapshot is not None, seq) == (True, 4)
        fill(log, [3])
        assert list(log.results(1)) == []
    assert verify(data).ok
    assert report.copy is not None
    assert verify(report.copy).first_bad_seq == 9
    assert report.copy.stat().st_mode & 0o777 == 0o600


def test_a_result_whose_finish_is_lost_makes_room_for_that_of_the_next_run(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    large = b"large" * 20_000
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head, 2), [Result(1, 0, 1, b"proven")])
        log.append(batch_after(log.head, 3), [Result(1, 1, 1, b"lost"), Result(1, 2, 1, large)])
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 3")
    report = repair(data)
    assert (report.lost_first_seq, report.quarantined, report.quarantined_results) == (3, 1, 2)
    again = [Result(1, 0, 1, b"late"), Result(1, 1, 2, b"again"), Result(1, 2, 2, b"again as well")]
    with SQLiteLog.open(data) as log:
        assert list(log.results(1)) == [Result(1, 0, 1, b"proven")]
        log.append(batch_after(log.head), again)
        assert list(log.results(1)) == [Result(1, 0, 1, b"proven"), *again[1:]]
        log.append(batch_after(log.head), [Result(2, 0, 1, large)])
        log.append(batch_after(log.head), forget_jobs=[1, 2])
    with SQLiteLog.open(data):
        pass
    assert len(list((data / "results").glob("*/*"))) == 1, "what was set aside is not deleted"
    assert backup(data, copy).large_results == 1
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        select = "SELECT job_id, unit_index, attempt, seq, body FROM quarantined_results ORDER BY unit_index"
        assert connection.execute(select).fetchall() == [(1, 1, 1, 5, b"lost"), (1, 2, 1, 5, large)]
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 3")
    assert repair(data).quarantined_results == 0
    assert sql(data, "SELECT count(*) FROM quarantined_results") == [(2,)], "a second repair keeps it"


def test_damage_before_a_good_snapshot_needs_no_cut(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS, snapshot_after=[3])
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 4")
    before = (data / "log.sqlite3").read_bytes()
    report = repair(data)
    assert (report.changed, report.lost_first_seq, report.head.seq) == (False, None, 16)
    assert "Nothing is lost" in report.sentence
    assert (data / "log.sqlite3").read_bytes() == before


def test_damage_on_both_sides_of_a_snapshot_is_cut_behind_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = new_log(data, COUNTS, snapshot_after=[3])
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 4")
    sql(data, "UPDATE batches SET at_us = 7 WHERE first_seq = 13")
    report = repair(data)
    assert (report.lost_first_seq, report.lost_last_seq, report.head.seq) == (13, 16, 12)
    with SQLiteLog.open(data) as log:
        snapshot, seq = start_point(log)
        assert (snapshot is not None, seq) == (True, 12)
        assert list(tail(log, snapshot)) == [made[4]]
        fill(log, [2])
    assert verify(data).lost_from_seq is None
    assert not repair(data).changed


def test_a_missing_end_is_lost_and_known_to_be(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "DELETE FROM batches WHERE first_seq > 8")
    report = repair(data)
    assert (report.lost_first_seq, report.lost_last_seq, report.quarantined) == (9, 16, 0)
    assert verify(data).ok


def test_only_the_note_of_the_end_is_damaged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "UPDATE head SET seq = 12")
    report = repair(data)
    assert (report.changed, report.lost_first_seq, report.head.seq) == (True, None, 16)
    assert verify(data).ok


def test_a_batch_that_belongs_to_no_place_is_set_aside(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "UPDATE batches SET first_seq = 5 WHERE first_seq = 13")
    report = repair(data)
    assert (report.lost_first_seq, report.lost_last_seq, report.quarantined) == (13, 16, 1)
    assert verify(data).ok


def test_a_lost_range_is_never_larger_than_what_could_have_been(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "DELETE FROM head")
    sql(data, "UPDATE batches SET last_seq = 9223372036854775807 WHERE first_seq = 12")
    report = repair(data)
    assert (report.lost_first_seq, report.lost_last_seq) == (12, 15)


def corrupt_page_of(data: Path, table: str, fraction: float) -> None:
    """Overwrite a page of a table's tree."""
    path = data / "log.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        pages = [
            row[0] for row in connection.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY path", [table])
        ]
    page = pages[int(len(pages) * fraction)]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xee" * 4096)


def has_dbstat() -> bool:
    """Whether this SQLite tells which table a page belongs to."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE temp.pages USING dbstat")
        except sqlite3.OperationalError:
            return False
        return True


needs_dbstat = pytest.mark.skipif(not has_dbstat(), reason="this SQLite was built without dbstat")


@needs_dbstat
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.99])
def test_a_malformed_page_of_batches_is_cut_out(tmp_path: Path, fraction: float) -> None:
    data = tmp_path / "data"
    new_log(data, [40] * 200, snapshot_after=[3])
    corrupt_page_of(data, "batches", fraction)
    with SQLiteLog.open(data) as log:
        assert log.head.seq > 0
    found = verify(data)
    assert found.first_bad_seq is not None
    report = repair(data)
    assert report.changed
    assert report.head.seq == found.last_good_seq
    assert (report.lost_first_seq, report.lost_last_seq) == (found.first_bad_seq, 8_000)
    assert verify(data).ok
    with SQLiteLog.open(data) as log:
        fill(log, [1])


@needs_dbstat
def test_a_malformed_note_of_the_end_is_made_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    corrupt_page_of(data, "head", 0)
    found = verify(data)
    assert (found.first_bad_seq, found.last_good_seq) == (17, 16)
    with SQLiteLog.open(data) as log:
        assert log.head.seq == 16
        with pytest.raises(LogDamaged):
            log.append(batch_after(log.head))
    report = repair(data)
    assert (report.changed, report.lost_first_seq, report.head.seq) == (True, None, 16)
    assert verify(data).ok


@needs_dbstat
def test_a_malformed_page_of_results_costs_only_results(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SQLiteLog.open(data) as log:
        for number in range(20):
            log.append(batch_after(log.head), [Result(number, index, 1, bytes(100)) for index in range(50)])
    corrupt_page_of(data, "results", 0.5)
    found = verify(data)
    assert (found.first_bad_seq, found.ok) == (None, False)
    report = repair(data)
    assert (report.changed, report.lost_first_seq, report.head.seq) == (True, None, 20)
    assert verify(data).ok
    with SQLiteLog.open(data) as log:
        kept = sum(1 for number in range(20) for _ in log.results(number))
    assert 900 <= kept < 1_000


@needs_dbstat
@pytest.mark.parametrize("index", ["results_by_digest", "sqlite_autoindex_results_1"])
def test_a_malformed_index_costs_nothing(tmp_path: Path, index: str) -> None:
    data = tmp_path / "data"
    results = [Result(1, 0, 1, b"large" * 20_000), Result(1, 1, 1, b"small")]
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), results)
    corrupt_page_of(data, index, 0)
    assert not verify(data).ok
    with SQLiteLog.open(data) as log:
        assert log.head.seq == 1
    assert repair(data).unreadable == 0
    assert verify(data).ok
    with SQLiteLog.open(data) as log:
        assert list(log.results(1)) == results


def test_what_is_no_database_cannot_be_repaired(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    (data / "log.sqlite3").write_bytes(b"garbage" * 1_000)
    with pytest.raises(LogUnsafe, match="backup"):
        repair(data)
    assert (data / "log.sqlite3").read_bytes() == b"garbage" * 1_000


@pytest.mark.parametrize("size_bytes", [50, 1_000, 4_096, 9_000])
def test_verify_says_what_repair_will_say_of_a_truncated_file(tmp_path: Path, size_bytes: int) -> None:
    data = tmp_path / "data"
    new_log(data, [40] * 50)
    path = data / "log.sqlite3"
    path.write_bytes(path.read_bytes()[:size_bytes])
    found = verify(data)
    assert found.beyond_repair is not None
    assert "`meted log repair` cannot save it; put a backup in its place." in found.sentence
    with pytest.raises(LogUnsafe, match=r"cannot be saved .* put a backup in its place"):
        repair(data)


def test_what_counts_one_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, [1])
    assert verify(data).sentence == "1 event in 1 batch: all is what was written."
    sql(data, "UPDATE batches SET body = x'00'")
    sentence = repair(data).sentence
    assert sentence.startswith("Event 1 is lost, and what can still be read of it was set aside (1 batch in ")


@pytest.mark.parametrize("change", ["missing", "changed"])
def test_the_files_of_large_results_are_verified(tmp_path: Path, change: str) -> None:
    data = tmp_path / "data"
    bodies = [b"1" * 100_000, b"2" * 100_000]
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, index, 1, body) for index, body in enumerate(bodies)])
        log.append(batch_after(log.head), [Result(3, 0, 1, bodies[1])])
    digest = hashlib.sha256(bodies[1]).hexdigest()
    path = data / "results" / digest[:2] / digest[2:]
    path.unlink() if change == "missing" else path.write_bytes(b"3" + bodies[1][1:])
    found = verify(data)
    assert (found.ok, found.first_bad_seq, found.flaws, found.damaged_results) == (False, None, (), 2)
    assert "2 large results are missing or changed. The result of unit 1 of job 1 is lost" in found.sentence
    report = repair(data)
    assert not report.changed
    assert "No repair can bring back a result" in report.sentence


def test_a_log_in_use_is_not_repaired(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SQLiteLog.open(data) as log:
        fill(log, COUNTS)
        with pytest.raises(LogHeld):
            repair(data)
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 9")
    with SQLiteLog.open(data, read_only=True), pytest.raises(LogHeld):
        repair(data)
    assert repair(data).changed


def test_there_must_be_a_log(tmp_path: Path) -> None:
    with pytest.raises(LogMissing):
        repair(tmp_path / "data")


def test_a_second_repair_keeps_the_quarantine_of_the_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    for start in (13, 9):
        sql(data, f"UPDATE batches SET body = x'00' WHERE first_seq = {start}")
        assert repair(data).changed
    assert [row[0] for row in sql(data, "SELECT first_seq FROM quarantined ORDER BY rowid")] == [9, 12, 13]
    assert len(list(data.glob("log.sqlite3.before-repair-*"))) == 2


def test_the_loss_is_noted_before_the_repaired_log_is_used(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 9")
    before = (data / "log.sqlite3").read_bytes()
    noted: list[tuple[int, int]] = []

    def note(log: Log, first: int, last: int) -> None:
        assert (data / "log.sqlite3").read_bytes() == before
        noted.append((first, last))
        log.append(batch_after(log.head))

    report = repair(data, note)
    assert noted == [(9, 16)]
    assert report.head.seq == 9
    assert verify(data).last_good_seq == 9
    assert "repairing" not in str(list(data.iterdir()))


def test_a_repair_that_fails_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    new_log(data, COUNTS)
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 9")
    before = (data / "log.sqlite3").read_bytes()

    def fail(_log: Log, _first: int, _last: int) -> None:
        raise LogFull("no space")

    with pytest.raises(LogFull):
        repair(data, fail)
    assert (data / "log.sqlite3").read_bytes() == before
    assert sorted(path.name for path in data.iterdir()) == ["lock", "log.sqlite3"]


def test_reports_of_batches_that_stay_stay(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head, 2), reports=[Report(1, 2, 1, 1, 1, 0, 1)])
        log.append(batch_after(log.head, 3), reports=[Report(1, 5, 1, 2, 1, 1, 1)])
    backup(data, copy)
    with SQLiteLog.open_file(copy) as log:
        assert [report.seq for report in log.reports(1)] == [2, 5]
    sql(data, "UPDATE batches SET body = x'00' WHERE first_seq = 3")
    with SQLiteLog.open(data, read_only=True) as log:
        assert log.batch_at(5) is None
    repair(data)
    with SQLiteLog.open(data) as log:
        assert [report.seq for report in log.reports(1)] == [2]
