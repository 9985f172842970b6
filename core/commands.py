"""Every command there is: what somebody wants, in the imperative. ``decide`` judges it.

Time and everything measured enter here, as fields; so replaying needs neither clock nor dice.
``at_us`` never moves the state's time back: an older one counts as the time of the last event.
"""

from __future__ import annotations

from .credit.commands import CloseCredit as CloseCredit
from .credit.commands import CreditCommand as CreditCommand
from .credit.commands import GrantCredit as GrantCredit
from .credit.commands import HoldCredit as HoldCredit
from .credit.commands import LendCredit as LendCredit
from .credit.commands import NiceJob as NiceJob
from .credit.commands import OpenCredit as OpenCredit
from .credit.commands import PayDonors as PayDonors
from .credit.commands import PostHold as PostHold
from .credit.commands import RepayCredit as RepayCredit
from .credit.commands import SetCreditRules as SetCreditRules
from .credit.commands import TimeOutHold as TimeOutHold
from .credit.commands import TransferCredit as TransferCredit
from .credit.commands import VoidHold as VoidHold
from .credit.commands import WatchCredit as WatchCredit
from .domains.commands import ChangeDomain as ChangeDomain
from .domains.commands import CreateDomain as CreateDomain
from .domains.commands import DeliverRecords as DeliverRecords
from .domains.commands import DomainCommand as DomainCommand
from .domains.commands import DomainRecord as DomainRecord
from .domains.commands import EndLoan as EndLoan
from .domains.commands import ExpireDomain as ExpireDomain
from .domains.commands import LoanTerms as LoanTerms
from .domains.commands import OfferLoan as OfferLoan
from .domains.commands import RecallLoan as RecallLoan
from .domains.commands import RemoveDomain as RemoveDomain
from .domains.commands import SetLoans as SetLoans
from .domains.commands import StartLoan as StartLoan
from .jobs.commands import ONE_CPU as ONE_CPU
from .jobs.commands import ArchiveJob as ArchiveJob
from .jobs.commands import BeginJob as BeginJob
from .jobs.commands import CancelJobs as CancelJobs
from .jobs.commands import ChangePriority as ChangePriority
from .jobs.commands import DeleteJob as DeleteJob
from .jobs.commands import JobCommand as JobCommand
from .jobs.commands import RerunUnits as RerunUnits
from .jobs.commands import StartJobs as StartJobs
from .jobs.commands import SubmitJob as SubmitJob
from .jobs.lease_commands import FinishUnits as FinishUnits
from .jobs.lease_commands import LeaseCommand as LeaseCommand
from .jobs.lease_commands import LeaseUnits as LeaseUnits
from .jobs.lease_commands import RecallUnits as RecallUnits
from .jobs.lease_commands import ReturnUnits as ReturnUnits
from .jobs.places import ChangePlaces as ChangePlaces
from .limits import KARMA_START_MC
from .record import record
from .workers.commands import DrainWorker as DrainWorker
from .workers.commands import EndReservation as EndReservation
from .workers.commands import JoinWorker as JoinWorker
from .workers.commands import LoseWorker as LoseWorker
from .workers.commands import MarkWorkerAway as MarkWorkerAway
from .workers.commands import RejoinWorker as RejoinWorker
from .workers.commands import ReserveWorker as ReserveWorker
from .workers.commands import WorkerCommand as WorkerCommand


@record
class SetRules:
    """Set the parameters of fairness; the fields are those of :class:`meted.core.state.Rules`."""

    at_us: int
    alpha_milli: int = 750
    half_life_us: int = 86_400_000_000
    aging_us: int | None = 86_400_000_000
    pool: str = "decay"
    usage: str = "all"
    start_mc: int = KARMA_START_MC


@record
class KeepCalls:
    """Keep the answers of calls, each under the digest of its idempotency key; what is kept for a key already stays.

    Attributes:
        calls: (key, answer) of each, oldest first.
    """

    at_us: int
    calls: tuple[tuple[bytes, bytes], ...]


@record
class NoteRepair:
    """Record that a damaged range of the log was set aside."""

    at_us: int
    lost_first_seq: int
    lost_last_seq: int


Command = (
    LeaseCommand
    | JobCommand
    | WorkerCommand
    | DomainCommand
    | CreditCommand
    | ChangePlaces
    | SetRules
    | KeepCalls
    | NoteRepair
)
