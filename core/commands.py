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
from .ids import DomainId, JobId, LeaseId, Span, WorkerId
from .limits import ADOPT_GRACE_US, KARMA_START_MC, LOSSES_DEFAULT, RETENTION_US
from .record import record
from .resources import Resources
from .spec import NO_SPEC, Spec

ONE_CPU = Resources(cpu_milli=1000)


@record
class SubmitJob:
    """Accept a job; with ``hold`` it is only prepared and waits for :class:`StartJobs` (row P19).

    It runs once all the jobs in ``after`` have succeeded, and is cancelled when one of them does not (row G36).
    It runs no sooner than ``begin_us`` (row N33); a time that has passed, or None, keeps it from nothing.

    The fields are those of :class:`meted.core.terms.Terms`, with the domain by name and the spec itself.
    """

    at_us: int
    domain: str
    spec: Spec = NO_SPEC
    count: int = 1
    user: str = ""
    name: str = ""
    request: Resources = ONE_CPU
    time_request_us: int | None = None
    time_limit_us: int | None = None
    priority: int = 0
    retries: int = 0
    backoff_us: int = 0
    max_failures: int | None = None
    max_losses: int = LOSSES_DEFAULT
    tags: tuple[tuple[str, str], ...] = ()
    hold: bool = False
    after: tuple[JobId, ...] = ()
    begin_us: int | None = None


@record
class StartJobs:
    """Release prepared jobs; those that were released already are left alone, and those that wait go on waiting.

    What they wait for is other jobs, or the time at which they are to begin.
    """

    at_us: int
    job_ids: tuple[JobId, ...]


@record
class BeginJob:
    """Let a job run whose time has come, if nothing else holds it: what timers say (row N33)."""

    at_us: int
    job_id: JobId


@record
class CancelJobs:
    """Stop jobs and keep their data (rows P21, G06); those that ended or were stopped are left alone."""

    at_us: int
    job_ids: tuple[JobId, ...]


@record
class RerunUnits:
    """Run the failed (and, or, the cancelled) units of an ended job again, in the same job."""

    at_us: int
    job_id: JobId
    failed: bool = True
    cancelled: bool = False


@record
class ChangePriority:
    """Give a job that has not ended another priority (row P09)."""

    at_us: int
    job_id: JobId
    priority: int


@record
class DeleteJob:
    """Remove an ended job and its data (row P21)."""

    at_us: int
    job_id: JobId


@record
class ArchiveJob:
    """Let an ended job leave the state once ``retention_us`` have passed since its end; its data stays."""

    at_us: int
    job_id: JobId
    retention_us: int = RETENTION_US


@record
class LeaseUnits:
    """Give up to ``count`` units of a job to a worker: what a policy proposes.

    Attributes:
        covered: Which of the domains on the way from the job to the top hold less than their guarantee of what it asks
            for, or own the machine: bit 0 is the job's own domain, bit 1 the one that it is in, and so on.
        behind: Prefetch: the lease of that worker, of the same request, in whose place the units run next; 0 is none.
        donors: Under karma, the domains to look at for what they donate, in this order.
    """

    at_us: int
    worker_id: WorkerId
    job_id: JobId
    count: int = 1
    covered: int = 0
    behind: LeaseId = LeaseId(0)
    donors: tuple[DomainId, ...] = ()


@record
class FinishUnits:
    """A worker reports units as run to their end.

    Attributes:
        done: The units as (first index, count) runs in ascending order.
        run_us: One run time a unit, in that order.
        exits: (index, exit code) of those that did not succeed, ascending.
        results: (index, bytes) of those that have a result to keep; not part of the state.
        cpu_us, peak_bytes: Time on a cpu and most memory held, one a unit like ``run_us``; empty if nobody measured.
    """

    at_us: int
    worker_id: WorkerId
    lease_id: LeaseId
    done: tuple[Span, ...]
    run_us: tuple[int, ...]
    exits: tuple[tuple[int, int], ...] = ()
    results: tuple[tuple[int, bytes], ...] = ()
    cpu_us: tuple[int, ...] = ()
    peak_bytes: tuple[int, ...] = ()


@record
class ReturnUnits:
    """A worker gives back units that it has not started (phase two of taking back)."""

    at_us: int
    worker_id: WorkerId
    lease_id: LeaseId
    spans: tuple[Span, ...]


@record
class RecallUnits:
    """Ask a worker to give back what it has not started of a lease (phase one of taking back)."""

    at_us: int
    lease_id: LeaseId


@record
class JoinWorker:
    """A new worker connects with what it offers.

    Attributes:
        prefetch: It takes short work before there is room for it.
        owner: The domain whose machine it is, by name; its work goes first there (row P24). Empty is nobody's.
        restricted: It takes nobody else's work (row P27).
    """

    at_us: int
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...] = ()
    until_us: int | None = None
    prefetch: bool = False
    owner: str = ""
    restricted: bool = False


@record
class RejoinWorker:
    """A known worker connects again and says which units of which leases it still holds (adoption).

    ``held`` has (lease, unit runs) pairs; of what the state believes to be there and the worker does not name,
    everything counts as lost.
    """

    at_us: int
    worker_id: WorkerId
    held: tuple[tuple[LeaseId, tuple[Span, ...]], ...]


@record
class MarkWorkerAway:
    """A worker's connection broke, or the server has just restarted.

    With ``anew`` a worker that is out of touch already has all of the grace once more.
    """

    at_us: int
    worker_id: WorkerId
    grace_us: int = ADOPT_GRACE_US
    anew: bool = False


@record
class DrainWorker:
    """Stop giving work to a worker and let it finish; ``draining`` false takes that back."""

    at_us: int
    worker_id: WorkerId
    draining: bool = True


@record
class LoseWorker:
    """A worker is gone for good: its leases are fenced and their units tried elsewhere (row P37).

    ``started`` has the (lease, unit runs) that had started, as far as known: only they count towards the poison
    limit. None means unknown: all count.
    """

    at_us: int
    worker_id: WorkerId
    reason: str
    started: tuple[tuple[LeaseId, tuple[Span, ...]], ...] | None = None


@record
class ReserveWorker:
    """Keep a worker free for a wide unit of a job: what a policy proposes."""

    at_us: int
    worker_id: WorkerId
    job_id: JobId
    shadow_us: int


@record
class EndReservation:
    """No longer keep a worker free: what a policy proposes."""

    at_us: int
    worker_id: WorkerId


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


LeaseCommand = LeaseUnits | FinishUnits | ReturnUnits | RecallUnits
JobCommand = SubmitJob | StartJobs | BeginJob | CancelJobs | RerunUnits | ChangePriority | DeleteJob | ArchiveJob
WorkerCommand = JoinWorker | RejoinWorker | MarkWorkerAway | DrainWorker | LoseWorker | ReserveWorker | EndReservation
Command = LeaseCommand | JobCommand | WorkerCommand | DomainCommand | CreditCommand | SetRules | KeepCalls | NoteRepair
