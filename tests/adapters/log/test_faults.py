"""Full disks and I/O errors: nothing acknowledged is lost, nothing refused is there, and it goes on afterwards."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meted.adapters.log import LogFull, LogIOError, Result, SQLiteLog
from meted.adapters.log.verify import verify
from meted.core.batch import Batch

from .faulty_disk import FAULTS, FaultyDisk
from .helper import batch_after, fill, snapshot_here


def failure_of(log: SQLiteLog, batch: Batch, results: list[Result]) -> LogIOError | None:
    """Append, and return the error if the disk refuses."""
    try:
        log.append(batch, results)
    except LogIOError as error:
        return error
    return None


NAMES = (f"faulty-{number}" for number in itertools.count())


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    """A disk that does not fail yet."""
    made = FaultyDisk(next(NAMES))
    yield made
    made.unregister()


@pytest.mark.parametrize("once", [True, False], ids=["once", "for-a-while"])
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("with_results", [False, True], ids=["plain", "results"])
def test_whatever_operation_fails(tmp_path: Path, disk: FaultyDisk, kind: str, once: bool, with_results: bool) -> None:
    """Let each disk operation of an append fail in turn."""
    results = [Result(1, index, 1, bytes(3_000)) for index in range(5)] if with_results else []
    failures = 0
    for after in itertools.count():
        data = tmp_path / str(after)
        with SQLiteLog.open(data, driver=disk.driver) as log:
            made = fill(log, [2, 3])
            batch = batch_after(log.head, 40)
            disk.fault.arm(FAULTS[kind], after, once)
            error = failure_of(log, batch, results)
            passed = error is None
            if error is not None:
                failures += 1
                assert isinstance(error, LogFull) == (kind == "full")
                assert str(error).startswith(("No space is left for /", "/"))
                assert log.head.seq == 5
                if not once:
                    assert failure_of(log, batch, results) is not None
                disk.fault.disarm()
                assert list(log.read(1)) == made
                assert list(log.results(1)) == []
                log.append(batch, results)
            disk.fault.disarm()
            assert list(log.read(1)) == [*made, batch]
            assert list(log.results(1)) == results
            fill(log, [1])
        assert verify(data).ok
        if passed:
            break
    assert failures >= 2


@pytest.mark.parametrize("kind", FAULTS)
def test_a_snapshot_that_fails_leaves_the_older_ones(tmp_path: Path, disk: FaultyDisk, kind: str) -> None:  # row N42
    with SQLiteLog.open(tmp_path / "data", driver=disk.driver) as log:
        fill(log, [2])
        kept = [snapshot_here(log, b"first")]
        fill(log, [1])
        kept.insert(0, snapshot_here(log, b"second"))
        fill(log, [1])
        disk.fault.arm(FAULTS[kind], 1, once=False)
        with pytest.raises(LogIOError):
            snapshot_here(log, bytes(50_000))
        disk.fault.disarm()
        assert list(log.snapshots()) == kept
        newest = snapshot_here(log, b"third")
        assert list(log.snapshots()) == [newest, kept[0]]
    assert verify(tmp_path / "data").ok


def test_a_log_cannot_be_made_on_a_full_disk(tmp_path: Path, disk: FaultyDisk) -> None:
    disk.fault.arm(FAULTS["full"], 0, once=False)
    with pytest.raises(LogFull):
        SQLiteLog.open(tmp_path / "data", driver=disk.driver)
    disk.fault.disarm()
    with SQLiteLog.open(tmp_path / "data", driver=disk.driver) as log:
        fill(log, [1])


FULL_DISK = """
import resource, signal, sys
from meted.adapters.log import LogIOError, Result, SQLiteLog
from meted.core.batch import seal

def batch(log, size):
    head = log.head
    return seal(head.chain, head.seq + 1, head.seq + 1, head.at_us, bytes(size))

data, large = sys.argv[1], sys.argv[2] == "large"
log = SQLiteLog.open(data)
appended = 0
for _ in range(5):
    log.append(batch(log, 1_000))
    appended += 1
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
failed = 0
for number in range(300):
    before = log.head
    results = [Result(1, number, 1, bytes([number % 256]) * 300_000)] if large else []
    try:
        log.append(batch(log, 10_000), results)
        appended += 1
    except LogIOError as error:
        failed += 1
        assert log.head == before
        assert str(error).count(".") >= 1 and len(str(error).splitlines()) == 1, error
        if failed == 3:
            print(error)
            break
assert failed == 3
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.append(batch(log, 1_000), [Result(2, 0, 1, bytes(300_000))])
assert sum(1 for _ in log.read(1)) == appended + 1 == log.head.seq
assert list(log.results(1)) == [] and log.result(2, 0) is not None
log.close()
"""


@pytest.mark.parametrize("what", ["small", "large"])
def test_a_full_disk_and_back(tmp_path: Path, what: str) -> None:
    """The real SQLite on the real file system, with a limit on the size of files in the place of a full disk."""
    data = tmp_path / "data"
    command = [sys.executable, "-c", FULL_DISK, str(data), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert verify(data).ok
    assert len(list((data / "results").glob("*/*"))) == 1
