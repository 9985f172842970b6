"""Rows that say which batch holds how units of a job ended, so that a unit's record is found without a search."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.limits import RUN_UNITS_MAX

from .driver import Connection, Value
from .inserts import insert_rows
from .records import Report

_COLUMNS = "job_id, first, lease_id, seq, worker_id, attempt, count"


def insert(connection: Connection, reports: Sequence[Report]) -> None:
    """Write rows; one that is there already stays."""
    values: list[Value] = []
    for report in reports:
        values += (report.job_id, report.first, report.lease_id, report.seq)
        values += (report.worker_id, report.attempt, report.count)
    insert_rows(connection, f"reports ({_COLUMNS})", 7, values, "ON CONFLICT DO NOTHING")


def forget(connection: Connection, job_ids: Sequence[int]) -> None:
    """Delete the rows of these jobs."""
    for job_id in job_ids:
        list(connection.execute("DELETE FROM reports WHERE job_id = ?", (job_id,)))


def load(connection: Connection, job_id: int, first: int, limit: int) -> list[Report]:
    """The reports on any of ``limit`` units from ``first`` on; what a damaged row holds besides numbers is left out."""
    if not list(connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'reports'")):
        return []  # a log of version 1, open for reading only
    select = f"""SELECT {_COLUMNS} FROM reports WHERE job_id = ? AND first > ? AND first < ? AND first + count > ?
        ORDER BY first, lease_id"""
    found = []
    for row in connection.execute(select, (job_id, first - RUN_UNITS_MAX, first + limit, first)):
        numbers = [value for value in row if type(value) is int]
        if len(numbers) == len(row):
            job, start, lease_id, seq, worker_id, attempt, count = numbers
            found.append(Report(job, seq, worker_id, lease_id, attempt, start, count))
    return found
