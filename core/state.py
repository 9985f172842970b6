"""The state: frozen records in persistent maps. ``State()`` is the empty log; ``fold(log)`` is the state."""

from __future__ import annotations

from immutables import Map

from .credit.state import Ledger as Ledger
from .domains.state import Domain as Domain
from .domains.state import Domains as Domains
from .domains.state import Loan as Loan
from .domains.state import Recalls as Recalls
from .fairness_accounts import NO_USER as NO_USER
from .fairness_accounts import NOTHING_RECEIVED as NOTHING_RECEIVED
from .fairness_accounts import FairnessAccount as FairnessAccount
from .fairness_accounts import UserAccount as UserAccount
from .ids import DomainId, JobId, LeaseId, WorkerId
from .indexset import EMPTY, IndexSet
from .limits import KARMA_START_MC
from .record import record
from .resources import NOTHING, Resources
from .starts import Starts as Starts
from .terms import Requeued, Terms

HELD, PENDING, RUNNING = "held", "pending", "running"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})
"""States in which a job stays as it is, unless it is run again."""

DEPENDENCY = "dependency"
"""Why a job was stopped: one that it was to run after did not succeed."""

MAX_FAILURES = "max_failures"
"""Why a job was stopped: more of its units failed than it allows."""


@record
class Job:
    """One job. Its units are ranges: a job of a million pending units is as small as one of one unit.

    Attributes:
        submitted_us: When it was submitted.
        tag: Its virtual finish tag F among the jobs of its user (docs/fairness.md).
        held: Prepared and not started yet, or it waits for other jobs or for its time (:attr:`Jobs.waiting`).
        next_index: Units from here on were never leased.
        requeued: Runs of units that came back, ascending by first index.
        out: Units that are leased now.
        succeeded, failed, cancelled: Units that have ended, by how.
        measured_us, measured_count: Sum and number of the run times reported so far.
        stopped: Why no more units start (``cancelled``, ``max_failures`` or ``dependency``), or None.
        ended_us, outcome: When and how it ended, or None.
        attempts: The highest attempt of any of its units so far; what is run again goes on counting from there.
        points: Of its priority, what was bought (above zero) or sold for credit.
    """

    job_id: JobId
    terms: Terms
    submitted_us: int
    tag: int
    held: bool
    next_index: int = 0
    requeued: tuple[Requeued, ...] = ()
    out: int = 0
    succeeded: IndexSet = EMPTY
    failed: IndexSet = EMPTY
    cancelled: IndexSet = EMPTY
    measured_us: int = 0
    measured_count: int = 0
    stopped: str | None = None
    ended_us: int | None = None
    outcome: str | None = None
    attempts: int = 0
    points: int = 0

    @property
    def own_priority(self) -> int:
        """Its priority without the points that were bought or sold: what it counts as usage."""
        return self.terms.priority - self.points

    @property
    def is_backlogged(self) -> bool:
        """Whether units wait to be leased (a held job's do not, nor those of a stopped one)."""
        return not self.held and (self.next_index < self.terms.count or bool(self.requeued))

    @property
    def is_sold(self) -> bool:
        """Whether points of it were sold and it is under way: its units wait or run, and it was not stopped."""
        return self.points < 0 and not self.held and self.stopped is None and self.outcome is None

    @property
    def pending_count(self) -> int:
        """Units that are neither leased nor ended."""
        return self.terms.count - self.next_index + sum(run.count for run in self.requeued)

    @property
    def ended_count(self) -> int:
        """Units that have ended, however."""
        return self.succeeded.count + self.failed.count + self.cancelled.count


@record
class Lease:
    """A run of units that a worker holds.

    Attributes:
        first, count: The units as leased.
        attempt, failures, losses: As in the event that leased them.
        leased_us: When.
        estimate_us, size: Estimated time and charge of one unit.
        priority: Of its job when it was leased.
        charged: To which accounts it was charged; see :class:`meted.core.events.UnitsLeased`.
        back: Bit i is set when unit ``first + i`` has finished or come back.
        left: Units still out.
        recalled: The worker was asked to give back what it has not started.
        points: How many points its job had then; they are part of ``priority``.
        behind: The lease in whose place it runs once that has ended, or 0; see :meth:`Jobs.is_queued`.
    """

    lease_id: LeaseId
    worker_id: WorkerId
    job_id: JobId
    first: int
    count: int
    attempt: int
    failures: int
    losses: int
    leased_us: int
    estimate_us: int
    size: int
    priority: int
    charged: int
    back: int
    left: int
    recalled: bool
    behind: LeaseId
    points: int = 0

    @property
    def ends_us(self) -> int:
        """When the run should be over, by its estimate: its units run one after another."""
        return self.leased_us + self.estimate_us * self.count

    @property
    def is_run_again(self) -> bool:
        """Whether its units had more attempts before than failures and losses account for.

        They may have ended then, and been run again since; or they were only given back before they had started.
        """
        return self.attempt > 1 + self.failures + self.losses


@record
class InternedSpec:
    """A packed spec and the number of jobs that use it."""

    body: bytes
    jobs: int


