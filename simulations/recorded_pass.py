"""Where a pass stands in a batch of a log, and what else the batch tells of whoever wrote it.

A decision of a pass is an event, and what follows from it: what is set aside for what is leased, in a purse and for a
slice of the pool, with what was posted to pay for it; or points that nobody pays for any more, with the priority then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meted.adapters.log import Log
from meted.core.events import (
    CreditMoved,
    CreditSettled,
    Event,
    FeeHeld,
    GrantMarked,
    JobSubmitted,
    LogRepaired,
    PlacesChanged,
    PointsLapsed,
    PriorityChanged,
    ReservationEnded,
    SliceHeld,
    UnitsFinished,
    UnitsLeased,
    UnitsReturned,
    WorkerAway,
    WorkerDrained,
    WorkerJoined,
    WorkerLost,
    WorkerReserved,
)
from meted.core.schema import decode_events
from meted.core.state import State

_DECISIONS: Final = (UnitsLeased, WorkerReserved, ReservationEnded, PointsLapsed, PlacesChanged)
_CAUSES: Final = (JobSubmitted, UnitsFinished, UnitsReturned, WorkerJoined)
"""Causes of decisions that no timer makes: whoever has an embedded pool has them in batches of their own."""
_POSTED: Final = (CreditMoved, CreditSettled, GrantMarked, PointsLapsed)


def is_of_a_server(log: Log) -> bool:
    """Whether a server wrote a log: somewhere a decision stands behind what caused it, in one batch."""
    return any(_is_of_a_server(decode_events(batch.body)) for batch in log.read())


def _is_of_a_server(events: Sequence[Event]) -> bool:
    first = first_decision(events)
    return first < len(events) and any(isinstance(event, _CAUSES) for event in events[:first])


def first_decision(events: Sequence[Event]) -> int:
    """Return where in a batch its pass begins; its end where the pass decides nothing."""
    for first, event in enumerate(events):
        if isinstance(event, _DECISIONS) and not (first and _belongs_to(events[first - 1], event)):
            return first
    return len(events)


def decision_at(events: Sequence[Event], at: int) -> tuple[Event, ...]:
    """Return the decision that stands at a place behind the beginning of a pass; nothing where the pass is over."""
    if at >= len(events):
        return ()
    end = at + 1
    match events[at]:
        case UnitsLeased() as leased:
            if end < len(events) and isinstance(events[end], FeeHeld):
                end += 1
            last = end
            while last < len(events) and isinstance(events[last], _POSTED):
                last += 1
            if last < len(events) and isinstance(held := events[last], SliceHeld) and held.lease_id == leased.lease_id:
                end = last + 1
        case PointsLapsed():
            if end < len(events) and isinstance(events[end], PriorityChanged):
                end += 1
        case WorkerReserved() | ReservationEnded() | PlacesChanged():
            pass
        case _:
            return ()
    return tuple(events[at:end])


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
