"""Leases: units given out, finished, returned. Execution is at least once; a result is accepted exactly once.

A report is fenced by (lease, index): lease ids are never reused, and a unit that has come back already is passed over,
so that a repeated or late report counts for nothing (rows P35, P37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import compress
from typing import Any

from .. import limits, spans
from ..commands import Command, FinishUnits, LeaseUnits, RecallUnits, ReturnUnits
from ..credit.karma import KARMA
from ..errors import Reason, Refused
from ..estimates import estimate_us, next_run, width_milli
from ..events import Event, JobEnded, JobStopped, UnitsFinished, UnitsLeased, UnitsRecalled, UnitsReturned
from ..ids import LeaseId, Span
from ..service import charge
from ..settlement import settle
from ..state import FAILED, MAX_FAILURES, Job, Lease, State, Worker
from ..terms import Requeued
from ..usage import weighted
from . import checks
from .jobs import find_job, outcome_of
from .karma import plan_slice, slice_posted, slice_voided, with_slice
from .nice import fee_held, fee_posted, fee_voided, lapsed

RETURNED, LOST = "returned", "lost"

_COVERED_MAX = (1 << limits.DOMAIN_DEPTH_MAX) - 1


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


def _finish(state: State, command: FinishUnits, at_us: int) -> tuple[Event, ...]:
    lease_id, worker_id = command.lease_id, command.worker_id
    lease = state.jobs.leases.get(lease_id) if type(lease_id) is int else None
    if lease is None or type(worker_id) is not int or lease.worker_id != worker_id:
        lease = find_lease_of(state, lease_id, worker_id)
    if lease is None:
        return ()
    reported = checks.runs(command.done, "done", lease.first, lease.first + lease.count)
    count = reported[0][1] if len(reported) == 1 else spans.total(reported)
    run_us, cpu_us, peak_bytes = command.run_us, command.cpu_us, command.peak_bytes
    _check_measured(run_us, "run_us", count, limits.TIME_MAX_US)
    if cpu_us != ():
        _check_measured(cpu_us, "cpu_us", count, limits.TIME_MAX_US)
    if peak_bytes != ():
        _check_measured(peak_bytes, "peak_bytes", count, limits.MEM_BYTES_MAX)
    exits = _checked_exits(command.exits, reported) if command.exits != () else ()
    if command.results != ():
        _check_results(command.results, reported)
    done = still_out(lease, reported) if lease.back else reported
    if done is not reported:
        fresh = set(spans.indices(done))
        is_fresh = [index in fresh for index in spans.indices(reported)]
        # Where nobody measured there is nothing to choose from.
        run_us, cpu_us, peak_bytes = (tuple(compress(each, is_fresh)) for each in (run_us, cpu_us, peak_bytes))
        exits = tuple(item for item in exits if item[0] in fresh)
    if not done:
        return ()
    job = state.jobs.jobs[lease.job_id]
    requeued, cancelled = _after_failures(job, lease, exits, at_us) if exits else ((), ())
    tags = settle(state, lease, run_us, bool(requeued))
    used_cpu_us = sum(run_us) * job.terms.request.cpu_milli // 1000
    priority = lease.priority - lease.points
    if priority:
        used_cpu_us = weighted(used_cpu_us, priority)
    finished = UnitsFinished(
        at_us,
        lease.lease_id,
        done,
        run_us,
        exits,
        requeued,
        cancelled,
        tags.domain_tag,
        tags.usage,
        tags.epoch,
        tags.clock,
        tags.debt,
        tags.inner,
        tags.above,
        cpu_us,
        peak_bytes,
        used_cpu_us,
        tags.fallen,
    )
    events: tuple[Event, ...] = (finished,)
    if state.ledger.fees:
        posted = fee_posted(state, lease, run_us, at_us)
        if posted is not None:
            events = finished, posted
    if state.ledger.karma.slices:
        events = slice_posted(state, events, lease, run_us, at_us)
    if not exits:
        more = _consequences(job, len(run_us), 0, 0, 0, at_us)
        return (*events, *more) if more else events
    again, ended = sum(run.count for run in requeued), spans.total(cancelled)
    return *events, *_consequences(job, len(run_us), again, len(exits) - again - ended, ended, at_us)


def _return(state: State, command: ReturnUnits, at_us: int) -> tuple[Event, ...]:
    lease = find_lease_of(state, command.lease_id, command.worker_id)
    if lease is None:
        return ()
    given = checks.runs(command.spans, "spans", lease.first, lease.first + lease.count)
    return returned(state, lease, still_out(lease, given), at_us, RETURNED, ())


def _recall(state: State, command: RecallUnits, at_us: int) -> tuple[Event, ...]:
    lease = find_lease(state, command.lease_id)
    return () if lease is None or lease.recalled else (UnitsRecalled(at_us, lease.lease_id),)


def _check_measured(measured: object, name: str, count: int, high: int) -> None:
    """Refuse what is not one whole number from 0 to ``high`` for each of ``count`` units."""
    if (
        type(measured) is tuple
        and len(measured) == 1 == count
        and type(measured[0]) is int
        and 0 <= measured[0] <= high
    ):
        return  # one unit, as nearly always
    numbers = checks.items(measured, name, limits.RUN_UNITS_MAX)
    if len(numbers) != count:
        raise Refused(Reason.BAD_SPANS, f"{name} must have one number a unit: {count}, not {len(numbers)}.")
    for number in numbers:
        if type(number) is not int or not 0 <= number <= high:
            checks.whole(number, f"a number in {name}", 0, high)


def _checked_exits(exits: object, done: tuple[Span, ...]) -> tuple[tuple[int, int], ...]:
    members = set(spans.indices(done))
    checked: list[tuple[int, int]] = []
    for item in checks.items(exits, "exits", limits.RUN_UNITS_MAX):
        index, code = checks.pair(item, "an item of exits")
        checks.whole(code, "an exit code", -(2**31), 2**31 - 1)
        if type(index) is not int or index not in members or (checked and index <= checked[-1][0]):
            raise Refused(Reason.BAD_SPANS, "exits must name units of done, ascending and each once.")
        if code == 0:
            raise Refused(Reason.OUT_OF_RANGE, "exits must hold only units that did not succeed; 0 is success.")
        assert isinstance(code, int)
        checked.append((index, code))
    return tuple(checked)


def _check_results(results: object, done: tuple[Span, ...]) -> None:
    members = set(spans.indices(done))
    left_bytes = limits.REPORT_BYTES_MAX
    for item in checks.items(results, "results", limits.RUN_UNITS_MAX):
        index, body = checks.pair(item, "an item of results")
        if type(index) is not int or index not in members:
            raise Refused(Reason.BAD_SPANS, "results must name units of done.")
        members.discard(index)
        checks.raw(body, "a result", limits.RESULT_BYTES_MAX)
        assert isinstance(body, bytes)
        left_bytes -= len(body)
        if left_bytes < 0:
            raise Refused(
                Reason.TOO_LARGE,
                f"The results of one report must be at most {limits.REPORT_BYTES_MAX} bytes together; send several.",
            )


def _after_failures(
    job: Job, lease: Lease, exits: tuple[tuple[int, int], ...], at_us: int
) -> tuple[tuple[Requeued, ...], tuple[Span, ...]]:
    """Return which failed units are tried again, and which count as cancelled as their job was stopped."""
    failed = spans.runs_of(index for index, _ in exits)
    if job.stopped is not None:
        return (), failed
    failures = lease.failures + 1
    if failures > job.terms.retries:
        return (), ()
    not_before_us = 0
    if job.terms.backoff_us:
        doublings = min(lease.failures, limits.BACKOFF_DOUBLINGS_MAX)
        not_before_us = min(at_us + (job.terms.backoff_us << doublings), 2 * limits.TIME_MAX_US)
    again = (Requeued(first, count, lease.attempt, failures, lease.losses, not_before_us) for first, count in failed)
    return tuple(again), ()


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
        *_consequences(job, count, again, spans.total(failed), spans.total(cancelled), at_us),
    )


def _again(lease: Lease, units: Iterable[Span], losses: int) -> Iterable[Requeued]:
    return (Requeued(first, count, lease.attempt, lease.failures, losses, 0) for first, count in units)


def _by_first(run: Requeued) -> int:
    return run.first


def _consequences(job: Job, back: int, again: int, failed: int, cancelled: int, at_us: int) -> tuple[Event, ...]:
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


LEASE_JUDGES: dict[type[Command], Callable[[State, Any, int], tuple[Event, ...]]] = {
    LeaseUnits: _lease,
    FinishUnits: _finish,
    ReturnUnits: _return,
    RecallUnits: _recall,
}
"""What judges each command on leases."""
