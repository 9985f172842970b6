"""Workers: joined, away, back, drained, lost; and kept free for a wide unit."""

from __future__ import annotations

from typing import assert_never

from .. import limits, spans
from ..commands import (
    DrainWorker,
    EndReservation,
    JoinWorker,
    LoseWorker,
    MarkWorkerAway,
    RejoinWorker,
    ReserveWorker,
    WorkerCommand,
)
from ..errors import Reason, Refused
from ..events import (
    Event,
    ReservationEnded,
    UnitsRecalled,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerJoined,
    WorkerLost,
    WorkerReserved,
)
from ..ids import DomainId, LeaseId, Span, WorkerId
from ..reducers import evolve, fold
from ..state import Lease, State, Worker
from . import checks
from .entitlements import find_domain
from .jobs import find_job
from .returns import LOST, RETURNED, returned, still_out


def decide_workers(state: State, command: WorkerCommand, at_us: int) -> tuple[Event, ...]:
    """Judge a command on workers."""
    match command:
        case JoinWorker():
            return _join(state, command, at_us)
        case RejoinWorker():
            return _rejoin(state, command, at_us)
        case MarkWorkerAway():
            worker = find_worker(state, command.worker_id)
            checks.whole(command.grace_us, "grace_us", 0, limits.TIME_MAX_US)
            checks.flag(command.anew, "anew")
            if worker.lost_at_us is not None and not command.anew:
                return ()
            away = WorkerAway(at_us, worker.worker_id, at_us + command.grace_us)
            return (away,) if worker.reserved_for is None else (away, ReservationEnded(at_us, worker.worker_id))
        case DrainWorker():
            return _drain(state, command, at_us)
        case LoseWorker():
            return _lose(state, command, at_us)
        case ReserveWorker():
            worker = find_worker(state, command.worker_id)
            job = find_job(state, command.job_id)
            checks.whole(command.shadow_us, "shadow_us", 0, 2 * limits.TIME_MAX_US)
            taken = any(other.reserved_for is not None for other in state.workers.workers.values())
            if taken or not worker.is_leasable:
                raise Refused(
                    Reason.WORKER_UNAVAILABLE,
                    f"Worker {worker.worker_id} cannot be reserved: it takes no work now, or one is reserved.",
                )
            return (WorkerReserved(at_us, worker.worker_id, job.job_id, command.shadow_us),)
        case EndReservation():
            worker = find_worker(state, command.worker_id)
            return () if worker.reserved_for is None else (ReservationEnded(at_us, worker.worker_id),)
        case _:
            assert_never(command)


def find_worker(state: State, worker_id: object) -> Worker:
    """Return the worker of that id, or refuse."""
    worker = state.workers.workers.get(WorkerId(checks.whole(worker_id, "worker", 1, limits.TIME_MAX_US)))
    if worker is None:
        raise Refused(Reason.UNKNOWN_WORKER, f"There is no worker {worker_id}; it is lost or never was: join anew.")
    return worker


def leases_of(state: State, worker_id: WorkerId) -> list[Lease]:
    """Return a worker's leases by id."""
    mine = [lease for lease in state.jobs.leases.values() if lease.worker_id == worker_id]
    return sorted(mine, key=lambda lease: lease.lease_id)


def _join(state: State, command: JoinWorker, at_us: int) -> tuple[Event, ...]:
    checks.text(command.name, "the worker's name", limits.NAME_BYTES_MAX)
    checks.resources(command.capacity, "capacity")
    checks.pairs(command.labels, "labels", limits.LABELS_MAX, limits.TAG_BYTES_MAX)
    checks.optional(command.until_us, "until_us", 0, limits.TIME_MAX_US)
    checks.flag(command.prefetch, "prefetch")
    checks.flag(command.restricted, "restricted")
    owner = find_domain(state, command.owner).domain_id if command.owner != "" else DomainId(0)
    if command.restricted and not owner:
        raise Refused(Reason.OUT_OF_RANGE, "A worker that takes its owner's work alone needs an owner; name one.")
    worker_id = WorkerId(state.workers.next_worker_id)
    labels = tuple(sorted(command.labels))
    return (
        WorkerJoined(
            at_us,
            worker_id,
            command.name,
            command.capacity,
            labels,
            command.until_us,
            command.prefetch,
            owner,
            command.restricted,
        ),
    )


def _rejoin(state: State, command: RejoinWorker, at_us: int) -> tuple[Event, ...]:
    worker = find_worker(state, command.worker_id)
    held = _lease_spans(command.held, "held")
    # Also where nobody noticed that it was away: it is told then which leases are its own.
    events: list[Event] = [WorkerBack(at_us, worker.worker_id)]
    after = fold(state, events)
    for lease in leases_of(state, worker.worker_id):
        whole = ((lease.first, lease.count),)
        kept = spans.mask(lease.first, checks.runs(held.get(lease.lease_id, ()), "held", *_bounds(lease)))
        gone = spans.spans_of(lease.first, spans.mask(lease.first, still_out(lease, whole)) & ~kept)
        # A live worker that does not hold a unit never had it: the message was lost, and that is no loss of the unit.
        for event in returned(after, lease, gone, at_us, RETURNED, ()):
            events.append(event)
            after = evolve(after, event)
    return tuple(events)


def _drain(state: State, command: DrainWorker, at_us: int) -> tuple[Event, ...]:
    worker = find_worker(state, command.worker_id)
    checks.flag(command.draining, "draining")
    if worker.draining == command.draining:
        return ()
    events: list[Event] = [WorkerDrained(at_us, worker.worker_id, command.draining)]
    if command.draining:
        if worker.reserved_for is not None:
            events.append(ReservationEnded(at_us, worker.worker_id))
        recallable = (lease for lease in leases_of(state, worker.worker_id) if not lease.recalled)
        events.extend(UnitsRecalled(at_us, lease.lease_id) for lease in recallable)
    return tuple(events)


def _lose(state: State, command: LoseWorker, at_us: int) -> tuple[Event, ...]:
    worker = find_worker(state, command.worker_id)
    checks.text(command.reason, "reason", limits.TAG_BYTES_MAX)
    started = None if command.started is None else _lease_spans(command.started, "started")
    events: list[Event] = []
    after = state
    for lease in leases_of(state, worker.worker_id):
        whole = ((lease.first, lease.count),)
        hit = whole if started is None else started.get(lease.lease_id, ())
        hit = checks.runs(hit, "started", *_bounds(lease))
        for event in returned(after, lease, still_out(lease, whole), at_us, LOST if hit else RETURNED, hit):
            events.append(event)
            after = evolve(after, event)
    return (*events, WorkerLost(at_us, worker.worker_id, command.reason))


def _bounds(lease: Lease) -> tuple[int, int]:
    return lease.first, lease.first + lease.count


def _lease_spans(value: object, name: str) -> dict[LeaseId, tuple[Span, ...]]:
    """Return (lease, runs) pairs as a table; the runs are checked against their lease later."""
    table: dict[LeaseId, tuple[Span, ...]] = {}
    for item in checks.items(value, name, limits.HELD_LEASES_MAX):
        lease_id, runs = checks.pair(item, f"an item of {name}")
        checks.whole(lease_id, f"a lease in {name}", 1, limits.TIME_MAX_US)
        assert isinstance(lease_id, int)
        if lease_id in table:
            raise Refused(Reason.BAD_SPANS, f"{name} must name each lease once.")
        table[LeaseId(lease_id)] = checks.runs(runs, name, 0, limits.JOB_UNITS_MAX)
    return table
