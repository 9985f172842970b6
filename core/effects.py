"""Effects: what the outside world must now do. They come from committed events only, never while replaying."""

from __future__ import annotations

from .ids import JobId, LeaseId, WorkerId
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


Effect = RunUnits | AskBack | StopUnits | KeepLeases | TellOwner
