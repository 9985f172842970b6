"""Units that come back without having ended: given back by their worker, or lost with it; and what follows for a job.

A lease is found here by what a worker says: lease ids are never reused, and a unit that has come back already is passed
over, so that a repeated or late message counts for nothing (rows P35, P37).
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import limits, spans
from ..commands import ReturnUnits
from ..errors import Reason, Refused
from ..events import Event, JobEnded, JobStopped, UnitsReturned
from ..ids import LeaseId, Span
from ..settlement import settle
from ..state import FAILED, MAX_FAILURES, Job, Lease, State
from ..terms import Requeued
from . import checks
from .jobs import outcome_of
from .karma import slice_voided
from .nice import fee_voided

RETURNED, LOST = "returned", "lost"


def find_lease(state: State, lease_id: object) -> Lease | None:
    """Return the lease, or None if it has ended; refuse if it never was."""
    jobs = state.jobs
    if type(lease_id) is not int or not 0 < lease_id < jobs.next_lease_id:
        number = checks.whole(lease_id, "lease", 1, limits.TIME_MAX_US)
        raise Refused(Reason.UNKNOWN_LEASE, f"There has never been a lease {number}; drop it.")
    return jobs.leases.get(LeaseId(lease_id))


def find_lease_of(state: State, lease_id: object, worker_id: object) -> Lease | None:
    """Return the lease, or None if it has ended; refuse if it never was or is another worker's."""
    lease = find_lease(state, lease_id)
    if lease is not None and (type(worker_id) is not int or lease.worker_id != worker_id):
        raise Refused(Reason.WRONG_WORKER, f"Lease {lease_id} belongs to worker {lease.worker_id}; drop it.")
    return lease


def still_out(lease: Lease, given: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return those of ``given`` units that have not come back yet."""
    if not lease.back:
        return given
    bits = spans.mask(lease.first, given)
    return given if not bits & lease.back else spans.spans_of(lease.first, bits & ~lease.back)


def give_back(state: State, command: ReturnUnits, at_us: int) -> tuple[Event, ...]:
    """Judge what a worker gives back unstarted."""
    lease = find_lease_of(state, command.lease_id, command.worker_id)
    if lease is None:
        return ()
    given = checks.runs(command.spans, "spans", lease.first, lease.first + lease.count)
    return returned(state, lease, still_out(lease, given), at_us, RETURNED, ())


def returned(
    state: State, lease: Lease, back: tuple[Span, ...], at_us: int, cause: str, started: tuple[Span, ...]
) -> tuple[Event, ...]:
    """Return the events of ``back`` units of a lease coming back; those ``started`` count a loss each."""
    if not back:
        return ()
    job = state.jobs.jobs[lease.job_id]
    requeued: tuple[Requeued, ...] = ()
    failed: tuple[Span, ...] = ()
    cancelled: tuple[Span, ...] = ()
    if job.stopped is not None:
        cancelled = back
    else:
        hit = spans.mask(lease.first, started)
        out = spans.mask(lease.first, back)
        struck = spans.spans_of(lease.first, out & hit)
        safe = spans.spans_of(lease.first, out & ~hit)
        if lease.losses + 1 > job.terms.max_losses:
            failed, struck = struck, ()
        requeued = tuple(
            sorted((*_again(lease, safe, lease.losses), *_again(lease, struck, lease.losses + 1)), key=_by_first)
        )
    count = spans.total(back)
    tags = settle(state, lease, (0,) * count, bool(requeued))
    event = UnitsReturned(
        at_us,
        lease.lease_id,
        cause,
        back,
        requeued,
        failed,
        cancelled,
        tags.domain_tag,
        tags.usage,
        tags.epoch,
        tags.clock,
        tags.debt,
        tags.inner,
        tags.above,
        tags.fallen,
    )
    again = sum(run.count for run in requeued)
    fees = fee_voided(state, lease, count, at_us) if state.ledger.fees else ()
    slices = slice_voided(state, lease, count, at_us) if state.ledger.karma.slices else ()
    return (
        event,
        *fees,
        *slices,
        *consequences(job, count, again, spans.total(failed), spans.total(cancelled), at_us),
    )


def _again(lease: Lease, units: Iterable[Span], losses: int) -> Iterable[Requeued]:
    return (Requeued(first, count, lease.attempt, lease.failures, losses, 0) for first, count in units)


def _by_first(run: Requeued) -> int:
    return run.first


def consequences(job: Job, back: int, again: int, failed: int, cancelled: int, at_us: int) -> tuple[Event, ...]:
    """Return what follows for a job when ``back`` of its units came back.

    Of these ``again`` are to be tried again, ``failed`` have failed for good, and ``cancelled`` count as cancelled.
    """
    most = job.terms.max_failures
    stop = most is not None and job.failed.count + failed > most and job.stopped is None
    if job.out > back or (not stop and (again or job.next_index < job.terms.count or job.requeued)):
        return (JobStopped(at_us, job.job_id, MAX_FAILURES),) if stop else ()
    if stop:
        return (JobStopped(at_us, job.job_id, MAX_FAILURES), JobEnded(at_us, job.job_id, FAILED))
    return (JobEnded(at_us, job.job_id, outcome_of(job, job.failed.count + failed, job.cancelled.count + cancelled)),)
