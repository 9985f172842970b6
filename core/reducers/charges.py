"""What leases cost: accounts of the domain, its user and those above as a charge or its correction leaves them."""

from __future__ import annotations

from immutables import Map

from ..events import UnitsFinished, UnitsLeased, UnitsReturned
from ..falling import lead_of
from ..ids import DomainId
from ..record import replaced
from ..starts import fell
from ..state import FairnessAccount, Jobs, Lease, UserAccount
from ..tags import ENTITLED, LEVEL_BITS, Fallen
from ..terms import Terms
from ..usage import job_weight
from .backlog import without_backlog_above


def charged_for_lease(
    accounts: Map[DomainId, FairnessAccount], terms: Terms, event: UnitsLeased, served: int, last: int, over: int
) -> Map[DomainId, FairnessAccount]:
    """Return the accounts as a lease leaves them.

    ``last`` is 1 if no more units of the job wait, else 0; ``over`` is V at the top before it.
    """
    was = accounts[terms.domain_id]
    users, clock, debt, active, lead = was.users, was.clock, was.debt, was.active, was.lead
    if event.charged & ENTITLED:
        lead = served if was.above else lead_of(event.domain_tag, was.tag, over, served)
    if last or event.inner:
        user = users[terms.user]
        weight, backlog = user.weight, user.backlog
        if last:
            weight -= job_weight(terms.priority)
            backlog -= 1
            if not backlog:
                active -= 1
        if event.inner:
            _, jobs_clock, jobs_debt, user_tag, clock, debt = event.inner
            user = UserAccount(user_tag, jobs_clock, jobs_debt, weight, backlog, user.jobs)
        else:
            user = UserAccount(user.tag, user.clock, user.debt, weight, backlog, user.jobs)
        users = users.set(terms.user, user)
    account = replaced(
        was,
        tag=event.domain_tag,
        lead=lead,
        usage=event.usage,
        epoch=event.epoch,
        service=was.service + served,
        clock=clock,
        debt=debt,
        backlog=was.backlog - last,
        active=active,
        users=users,
    )
    accounts = accounts.set(terms.domain_id, account)
    if event.above:
        accounts = _charged_above(accounts, was, event, served, 0, event.charged, over)
        if last and not account.backlog:
            accounts = without_backlog_above(accounts, was)
    return accounts


def charged(
    accounts: Map[DomainId, FairnessAccount],
    terms: Terms,
    lease: Lease,
    event: UnitsFinished | UnitsReturned,
    served: int,
    measured_us: int,
    measured_count: int,
    used_cpu_us: int,
) -> Map[DomainId, FairnessAccount]:
    """Return the accounts as a charge leaves them, that of the domain, its user, and the domains that it is in."""
    was = accounts[terms.domain_id]
    users, clock, debt = was.users, was.clock, was.debt
    if event.inner:
        _, jobs_clock, jobs_debt, user_tag, clock, debt = event.inner
        user = replaced(users[terms.user], tag=user_tag, clock=jobs_clock, debt=jobs_debt)
        users = users.set(terms.user, user)
    account = replaced(
        was,
        tag=event.domain_tag,
        lead=was.lead + served if served > 0 and lease.charged & ENTITLED else was.lead,
        usage=event.usage,
        epoch=event.epoch,
        service=was.service + served,
        clock=clock,
        debt=debt,
        users=users,
        measured_us=was.measured_us + measured_us,
        measured_count=was.measured_count + measured_count,
        used_cpu_us=was.used_cpu_us + used_cpu_us,
    )
    accounts = accounts.set(terms.domain_id, account)
    if not event.above:
        return accounts
    return _charged_above(accounts, was, event, served, used_cpu_us, lease.charged if served > 0 else 0, None)


def _charged_above(
    accounts: Map[DomainId, FairnessAccount],
    below: FairnessAccount,
    event: UnitsLeased | UnitsFinished | UnitsReturned,
    served: int,
    used_cpu_us: int,
    charged: int,
    over: int | None,
) -> Map[DomainId, FairnessAccount]:
    """Return the accounts as a charge leaves those above the domain whose account is ``below``.

    Where ``charged`` says that a domain was served from its entitlement ``served`` is its lead: after a lease, before
    which V at the top was ``over``, by what it is ahead there; without that, beside the one that it had.
    """
    top = below.above[-1]
    for domain_id, (tag, usage, clock, debt) in zip(below.above, event.above, strict=True):
        it = accounts[domain_id]
        charged >>= LEVEL_BITS
        lead = it.lead
        if charged & ENTITLED:
            if over is None:
                lead += served
            else:
                lead = lead_of(tag, it.tag, over, served) if domain_id == top else served
        it = replaced(
            it,
            tag=tag,
            lead=lead,
            usage=usage,
            epoch=event.epoch,
            service=it.service + served,
            clock=clock,
            debt=debt,
            used_cpu_us=it.used_cpu_us + used_cpu_us,
        )
        accounts = accounts.set(domain_id, it)
    return accounts


def with_fallen(
    jobs: Jobs, accounts: Map[DomainId, FairnessAccount], fallen: tuple[Fallen, ...]
) -> tuple[Jobs, Map[DomainId, FairnessAccount]]:
    """Return the slice with the starts, and the accounts with the tags, of domains that fell with their V."""
    starts = jobs.starts
    for each in fallen:
        domain_id, tag, *_ = each
        account = accounts[domain_id]
        starts = fell(starts, account.parent(), each)
        accounts = accounts.set(domain_id, replaced(account, tag=tag))
    return replaced(jobs, starts=starts), accounts
