"""``evolve``: one event folded into the state. One reducer a slice, each over its own events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from ..events import (
    CallsKept,
    DomainEvent,
    Event,
    FeeHeld,
    FeePosted,
    LogRepaired,
    PlacesChanged,
    RulesChanged,
    WorkerEvent,
)
from ..record import replaced
from ..state import Jobs, Rules, State
from .calls import reduce_calls
from .credit import CREDIT_REDUCERS, skip_credit_ids
from .domains import reduce_domains, skip_domain_ids
from .jobs import JOB_REDUCERS, skip_job_ids
from .leases import LEASE_REDUCERS
from .workers import reduce_workers, skip_worker_ids


def evolve(state: State, event: Event) -> State:
    """Return the state after ``event``.

    Total: it never refuses, holds no business rule and reads no clock.
    """
    kind = type(event)
    reduce = OF_JOBS.get(kind)
    if reduce is not None:
        return replaced(state, seq=state.seq + 1, at_us=event.at_us, jobs=reduce(state.jobs, event))
    reduce_ledger = CREDIT_REDUCERS.get(kind)
    if reduce_ledger is not None:
        return replaced(state, seq=state.seq + 1, at_us=event.at_us, ledger=reduce_ledger(state.ledger, event))
    return _FOLDS[kind](state, event)


def evolve_paid(state: State, event: Event, fee: Event) -> State:
    """Return the state after an event of a lease and, next to it, that of its fee, which is of :data:`FEES`.

    It is the one after :func:`evolve` of both, as they have no slice in common; they come with each unit that is paid
    for.
    """
    jobs, ledger = OF_JOBS[type(event)](state.jobs, event), CREDIT_REDUCERS[type(fee)](state.ledger, fee)
    return replaced(state, seq=state.seq + 2, at_us=fee.at_us, jobs=jobs, ledger=ledger)


def fold(state: State, events: Iterable[Event]) -> State:
    """Return the state after all of ``events``."""
    for event in events:
        state = evolve(state, event)
    return state


def _fold_workers(state: State, event: WorkerEvent) -> State:
    return replaced(state, seq=state.seq + 1, at_us=event.at_us, workers=reduce_workers(state.workers, event))


def _fold_domains(state: State, event: DomainEvent) -> State:
    return replaced(state, seq=state.seq + 1, at_us=event.at_us, domains=reduce_domains(state.domains, event))


def _fold_rules(state: State, event: RulesChanged) -> State:
    rules = Rules(event.alpha_milli, event.half_life_us, event.aging_us, event.pool, event.usage, event.start_mc)
    return replaced(state, seq=state.seq + 1, at_us=event.at_us, rules=rules)


def _fold_places(state: State, event: PlacesChanged) -> State:
    # What a place promises, only the policy that gave it goes by: it remembers places itself.
    return replaced(state, seq=state.seq + 1, at_us=event.at_us)


def _fold_calls(state: State, event: CallsKept) -> State:
    return replaced(state, seq=state.seq + 1, at_us=event.at_us, calls=reduce_calls(state.calls, event))


def _fold_repair(state: State, event: LogRepaired) -> State:
    # Every lost event gave at most one id of each kind; skipping as many keeps law 5 (no id twice).
    lost = event.lost_last_seq - event.lost_first_seq + 1
    return replaced(
        state,
        seq=state.seq + 1,
        at_us=event.at_us,
        jobs=skip_job_ids(state.jobs, lost),
        workers=skip_worker_ids(state.workers, lost),
        domains=skip_domain_ids(state.domains, lost),
        ledger=skip_credit_ids(state.ledger, lost),
    )


# Tables, as matching classes one after the other takes as long as a reducer does. With CREDIT_REDUCERS they have every
# event, each once; a test sees to that.
OF_JOBS: dict[type[Event], Callable[[Jobs, Any], Jobs]] = {**LEASE_REDUCERS, **JOB_REDUCERS}
"""What changes the slice of jobs alone, as most events do."""

FEES: frozenset[type[Event]] = frozenset((FeeHeld, FeePosted))
"""What changes the ledger alone, next to an event of a lease."""

_FOLDS: dict[type[Event], Callable[[State, Any], State]] = {
    **dict.fromkeys(get_args(WorkerEvent), _fold_workers),
    **dict.fromkeys(get_args(DomainEvent), _fold_domains),
    PlacesChanged: _fold_places,
    RulesChanged: _fold_rules,
    CallsKept: _fold_calls,
    LogRepaired: _fold_repair,
}
