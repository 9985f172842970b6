"""The SQLite store: its file, its directory, its one writer, its readers and its large results."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meted.adapters.log import (
    CreditRefusal,
    LogClosed,
    LogError,
    LogHeld,
    LogMissing,
    LogTooNew,
    LogUnsafe,
    Report,
    Result,
    ResultDamaged,
    SQLiteLog,
)
from meted.adapters.log.results import INLINE_RESULT_BYTES
from meted.adapters.log.tables import APPLICATION_ID, SCHEMA_VERSION

from .helper import batch_after, fill, new_log, sql

HOLDER = """
import sys
from meted.adapters.log import SQLiteLog
log = SQLiteLog.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_log_outlives_its_process(tmp_path: Path) -> None:  # row N38
    made = new_log(tmp_path / "data", [3, 1, 4])
    with SQLiteLog.open(tmp_path / "data") as log:
        assert list(log.read(1)) == made
        made += fill(log, [5])
    with SQLiteLog.open(tmp_path / "data") as log:
        assert list(log.read(1)) == made


def test_the_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    new_log(tmp_path / "deep" / "data", [1])
    assert mode(tmp_path / "deep" / "data") == 0o700
    assert mode(tmp_path / "deep" / "data" / "log.sqlite3") == 0o600


def test_an_empty_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    new_log(tmp_path / "data", [1])
    assert mode(tmp_path / "data") == 0o700


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o777])
def test_a_directory_that_others_use_is_refused_and_left_alone(tmp_path: Path, bits: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "letter").write_text("not ours")
    data.chmod(bits)
    with pytest.raises(LogUnsafe, match="chmod 700"):
        SQLiteLog.open(data)
    assert mode(data) == bits
    assert [path.name for path in data.iterdir()] == ["letter"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(LogError):
        SQLiteLog.open(tmp_path / "data")


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("left", ["log.sqlite3-wal", "results/0123"])
def test_a_log_that_was_lost_is_not_taken_for_a_new_one(tmp_path: Path, left: str, gone: bool) -> None:
    new_log(tmp_path / "data", [1])
    (path := tmp_path / "data" / "log.sqlite3").write_bytes(b"")
    if gone:
        path.unlink()
    (beside := tmp_path / "data" / left).parent.mkdir(exist_ok=True)
    beside.write_bytes(b"acknowledged")
    with pytest.raises(LogUnsafe, match=f"is {'gone' if gone else 'empty'}, and .* belongs to a log that was there"):
        SQLiteLog.open(tmp_path / "data")
    assert beside.read_bytes() == b"acknowledged"
    assert path.exists() != gone


@pytest.mark.parametrize("left", ["log.sqlite3", "log.sqlite3-wal"])
def test_a_log_that_was_about_to_be_made_is_made(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"")
    (tmp_path / "results").mkdir()
    tmp_path.chmod(0o700)
    new_log(tmp_path, [1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    os.chown(data, 12_345, 12_345)
    with pytest.raises(LogUnsafe, match="12345"):
        SQLiteLog.open(data)


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:  # row N41
    data = tmp_path / "data"
    command = [sys.executable, "-c", HOLDER, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LogHeld, match=f"process {holder.pid} on {socket.gethostname()} since 20") as refused:
            SQLiteLog.open(data)
        assert (refused.value.pid, refused.value.host) == (holder.pid, socket.gethostname())
        holder.kill()
    # The lock died with its process, and nothing had to be cleared away.
    with SQLiteLog.open(data) as log:
        fill(log, [1])


def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    with SQLiteLog.open(tmp_path / "data"), pytest.raises(LogHeld, match=f"process {os.getpid()}"):
        SQLiteLog.open(tmp_path / "data")
    SQLiteLog.open(tmp_path / "data").close()


def test_an_unreadable_note_in_the_lock_is_no_obstacle(tmp_path: Path) -> None:
    with SQLiteLog.open(tmp_path / "data"):
        (tmp_path / "data" / "lock").write_text("{")
        with pytest.raises(LogHeld, match="held by another process") as refused:
            SQLiteLog.open(tmp_path / "data")
    assert refused.value.pid is None


def test_readers_see_what_is_committed_while_a_writer_writes(tmp_path: Path) -> None:
    with SQLiteLog.open(tmp_path / "data") as writer, SQLiteLog.open(tmp_path / "data", read_only=True) as reader:
        assert reader.head.seq == 0
        made = fill(writer, [1, 2])
        assert reader.head == writer.head
        reading = reader.read(1)
        assert next(reading) == made[0]
        made += fill(writer, [3])
        assert list(reader.read(1)) == made
        with pytest.raises(LogClosed, match="reading only"):
            reader.append(batch_after(reader.head))


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LogMissing, match="no log"):
        SQLiteLog.open(tmp_path / "data", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_marked_as_ours(tmp_path: Path) -> None:
    new_log(tmp_path / "data", [1])
    marks = [
        sql(tmp_path / "data", f"PRAGMA {name}")[0][0] for name in ("application_id", "user_version", "journal_mode")
    ]
    assert marks == [APPLICATION_ID, SCHEMA_VERSION, "wal"]


@pytest.mark.parametrize("read_only", [False, True])
def test_tables_from_the_future_are_refused(tmp_path: Path, read_only: bool) -> None:
    new_log(tmp_path / "data", [1])
    sql(tmp_path / "data", f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = (tmp_path / "data" / "log.sqlite3").read_bytes()
    with pytest.raises(LogTooNew, match=f"version {SCHEMA_VERSION + 1}") as refused:
        SQLiteLog.open(tmp_path / "data", read_only=read_only)
    assert (refused.value.found, refused.value.known) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    assert (tmp_path / "data" / "log.sqlite3").read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_the_database_of_another_program_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    connection = sqlite3.connect(data / "log.sqlite3")
    connection.execute("CREATE TABLE letters (words)")
    connection.close()
    before = (data / "log.sqlite3").read_bytes()
    with pytest.raises(LogUnsafe, match="not a log"):
        SQLiteLog.open(data, read_only=read_only)
    assert (data / "log.sqlite3").read_bytes() == before


def test_another_thread_may_use_it(tmp_path: Path) -> None:
    with SQLiteLog.open(tmp_path / "data") as log:
        thread = threading.Thread(target=fill, args=(log, [1, 2, 3]))
        thread.start()
        thread.join()
        assert log.head.seq == 6


def files_of(data: Path) -> list[str]:
    """The names of the result files, as digests."""
    return sorted(path.parent.name + path.name for path in (data / "results").glob("*/*"))


def as_version_1(data: Path) -> None:
    """Make the tables those that the first version of meted made."""
    for table in ("reports", "credit_accounts", "transfers", "posted", "credit_refusals"):
        sql(data, f"DROP TABLE {table}")
    sql(data, "PRAGMA user_version = 1")


def test_tables_of_version_1_are_read_and_brought_up_to_date(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = new_log(data, [2, 3])
    as_version_1(data)
    with SQLiteLog.open(data, read_only=True) as log:
        assert list(log.read()) == made
        assert list(log.reports(1)) == []
        assert list(log.credit_refusals()) == []
    assert sql(data, "PRAGMA user_version") == [(1,)]
    with SQLiteLog.open(data) as log:
        assert list(log.read()) == made
        log.append(batch_after(log.head), reports=[Report(1, 6, 1, 1, 1, 0, 1)])
        assert len(list(log.reports(1))) == 1
        log.keep_credit_refusals([CreditRefusal(1, "ada", "credit.void", "{}", "unknown_hold", "No.")])
        assert len(list(log.credit_refusals())) == 1
    assert sql(data, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    with SQLiteLog.open(data) as log:
        assert len(list(log.reports(1))) == 1


def test_large_results_are_files_named_by_their_digest(tmp_path: Path) -> None:
    data = tmp_path / "data"
    edge, large = bytes(INLINE_RESULT_BYTES), bytes(INLINE_RESULT_BYTES + 1)
    digest = hashlib.sha256(large).hexdigest()
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, edge), Result(1, 1, 1, large), Result(2, 0, 1, large)])
        assert files_of(data) == [digest]
        assert (data / "results" / digest[:2] / digest[2:]).read_bytes() == large
        assert log.result(1, 1) == Result(1, 1, 1, large)
        log.append(batch_after(log.head), forget_jobs=[1])
        assert files_of(data) == [digest], "another job still needs it"
        log.append(batch_after(log.head), forget_jobs=[2])
        assert files_of(data) == []


def test_a_large_result_that_comes_too_late_leaves_no_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first, second = b"1" * 100_000, b"2" * 100_000
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 2, first)])
        log.append(batch_after(log.head), [Result(1, 0, 1, second)])
        assert files_of(data) == [hashlib.sha256(first).hexdigest()]
        assert log.result(1, 0) == Result(1, 0, 2, first)


