"""Workers: what is connected, what it offers, and whether it may be given work."""

from __future__ import annotations

from typing import assert_never

from ..events import (
    ReservationEnded,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerEvent,
    WorkerJoined,
    WorkerLost,
    WorkerReserved,
)
from ..record import replaced
from ..state import Worker, Workers


def reduce_workers(workers: Workers, event: WorkerEvent) -> Workers:
    """Return the slice after ``event``."""
    table = workers.workers
    if isinstance(event, WorkerJoined):
        worker = Worker(
            event.worker_id,
            event.name,
            event.capacity,
            event.labels,
            event.at_us,
            event.until_us,
            event.prefetch,
            event.owner,
            event.restricted,
        )
        capacity = workers.capacity.plus(event.capacity)
        next_id = max(workers.next_worker_id, event.worker_id + 1)
        return Workers(table.set(event.worker_id, worker), capacity, next_id)
    if isinstance(event, WorkerLost):
        capacity = workers.capacity.minus(table[event.worker_id].capacity)
        return Workers(table.delete(event.worker_id), capacity, workers.next_worker_id)
    changed = _changed(table[event.worker_id], event)
    return Workers(table.set(event.worker_id, changed), workers.capacity, workers.next_worker_id)


def _changed(
    worker: Worker, event: WorkerAway | WorkerBack | WorkerDrained | WorkerReserved | ReservationEnded
) -> Worker:
    match event:
        case WorkerAway():
            return replaced(worker, lost_at_us=event.lost_at_us)
        case WorkerBack():
            return replaced(worker, lost_at_us=None)
        case WorkerDrained():
            return replaced(worker, draining=event.draining)
        case WorkerReserved():
            return replaced(worker, reserved_for=event.job_id, shadow_us=event.shadow_us)
        case ReservationEnded():
            return replaced(worker, reserved_for=None, shadow_us=None)
        case _:
            assert_never(event)


def skip_worker_ids(workers: Workers, count: int) -> Workers:
    """Return the slice with ``count`` ids never to be given."""
    return Workers(workers.workers, workers.capacity, workers.next_worker_id + count)
