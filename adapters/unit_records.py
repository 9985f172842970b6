"""What is known of single units: how each stands, and how its last attempt ended, found through the log's reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from meted.core.decide.jobs import find_job
from meted.core.engine import Sealed
from meted.core.events import UnitsFinished
from meted.core.ids import JobId
from meted.core.schema import decode_events
from meted.core.spans import indices, spans_of
from meted.core.state import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED, Job, State

from .log import Log, Report


class UnitRecord(TypedDict):
    """One unit. What nobody reported is None.

    ``state`` is ``pending``, ``running`` (leased), ``succeeded``, ``failed`` or ``cancelled``. Of one that is pending
    the rest tells of its last attempt, if there was one; of one that is running, which attempt it is, and where.
    """

    unit: int
    state: str
    exit: int | None
    run_us: int | None
    cpu_us: int | None
    peak_bytes: int | None
    attempt: int | None
    worker: int | None
    ended_us: int | None


def report_rows(sealed: Sealed) -> list[Report]:
    """Return the rows by which :func:`unit_records` finds what a batch logs of units."""
    seq = sealed.batch.last_seq
    return [
        Report(row.job_id, seq, row.worker_id, row.lease_id, row.attempt, row.first, row.count)
        for row in sealed.reports
    ]


def unit_records(log: Log, state: State, job_id: int, first: int = 0, limit: int = 1_000) -> list[UnitRecord]:
    """Return what is known of ``limit`` units of a job from ``first`` on, in order.

    Each batch of the log that tells of them is read once. What lies in a batch that is damaged is not known.

    Args:
        log: Where the units were logged.
        state: The state that the job is in; what the log holds behind it is not told.
        job_id: The job.
        first: Index of the first unit.
        limit: How many units at most.

    Raises:
        Refused: There is no such job.
        LogError: The log cannot be read.
    """
    job = find_job(state, job_id)
    first = min(max(first, 0), job.terms.count)
    end = min(first + limit, job.terms.count)
    records = {unit: _blank(job, unit) for unit in range(first, end)}
    for record in _reported(log, job.job_id, first, end, state.seq):
        if record["unit"] in records:
            records[record["unit"]] = record | {"state": records[record["unit"]]["state"]}
    for lease in state.jobs.leases.values():
        if lease.job_id == job.job_id:
            for unit in indices(spans_of(lease.first, ~lease.back & ((1 << lease.count) - 1))):
                if unit in records:
                    blank = _blank(job, unit) | {"state": RUNNING, "attempt": lease.attempt, "worker": lease.worker_id}
                    records[unit] = blank
    return list(records.values())


def was_reported(log: Log, job_id: int, unit: int) -> bool:
    """Whether somebody reported that a unit failed for good; of one that was on too many lost workers nobody did.

    Raises:
        LogError: The log cannot be read.
    """
    for report in log.reports(job_id, unit, 1):
        batch = log.batch_at(report.seq)
        if batch is None:
            return True  # it is damaged, so nothing else can be told
        for event in decode_events(batch.body):
            if isinstance(event, UnitsFinished) and event.lease_id == report.lease_id and unit in dict(event.exits):
                again = indices((run.first, run.count) for run in event.requeued)
                if unit not in again:
                    return True
    return False


def _reported(log: Log, job_id: JobId, first: int, end: int, last_seq: int) -> Iterator[UnitRecord]:
    """Yield the records of all attempts that were reported up to a position, older ones of a unit first."""
    found = (report for report in log.reports(job_id, first, max(end - first, 0)) if report.seq <= last_seq)
    reports = sorted(found, key=lambda report: (report.seq, report.lease_id))
    read_seq, finished = 0, list[UnitsFinished]()
    for report in reports:
        if report.seq != read_seq:
            read_seq, batch = report.seq, log.batch_at(report.seq)
            events = decode_events(batch.body) if batch is not None else []
            finished = [event for event in events if isinstance(event, UnitsFinished)]
        for event in finished:
            if event.lease_id == report.lease_id and event.done[0][0] == report.first:
                yield from _records(event, report)


def _records(event: UnitsFinished, report: Report) -> Iterator[UnitRecord]:
    exits = dict(event.exits)
    for place, unit in enumerate(indices(event.done)):
        yield UnitRecord(
            unit=unit,
            state=PENDING,
            exit=exits.get(unit, 0),
            run_us=event.run_us[place],
            cpu_us=event.cpu_us[place] if event.cpu_us else None,
            peak_bytes=event.peak_bytes[place] if event.peak_bytes else None,
            attempt=report.attempt,
            worker=report.worker_id,
            ended_us=event.at_us,
        )


def _blank(job: Job, unit: int) -> UnitRecord:
    kinds = ((SUCCEEDED, job.succeeded), (FAILED, job.failed), (CANCELLED, job.cancelled))
    state = next((kind for kind, members in kinds if unit in members), PENDING)
    return UnitRecord(
        unit=unit,
        state=state,
        exit=None,
        run_us=None,
        cpu_us=None,
        peak_bytes=None,
        attempt=None,
        worker=None,
        ended_us=None,
    )
