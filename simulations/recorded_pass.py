"""Where a pass stands in a batch of a log, and what else the batch tells of whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meted.adapters.log import Log
from meted.core.events import (
    Event,
    LogRepaired,
    ReservationEnded,
    UnitsLeased,
    WorkerAway,
    WorkerDrained,
    WorkerLost,
    WorkerReserved,
)
from meted.core.schema import decode_events
from meted.core.state import State

_DECISIONS: Final = (UnitsLeased, WorkerReserved, ReservationEnded)


def is_of_a_server(log: Log) -> bool:
    """Whether a server wrote a log: somewhere a decision stands behind what caused it, in one batch."""
    return any(0 < first < end for first, end in map(pass_of, (decode_events(batch.body) for batch in log.read())))


def pass_of(events: Sequence[Event]) -> tuple[int, int]:
    """Return where in a batch its pass begins and ends; both are the end of the batch where it decides nothing."""
    for first, event in enumerate(events):
        if isinstance(event, _DECISIONS) and not (first and _belongs_to(events[first - 1], event)):
            end = first
            while end < len(events) and isinstance(events[end], _DECISIONS):
                end += 1
            return first, end
    return len(events), len(events)


def _belongs_to(cause: Event, event: Event) -> bool:
    """Whether a reservation ended because its worker went out of touch or is drained, and not by a pass."""
    if not isinstance(event, ReservationEnded):
        return False
    match cause:
        case WorkerAway():
            return cause.worker_id == event.worker_id
        case WorkerDrained():
            return cause.draining and cause.worker_id == event.worker_id
        case _:
            return False


def may_be_a_restart(state: State, events: Sequence[Event]) -> bool:
    """Whether a batch looks like the first of a life: everybody who was there goes at once, or a repair was noted."""
    if any(isinstance(event, LogRepaired) for event in events):
        return True
    here = {worker.worker_id for worker in state.workers.workers.values() if worker.lost_at_us is None}
    gone = {event.worker_id for event in events if isinstance(event, WorkerAway | WorkerLost)}
    return bool(here) and here <= gone
