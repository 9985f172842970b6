"""The record of each unit: how it stands and how its last attempt ended, before and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve as replaced

from meted.adapters.committer import Committer
from meted.adapters.log import Log, MemoryLog, SQLiteLog
from meted.adapters.recovery import read_state
from meted.adapters.unit_records import UnitRecord, unit_records
from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, LeaseUnits, RerunUnits, SubmitJob
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.policy.meted import Meted
from meted.core.resources import Resources

JOB, WORKER = JobId(1), WorkerId(1)


class Shell:
    """An engine on a log."""

    def __init__(self, log: Log) -> None:
        self.log = log
        found = read_state(log)
        self.engine = Engine(Meted(), found.state, found.chain)
        self._committer = Committer(log, self.engine, lambda: 0, lambda _: None, 0)

    def do(self, *commands: object) -> None:
        """Decide some commands in one batch."""
        with self._committer.batch():
            for command in commands:
                self.engine.handle(command)  # type: ignore[arg-type]

    def records(self, first: int = 0, limit: int = 1_000) -> list[UnitRecord]:
        """Return the records of the job's units."""
        return unit_records(self.log, self.engine.state, JOB, first, limit)


@pytest.fixture(params=["memory", "sqlite"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """A job of six units, of which the first four were leased in two runs."""
    shell = Shell(MemoryLog() if request.param == "memory" else SQLiteLog.open(tmp_path / "data"))
    shell.do(
        CreateDomain(0, "d"),
        JoinWorker(0, "w", Resources(8_000)),
        SubmitJob(0, "d", count=6, retries=1),
        LeaseUnits(0, WORKER, JOB, 3),
        LeaseUnits(0, WORKER, JOB, 1),
    )
    return shell


def report(lease: int, first: int, count: int = 1, at_us: int = 5, **more: Any) -> FinishUnits:
    """Return a report of units that took 7 us each."""
    command = FinishUnits(at_us, WORKER, LeaseId(lease), ((first, count),), (7,) * count)
    return replaced(command, **more)


def test_nothing_is_known_before_something_ended(shell: Shell) -> None:
    records = shell.records()
    assert [record["state"] for record in records] == ["running"] * 4 + ["pending"] * 2
    assert [(record["attempt"], record["worker"]) for record in records[3:5]] == [(1, 1), (None, None)]
    assert {record["run_us"] for record in records} == {None}


def test_what_ended_is_known(shell: Shell) -> None:
    shell.do(report(1, 0), report(1, 1, 2, exits=((2, -9),), cpu_us=(3, 4), peak_bytes=(30, 40)), report(2, 3))
    shell.engine = Engine(shell.engine.policy, shell.engine.committed)
    records = shell.records()
    assert [record["state"] for record in records] == ["succeeded", "succeeded", "pending", "succeeded"] + [
        "pending"
    ] * 2
    assert records[2] == UnitRecord(
        unit=2,
        state="pending",
        exit=-9,
        run_us=7,
        cpu_us=4,
        peak_bytes=40,
        attempt=1,
        worker=1,
        ended_us=5,
    )
    assert [(record["exit"], record["cpu_us"], record["run_us"]) for record in records] == [
        (0, None, 7),
        (0, 3, 7),
        (-9, 4, 7),
        (0, None, 7),
        (None, None, None),
        (None, None, None),
    ]
    assert shell.records(2, 1) == records[2:3]
    assert shell.records(4) == records[4:]
    assert shell.records(99) == []


def test_the_newest_attempt_counts(shell: Shell) -> None:
    shell.do(report(1, 0, 3, exits=((0, 1),)))
    shell.do(LeaseUnits(6, WORKER, JOB, 1))
    assert [(record["state"], record["attempt"], record["exit"]) for record in shell.records(0, 1)] == [
        ("running", 2, None)
    ]
    shell.do(report(3, 0, at_us=9, exits=((0, 2),)))
    (record,) = shell.records(0, 1)
    assert (record["state"], record["attempt"], record["exit"], record["ended_us"]) == ("failed", 2, 2, 9)
    shell.do(report(2, 3), LeaseUnits(9, WORKER, JOB, 2))
    shell.do(report(4, 4, 2), RerunUnits(9, JOB), LeaseUnits(9, WORKER, JOB, 1))
    shell.do(report(5, 0, at_us=12))
    (record,) = shell.records(0, 1)
    assert (record["state"], record["attempt"], record["exit"], record["ended_us"]) == ("succeeded", 3, 0, 12)


def test_an_unknown_job_is_refused(shell: Shell) -> None:
    with pytest.raises(Refused) as caught:
        unit_records(shell.log, shell.engine.state, 99)
    assert caught.value.reason is Reason.UNKNOWN_JOB
