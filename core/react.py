"""``react``: what the outside world must do because of committed events; ``outstanding``: the same after a restart."""

from __future__ import annotations

from collections.abc import Iterable

from .effects import AskBack, Effect, KeepLeases, RunUnits, StopUnits, TellLoan, TellOwner
from .events import (
    Event,
    JobEnded,
    JobStopped,
    LoanEnded,
    LoanRecalled,
    LoanRefused,
    LoanStarted,
    UnitsLeased,
    UnitsRecalled,
    WorkerBack,
)
from .ids import WorkerId
from .state import Lease, State


def reactions(state: State, events: Iterable[Event]) -> tuple[Effect, ...]:
    """Return the effects of committed ``events`` in their order; ``state`` is the committed state with them."""
    effects: list[Effect] = []
    for event in events:
        if type(event) in _OF_CONCERN:
            effects += react(state, event)
    return tuple(effects)


def react(state: State, event: Event) -> tuple[Effect, ...]:
    """Return the effects of a committed ``event``; ``state`` is the committed state with it."""
    match event:
        case UnitsLeased():
            lease = state.jobs.leases.get(event.lease_id)
            return () if lease is None else (_run(state, lease),)
        case JobEnded():
            return (TellOwner(event.job_id, event.outcome),)
        case UnitsRecalled():
            lease = state.jobs.leases.get(event.lease_id)
            return () if lease is None else (AskBack(lease.worker_id, lease.lease_id),)
        case JobStopped():
            job = state.jobs.jobs.get(event.job_id)
            if job is None or not job.out:
                return ()
            leases = (lease for lease in _leases(state) if lease.job_id == event.job_id)
            return tuple(StopUnits(lease.worker_id, lease.lease_id) for lease in leases)
        case LoanStarted():
            return (TellLoan(event.loan_id, event.lender, event.borrower, "started", ""),)
        case LoanRecalled():
            return (TellLoan(event.loan_id, event.lender, event.borrower, "recalled", ""),)
        case LoanEnded():
            return (TellLoan(event.loan_id, event.lender, event.borrower, "ended", event.reason),)
        case LoanRefused():
            return (TellLoan(None, event.lender, state.domains.by_name.get(event.borrower), "refused", event.reason),)
        case WorkerBack():
            # What was said to it while it was away did not arrive.
            again = (effect for effect in outstanding(state) if effect.worker_id == event.worker_id)
            return _keep(state, event.worker_id), *again
        case _:
            return ()


_OF_CONCERN = frozenset(
    {
        *(UnitsLeased, UnitsRecalled, JobStopped, JobEnded, WorkerBack),
        *(LoanStarted, LoanRecalled, LoanEnded, LoanRefused),
    }
)
"""What :func:`react` answers to: to find out by asking for each class in turn takes as long as to fold the event."""


def outstanding(state: State) -> tuple[StopUnits | AskBack, ...]:
    """Return what the outside world still owes the state, for a shell that has just recovered it.

    Workers may or may not have received what they hold, so leases are not sent again here: a worker says what it holds
    when it connects (:class:`meted.core.commands.RejoinWorker`), and what it does not hold is leased anew.
    """
    effects: list[StopUnits | AskBack] = []
    for lease in _leases(state):
        if state.jobs.jobs[lease.job_id].stopped is not None:
            effects.append(StopUnits(lease.worker_id, lease.lease_id))
        elif lease.recalled:
            effects.append(AskBack(lease.worker_id, lease.lease_id))
    return tuple(effects)


def _leases(state: State) -> list[Lease]:
    return sorted(state.jobs.leases.values(), key=lambda lease: lease.lease_id)


def _run(state: State, lease: Lease) -> RunUnits:
    terms = state.jobs.jobs[lease.job_id].terms
    return RunUnits(
        lease.worker_id,
        lease.lease_id,
        lease.job_id,
        lease.first,
        lease.count,
        lease.attempt,
        terms.spec_digest,
        terms.time_limit_us,
    )


def _keep(state: State, worker_id: WorkerId) -> KeepLeases:
    return KeepLeases(worker_id, tuple(lease.lease_id for lease in _leases(state) if lease.worker_id == worker_id))
