"""Effects: what the outside world must now do. They come from committed events only, never while replaying."""

from __future__ import annotations

from .ids import DomainId, JobId, LeaseId, LoanId, WorkerId
from .record import record


@record
class RunUnits:
    """Send a lease to its worker."""

    worker_id: WorkerId
    lease_id: LeaseId
    job_id: JobId
    first: int
    count: int
    attempt: int
    spec_digest: bytes
    time_limit_us: int | None


@record
class AskBack:
    """Ask a worker for what it has not started of a lease."""

    worker_id: WorkerId
    lease_id: LeaseId


@record
class StopUnits:
    """Tell a worker to give back what it has not started of a lease and to kill what it has."""

    worker_id: WorkerId
    lease_id: LeaseId


@record
class KeepLeases:
    """Tell a worker that came back which leases are still its own; it kills and forgets whatever else it holds."""

    worker_id: WorkerId
    lease_ids: tuple[LeaseId, ...]


@record
class TellOwner:
    """Tell whoever waits for a job that it ended."""

    job_id: JobId
    outcome: str


@record
class TellLoan:
    """Tell lender and borrower what became of a loan.

    Attributes:
        loan_id: The loan, or None if none was made.
        borrower: Whom it is or was for; None if there is no such domain.
        what: ``started``, ``recalled``, ``ended`` or ``refused``.
        reason: Why it ended or was refused; else empty.
    """

    loan_id: LoanId | None
    lender: DomainId
    borrower: DomainId | None
    what: str
    reason: str


Effect = RunUnits | AskBack | StopUnits | KeepLeases | TellOwner | TellLoan
