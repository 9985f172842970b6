"""What is true of the accounts of any state: who waits, counted again from the jobs; see :mod:`.invariants`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from .falling import clock_within
from .ids import DomainId
from .starts import NOBODY
from .state import FairnessAccount, Job, Lease, State, UserAccount
from .tags import ENTITLED, GUARANTEED, LEVEL_BITS
from .usage import job_weight

OfUsers = dict[str, tuple[int, int, int]]
"""By user: jobs, those of them that have units waiting, and the sum of the weights of these."""


def wrong_accounts(state: State) -> Iterator[str]:
    """Yield what is wrong with the accounts of domains and users, or with what leases were charged to."""
    jobs: defaultdict[DomainId, list[Job]] = defaultdict(list)
    for job in state.jobs.jobs.values():
        jobs[job.terms.domain_id].append(job)
    waiting: Counter[DomainId] = Counter()
    service: Counter[DomainId] = Counter()
    for account in state.jobs.accounts.values():
        if account.above:
            waiting[account.above[0]] += account.backlog > 0
            service[account.above[0]] += account.service
    for domain_id in sorted(jobs.keys() | waiting.keys() | set(state.jobs.accounts)):
        found = state.jobs.accounts.get(domain_id)
        if found is None and not jobs[domain_id] and not waiting[domain_id]:
            continue  # nothing in it has waited yet
        if found is None:
            yield f"Domain {domain_id} has jobs, or others in it have, and no account."
            continue
        yield from _wrong_account(state, domain_id, found, jobs[domain_id], waiting[domain_id])
        yield from _wrong_sums(f"The account of domain {domain_id}", found, service[domain_id])
        for name, user in sorted(found.users.items()):
            yield from _wrong_user(f"User {name!r} of domain {domain_id}", user)
    for lease in state.jobs.leases.values():
        yield from _wrong_charge(state, lease)


def wrong_sellers(state: State) -> Iterator[str]:
    """Yield what is wrong with who is told to have work under way of which points were sold."""
    sold = Counter(job.terms.domain_id for job in state.jobs.jobs.values() if job.is_sold)
    if sold != dict(state.jobs.sellers):
        yield f"Points of jobs under way were sold by {dict(sold)}, not by {dict(state.jobs.sellers)}."
    for job in state.jobs.jobs.values():
        if job.is_sold and not job.is_backlogged and not job.out:
            yield f"Job {job.job_id} counts as under way, and none of its units waits or runs."


def wrong_starts(state: State) -> Iterator[str]:
    """Yield what is wrong with the lists of where domains started (:mod:`.starts`)."""
    jobs, starts = state.jobs, state.jobs.starts
    seen: set[DomainId] = set()
    for parent_id, newest in sorted(starts.newest.items()):
        newer, domain_id, most = NOBODY, newest, clock_within(jobs, parent_id)
        while domain_id and domain_id not in seen:
            seen.add(domain_id)
            start = starts.of[domain_id]
            if parent_id != jobs.accounts[domain_id].parent() or start.newer != newer:
                yield f"Domain {domain_id} is in the wrong list, that of domain {parent_id}, or out of place there."
            if not start.floor < start.base <= most:
                yield f"Domain {domain_id} has a start from {start.floor} to {start.base}, where V was {most} at most."
            newer, domain_id, most = domain_id, start.older, start.base
    if seen != set(starts.of):
        yield f"Domains {sorted(set(starts.of) - seen)} have a start and are in no list of those beside them."


def _wrong_account(
    state: State, domain_id: DomainId, account: FairnessAccount, jobs: list[Job], inside: int
) -> Iterator[str]:
    name = f"The account of domain {domain_id}"
    users: OfUsers = {}
    for job in jobs:
        had = users.get(job.terms.user, (0, 0, 0))
        weight = job_weight(job.terms.priority) if job.is_backlogged else 0
        users[job.terms.user] = had[0] + 1, had[1] + job.is_backlogged, had[2] + weight
    backlog = sum(job.is_backlogged for job in jobs)
    if backlog and inside:
        yield f"Domain {domain_id} has jobs that wait, and domains in it have."
    if account.jobs != len(jobs) or account.backlog != backlog + inside:
        yield (
            f"{name} counts {account.jobs} jobs and {account.backlog} that wait, jobs or domains in it, but there are "
            f"{len(jobs)} and {backlog + inside}."
        )
    if {user: (it.jobs, it.backlog, it.weight) for user, it in account.users.items()} != users:
        yield f"{name} does not count right the jobs of its users, which are {users}."
    if account.active != sum(it.backlog > 0 for it in account.users.values()):
        yield f"{name} counts {account.active} users who wait, which is wrong."
    if account.measured_us < sum(job.measured_us for job in jobs):
        yield f"{name} has less run time than its jobs."
    if account.measured_count < sum(job.measured_count for job in jobs):
        yield f"{name} has fewer run times than its jobs."
    if domain_id not in state.domains.domains:
        if account.jobs:
            yield f"Domain {domain_id} has jobs and is not there."
    elif account.above != state.domains.path(domain_id):
        yield f"{name} is in domains {account.above}, but should be in {state.domains.path(domain_id)}."


def _wrong_sums(name: str, account: FairnessAccount, inside: int) -> Iterator[str]:
    sums = (
        account.usage,
        account.epoch,
        account.service,
        account.clock,
        account.debt,
        account.requested_cpu_us,
        account.used_cpu_us,
    )
    if min(sums) < 0:
        yield f"{name} has something that is negative: {sums}."
    if account.service < inside:
        yield f"{name} has {account.service} of service, but domains in it have {inside}."


def _wrong_user(name: str, user: UserAccount) -> Iterator[str]:
    if min(user.tag, user.clock, user.debt, user.weight, user.backlog) < 0 or user.jobs < 1:
        yield f"{name} has no jobs, or something that is negative: {user}."


def _wrong_charge(state: State, lease: Lease) -> Iterator[str]:
    name = f"Lease {lease.lease_id}"
    account = state.jobs.accounts[state.jobs.jobs[lease.job_id].terms.domain_id]
    levels = len(account.above) + 1
    if not 0 <= lease.charged < ENTITLED << levels * LEVEL_BITS:
        yield f"{name} is charged to more than there is: {lease.charged:b}."
    both = ENTITLED | GUARANTEED
    if any(lease.charged >> level * LEVEL_BITS & both == both for level in range(levels)):
        yield f"{name} is covered by a guarantee and charged to an entitlement: {lease.charged:b}."
    if lease.size % lease.estimate_us:
        yield f"{name} has a size of no whole width."
