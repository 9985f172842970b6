"""Every event there is: what happened, in the past tense, with the outcome of the decision inside.

An event is one record with its ``tag`` (its name on disk, for ever) and the ``version`` of its fields. ``evolve``
stores what an event says and computes no policy; so an old log never depends on the policy of today.
Every event carries ``at_us``, the time of the decision.
"""

from __future__ import annotations

from typing import ClassVar

from .credit.events import CreditAlarmCleared as CreditAlarmCleared
from .credit.events import CreditAlarmRaised as CreditAlarmRaised
from .credit.events import CreditClosed as CreditClosed
from .credit.events import CreditEvent as CreditEvent
from .credit.events import CreditHeld as CreditHeld
from .credit.events import CreditLent as CreditLent
from .credit.events import CreditLimited as CreditLimited
from .credit.events import CreditMoved as CreditMoved
from .credit.events import CreditOpened as CreditOpened
from .credit.events import CreditRepaid as CreditRepaid
from .credit.events import CreditRulesChanged as CreditRulesChanged
from .credit.events import CreditSettled as CreditSettled
from .credit.events import CreditWatched as CreditWatched
from .credit.events import DonorPaid as DonorPaid
from .credit.events import FeeHeld as FeeHeld
from .credit.events import FeePosted as FeePosted
from .credit.events import FeeVoided as FeeVoided
from .credit.events import HoldPosted as HoldPosted
from .credit.events import HoldVoided as HoldVoided
from .credit.events import PointsLapsed as PointsLapsed
from .credit.events import PointsSold as PointsSold
from .credit.karma_events import GrantAccrued as GrantAccrued
from .credit.karma_events import GrantMarked as GrantMarked
from .credit.karma_events import KarmaEvent as KarmaEvent
from .credit.karma_events import KarmaLeft as KarmaLeft
from .credit.karma_events import SliceEnded as SliceEnded
from .credit.karma_events import SliceHeld as SliceHeld
from .domains.events import DomainChanged as DomainChanged
from .domains.events import DomainClosed as DomainClosed
from .domains.events import DomainCreated as DomainCreated
from .domains.events import DomainEvent as DomainEvent
from .domains.events import DomainOpened as DomainOpened
from .domains.events import DomainRemoved as DomainRemoved
from .domains.events import LagRemainderKept as LagRemainderKept
from .domains.events import LoanBackedOff as LoanBackedOff
from .domains.events import LoanEnded as LoanEnded
from .domains.events import LoanMade as LoanMade
from .domains.events import LoanRecalled as LoanRecalled
from .domains.events import LoanRefused as LoanRefused
from .domains.events import LoanStarted as LoanStarted
from .domains.events import MinimumStampSet as MinimumStampSet
from .domains.events import RecordRefused as RecordRefused
from .domains.events import RecordsConfirmed as RecordsConfirmed
from .ids import DomainId, JobId, WorkerId
from .lease_events import UnitsFinished as UnitsFinished
from .lease_events import UnitsLeased as UnitsLeased
from .lease_events import UnitsRecalled as UnitsRecalled
from .lease_events import UnitsReturned as UnitsReturned
from .record import record
from .resources import Resources
from .terms import Terms


@record
class SpecInterned:
    """A spec that was not known yet is kept under its digest."""

    tag: ClassVar[str] = "spec_interned"
    version: ClassVar[int] = 1
    at_us: int
    digest: bytes
    body: bytes


@record
class JobSubmitted:
    """A job was accepted.

    Attributes:
        held: It was only prepared, or waits for the time that :class:`JobDelayed` says.
        waits_for: Those of the jobs that it is to run after which have not succeeded yet.
        domain_tag, user_tag, job_tag: What its domain, its user and it itself stand at from now on.
        above: The domains that its domain is in, nearest first, with their tags from now on.
        requested_cpu_us: The cpu time that it asks for, as far as it says (row P08).
    """

    tag: ClassVar[str] = "job_submitted"
    version: ClassVar[int] = 3
    at_us: int
    job_id: JobId
    terms: Terms
    held: bool
    waits_for: tuple[JobId, ...]
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]
    requested_cpu_us: int


@record
class JobDelayed:
    """A job that was just submitted runs no sooner than ``begin_us``; ``prepared`` if it waits for a start as well."""

    tag: ClassVar[str] = "job_delayed"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    begin_us: int
    prepared: bool


@record
class JobStarted:
    """A job that was held may run, as nothing holds it any more; its tags are as in :class:`JobSubmitted`."""

    tag: ClassVar[str] = "job_started"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]


@record
class PriorityChanged:
    """A job has another priority; ``job_tag`` leaves what it is owed among its user's jobs as it is.

    Attributes:
        points: How much of the priority was bought, or (below zero) sold, for credit.
    """

    tag: ClassVar[str] = "priority_changed"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    priority: int
    job_tag: int
    points: int


@record
class HoldLifted:
    """A prepared job was released, but still waits for other jobs or for its time."""

    tag: ClassVar[str] = "hold_lifted"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId


@record
class JobStopped:
    """No more units of the job start, and what waited is cancelled.

    ``reason`` is ``cancelled``, ``max_failures``, or ``dependency`` where a job that it waited for did not succeed.
    """

    tag: ClassVar[str] = "job_stopped"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    reason: str


