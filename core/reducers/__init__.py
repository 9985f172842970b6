"""``evolve``: one event folded into the state. One reducer a slice, each over its own events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ..events import (
    AccountReweighted,
    DomainChanged,
    DomainCreated,
    DomainRemoved,
    Event,
    JobArchived,
    JobEnded,
    JobStarted,
    JobStopped,
    JobSubmitted,
    LogRepaired,
    ReservationEnded,
    SpecInterned,
    UnitsFinished,
    UnitsLeased,
    UnitsRecalled,
    UnitsReturned,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerJoined,
    WorkerLost,
    WorkerReserved,
)
from ..state import State
from .domains import reduce_domains, skip_domain_ids
from .jobs import reduce_jobs, skip_job_ids
from .leases import reduce_leases
from .workers import reduce_workers, skip_worker_ids


def evolve(state: State, event: Event) -> State:
    """Return the state after ``event``.

    Total: it never refuses, holds no business rule and reads no clock.
    """
    jobs, workers, domains = state.jobs, state.workers, state.domains
    match event:
        case UnitsLeased() | UnitsFinished() | UnitsReturned() | UnitsRecalled():
            jobs = reduce_leases(jobs, event)
        case (
            JobSubmitted()
            | JobEnded()
            | JobArchived()
            | SpecInterned()
            | JobStarted()
            | JobStopped()
            | AccountReweighted()
        ):
            jobs = reduce_jobs(jobs, event)
        case (
            WorkerJoined()
            | WorkerAway()
            | WorkerBack()
            | WorkerDrained()
            | WorkerLost()
            | WorkerReserved()
            | ReservationEnded()
        ):
            workers = reduce_workers(workers, event)
        case DomainCreated() | DomainChanged() | DomainRemoved():
            domains = reduce_domains(domains, event)
        case LogRepaired():
            # Every lost event gave at most one id of each kind; skipping as many keeps law 5 (no id twice).
            lost = event.lost_last_seq - event.lost_first_seq + 1
            jobs = skip_job_ids(jobs, lost)
            workers = skip_worker_ids(workers, lost)
            domains = skip_domain_ids(domains, lost)
        case _:
            assert_never(event)
    return State(state.seq + 1, event.at_us, jobs, workers, domains)


def fold(state: State, events: Iterable[Event]) -> State:
    """Return the state after all of ``events``."""
    for event in events:
        state = evolve(state, event)
    return state
