"""Leases: units given out, and asked back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import limits
from ..commands import Command, FinishUnits, LeaseUnits, RecallUnits, ReturnUnits
from ..credit.karma import KARMA
from ..errors import Reason, Refused
from ..estimates import estimate_us, next_run, width_milli
from ..events import Event, UnitsLeased, UnitsRecalled
from ..ids import LeaseId
from ..service import charge
from ..state import Job, State, Worker
from . import checks
from .jobs import find_job
from .karma import plan_slice, with_slice
from .nice import fee_held, lapsed
from .reports import finish
from .returns import find_lease, give_back

_COVERED_MAX = (1 << limits.DOMAIN_DEPTH_MAX) - 1


def _lease(state: State, command: LeaseUnits, at_us: int) -> tuple[Event, ...]:
    if not _is_plain(command):
        checks.whole(command.count, "count", 1, limits.RUN_UNITS_MAX)
        checks.whole(command.covered, "covered", 0, _COVERED_MAX)
        checks.whole(command.worker_id, "worker", 1, limits.TIME_MAX_US)
        checks.whole(command.behind, "behind", 0, limits.TIME_MAX_US)
    job = find_job(state, command.job_id)
    worker = state.workers.workers.get(command.worker_id)
    if worker is None or not worker.is_leasable:
        raise Refused(Reason.WORKER_UNAVAILABLE, f"Worker {command.worker_id} takes no work now; choose another.")
    if worker.restricted and not state.domains.is_within(job.terms.domain_id, worker.owner):
        raise Refused(
            Reason.WORKER_UNAVAILABLE, f"Worker {worker.worker_id} takes its owner's work alone; choose another."
        )
    run = None if job.held else next_run(job, at_us)
    if run is None:
        raise Refused(Reason.NO_UNITS, f"Job {job.job_id} has no unit to lease now; choose another.")
    if command.behind != 0:
        _check_behind(state, worker, job, command.behind)
    # What was on a lost worker is tried one by one, so that a unit that kills workers takes no others with it.
    count = 1 if run.losses else min(command.count, run.count)
    terms = job.terms
    estimated_us = terms.time_request_us
    if estimated_us is None:
        estimated_us = estimate_us(state.jobs, job)
    size = width_milli(terms.request, state.workers.capacity) * estimated_us
    plan = None
    if command.donors != () or state.rules.pool == KARMA:
        plan = plan_slice(state, job, size, count, estimated_us, at_us, command.covered, command.donors)
    if plan is not None:
        count = plan.count
    lease_id, held = LeaseId(state.jobs.next_lease_id), None
    if job.points > 0:
        held = fee_held(state, job, lease_id, size, count, at_us)
        if held is None:
            return lapsed(state, job, at_us)
        count = held.units
    tags = charge(state, job, size, count, at_us, command.covered, 0 if plan is None else plan.ahead)
    leased = UnitsLeased(
        at_us,
        lease_id,
        worker.worker_id,
        job.job_id,
        run.first,
        count,
        run.attempt + 1,
        run.failures,
        run.losses,
        estimated_us,
        size,
        tags.charged,
        tags.domain_tag,
        tags.usage,
        tags.epoch,
        tags.clock,
        tags.debt,
        tags.inner,
        tags.above,
        command.behind,
    )
    events = (leased,) if held is None else (leased, held)
    return events if plan is None else with_slice(state, events, plan)


def _is_plain(command: LeaseUnits) -> bool:
    """Whether the numbers of a lease are what they should be; nearly all come from a policy, so it is asked at once."""
    count, worker_id, covered, behind = command.count, command.worker_id, command.covered, command.behind
    return (
        type(count) is type(worker_id) is type(covered) is type(behind) is int
        and 0 < count <= limits.RUN_UNITS_MAX
        and 0 < worker_id <= limits.TIME_MAX_US
        and 0 <= covered <= _COVERED_MAX
        and 0 <= behind <= limits.TIME_MAX_US
    )


def _check_behind(state: State, worker: Worker, job: Job, behind: LeaseId) -> None:
    """Refuse to queue a unit of ``job`` behind anything but a lease of that worker that is in nobody's way."""
    lease = state.jobs.leases.get(behind)
    if lease is None or lease.worker_id != worker.worker_id:
        raise Refused(Reason.UNKNOWN_LEASE, f"Worker {worker.worker_id} has no lease {behind}; name one of its own.")
    same = state.jobs.jobs[lease.job_id].terms.request == job.terms.request
    if not worker.prefetch or not same or state.jobs.is_queued(lease):
        raise Refused(
            Reason.WORKER_UNAVAILABLE,
            f"A unit of job {job.job_id} cannot wait behind lease {behind}; name a lease that runs, of the same "
            "request, on a worker that takes work in advance.",
        )


def _recall(state: State, command: RecallUnits, at_us: int) -> tuple[Event, ...]:
    lease = find_lease(state, command.lease_id)
    return () if lease is None or lease.recalled else (UnitsRecalled(at_us, lease.lease_id),)


LEASE_JUDGES: dict[type[Command], Callable[[State, Any, int], tuple[Event, ...]]] = {
    LeaseUnits: _lease,
    FinishUnits: finish,
    ReturnUnits: give_back,
    RecallUnits: _recall,
}
"""What judges each command on leases."""
