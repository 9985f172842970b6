"""What domains and users have received: the accounts by which fairness is kept.

They count work, and every domain that ever had a job has one. An account of *credit*, which can be spent, is another
thing: :class:`meted.core.credit.state.CreditAccount`. Where code has to do with both, the one here is ``fairness``.
"""

from __future__ import annotations

from immutables import Map

from .domains.state import TOP
from .ids import DomainId, JobId
from .record import record


@record
class UserAccount:
    """What a user of a domain has received, beside the other users of it; and the virtual time of his jobs.

    Attributes:
        tag: His start tag among the users of the domain, scaled like :attr:`meted.core.state.Job.tag`.
        clock, debt: Of the virtual time of his jobs, as in :class:`meted.core.state.Jobs`.
        weight: Sum of the weights of his jobs that have units waiting.
        backlog: Number of these.
        jobs: Jobs of his that are not archived.
    """

    tag: int = 0
    clock: int = 0
    debt: int = 0
    weight: int = 0
    backlog: int = 0
    jobs: int = 0


@record
class FairnessAccount:
    """What a domain has received.

    Attributes:
        tag: Virtual start tag S of the domain in its parent's virtual time (docs/fairness.md), scaled by 2**20.
        lead: The size of its last run from its entitlement, and of what has been longer than estimated since: by what
            that is charged the tag may be ahead of V. By karma also of what that tag was ahead of V before this run.
        usage, epoch: Forward-decayed usage X, and the epoch it is expressed in (:mod:`meted.core.usage`).
        service: All that it has received, in units of size, whatever it was served from.
        clock, debt: Of the virtual time of what is inside it, its sub-domains or its users, as in
            :class:`meted.core.state.Jobs`.
        backlog: Its jobs that have units waiting, or its sub-domains that have such jobs.
        active: Its users who have units waiting.
        users: By name, those who have jobs in the state.
        jobs: Jobs of the domain that are not archived.
        measured_us, measured_count: Sum and number of run times reported, for estimates.
        requested_cpu_us: Cpu time that was asked for (row P08).
        used_cpu_us: Cpu time of units that ended, each counted by its priority (row P09).
        last_job_id: The domain's newest job, or None; what the next has in common with it is kept only once.
        above: The domains that it is in, nearest first.
    """

    tag: int = 0
    lead: int = 0
    usage: int = 0
    epoch: int = 0
    service: int = 0
    clock: int = 0
    debt: int = 0
    backlog: int = 0
    active: int = 0
    users: Map[str, UserAccount] = Map()
    jobs: int = 0
    measured_us: int = 0
    measured_count: int = 0
    requested_cpu_us: int = 0
    used_cpu_us: int = 0
    last_job_id: JobId | None = None
    above: tuple[DomainId, ...] = ()

    def parent(self, level: int = 0) -> DomainId:
        """Return what the domain ``level`` above this one is in, or :data:`TOP`; level 0 is this one itself."""
        return self.above[level] if level < len(self.above) else TOP


NO_USER = UserAccount()
NOTHING_RECEIVED = FairnessAccount()
