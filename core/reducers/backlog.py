"""Who has units waiting: counted along the way from a job to the top, where something changes."""

from __future__ import annotations

from immutables import Map

from ..ids import DomainId
from ..record import replaced
from ..state import FairnessAccount
from ..terms import Terms
from ..usage import job_weight


def with_backlog(accounts: Map[DomainId, FairnessAccount], terms: Terms) -> Map[DomainId, FairnessAccount]:
    """Return the accounts after a job has come to have units waiting."""
    return _counted(accounts, terms, 1)


def without_backlog(accounts: Map[DomainId, FairnessAccount], terms: Terms) -> Map[DomainId, FairnessAccount]:
    """Return the accounts after a job has no more units waiting."""
    return _counted(accounts, terms, -1)


def _counted(accounts: Map[DomainId, FairnessAccount], terms: Terms, by: int) -> Map[DomainId, FairnessAccount]:
    account = accounts[terms.domain_id]
    user = account.users[terms.user]
    backlog = user.backlog + by
    active = account.active + (by if user.backlog == 0 or backlog == 0 else 0)
    user = replaced(user, backlog=backlog, weight=user.weight + by * job_weight(terms.priority))
    was, now = account.backlog, account.backlog + by
    account = replaced(account, backlog=now, active=active, users=account.users.set(terms.user, user))
    accounts = accounts.set(terms.domain_id, account)
    if (was and now) or not account.above:
        return accounts
    return _counted_above(accounts, account, by)


def without_backlog_above(
    accounts: Map[DomainId, FairnessAccount], below: FairnessAccount
) -> Map[DomainId, FairnessAccount]:
    """Return the accounts after the domain whose account is ``below`` has no more jobs that have units waiting."""
    return _counted_above(accounts, below, -1)


def _counted_above(
    accounts: Map[DomainId, FairnessAccount], below: FairnessAccount, by: int
) -> Map[DomainId, FairnessAccount]:
    for domain_id in below.above:
        it = accounts[domain_id]
        now = it.backlog + by
        accounts = accounts.set(domain_id, replaced(it, backlog=now))
        if it.backlog and now:
            break
    return accounts
