"""The parameters of the methods about units and what they leave behind: one record a method."""

from __future__ import annotations

from meted.core.record import record

from .limits import OUTPUT_KEPT_BYTES, PAGE_ROWS_MAX


@record
class Units:
    """Return a page of a job's units, ascending by index.

    Attributes:
        job: Id of the job.
        first: Index of the first unit of the page.
        limit: Most rows.
    """

    job: int
    first: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class Result:
    """Return what a unit that succeeded has left.

    Attributes:
        job: Id of the job.
        index: Index of the unit.
    """

    job: int
    index: int = 0


@record
class Error:
    """Return why a unit failed.

    Attributes:
        job: Id of the job.
        index: Index of the unit.
    """

    job: int
    index: int = 0


@record
class Output:
    """Return a piece of what a unit has written, also while it runs.

    Attributes:
        job: Id of the job.
        index: Index of the unit.
        stream: `out` or `err`.
        offset: Bytes to pass over.
        limit: Most bytes.
        wait_us: Microseconds to wait for something to be written.
    """

    job: int
    index: int
    stream: str = "out"
    offset: int = 0
    limit: int = OUTPUT_KEPT_BYTES
    wait_us: int = 0