def test_a_large_result_that_is_replaced_leaves_no_file_that_nobody_needs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first, second = b"1" * 100_000, b"2" * 100_000
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, first), Result(2, 0, 1, first)])
        log.append(batch_after(log.head), [Result(1, 0, 2, second)])
        assert files_of(data) == sorted(hashlib.sha256(body).hexdigest() for body in (first, second))
        log.append(batch_after(log.head), [Result(2, 0, 3, b"small")])
        assert files_of(data) == [hashlib.sha256(second).hexdigest()]
        log.append(batch_after(log.head), [Result(1, 0, 3, second), Result(1, 0, 4, first), Result(1, 0, 5, second)])
        assert files_of(data) == [hashlib.sha256(second).hexdigest()]
        assert log.result(1, 0) == Result(1, 0, 5, second)


def test_files_without_a_row_go_when_the_log_is_opened(tmp_path: Path) -> None:
    data = tmp_path / "data"
    body = b"3" * 100_000
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, body)])
    (data / "results" / "ab").mkdir()
    (data / "results" / "ab" / "cd.new").write_bytes(b"half")
    (data / "results" / "ab" / ("c" * 62)).write_bytes(b"never committed")
    with SQLiteLog.open(data) as log:
        assert files_of(data) == [hashlib.sha256(body).hexdigest()]
        assert log.result(1, 0) == Result(1, 0, 1, body)


@pytest.mark.parametrize("change", ["missing", "changed"])
def test_a_large_result_that_is_damaged_is_reported_and_can_come_again(tmp_path: Path, change: str) -> None:
    data = tmp_path / "data"
    body = b"4" * 100_000
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head), [Result(1, 0, 1, body), Result(1, 1, 1, b"small")])
        (path,) = (data / "results").glob("*/*")
        path.unlink() if change == "missing" else path.write_bytes(b"5" + body[1:])
        with pytest.raises(ResultDamaged, match="unit 0 of job 1"):
            log.result(1, 0)
        with pytest.raises(ResultDamaged):
            list(log.results(1))
        assert log.result(1, 1) == Result(1, 1, 1, b"small")
        log.append(batch_after(log.head), [Result(2, 0, 1, body)])
        assert log.result(1, 0) == Result(1, 0, 1, body)
