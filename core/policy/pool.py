"""What the indices of all policies share: they follow events, and keep room, jobs with units to lease, and back-off."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import ClassVar, assert_never, cast, get_args

from ..credit.karma import KARMA
from ..estimates import estimate_us, next_run, run_units
from ..events import (
    AccountReweighted,
    CallsKept,
    CreditAlarmCleared,
    CreditAlarmRaised,
    CreditClosed,
    CreditEvent,
    CreditHeld,
    CreditLent,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    CreditRepaid,
    CreditRulesChanged,
    CreditSettled,
    CreditWatched,
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainOpened,
    DomainRemoved,
    DonorPaid,
    Event,
    FeeHeld,
    FeePosted,
    FeeVoided,
    GrantAccrued,
    GrantMarked,
    HoldLifted,
    HoldPosted,
    HoldVoided,
    JobArchived,
    JobDelayed,
    JobEnded,
    JobStarted,
    JobStopped,
    JobSubmitted,
    KarmaLeft,
    LagRemainderKept,
    LoanBackedOff,
    LoanEnded,
    LoanMade,
    LoanRecalled,
    LoanRefused,
    LoanStarted,
    LogRepaired,
    MinimumStampSet,
    PlacesChanged,
    PointsLapsed,
    PointsSold,
    PriorityChanged,
    RecordRefused,
    RecordsConfirmed,
    ReservationEnded,
    RulesChanged,
    SliceEnded,
    SliceHeld,
    SpecInterned,
    UnitsFinished,
    UnitsLeased,
    UnitsRecalled,
    UnitsReopened,
    UnitsReturned,
    UsagesRescaled,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerJoined,
    WorkerLost,
    WorkerReserved,
)
from ..ids import DomainId, JobId
from ..limits import RUN_QUANTUM_US
from ..state import Job, State
from .capacity import Capacity
from .held import HeldAmounts

_CREDIT_EVENTS = frozenset(get_args(CreditEvent))

_OF_NO_CONCERN = frozenset(
    {
        *(JobDelayed, HoldLifted, JobEnded, JobArchived, SpecInterned, UnitsRecalled, CallsKept, LogRepaired),
        PlacesChanged,
        *_CREDIT_EVENTS,
    }
)


class PoolIndex(HeldAmounts):
    """Follows the events and keeps room, held amounts and back-off; subclasses keep the order of jobs.

    Attributes:
        follows_accounts: Whether the order rests on what domains have received or on how long their units take; where
            it does not, nobody is told when a unit that has run changes that.
        capacity: Room on the workers.
        now_us: Up to when units that were backing off have been woken.
    """

    follows_accounts: ClassVar[bool] = True

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.capacity = Capacity(state)
        self.now_us = state.at_us
        self._sleeping: list[tuple[int, JobId]] = []
        self._alarms: dict[JobId, int] = {}
        for _, job in sorted(state.jobs.jobs.items()):
            self._refresh(job)

    def job_ready(self, job: Job) -> None:
        """A job has units to lease (again); it may be known already."""
        raise NotImplementedError

    def job_done(self, job: Job) -> None:
        """A job has no units to lease now; it may be known already."""
        raise NotImplementedError

    def job_moved(self, before: Job, after: Job) -> None:
        """A job's tag or priority has changed; it may be queued or not."""

    def domain_changed(self, domain_id: DomainId) -> None:
        """A domain's tag, usage, share, cap or guarantee has changed."""

    def domain_served(self, domain_id: DomainId) -> None:
        """A domain was given something."""

    def domain_measured(self, domain_id: DomainId) -> None:
        """One more run time of a domain is known."""

    def rules_changed(self) -> None:
        """The parameters of fairness have changed, or how usage is expressed."""

    def shares_changed(self) -> None:
        """A domain came or went, or has another share."""

    def credit_changed(self, event: CreditEvent, was: State) -> None:
        """Under karma: something of credit has changed; ``was`` is the state before."""

    def pool_changed(self) -> None:
        """Workers came, went, or may or may not be leased now."""

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; ``state`` is the state after it."""
        was, self.state = self.state, state
        if type(event) in _OF_NO_CONCERN:
            if state.rules.pool == KARMA and type(event) in _CREDIT_EVENTS:
                self.credit_changed(cast(CreditEvent, event), was)
            return
        match event:
            case UnitsLeased():
                self._leased(event, was)
            case UnitsFinished() | UnitsReturned():
                self._came_back(event, was)
            case JobSubmitted() | JobStarted() | UnitsReopened():
                job = state.jobs.jobs[event.job_id]
                self._refresh(job)
                self.domain_changed(job.terms.domain_id)
            case PriorityChanged():
                job = state.jobs.jobs[event.job_id]
                self.job_moved(was.jobs.jobs[event.job_id], job)
                self.domain_changed(job.terms.domain_id)
            case JobStopped():
                self.job_done(state.jobs.jobs[event.job_id])
            case DomainChanged() | DomainClosed() | DomainOpened():
                self._entitlement_changed(event.domain_id)
                self.shares_changed()
            case LoanStarted() | LoanEnded():
                loan = was.domains.loans[event.loan_id]
                for who in {*self._line_up(loan.lender), *self._line_up(loan.borrower)}:
                    self._entitlement_changed(who)
                self.shares_changed()
            case AccountReweighted():
                self.domain_changed(event.domain_id)
            case RulesChanged() | UsagesRescaled():
                self.rules_changed()
            case DomainCreated():
                self._watch_held(event.domain_id)
                self.shares_changed()
            case WorkerJoined():
                self.capacity.add(state.workers.workers[event.worker_id])
                self._reorder()
            case WorkerLost():
                self.capacity.remove(event.worker_id)
                self._reorder()
            case WorkerAway() | WorkerBack() | WorkerDrained() | WorkerReserved() | ReservationEnded():
                self._reorder()
            case DomainRemoved():
                self._held.pop(event.domain_id, None)
                self._guaranteed.discard(event.domain_id)
                self.shares_changed()
            case JobDelayed() | HoldLifted() | JobEnded() | JobArchived():
                pass
            case SpecInterned() | UnitsRecalled() | CallsKept() | LogRepaired() | PlacesChanged():
                pass
            case LagRemainderKept() | RecordRefused() | RecordsConfirmed() | MinimumStampSet():
                pass
            case CreditOpened() | CreditLimited() | CreditClosed() | CreditSettled() | CreditRulesChanged():
                pass
            case CreditMoved() | CreditHeld() | HoldPosted() | HoldVoided() | CreditLent() | CreditRepaid():
                pass
            case CreditWatched() | CreditAlarmRaised() | CreditAlarmCleared():
                pass
            case FeeHeld() | FeePosted() | FeeVoided() | DonorPaid() | PointsSold() | PointsLapsed():
                pass
            case SliceHeld() | SliceEnded() | GrantAccrued() | GrantMarked() | KarmaLeft():
                pass
            case LoanMade() | LoanRecalled() | LoanRefused() | LoanBackedOff():
                pass
            case _:
                assert_never(event)

    def wake(self, at_us: int) -> None:
        """Bring back the units whose back-off is over by ``at_us``."""
        if at_us > self.now_us:
            self.now_us = at_us
        while self._sleeping and self._sleeping[0][0] <= self.now_us:
            due_us, job_id = heappop(self._sleeping)
            if self._alarms.get(job_id) != due_us:
                continue
            del self._alarms[job_id]
            job = self.state.jobs.jobs.get(job_id)
            if job is not None:
                self._refresh(job)
                self.domain_changed(job.terms.domain_id)

    def next_wake_us(self) -> int | None:
        """Return when the first of the units that are backing off may be tried again, or None if none is."""
        return self._sleeping[0][0] if self._sleeping else None

    def run_count(self, job: Job, estimated_us: int) -> int:
        """Return how many units of ``job`` to lease as one run: about a run quantum of work (docs/fairness.md)."""
        if estimated_us >= RUN_QUANTUM_US:
            return 1
        if not job.requeued:
            available = job.terms.count - job.next_index
        else:
            run = next_run(job, self.now_us)
            available = 1 if run is None or run.losses else run.count
        return run_units(estimated_us, available)

    def next_count(self, job: Job) -> int:
        """Return how many units of ``job`` to lease as one run, where what is charged in advance is its estimate."""
        if not job.requeued and job.terms.count - job.next_index == 1:
            return 1
        return self.run_count(job, estimate_us(self.state.jobs, job))

    def needs_until_us(self, job: Job) -> int | None:
        """Return until when a worker must live to be given a unit of ``job`` now.

        None if that is not known, or if it does not matter, as the life of no worker ends.
        """
        wanted = job.terms.time_request_us
        return None if wanted is None or not self.capacity.is_mortal else self.now_us + wanted

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        held = [(domain_id, free.amount()) for domain_id, free in sorted(self._held.items())]
        return self.capacity.summary(), held

    def _entitlement_changed(self, domain_id: DomainId) -> None:
        self._watch_held(domain_id)
        self.capacity.version += 1  # a higher cap may let something fit
        self.domain_changed(domain_id)

    def _leased(self, event: UnitsLeased, was: State) -> None:
        jobs = self.state.jobs
        job = jobs.jobs[event.job_id]
        terms = job.terms
        self.capacity.leased(event, terms, jobs)
        if self._held:
            self._hold(terms, more=True)
        if not job.requeued and job.next_index >= terms.count:
            self.job_done(was.jobs.jobs[event.job_id])  # it is queued by the tag that it had
        else:
            if event.inner:
                self.job_moved(was.jobs.jobs[event.job_id], job)
            if job.requeued:
                self._refresh(job)
        self.domain_served(terms.domain_id)

    def _came_back(self, event: UnitsFinished | UnitsReturned, was: State) -> None:
        jobs, capacity = self.state.jobs, self.capacity
        if event.lease_id in jobs.leases:
            job_id, terms = capacity.holder(event.lease_id)
            capacity.version += 1  # one more run time: with a shorter estimate something may end in time
        else:
            job_id, terms = capacity.give(event.lease_id)
            if self._held:
                self._hold(terms, more=False)
        if event.inner:
            self.job_moved(was.jobs.jobs[job_id], jobs.jobs[job_id])
        if event.requeued:
            self._refresh(jobs.jobs[job_id])
        if not self.follows_accounts:
            return
        for fallen_id, *_ in event.fallen:
            self.domain_held(fallen_id)
        before = was.jobs.accounts[terms.domain_id]
        if event.inner or event.requeued or event.domain_tag != before.tag or event.usage != before.usage:
            self.domain_changed(terms.domain_id)
        else:
            self.domain_measured(terms.domain_id)

    def _refresh(self, job: Job) -> None:
        if not job.is_backlogged:
            return
        if not job.requeued:
            self.job_ready(job)
            return
        if next_run(job, self.now_us) is not None:
            self.job_ready(job)
        else:
            self.job_done(job)
        due = [run.not_before_us for run in job.requeued if run.not_before_us > self.now_us]
        if due and self._alarms.get(job.job_id, min(due) + 1) > min(due):
            self._alarms[job.job_id] = min(due)
            heappush(self._sleeping, (min(due), job.job_id))

    def _reorder(self) -> None:
        self.capacity.reorder(self.state)
        self.pool_changed()
