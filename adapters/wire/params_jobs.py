"""The parameters of the methods about jobs: one record a method.

A field with a default may be left out. Types are exact: ``bool`` is no ``int``, and nothing is converted.
"""

from __future__ import annotations

import attrs

from meted.core.limits import LOSSES_DEFAULT
from meted.core.record import record

from .limits import PAGE_ROWS_MAX


@record
class Submit:
    """Accept a job: a number of units that run one command each; the answer means that it is durable.

    Attributes:
        domain: Who is served: the name of a domain.
        user: Who asks; shown in tables. Empty is who the kernel says is there, over TCP the address.
        name: What people call the job.
        argv: The command and its arguments; `{index}` in them is the unit's index.
        env: Variables to add to the environment, by name.
        cwd: Directory to run in; nil is a directory of the unit's own.
        stdin: What each unit reads on its standard input.
        lines: One line a unit, in order of index, which `{line}` in the arguments stands for.
        first_index: The `{index}` of the first unit.
        index_step: What the `{index}` grows by from unit to unit.
        count: Number of units.
        cpu_milli: Thousandths of a cpu that one unit needs.
        mem_bytes: Bytes of memory that one unit needs.
        generic: Thousandths of each other resource that one unit needs, by name.
        time_request_us: Microseconds that one unit is thought to take, for planning.
        time_limit_us: Microseconds after which a unit is killed.
        priority: Larger goes first among the jobs of one domain.
        retries: How often a unit that failed is tried again.
        backoff_us: Microseconds before the first retry; doubles from retry to retry.
        max_failures: Failed units after which the rest of the job is cancelled; nil is never.
        max_losses: Lost workers after which a unit is not tried again.
        tags: Anything that the caller wants to find the job by, by name.
        hold: Whether the job waits for `start`.
        after: Jobs that must have succeeded before this one runs.
        begin_us: Run it no sooner than this, microseconds since the Unix epoch; nil is as soon as there is room.
        limits: What one unit is held to: `cpu_s`, `file_bytes`, `mem_bytes`, `open_files`, `rss_bytes`.
        payload: Bytes for an executor that takes no command.
        dry_run: Whether to say only if the job would be accepted and fit.
        key: Idempotency key.
    """

    domain: str = "default"
    user: str = ""
    name: str = ""
    argv: tuple[str, ...] = ()
    env: dict[str, str] = attrs.field(factory=dict)
    cwd: str | None = None
    stdin: bytes = b""
    lines: tuple[str, ...] | None = None
    first_index: int = 0
    index_step: int = 1
    count: int = 1
    cpu_milli: int = 1000
    mem_bytes: int = 0
    generic: dict[str, int] = attrs.field(factory=dict)
    time_request_us: int | None = None
    time_limit_us: int | None = None
    priority: int = 0
    retries: int = 0
    backoff_us: int = 0
    max_failures: int | None = None
    max_losses: int = LOSSES_DEFAULT
    tags: dict[str, str] = attrs.field(factory=dict)
    hold: bool = False
    after: tuple[int, ...] = ()
    begin_us: int | None = None
    limits: dict[str, int] = attrs.field(factory=dict)
    payload: bytes = b""
    dry_run: bool = False
    key: str | None = None


@record
class Start:
    """Release jobs that were submitted on hold.

    Attributes:
        jobs: Ids of the jobs.
        key: Idempotency key.
    """

    jobs: tuple[int, ...]
    key: str | None = None


@record
class Cancel:
    """Stop jobs and keep their data; those that have ended are left alone. What runs is ended where its worker can.

    Attributes:
        jobs: Ids of the jobs.
        key: Idempotency key.
    """

    jobs: tuple[int, ...]
    key: str | None = None


@record
class Delete:
    """Remove an ended job with its data.

    Attributes:
        job: Id of the job.
        key: Idempotency key.
    """

    job: int
    key: str | None = None


@record
class Rerun:
    """Run units of an ended job again.

    Attributes:
        job: Id of the job.
        failed: Whether to run those again that failed.
        cancelled: Whether to run those that were cancelled.
        key: Idempotency key.
    """

    job: int
    failed: bool = True
    cancelled: bool = False
    key: str | None = None


@record
class Jobs:
    """Return a page of the job table, ascending by id; after the last page comes an empty one.

    A page has fewer rows than asked for where long tags would make it larger than a message.

    Attributes:
        after: Only jobs with a larger id: the last one of the page before.
        limit: Most rows.
        active: Whether to leave out jobs that have ended.
        tags: Only jobs that have all of these tags.
        since_us: Only jobs that were submitted then or later, microseconds since the Unix epoch; nil is no bound.
        until_us: Only jobs that were submitted before then; nil is no bound.
    """

    after: int = 0
    limit: int = PAGE_ROWS_MAX
    active: bool = False
    tags: dict[str, str] = attrs.field(factory=dict)
    since_us: int | None = None
    until_us: int | None = None


@record
class Job:
    """Return one job.

    Attributes:
        job: Id of the job.
    """

    job: int


@record
class Explain:
    """Return why a job waits, and for whom.

    Attributes:
        job: Id of the job.
    """

    job: int


@record
class Forecast:
    """Return when what waits should start, by running the scheduler forward in another process.

    Attributes:
        job: Id of the only job to tell of; 0 tells of all that have something waiting.
        after: Jobs with higher ids than this one.
        limit: Most rows.
        points: Say in `with_points` as well when that job should start if it had so many more points of priority.
    """

    job: int = 0
    after: int = 0
    limit: int = PAGE_ROWS_MAX
    points: int = 0


@record
class Wait:
    """Return a job once it has ended, or as it is when the time is over.

    Attributes:
        job: Id of the job.
        wait_us: Microseconds to wait.
    """

    job: int
    wait_us: int


@record
class JobPriority:
    """Change the priority of a job that has not ended.

    Attributes:
        job: Id of the job.
        priority: Larger goes first among the jobs of one user, and counts for more as usage; each step doubles both.
        key: Idempotency key.
    """

    job: int
    priority: int
    key: str | None = None


@record
class JobNice:
    """Buy points of priority for a job that has not ended, give bought ones back, or sell some.

    Attributes:
        job: Id of the job.
        points: How many: above zero to buy, below to give back or to sell.
        cost_us: What the rest of the job is thought to take, in cpu-microseconds; nil is what the pool estimates.
        key: Idempotency key.
    """

    job: int
    points: int
    cost_us: int | None = None
    key: str | None = None
