"""Timers: what falls due without anybody asking. A projection of the state, like an index."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import ClassVar

from .commands import (
    ArchiveJob,
    BeginJob,
    Command,
    EndLoan,
    ExpireDomain,
    LoseWorker,
    PayDonors,
    RemoveDomain,
    RepayCredit,
    StartLoan,
    TimeOutHold,
    WatchCredit,
)
from .credit.donors import Donors
from .credit.watching import Watching
from .decide.ledger import accrued
from .decide.tree import is_done
from .events import (
    CreditHeld,
    CreditLent,
    CreditRepaid,
    DomainChanged,
    DomainClosed,
    DomainCreated,
    Event,
    FeePosted,
    JobDelayed,
    JobEnded,
    LoanMade,
    LoanRecalled,
    WorkerAway,
)
from .ids import DomainId, HoldId, JobId, LoanId, WorkerId
from .limits import CLOSED_CHECK_US
from .state import State

_ARCHIVE, _LOSE, _START_LOAN, _END_LOAN, _EXPIRE, _CHECK_CLOSED, _TIME_OUT, _REPAY, _BEGIN = range(9)


class Timers:
    """What falls due: a heap of (time, kind, id), of which what is obsolete is dropped when its time comes.

    Attributes:
        follows: The events that :meth:`update` cares for now.
    """

    _FOLLOWS: ClassVar[frozenset[type[Event]]] = (
        frozenset(
            (
                JobDelayed,
                JobEnded,
                WorkerAway,
                LoanMade,
                LoanRecalled,
                DomainCreated,
                DomainChanged,
                DomainClosed,
                CreditHeld,
                CreditLent,
                CreditRepaid,
            )
        )
        | Donors.FOLLOWS
        | Watching.FOLLOWS
    )

    def __init__(self, state: State, retention_us: int | None) -> None:
        """Start with what falls due in a state; ended jobs are archived after ``retention_us``, if that is not None."""
        self._retention_us = retention_us
        self._with_fees = self._FOLLOWS if retention_us is not None else self._FOLLOWS - {JobEnded}
        self._but_fees = self._with_fees - {FeePosted}
        self._looks: dict[int, int] = {}  # when loans of credit that may be overdue are looked at next
        self._due: list[tuple[int, int, int]] = []
        if retention_us is not None:
            self._due += [
                (job.ended_us + retention_us, _ARCHIVE, job.job_id)
                for job in state.jobs.jobs.values()
                if job.ended_us is not None
            ]
        self._due.extend((one.begin_us, _BEGIN, job_id) for job_id, one in state.jobs.waiting.items() if one.begin_us)
        for worker in state.workers.workers.values():
            if worker.lost_at_us is not None:
                self._due.append((worker.lost_at_us, _LOSE, worker.worker_id))
        for loan in state.domains.loans.values():
            if not loan.started:
                self._due.append((loan.start_us, _START_LOAN, loan.loan_id))
            for ends_us in (loan.expiry_us, loan.ends_us):
                if ends_us is not None:
                    self._due.append((ends_us, _END_LOAN, loan.loan_id))
        for domain in state.domains.domains.values():
            if domain.closed is not None:
                self._due.append((_next_check_us(state.at_us), _CHECK_CLOSED, domain.domain_id))
            elif domain.expires_us is not None:
                self._due.append((domain.expires_us, _EXPIRE, domain.domain_id))
        for hold in state.ledger.holds.values():
            if hold.until_us is not None:
                self._due.append((hold.until_us, _TIME_OUT, hold.hold_id))
        self._due.extend(
            (debt.due_us, _REPAY, debt.loan_id) for debt in state.ledger.loans.values() if not debt.overdue
        )
        heapify(self._due)
        for debt in state.ledger.loans.values():
            if debt.overdue:
                self._look_again(debt.loan_id, state.at_us)
        self._donors = Donors(state)
        self._watching = Watching(state)
        self._choose()

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``, which is of :attr:`follows`; ``state`` is the state after it."""
        kind = type(event)
        if kind in Watching.FOLLOWS:
            self._watching.update(event)
        if kind in Donors.FOLLOWS:
            self._donors.update(event, state)
        elif kind not in Watching.FOLLOWS:
            self._update(event)
        self._choose()

    def _choose(self) -> None:
        """Follow fees while something is to come of them: one comes with each unit that is paid for."""
        is_due = self._donors.due_us is not None and self._watching.due_us is not None
        self.follows = self._but_fees if is_due else self._with_fees

    def _update(self, event: Event) -> None:
        match event:
            case JobEnded():
                assert self._retention_us is not None
                self._push(event.at_us + self._retention_us, _ARCHIVE, event.job_id)
            case JobDelayed():
                self._push(event.begin_us, _BEGIN, event.job_id)
            case WorkerAway():
                self._push(event.lost_at_us, _LOSE, event.worker_id)
            case LoanMade():
                if event.start_us > event.at_us:
                    self._push(event.start_us, _START_LOAN, event.loan_id)
                if event.expiry_us is not None:
                    self._push(event.expiry_us, _END_LOAN, event.loan_id)
            case LoanRecalled():
                self._push(event.ends_us, _END_LOAN, event.loan_id)
            case DomainCreated() | DomainChanged():
                if event.expires_us is not None:
                    self._push(event.expires_us, _EXPIRE, event.domain_id)
            case DomainClosed():
                self._push(_next_check_us(event.at_us), _CHECK_CLOSED, event.domain_id)
            case CreditHeld():
                if event.until_us is not None:
                    self._push(event.until_us, _TIME_OUT, event.hold_id)
            case CreditLent():
                self._push(event.due_us, _REPAY, event.loan_id)
            case CreditRepaid():
                if event.overdue:
                    self._look_again(event.loan_id, event.at_us)
            case _:
                raise AssertionError(f"{type(event).__name__} is not among those that are followed")

    def next_us(self) -> int | None:
        """Return when something falls due next, or None."""
        due_us = self._due[0][0] if self._due else None
        for other_us in (self._donors.due_us, self._watching.due_us):
            if other_us is not None and (due_us is None or other_us < due_us):
                due_us = other_us
        return due_us

    def pop(self, state: State, at_us: int) -> Command | None:
        """Return the command for the next thing that is due by ``at_us``, or None; what is obsolete is dropped."""
        while self._due and self._due[0][0] <= at_us:
            due_us, kind, target = heappop(self._due)
            if kind == _ARCHIVE:
                command = _archive(state, JobId(target), self._retention_us, due_us, at_us)
            elif kind == _BEGIN:
                command = _begin(state, JobId(target), at_us)
            elif kind == _LOSE:
                command = _lose(state, WorkerId(target), due_us, at_us)
            elif kind in (_START_LOAN, _END_LOAN):
                command = _loan(state, LoanId(target), kind, due_us, at_us)
            elif kind == _TIME_OUT:
                command = TimeOutHold(at_us, target) if HoldId(target) in state.ledger.holds else None
            elif kind == _REPAY:
                command = self._repay(state, target, due_us, at_us)
            else:
                command = self._domain(state, DomainId(target), kind, due_us, at_us)
            if command is not None:
                return command
        donors_us = self._donors.due_us
        if donors_us is not None and donors_us <= at_us:
            return PayDonors(at_us, self._donors.to_pay(state))
        if self._watching.due_us is not None and self._watching.due_us <= at_us:
            self._watching.looked(at_us)
            self._choose()
            return WatchCredit(at_us, self._donors.poorest(state))
        return None

    def _push(self, due_us: int, kind: int, target: int) -> None:
        heappush(self._due, (due_us, kind, target))

    def _repay(self, state: State, loan_id: int, due_us: int, at_us: int) -> Command | None:
        loan = state.ledger.loans.get(loan_id)
        if loan is None:
            self._looks.pop(loan_id, None)
            return None
        if loan.overdue:
            self._look_again(loan_id, at_us)
            borrower = state.ledger.accounts[loan.borrower]
            if borrower.free_mc <= 0 and accrued(state, borrower, at_us) is None:
                return None
        return RepayCredit(at_us, loan_id)

    def _look_again(self, loan_id: int, at_us: int) -> None:
        """Look at an overdue loan of credit in the next hour: its borrower may have been granted something by then."""
        due_us = _next_check_us(at_us)
        if self._looks.get(loan_id) != due_us:
            self._looks[loan_id] = due_us
            self._push(due_us, _REPAY, loan_id)

    def _domain(self, state: State, domain_id: DomainId, kind: int, due_us: int, at_us: int) -> Command | None:
        domain = state.domains.domains.get(domain_id)
        if domain is None:
            return None
        if kind == _EXPIRE:  # a newer record may have another time, and an entry of its own
            is_due = domain.closed is None and domain.expires_us == due_us
            return ExpireDomain(at_us, domain.name) if is_due else None
        if is_done(state, domain):
            return RemoveDomain(at_us, domain.name)
        if domain.closed is not None:
            self._push(_next_check_us(at_us), kind, domain_id)
        return None


