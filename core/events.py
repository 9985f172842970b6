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
from .credit.events import HoldPosted as HoldPosted
from .credit.events import HoldVoided as HoldVoided
from .credit.karma_events import GrantAccrued as GrantAccrued
from .credit.karma_events import GrantMarked as GrantMarked
from .credit.karma_events import KarmaEvent as KarmaEvent
from .credit.karma_events import KarmaLeft as KarmaLeft
from .credit.karma_events import SliceEnded as SliceEnded
from .credit.karma_events import SliceHeld as SliceHeld
from .credit.nice_events import DonorPaid as DonorPaid
from .credit.nice_events import FeeHeld as FeeHeld
from .credit.nice_events import FeePosted as FeePosted
from .credit.nice_events import FeeVoided as FeeVoided
from .credit.nice_events import NiceEvent as NiceEvent
from .credit.nice_events import PointsLapsed as PointsLapsed
from .credit.nice_events import PointsSold as PointsSold
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
from .jobs.events import AccountReweighted as AccountReweighted
from .jobs.events import HoldLifted as HoldLifted
from .jobs.events import JobArchived as JobArchived
from .jobs.events import JobDelayed as JobDelayed
from .jobs.events import JobEnded as JobEnded
from .jobs.events import JobEvent as JobEvent
from .jobs.events import JobStarted as JobStarted
from .jobs.events import JobStopped as JobStopped
from .jobs.events import JobSubmitted as JobSubmitted
from .jobs.events import PriorityChanged as PriorityChanged
from .jobs.events import SpecInterned as SpecInterned
from .jobs.events import UnitsReopened as UnitsReopened
from .jobs.events import UsagesRescaled as UsagesRescaled
from .jobs.lease_events import LeaseEvent as LeaseEvent
from .jobs.lease_events import UnitsFinished as UnitsFinished
from .jobs.lease_events import UnitsLeased as UnitsLeased
from .jobs.lease_events import UnitsRecalled as UnitsRecalled
from .jobs.lease_events import UnitsReturned as UnitsReturned
from .jobs.places import PlacesChanged as PlacesChanged
from .record import record
from .workers.events import ReservationEnded as ReservationEnded
from .workers.events import WorkerAway as WorkerAway
from .workers.events import WorkerBack as WorkerBack
from .workers.events import WorkerDrained as WorkerDrained
from .workers.events import WorkerEvent as WorkerEvent
from .workers.events import WorkerJoined as WorkerJoined
from .workers.events import WorkerLost as WorkerLost
from .workers.events import WorkerReserved as WorkerReserved


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


Event = (
    LeaseEvent
    | JobEvent
    | WorkerEvent
    | DomainEvent
    | CreditEvent
    | PlacesChanged
    | RulesChanged
    | CallsKept
    | LogRepaired
)
