"""The accounts when a job comes to have units waiting: those of its user, its domain and the domains above."""

from __future__ import annotations

from immutables import Map

from ..events import JobStarted, JobSubmitted, UnitsReopened
from ..ids import DomainId
from ..record import replaced
from ..starts import Starts, came
from ..state import NOTHING_RECEIVED, FairnessAccount, Jobs, UserAccount
from ..terms import Terms
from ..usage import job_weight


def with_starts(jobs: Jobs, account: FairnessAccount, event: JobSubmitted | JobStarted | UnitsReopened) -> Starts:
    """Return the starts after the domain of ``account``, or one that it is in, was raised as it came to wait."""
    starts = jobs.starts
    if not event.above and event.domain_tag <= account.tag:  # nobody was raised
        return starts
    domain_id = event.terms.domain_id if isinstance(event, JobSubmitted) else jobs.jobs[event.job_id].terms.domain_id
    for level, (who, tag) in enumerate(((domain_id, event.domain_tag), *event.above)):
        floor = jobs.accounts.get(who, NOTHING_RECEIVED).tag
        if tag > floor:
            starts = came(starts, account.parent(level), who, tag, floor, tag - floor)
    return starts


def with_arrival(
    account: FairnessAccount,
    user: UserAccount,
    event: JobSubmitted | JobStarted | UnitsReopened,
    terms: Terms,
    new: int,
) -> FairnessAccount:
    """Return the account of a domain when a job of ``user`` comes to have units waiting, and is ``new`` (1) or not."""
    users = account.users.set(
        terms.user,
        UserAccount(
            event.user_tag,
            user.clock,
            user.debt,
            user.weight + job_weight(terms.priority),
            user.backlog + 1,
            user.jobs + new,
        ),
    )
    return replaced(
        account,
        tag=event.domain_tag,
        backlog=account.backlog + 1,
        active=account.active if user.backlog else account.active + 1,
        users=users,
    )


def with_arrival_above(
    accounts: Map[DomainId, FairnessAccount], event: JobSubmitted | JobStarted | UnitsReopened, was: int
) -> Map[DomainId, FairnessAccount]:
    """Return the accounts when it comes to those above it too; ``was`` is how many waited in the domain before."""
    for domain_id, tag in event.above:
        it = accounts[domain_id]
        # It has one more inside that waits, unless what is inside it on the way had some already.
        backlog = it.backlog if was else it.backlog + 1
        accounts = accounts.set(domain_id, replaced(it, tag=tag, backlog=backlog))
        was = was or it.backlog
    return accounts
