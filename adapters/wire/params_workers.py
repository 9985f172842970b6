"""The parameters of what a worker tells the server: one record a method or notification.

``Runs`` are the indices of units as (first index, count), ascending.
"""

from __future__ import annotations

import attrs

from meted.core.record import record

Runs = tuple[tuple[int, int], ...]
Held = tuple[tuple[int, Runs], ...]


@record
class WorkerJoin:
    """Offer what a new worker has.

    Attributes:
        name: What people call the worker.
        instance: A random word that no other worker has: one life of the worker, which joins once, however often it
            asks.
        cpu_milli: Thousandths of a cpu that it offers.
        mem_bytes: Bytes of memory that it offers.
        generic: Thousandths of each other resource that it offers, by name.
        labels: What it says of itself, by name.
        until_us: When it will leave, in microseconds since 1970; nil is not known.
        prefetch: Whether it may be given more than it has room for, to start as room comes.
        dial: How many connections this life of the worker has made: what an older one says late counts for nothing.
        owner: The domain whose machine it is and whose work goes first there; empty is nobody's.
        restricted: Whether it takes nobody else's work.
    """

    name: str
    instance: str
    cpu_milli: int
    mem_bytes: int = 0
    generic: dict[str, int] = attrs.field(factory=dict)
    labels: dict[str, str] = attrs.field(factory=dict)
    until_us: int | None = None
    prefetch: bool = True
    dial: int = 0
    owner: str = ""
    restricted: bool = False


@record
class WorkerRejoin:
    """Come back after a broken connection or a restart of the server, and say what is still held.

    Attributes:
        worker: Id of the worker.
        instance: The word that it joined with.
        held: [lease, [[first index, count], ...]] of what it runs, or has run and not yet reported.
        dial: How many connections this life of the worker has made.
    """

    worker: int
    instance: str
    held: Held
    dial: int = 0


@record
class WorkerFinish:
    """Report units of one lease as run to their end; the answer means that the report is durable.

    Attributes:
        worker: Id of the worker.
        lease: Id of the lease.
        done: [first index, count] of the units, ascending.
        run_us: Microseconds that each ran, in that order.
        exits: [index, exit code] of those that failed: 1 to 255, negative is a signal, from 256 on see docs/wire.md.
        cpu_us: Microseconds of cpu time that each took, in that order; empty is not measured.
        peak_bytes: Most bytes of memory that each held, in that order; empty is not measured.
        results: [index, bytes] of what is kept: output of those that succeeded, the error of those that failed.
    """

    worker: int
    lease: int
    done: Runs
    run_us: tuple[int, ...]
    exits: tuple[tuple[int, int], ...] = ()
    cpu_us: tuple[int, ...] = ()
    peak_bytes: tuple[int, ...] = ()
    results: tuple[tuple[int, bytes], ...] = ()


@record
class WorkerGiveBack:
    """Give back units that were not started.

    Attributes:
        worker: Id of the worker.
        lease: Id of the lease.
        spans: [first index, count] of the units, ascending.
    """

    worker: int
    lease: int
    spans: Runs


@record
class WorkerLeave:
    """Leave for good; what is still held counts as not started.

    Attributes:
        worker: Id of the worker.
        instance: The word that it joined with.
    """

    worker: int
    instance: str


@record
class WorkerLost:
    """Say that a worker is dead, and that nothing of what it ran lives on; said by its keeper.

    Attributes:
        worker: Id of the worker.
        instance: The word that it joined with.
        reason: What happened.
        started: [lease, [[first index, count], ...]] of what had started; nil is not known.
    """

    worker: int
    instance: str
    reason: str
    started: Held | None = None


@record
class WorkerOutput:
    """Answer a notification `read`.

    Attributes:
        request: The number in `read`.
        data: What was read.
        next: The offset to go on from.
        ended: Whether nothing more will be written.
        whole: Whether all that was written can still be read.
    """

    request: int
    data: bytes
    next: int
    ended: bool
    whole: bool


@record
class WorkerBeat:
    """Say that the worker lives, where it has sent nothing else for a while.

    Attributes:
        worker: Id of the worker.
    """

    worker: int


@record
class WorkerStarted:
    """Say that units of leases have started; for the tables only.

    Attributes:
        worker: Id of the worker.
        leases: Ids of the leases.
    """

    worker: int
    leases: tuple[int, ...]
