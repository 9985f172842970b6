"""The parameters of the methods about the connection, the tables, and the pool with its rules: one record a method."""

from __future__ import annotations

from meted.core.record import record

from .limits import PAGE_ROWS_MAX


@record
class Hello:
    """Introduce the caller and agree on a version of the protocol; comes first where it comes at all.

    Attributes:
        program: Name of the calling program.
        version: Its version.
        protocol_min: Oldest version of the protocol that it speaks.
        protocol_max: Newest version of the protocol that it speaks.
        token: The secret of the pool; may be left out on a Unix socket.
    """

    program: str
    version: str
    protocol_min: int
    protocol_max: int
    token: str | None = None


@record
class Help:
    """Return this table of methods."""


@record
class Ping:
    """Do nothing: whether the server answers."""


@record
class Changes:
    """Return what has changed in the tables, for callers that take no notifications.

    Attributes:
        since_seq: The `seq` of the answer before; 0 for the whole table.
        since_status: The `status` of the answer before; it counts what workers have said and the log does not hold.
        limit: Most rows; where more have changed, `reset` is true.
        wait_us: Microseconds to wait for a change.
    """

    since_seq: int
    since_status: int = 0
    limit: int = PAGE_ROWS_MAX
    wait_us: int = 0


@record
class Subscribe:
    """Have a table sent, then each change of it, in notifications `table`.

    Attributes:
        table: `jobs`, `workers`, `job`, `loans` or `alarms` (of credit).
        job: Id of the job, for the table `job`.
        since_seq: The `seq` up to which the caller knows the table; nil for all of it.
        domain: For the table `loans`: only what this domain lends or borrows; nil for all.
    """

    table: str
    job: int | None = None
    since_seq: int | None = None
    domain: str | None = None


@record
class Unsubscribe:
    """Have a table sent no longer.

    Attributes:
        subscription: The number that `subscribe` has returned.
    """

    subscription: int


@record
class Workers:
    """Return the workers."""


@record
class Drain:
    """Give a worker no more work and let it finish what it has, or take that back.

    Attributes:
        worker: Id of the worker.
        draining: False gives it work again.
        key: Idempotency key.
    """

    worker: int
    draining: bool = True
    key: str | None = None


@record
class State:
    """Return how far the log has come, and the digest of the state that it gives."""


@record
class Stats:
    """Return what the server has measured of itself since it started."""


@record
class Shutdown:
    """Stop the server in good order; workers go on and wait for the next one."""


@record
class Table:
    """A piece of a table that was subscribed to.

    Attributes:
        subscription: The number that `subscribe` has returned.
        kind: `header` (a page of the table), `caught_up`, `changes`, or `cut` (read too slowly: subscribe again).
        seq: How far the log had come.
        rows: Rows that are new or changed.
        gone: Ids of rows that are there no longer.
    """

    subscription: int
    kind: str
    seq: int
    rows: tuple[dict[str, object], ...] = ()
    gone: tuple[int, ...] = ()


@record
class Closing:
    """The server is about to close the connection.

    Attributes:
        sentence: Why.
    """

    sentence: str


@record
class Rules:
    """Return the rules of fairness."""


@record
class RulesSet:
    """Change rules of fairness for the whole pool; what is not named stays as it is.

    Attributes:
        alpha_milli: Thousandths of the pool that are given out by share; the rest goes by usage. Nil leaves it, as
            with all that follow.
        half_life_us: After this long, usage counts half.
        aging_us: Having waited this long counts as much as half the usage.
        no_aging: Whether waiting counts nothing any more; then there can be no `aging_us`.
        pool: By what the rest is given out: `decay` (usage that fades), `fifo` or `karma` (the richest first).
        usage: What counts as usage: `all`, or only what came from the `pool`.
        start_mc: Under karma, what a domain begins with for each unit of its share, in thousandths of a credit.
        key: Idempotency key.
    """

    alpha_milli: int | None = None
    half_life_us: int | None = None
    aging_us: int | None = None
    no_aging: bool = False
    pool: str | None = None
    usage: str | None = None
    start_mc: int | None = None
    key: str | None = None
