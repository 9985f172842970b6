"""What the server tells workers: one record a notification."""

from __future__ import annotations

import attrs

from meted.core.record import record


@record
class GivenLease:
    """Units of one job that a worker is to run, one after another.

    Attributes:
        lease: Id of the lease.
        job: Id of the job.
        first: Index of the first unit.
        count: Number of units.
        attempt: Which attempt of these units it is, from 1; what is given back counts as one too.
        spec: Digest of the spec.
        time_limit_us: Microseconds after which a unit is to be killed; nil is never.
        cpu_milli: Thousandths of a cpu that one unit needs.
        mem_bytes: Bytes of memory that one unit needs.
        generic: Thousandths of each other resource that one unit needs, by name.
        env: Secret variables of the environment, by name.
        units: Number of units of the whole job.
        name: The job's name.
        domain: The job's domain.
    """

    lease: int
    job: int
    first: int
    count: int
    attempt: int
    spec: bytes
    time_limit_us: int | None = None
    cpu_milli: int = 1000
    mem_bytes: int = 0
    generic: dict[str, int] = attrs.field(factory=dict)
    env: dict[str, str] = attrs.field(factory=dict)
    units: int = 1
    name: str = ""
    domain: str = ""


@record
class Run:
    """Run units.

    Attributes:
        leases: Maps as described in docs/wire.md, in the order in which they are to be started.
        specs: [digest, spec] of each spec that was not sent on this connection before.
    """

    leases: tuple[GivenLease, ...]
    specs: tuple[tuple[bytes, bytes], ...] = ()


@record
class AskBack:
    """Give back what has not started of leases.

    Attributes:
        leases: Ids of the leases.
    """

    leases: tuple[int, ...]


@record
class Stop:
    """Give back what has not started of leases, and kill what has.

    Attributes:
        leases: Ids of the leases.
    """

    leases: tuple[int, ...]


@record
class Keep:
    """Kill and forget everything but these leases; comes after `worker.rejoin`.

    Attributes:
        leases: Ids of the leases.
    """

    leases: tuple[int, ...]


@record
class Read:
    """Send a piece of what a unit has written, with `worker.output`.

    Attributes:
        request: Number of the wish, to be repeated in the answer.
        job: Id of the job.
        index: Index of the unit.
        attempt: Which attempt of the unit.
        stream: `out` or `err`.
        offset: Bytes to pass over.
        limit: Most bytes.
        wait_us: Microseconds to wait for something to be written.
    """

    request: int
    job: int
    index: int
    attempt: int
    stream: str
    offset: int
    limit: int
    wait_us: int


@record
class Forget:
    """Delete what the units of jobs have written.

    Attributes:
        jobs: Ids of the jobs.
    """

    jobs: tuple[int, ...]
