"""What may be asked of jobs. Re-exported by :mod:`meted.core.commands`, where more is said."""

from __future__ import annotations

from ..ids import JobId
from ..limits import LOSSES_DEFAULT, RETENTION_US
from ..record import record
from ..resources import Resources
from ..spec import NO_SPEC, Spec

ONE_CPU = Resources(cpu_milli=1000)


@record
class SubmitJob:
    """Accept a job; with ``hold`` it is only prepared and waits for :class:`StartJobs` (row P19).

    It runs once all the jobs in ``after`` have succeeded, and is cancelled when one of them does not (row G36).
    It runs no sooner than ``begin_us`` (row N33); a time that has passed, or None, keeps it from nothing.

    The fields are those of :class:`meted.core.terms.Terms`, with the domain by name and the spec itself.
    """

    at_us: int
    domain: str
    spec: Spec = NO_SPEC
    count: int = 1
    user: str = ""
    name: str = ""
    request: Resources = ONE_CPU
    time_request_us: int | None = None
    time_limit_us: int | None = None
    priority: int = 0
    retries: int = 0
    backoff_us: int = 0
    max_failures: int | None = None
    max_losses: int = LOSSES_DEFAULT
    tags: tuple[tuple[str, str], ...] = ()
    hold: bool = False
    after: tuple[JobId, ...] = ()
    begin_us: int | None = None


@record
class StartJobs:
    """Release prepared jobs; those that were released already are left alone, and those that wait go on waiting.

    What they wait for is other jobs, or the time at which they are to begin.
    """

    at_us: int
    job_ids: tuple[JobId, ...]


@record
class BeginJob:
    """Let a job run whose time has come, if nothing else holds it: what timers say (row N33)."""

    at_us: int
    job_id: JobId


@record
class CancelJobs:
    """Stop jobs and keep their data (rows P21, G06); those that ended or were stopped are left alone."""

    at_us: int
    job_ids: tuple[JobId, ...]


@record
class RerunUnits:
    """Run the failed (and, or, the cancelled) units of an ended job again, in the same job."""

    at_us: int
    job_id: JobId
    failed: bool = True
    cancelled: bool = False


@record
class ChangePriority:
    """Give a job that has not ended another priority (row P09)."""

    at_us: int
    job_id: JobId
    priority: int


@record
class DeleteJob:
    """Remove an ended job and its data (row P21)."""

    at_us: int
    job_id: JobId


@record
class ArchiveJob:
    """Let an ended job leave the state once ``retention_us`` have passed since its end; its data stays."""

    at_us: int
    job_id: JobId
    retention_us: int = RETENTION_US


JobCommand = SubmitJob | StartJobs | BeginJob | CancelJobs | RerunUnits | ChangePriority | DeleteJob | ArchiveJob