@record
class Awaits:
    """What a job waits for that is to run after others, or no sooner than at a certain time.

    Attributes:
        parents: How many of the others have not succeeded yet.
        prepared: It has not been started either.
        begin_us: When it may begin, or 0; without others that it waits for there is a time.
    """

    parents: int
    prepared: bool
    begin_us: int = 0


@record
class Jobs:
    """The slice of jobs, leases and what was charged for them.

    Attributes:
        loaded: For each job of which some units were leased and others are still to be, the workers that were given
            some, the one that came to it last first, at most ``JOB_WORKERS_MAX``. As far as can be told they have the
            job loaded (row P24).
        waiting: The jobs that wait for others, or for their time.
        dependants: For each job that has not ended and that others wait for, these others; some may be stopped by now.
        clock: The furthest that the virtual time V of the domains at the top has been, scaled by 2**20.
        debt: What V has fallen below that, because work took less than it was charged for.
        starts: Where domains came to wait, if they may yet fall with V.
        largest_size: The largest charge of one lease so far: L of the bounds.
        sellers: How many jobs each domain has under way of which points were sold; only those that have some.
    """

    jobs: Map[JobId, Job] = Map()
    leases: Map[LeaseId, Lease] = Map()
    accounts: Map[DomainId, FairnessAccount] = Map()
    specs: Map[bytes, InternedSpec] = Map()
    waiting: Map[JobId, Awaits] = Map()
    dependants: Map[JobId, IndexSet] = Map()
    loaded: Map[JobId, tuple[WorkerId, ...]] = Map()
    clock: int = 0
    debt: int = 0
    largest_size: int = 0
    starts: Starts = Starts()
    sellers: Map[DomainId, int] = Map()
    next_job_id: int = 1
    next_lease_id: int = 1

    def is_queued(self, lease: Lease) -> bool:
        """Whether a lease was prefetched and its worker has no room for it yet: what it waits behind is still there."""
        return lease.behind != 0 and lease.behind in self.leases


@record
class Worker:
    """One worker.

    Attributes:
        capacity: What it offers.
        labels: (name, value) pairs, sorted.
        joined_us: When it connected first.
        until_us: End of its life, or None.
        prefetch: It takes short work before there is room for it.
        owner: The domain whose machine it is and whose work goes first there, or 0.
        restricted: It takes nobody else's work (row P27).
        draining: It gets no more work.
        lost_at_us: If out of touch, when it will count as lost; else None.
        reserved_for: The job for a unit of which it is being emptied, or None.
        shadow_us: When that unit should fit, or None.
    """

    worker_id: WorkerId
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...]
    joined_us: int
    until_us: int | None
    prefetch: bool
    owner: DomainId = DomainId(0)
    restricted: bool = False
    draining: bool = False
    lost_at_us: int | None = None
    reserved_for: JobId | None = None
    shadow_us: int | None = None

    @property
    def is_leasable(self) -> bool:
        """Whether it may be given work now."""
        return self.lost_at_us is None and not self.draining


@record
class Workers:
    """The slice of workers; lost ones are not in it. ``capacity`` is the sum of what all of them offer."""

    workers: Map[WorkerId, Worker] = Map()
    capacity: Resources = NOTHING
    next_worker_id: int = 1


@record
class Rules:
    """The parameters of fairness (docs/fairness.md), the same for all domains.

    Attributes:
        alpha_milli: The part of the pool that is guaranteed by share, in thousandths; the rest goes by usage.
        half_life_us: After this long, usage counts half.
        aging_us: Having waited this long counts as much as half the usage; None: waiting counts nothing.
        pool: By what the rest is given out: ``decay``, ``fifo`` or ``karma``.
        usage: What counts as usage: ``all`` service, or only what was given from the ``pool``.
        start_mc: Under karma, what each domain at the top begins with for each unit of its share, in thousandths of a
            credit.
    """

    alpha_milli: int = 750
    half_life_us: int = 86_400_000_000
    aging_us: int | None = 86_400_000_000
    pool: str = "decay"
    usage: str = "all"
    start_mc: int = KARMA_START_MC


@record
class KeptCall:
    """The answer of a call, under the digest of its idempotency key."""

    key: bytes
    answer: bytes


@record
class Calls:
    """The slice of calls whose answers are kept.

    Attributes:
        kept: By number; a later call has a higher one.
        numbers: The number of each key.
        oldest_number: The least number in ``kept``, or ``next_number``.
    """

    kept: Map[int, KeptCall] = Map()
    numbers: Map[bytes, int] = Map()
    oldest_number: int = 1
    next_number: int = 1


NO_CREDIT = Ledger()
"""The ledger where nothing of credit has ever happened: nearly all that is said of credit need not be asked."""


@record
class State:
    """Everything that is known after ``seq`` events, the last of them at ``at_us``."""

    seq: int = 0
    at_us: int = 0
    jobs: Jobs = Jobs()
    workers: Workers = Workers()
    domains: Domains = Domains()
    calls: Calls = Calls()
    rules: Rules = Rules()
    ledger: Ledger = NO_CREDIT
