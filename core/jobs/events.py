"""Events of jobs: submitted, held, started, stopped, ended, archived; and of the accounts of who they are charged to.

Re-exported by :mod:`meted.core.events`.
"""

from __future__ import annotations

from typing import ClassVar

from ..ids import DomainId, JobId
from ..record import record
from ..terms import Terms


@record
class SpecInterned:
    """A spec that was not known yet is kept under its digest."""

    tag: ClassVar[str] = "spec_interned"
    version: ClassVar[int] = 1
    at_us: int
    digest: bytes
    body: bytes


@record
class JobSubmitted:
    """A job was accepted.

    Attributes:
        held: It was only prepared, or waits for the time that :class:`JobDelayed` says.
        waits_for: Those of the jobs that it is to run after which have not succeeded yet.
        domain_tag, user_tag, job_tag: What its domain, its user and it itself stand at from now on.
        above: The domains that its domain is in, nearest first, with their tags from now on.
        requested_cpu_us: The cpu time that it asks for, as far as it says (row P08).
    """

    tag: ClassVar[str] = "job_submitted"
    version: ClassVar[int] = 3
    at_us: int
    job_id: JobId
    terms: Terms
    held: bool
    waits_for: tuple[JobId, ...]
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]
    requested_cpu_us: int


@record
class JobDelayed:
    """A job that was just submitted runs no sooner than ``begin_us``; ``prepared`` if it waits for a start as well."""

    tag: ClassVar[str] = "job_delayed"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    begin_us: int
    prepared: bool


@record
class JobStarted:
    """A job that was held may run, as nothing holds it any more; its tags are as in :class:`JobSubmitted`."""

    tag: ClassVar[str] = "job_started"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]


@record
class PriorityChanged:
    """A job has another priority; ``job_tag`` leaves what it is owed among its user's jobs as it is.

    Attributes:
        points: How much of the priority was bought, or (below zero) sold, for credit.
    """

    tag: ClassVar[str] = "priority_changed"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    priority: int
    job_tag: int
    points: int


@record
class HoldLifted:
    """A prepared job was released, but still waits for other jobs or for its time."""

    tag: ClassVar[str] = "hold_lifted"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId


@record
class JobStopped:
    """No more units of the job start, and what waited is cancelled.

    ``reason`` is ``cancelled``, ``max_failures``, or ``dependency`` where a job that it waited for did not succeed.
    """

    tag: ClassVar[str] = "job_stopped"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    reason: str


@record
class JobEnded:
    """Every unit of the job has ended; ``outcome`` is ``succeeded``, ``failed`` or ``cancelled``."""

    tag: ClassVar[str] = "job_ended"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    outcome: str


@record
class UnitsReopened:
    """Units of a job that had ended are to be run again, in the same job.

    Attributes:
        failed, cancelled: Whether those that failed, and those that were cancelled.
        domain_tag, user_tag, job_tag, above: As in :class:`JobSubmitted`.
    """

    tag: ClassVar[str] = "units_reopened"
    version: ClassVar[int] = 2
    at_us: int
    job_id: JobId
    failed: bool
    cancelled: bool
    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]


@record
class JobArchived:
    """An ended job left the state; ``deleted`` if its data goes as well."""

    tag: ClassVar[str] = "job_archived"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    deleted: bool


@record
class AccountReweighted:
    """A domain's tag was moved so that another share leaves what it is owed as it is (docs/fairness.md, P10a).

    Attributes:
        domain_tag: Its tag now.
        start: Base, floor and drop of how it will fall if V does (:mod:`.starts`), or empty if that stays as it is.
    """

    tag: ClassVar[str] = "account_reweighted"
    version: ClassVar[int] = 2
    at_us: int
    domain_id: DomainId
    domain_tag: int
    start: tuple[int, ...]


@record
class UsagesRescaled:
    """The half-life changed, and what domains have used is expressed by the new one: (domain, usage, epoch) each."""

    tag: ClassVar[str] = "usages_rescaled"
    version: ClassVar[int] = 1
    at_us: int
    usages: tuple[tuple[DomainId, int, int], ...]


JobEvent = (
    SpecInterned
    | JobSubmitted
    | JobStarted
    | PriorityChanged
    | JobDelayed
    | HoldLifted
    | JobStopped
    | JobEnded
    | UnitsReopened
    | JobArchived
    | AccountReweighted
    | UsagesRescaled
)
