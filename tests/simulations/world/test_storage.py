"""The simulated disk: what was synced stays, what was not may go, and what is torn is found."""

from __future__ import annotations

from random import Random

import attrs
import pytest
import trio
import trio.testing

from meted.adapters.log import LogFull, LogIOError, Snapshot
from meted.adapters.log.records import Head, Report, Result
from meted.core.batch import Batch, seal
from meted.simulations.world.options import FAULTS, draw
from meted.simulations.world.storage import Disk, SimulatedLog


def new_disk(seed: int = 1) -> Disk:
    return Disk(Random(seed), draw(1).without(FAULTS))


def batch_after(head: Head) -> Batch:
    return seal(head.chain, head.seq + 1, head.seq + 2, head.at_us + 1, b"body")


def write(log: SimulatedLog, count: int = 1) -> None:
    """Append batches, durably."""

    async def main() -> None:
        for _ in range(count):
            await log.run(lambda: log.append(batch_after(log.head)))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_what_was_synced_is_there_after_a_crash() -> None:
    disk = new_disk()
    log = SimulatedLog(disk)
    write(log, 3)
    snapshot = Snapshot(log.head.seq, log.head.at_us, log.head.chain, 1, b"state")
    log.save_snapshot(snapshot)
    result, report = Result(1, 2, 3, b"result"), Report(1, 8, 4, 5, 3, 2, 1)
    log.append(batch_after(log.head), [result], [7], [report])
    disk.sync()
    log.cut()
    again = SimulatedLog(disk)
    assert again.head == log.head
    assert list(again.snapshots()) == [snapshot]
    assert again.result(1, 2) == result
    assert list(again.reports(1)) == [report]
    assert [batch.last_seq for batch in again.read()] == [2, 4, 6, 8]


def test_what_was_not_synced_is_there_wholly_or_not_at_all() -> None:
    ends: set[int] = set()
    for seed in range(60):
        disk = new_disk(seed)
        log = SimulatedLog(disk)
        write(log, 2)
        log.append(batch_after(log.head))
        log.append(batch_after(log.head))
        log.cut()
        again = SimulatedLog(disk)
        ends.add(again.head.seq)
        write(again)
        assert SimulatedLog(disk).head == again.head
    assert ends == {4, 6, 8}


def test_a_dead_node_writes_nothing() -> None:
    disk = new_disk()
    log = SimulatedLog(disk)
    log.cut()
    with pytest.raises(LogIOError, match="dead"):
        log.append(batch_after(log.head))
    assert disk.content == b""


def test_a_full_disk_takes_nothing_and_goes_on_later() -> None:
    disk = new_disk()
    log = SimulatedLog(disk)
    write(log)
    disk.is_full = True
    with pytest.raises(LogFull):
        log.append(batch_after(log.head))
    disk.is_full = False
    write(log)
    assert SimulatedLog(disk).head.seq == 4


def test_a_damaged_record_ends_the_log() -> None:
    disk = new_disk()
    write(SimulatedLog(disk), 3)
    content = bytearray(disk.content)
    content[len(content) // 2] ^= 1
    disk.truncate(0)
    disk.write(bytes(content))
    assert SimulatedLog(disk).head.seq == 2


def test_options_can_be_compared() -> None:
    assert attrs.asdict(draw(5)) == attrs.asdict(draw(5))
