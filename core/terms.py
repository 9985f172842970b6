"""What jobs are made of: the terms they were submitted on, and runs of their units that wait to be tried again."""

from __future__ import annotations

from .ids import DomainId, JobId
from .record import record
from .resources import Resources


@record
class Terms:
    """What was submitted; it never changes while the job lives.

    Attributes:
        domain_id: Who is charged.
        user: Who submitted (an identity, not a privilege).
        name: The user's name for the job; need not be unique.
        spec_digest: sha256 of the packed spec.
        count: Number of units; their indices are 0 .. count - 1.
        request: What one unit needs while it runs.
        time_request_us: Estimated run time of a unit, and the least life left that a worker must have; or None.
        time_limit_us: A unit is stopped after this long; or None.
        priority: Order among the jobs of one domain, higher first.
        retries: How many failed attempts of a unit are followed by another.
        backoff_us: Delay before the first retry; it doubles with each.
        max_failures: The job is stopped once more units than this have failed; None is no limit.
        max_losses: A unit that was on more lost workers than this fails (the poison limit).
        tags: (name, value) pairs, sorted by name.
        after: It runs once all of these jobs have succeeded.
    """

    domain_id: DomainId
    user: str
    name: str
    spec_digest: bytes
    count: int
    request: Resources
    time_request_us: int | None
    time_limit_us: int | None
    priority: int
    retries: int
    backoff_us: int
    max_failures: int | None
    max_losses: int
    tags: tuple[tuple[str, str], ...]
    after: tuple[JobId, ...]


@record
class Requeued:
    """A run of units that came back and will be tried again.

    Attributes:
        first: Index of the first unit.
        count: Number of units.
        attempt: The attempt that ended; the next lease has ``attempt + 1``.
        failures: How often these units have failed.
        losses: How often they were on a worker that was lost.
        not_before_us: Back-off: not to be leased earlier than this; 0 is at once.
    """

    first: int
    count: int
    attempt: int
    failures: int
    losses: int
    not_before_us: int
