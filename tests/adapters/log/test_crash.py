"""Crashes: a process killed at any moment, and a write-ahead log of which only a part reached the disk."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.log import Result, SQLiteLog
from meted.adapters.log.verify import verify

from .helper import batch_after, fill

APPENDER = """
import sys
from meted.adapters.log import Result, Snapshot, SQLiteLog
from meted.core.batch import seal
log = SQLiteLog.open(sys.argv[1])
while True:
    head = log.head
    seq = head.seq + 1
    body = b"%d" % seq * (20_000 if seq % 10 == 0 else 1)
    results = [Result(seq % 50, seq, 1, body)]
    forget = [seq % 50 + 1] if seq % 7 == 0 else []
    log.append(seal(head.chain, seq, seq, head.at_us, b"body %d" % seq), results, forget)
    print(seq, flush=True)
    if seq % 20 == 0:
        log.save_snapshot(Snapshot(seq, log.head.at_us, log.head.chain, 1, b"s" * 10_000))
"""


def expected_results(last_seq: int) -> dict[tuple[int, int], bytes]:
    """What the appender has left behind after ``last_seq`` appends."""
    kept: dict[tuple[int, int], bytes] = {}
    for seq in range(1, last_seq + 1):
        kept[seq % 50, seq] = b"%d" % seq * (20_000 if seq % 10 == 0 else 1)
        if seq % 7 == 0:
            kept = {key: body for key, body in kept.items() if key[0] != seq % 50 + 1}
    return kept


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    dice = random.Random(1)
    for _ in range(8):
        command = [sys.executable, "-c", APPENDER, str(data)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as appender:
            assert appender.stdout is not None
            for _ in range(dice.randrange(1, 60)):
                appender.stdout.readline()
            appender.kill()
            acknowledged = [int(line) for line in appender.stdout.read().splitlines() if line]
        with SQLiteLog.open(data) as log:
            assert log.head.seq >= max(acknowledged, default=1)
            assert [batch.body for batch in log.read(1)] == [b"body %d" % seq for seq in range(1, log.head.seq + 1)]
            found = {(job, result.index): result.body for job in range(51) for result in log.results(job)}
            assert found == expected_results(log.head.seq)
            files = set((data / "results").glob("*/*"))
            assert len(files) == len({body for body in found.values() if len(body) > 65_536})
        assert verify(data).ok


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as it is on the disk while a server runs: most of the log is in the write-ahead log."""
    data = tmp_path_factory.mktemp("torn") / "data"
    copy = data.with_name("copy")
    with SQLiteLog.open(data) as log:
        fill(log, [2])
        log.append(batch_after(log.head, 3), [Result(1, 0, 1, b"r")])
        fill(log, [1, 4, 2])
        shutil.copytree(data, copy)
    return copy


@given(share=st.floats(0, 1))
def test_any_part_of_the_write_ahead_log_is_a_prefix_of_the_log(
    torn: Path, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    data = tmp_path_factory.mktemp("cut") / "data"
    shutil.copytree(torn, data)
    (data / "log.sqlite3-shm").unlink(missing_ok=True)
    journal = data / "log.sqlite3-wal"
    size = journal.stat().st_size
    with journal.open("r+b") as file:
        file.truncate(round(size * share))
    with SQLiteLog.open(data) as log:
        ends = [batch.last_seq for batch in log.read(1)]
        assert ends == [2, 5, 6, 10, 12][: len(ends)]
        assert (log.result(1, 0) is not None) == (len(ends) >= 2)
        assert verify(log).ok
        fill(log, [1])
    assert verify(data).ok
    shutil.rmtree(data.parent)
