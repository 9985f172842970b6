"""The slice of jobs: jobs, their leases, their specs, what they wait for, and the accounts that they are charged to."""

from __future__ import annotations

from immutables import Map

from ..fairness_accounts import FairnessAccount
from ..ids import DomainId, JobId, LeaseId, WorkerId
from ..indexset import EMPTY, IndexSet
from ..record import record
from ..starts import Starts
from ..terms import Requeued, Terms

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
