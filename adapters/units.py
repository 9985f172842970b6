"""What an embedding program handles: leased runs of units, reports of how they ended, the error of one that failed."""

from __future__ import annotations

from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import RESULT_BYTES_MAX
from meted.core.record import record
from meted.core.spec import Spec


@record
class LeasedUnits:
    """A lease to carry out: run its units one after another, in order, and report them.

    Attributes:
        worker_id, lease_id, job_id: Who holds it, which it is, and of which job.
        first, count: The units: ``count`` consecutive indices from ``first``.
        attempt: Which try of these units this is, from 1.
        spec: What the job's user wants run.
        time_limit_us: Stop a unit after so many microseconds, or None.
    """

    worker_id: WorkerId
    lease_id: LeaseId
    job_id: JobId
    first: int
    count: int
    attempt: int
    spec: Spec
    time_limit_us: int | None

    @property
    def indices(self) -> range:
        """The indices of the units, in the order in which to run them."""
        return range(self.first, self.first + self.count)


@record
class Unit:
    """One unit of a lease, as :meth:`meted.adapters.embedded.Pool.run` hands it to the program's function."""

    job_id: JobId
    index: int
    attempt: int
    spec: Spec


@record
class Done:
    """How one unit ended.

    Attributes:
        index: Which.
        run_us: How long it ran, microseconds.
        result: Bytes to keep; of a unit that failed, its error as UTF-8 text. None keeps nothing.
        exit_code: 0 for success.
    """

    index: int
    run_us: int
    result: bytes | None = None
    exit_code: int = 0


def failed(index: int, run_us: int, error: str, exit_code: int = 1) -> Done:
    """Return the report of a unit that failed, with its error (a trace, say) as text.

    Of a text longer than ``RESULT_BYTES_MAX`` only the beginning is kept.
    """
    return Done(index, run_us, error.encode("utf-8", "backslashreplace")[:RESULT_BYTES_MAX], exit_code)


class PoolError(Exception):
    """A pool was used in a way that it cannot be; ``str(error)`` says what to do instead."""


class UnitFailed(Exception):
    """The result of a unit was asked for that has none, as the unit failed or was cancelled.

    Attributes:
        job_id, index: Which unit.
        error: The text that it left behind, or a sentence where it left none.
    """

    def __init__(self, job_id: int, index: int, error: str) -> None:
        super().__init__(f"Unit {index} of job {job_id} has no result: {error}")
        self.job_id = job_id
        self.index = index
        self.error = error