@record
class JobEnded:
    """Every unit of the job has ended; ``outcome`` is ``succeeded``, ``failed`` or ``cancelled``."""

    tag: ClassVar[str] = "job_ended"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    outcome: str


@record
class UnitsReopened:
    """Units of a job that had ended are to be run again, in the same job.

    Attributes:
        failed, cancelled: Whether those that failed, and those that were cancelled.
        domain_tag, user_tag, job_tag, above: As in :class:`JobSubmitted`.
    """

    tag: ClassVar[str] = "units_reopened"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    failed: bool
    cancelled: bool
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]


@record
class JobArchived:
    """An ended job left the state; ``deleted`` if its data goes as well."""

    tag: ClassVar[str] = "job_archived"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    deleted: bool


@record
class AccountReweighted:
    """A domain's tag was moved so that another share leaves what it is owed as it is (docs/fairness.md, P10a).

    Attributes:
        domain_tag: Its tag now.
        start: Base, floor and drop of how it will fall if V does (:mod:`.starts`), or empty if that stays as it is.
    """

    tag: ClassVar[str] = "account_reweighted"
    version: ClassVar[int] = 2
    at_us: int
    domain_id: DomainId
    domain_tag: int
    start: tuple[int, ...]


@record
class UsagesRescaled:
    """The half-life changed, and what domains have used is expressed by the new one: (domain, usage, epoch) each."""

    tag: ClassVar[str] = "usages_rescaled"
    version: ClassVar[int] = 1
    at_us: int
    usages: tuple[tuple[DomainId, int, int], ...]


@record
class WorkerJoined:
    """A worker that was not known connected with what it offers.

    Attributes:
        until_us: The end of its life, or None.
        prefetch: It may be given work before there is room for it, and starts what fits.
        owner: The domain whose machine it is, or 0.
        restricted: It takes nobody else's work.
    """

    tag: ClassVar[str] = "worker_joined"
    version: ClassVar[int] = 3
    at_us: int
    worker_id: WorkerId
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...]
    until_us: int | None
    prefetch: bool
    owner: DomainId
    restricted: bool


@record
class WorkerAway:
    """A worker is out of touch; unless it comes back by ``lost_at_us`` it counts as lost."""

    tag: ClassVar[str] = "worker_away"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    lost_at_us: int


@record
class WorkerBack:
    """A worker that was out of touch came back, and keeps what it holds."""

    tag: ClassVar[str] = "worker_back"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId


@record
class WorkerDrained:
    """The worker gets no more work (``draining``), or gets work again."""

    tag: ClassVar[str] = "worker_drained"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    draining: bool


@record
class WorkerLost:
    """The worker is gone for good; ``reason`` is ``left`` or ``timeout`` or what was reported."""

    tag: ClassVar[str] = "worker_lost"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    reason: str


@record
class WorkerReserved:
    """A worker is being emptied for one wide unit of a job, expected to fit by ``shadow_us``."""

    tag: ClassVar[str] = "worker_reserved"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    job_id: JobId
    shadow_us: int


@record
class ReservationEnded:
    """The worker is no longer kept free for a job."""

    tag: ClassVar[str] = "reservation_ended"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId


@record
class RulesChanged:
    """The parameters of fairness are these from now on; the fields are those of :class:`meted.core.state.Rules`."""

    tag: ClassVar[str] = "rules_changed"
    version: ClassVar[int] = 2
    at_us: int
    alpha_milli: int
    half_life_us: int
    aging_us: int | None
    pool: str
    usage: str
    start_mc: int


@record
class CallsKept:
    """The answers of calls that changed something are kept, so that such a call again is answered and acts no more.

    Attributes:
        calls: Of each, oldest first, a digest of who called and of the idempotency key that was given, and the answer
            as whoever asks again is told; the core never looks inside.
        forgotten: How many of the oldest are kept no longer.
    """

    tag: ClassVar[str] = "call_kept"
    version: ClassVar[int] = 2
    at_us: int
    calls: tuple[tuple[bytes, bytes], ...]
    forgotten: int


@record
class LogRepaired:
    """Events ``lost_first_seq`` to ``lost_last_seq`` were set aside as damaged; ids they may have given are skipped."""

    tag: ClassVar[str] = "log_repaired"
    version: ClassVar[int] = 1
    at_us: int
    lost_first_seq: int
    lost_last_seq: int


LeaseEvent = UnitsLeased | UnitsFinished | UnitsReturned | UnitsRecalled
JobEvent = (
    SpecInterned
    | JobSubmitted
    | JobStarted
    | PriorityChanged
    | JobDelayed
    | HoldLifted
    | JobStopped
    | JobEnded
    | UnitsReopened
    | JobArchived
    | AccountReweighted
    | UsagesRescaled
)
WorkerEvent = WorkerJoined | WorkerAway | WorkerBack | WorkerDrained | WorkerLost | WorkerReserved | ReservationEnded
Event = LeaseEvent | JobEvent | WorkerEvent | DomainEvent | CreditEvent | RulesChanged | CallsKept | LogRepaired