def _archive(state: State, job_id: JobId, retention_us: int | None, due_us: int, at_us: int) -> Command | None:
    job = state.jobs.jobs.get(job_id)
    # It may have been run again and have ended later; that end has an entry of its own.
    if retention_us is None or job is None or job.ended_us is None or job.ended_us + retention_us > due_us:
        return None
    return ArchiveJob(at_us, job_id, retention_us)


def _begin(state: State, job_id: JobId, at_us: int) -> Command | None:
    awaits = state.jobs.waiting.get(job_id)
    # What waits for something else as well is started with that: its time has come by then.
    return None if awaits is None or awaits.parents or awaits.prepared else BeginJob(at_us, job_id)


def _lose(state: State, worker_id: WorkerId, due_us: int, at_us: int) -> Command | None:
    worker = state.workers.workers.get(worker_id)
    return LoseWorker(at_us, worker_id, "timeout") if worker is not None and worker.lost_at_us == due_us else None


def _loan(state: State, loan_id: LoanId, kind: int, due_us: int, at_us: int) -> Command | None:
    loan = state.domains.loans.get(loan_id)
    if loan is None:
        return None
    if kind == _START_LOAN:
        return None if loan.started else StartLoan(at_us, loan_id)
    return EndLoan(at_us, loan_id) if due_us in (loan.expiry_us, loan.ends_us) else None


def _next_check_us(at_us: int) -> int:
    """Return the next full hour, so that it is the same time whether or not there was a restart in between."""
    return (at_us // CLOSED_CHECK_US + 1) * CLOSED_CHECK_US
