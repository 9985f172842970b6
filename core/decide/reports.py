"""Reports of units that ended, with what they took. Execution is at least once; a result is accepted exactly once."""

from __future__ import annotations

from itertools import compress

from .. import limits, spans
from ..commands import FinishUnits
from ..errors import Reason, Refused
from ..events import Event, UnitsFinished
from ..ids import Span
from ..settlement import settle
from ..state import Job, Lease, State
from ..terms import Requeued
from ..usage import weighted
from . import checks
from .karma import slice_posted
from .nice import fee_posted
from .returns import consequences, find_lease_of, still_out


def finish(state: State, command: FinishUnits, at_us: int) -> tuple[Event, ...]:
    """Judge a report of units that ended."""
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
        more = consequences(job, len(run_us), 0, 0, 0, at_us)
        return (*events, *more) if more else events
    again, ended = sum(run.count for run in requeued), spans.total(cancelled)
    return *events, *consequences(job, len(run_us), again, len(exits) - again - ended, ended, at_us)


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
