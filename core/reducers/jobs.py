"""Jobs: submitted, started, stopped, ended, archived. What happens to their leases is in :mod:`.leases`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never, get_args

from immutables import Map

from ..events import (
    AccountReweighted,
    Event,
    HoldLifted,
    JobArchived,
    JobDelayed,
    JobEnded,
    JobEvent,
    JobStarted,
    JobStopped,
    JobSubmitted,
    PriorityChanged,
    SpecInterned,
    UnitsReopened,
    UsagesRescaled,
)
from ..ids import DomainId, JobId
from ..indexset import EMPTY, IndexSet
from ..record import replaced
from ..spans import indices
from ..starts import Starts, came
from ..state import NO_USER, NOTHING_RECEIVED, SUCCEEDED, Awaits, FairnessAccount, InternedSpec, Job, Jobs, UserAccount
from ..terms import Requeued, Terms
from ..usage import job_weight
from .backlog import without_backlog
from .leases import merged


def _reduced(jobs: Jobs, event: JobEvent) -> Jobs:
    """Return the slice after ``event``."""
    match event:
        case JobSubmitted():
            return _submitted(jobs, event)
        case JobEnded():
            return _ended(jobs, event)
        case JobArchived():
            return _archived(jobs, event)
        case SpecInterned():
            return replaced(jobs, specs=jobs.specs.set(event.digest, InternedSpec(event.body, 0)))
        case JobStarted():
            job = replaced(jobs.jobs[event.job_id], held=False)
            if event.job_id in jobs.waiting:
                jobs = replaced(jobs, waiting=jobs.waiting.delete(event.job_id))
            return _arrived(jobs, job, event)
        case JobDelayed():
            awaits = jobs.waiting.get(event.job_id, Awaits(0, False))
            awaits = replaced(awaits, prepared=event.prepared, begin_us=event.begin_us)
            return replaced(jobs, waiting=jobs.waiting.set(event.job_id, awaits))
        case HoldLifted():
            awaits = replaced(jobs.waiting[event.job_id], prepared=False)
            return replaced(jobs, waiting=jobs.waiting.set(event.job_id, awaits))
        case JobStopped():
            return _stopped(jobs, event)
        case UnitsReopened():
            return _reopened(jobs, event)
        case AccountReweighted():
            return _reweighted(jobs, event)
        case PriorityChanged():
            return _reprioritised(jobs, event)
        case UsagesRescaled():
            accounts = jobs.accounts.mutate()
            for domain_id, usage, epoch in event.usages:
                accounts[domain_id] = replaced(accounts[domain_id], usage=usage, epoch=epoch)
            return replaced(jobs, accounts=accounts.finish())
        case _:
            assert_never(event)


def _reweighted(jobs: Jobs, event: AccountReweighted) -> Jobs:
    domain_id = event.domain_id
    account = replaced(jobs.accounts.get(domain_id, NOTHING_RECEIVED), tag=event.domain_tag)
    starts = jobs.starts
    if event.start:
        base, floor, drop = event.start
        starts = came(starts, account.parent(), domain_id, base, floor, drop)
    return replaced(jobs, accounts=jobs.accounts.set(domain_id, account), starts=starts)


def _submitted(jobs: Jobs, event: JobSubmitted) -> Jobs:
    terms = event.terms
    waits = event.held or bool(event.waits_for)
    account = jobs.accounts.get(terms.domain_id)
    if account is None:
        account = FairnessAccount(above=tuple([who for who, _ in event.above]))
    starts = jobs.starts if waits else _with_starts(jobs, account, event)
    user = account.users.get(terms.user, NO_USER)
    was = account.backlog
    if waits:
        user = replaced(user, jobs=user.jobs + 1)
        account = replaced(account, users=account.users.set(terms.user, user))
    else:
        account = _with_arrival(account, user, event, terms, 1)
    accounts = jobs.accounts.set(
        terms.domain_id,
        replaced(
            account,
            jobs=account.jobs + 1,
            requested_cpu_us=account.requested_cpu_us + event.requested_cpu_us,
            last_job_id=event.job_id,
        ),
    )
    for at, (domain_id, tag) in enumerate(event.above, 1) if event.above else ():
        it = accounts.get(domain_id)
        if it is None:
            it = FairnessAccount(tag=tag, above=tuple([who for who, _ in event.above[at:]]))
        it = replaced(it, requested_cpu_us=it.requested_cpu_us + event.requested_cpu_us)
        accounts = accounts.set(domain_id, it)
    if not waits and event.above:
        accounts = _with_arrival_above(accounts, event, was)
    spec = jobs.specs[terms.spec_digest]
    waiting, dependants = jobs.waiting, jobs.dependants
    if event.waits_for:
        waiting = waiting.set(event.job_id, Awaits(len(event.waits_for), event.held))
        for parent in event.waits_for:
            dependants = dependants.set(parent, dependants.get(parent, EMPTY).add(event.job_id, 1))
    return replaced(
        jobs,
        jobs=jobs.jobs.set(event.job_id, Job(event.job_id, terms, event.at_us, event.job_tag, waits)),
        accounts=accounts,
        specs=jobs.specs.set(terms.spec_digest, InternedSpec(spec.body, spec.jobs + 1)),
        waiting=waiting,
        dependants=dependants,
        starts=starts,
        next_job_id=jobs.next_job_id if jobs.next_job_id > event.job_id else event.job_id + 1,
    )


def _stopped(jobs: Jobs, event: JobStopped) -> Jobs:
    old = jobs.jobs[event.job_id]
    if old.is_backlogged:
        jobs = replaced(jobs, accounts=without_backlog(jobs.accounts, old.terms))
    cancelled = old.cancelled
    for run in old.requeued:
        cancelled = cancelled.add(run.first, run.count)
    if old.next_index < old.terms.count:
        cancelled = cancelled.add(old.next_index, old.terms.count - old.next_index)
    job = replaced(old, held=False, stopped=event.reason, cancelled=cancelled, requeued=(), next_index=old.terms.count)
    if job.job_id in jobs.waiting:
        jobs = replaced(jobs, waiting=jobs.waiting.delete(job.job_id))
    return replaced(jobs, jobs=jobs.jobs.set(job.job_id, job), sellers=_sellers(jobs, old, job))


def _ended(jobs: Jobs, event: JobEnded) -> Jobs:
    waiting, dependants = jobs.waiting, jobs.dependants
    if event.job_id in dependants:
        if event.outcome == SUCCEEDED:
            waiting = _one_less(waiting, dependants[event.job_id])
        dependants = dependants.delete(event.job_id)
    old = jobs.jobs[event.job_id]
    job = replaced(old, ended_us=event.at_us, outcome=event.outcome)
    loaded = jobs.loaded
    if event.job_id in loaded:
        loaded = loaded.delete(event.job_id)
    return replaced(
        jobs,
        jobs=jobs.jobs.set(event.job_id, job),
        waiting=waiting,
        dependants=dependants,
        loaded=loaded,
        sellers=_sellers(jobs, old, job),
    )


def _one_less(waiting: Map[JobId, Awaits], children: IndexSet) -> Map[JobId, Awaits]:
    """Return ``waiting`` after one job that all of ``children`` were to run after has succeeded."""
    changed = waiting.mutate()
    for index in indices(children.spans()):
        awaits = waiting.get(JobId(index))
        if awaits is None:  # it was cancelled meanwhile
            continue
        if awaits.parents > 1 or awaits.begin_us:
            changed[JobId(index)] = replaced(awaits, parents=awaits.parents - 1)
        else:
            del changed[JobId(index)]
    return changed.finish()


def _reopened(jobs: Jobs, event: UnitsReopened) -> Jobs:
    old = jobs.jobs[event.job_id]
    failed = old.failed if event.failed else EMPTY
    cancelled = old.cancelled if event.cancelled else EMPTY
    again = (Requeued(*span, old.attempts, 0, 0, 0) for span in (*failed.spans(), *cancelled.spans()))
    job = replaced(
        old,
        requeued=merged((), tuple(again)),
        failed=EMPTY if event.failed else old.failed,
        cancelled=EMPTY if event.cancelled else old.cancelled,
        stopped=None,
        ended_us=None,
        outcome=None,
    )
    return _arrived(jobs, job, event)


def _arrived(jobs: Jobs, job: Job, event: JobStarted | UnitsReopened) -> Jobs:
    """Return the slice when a job that was there already comes to have units waiting."""
    terms = job.terms
    account = jobs.accounts[terms.domain_id]
    starts = _with_starts(jobs, account, event)
    accounts = jobs.accounts.set(terms.domain_id, _with_arrival(account, account.users[terms.user], event, terms, 0))
    if event.above:
        accounts = _with_arrival_above(accounts, event, account.backlog)
    sellers = _sellers(jobs, jobs.jobs[job.job_id], job)
    jobs_now = jobs.jobs.set(job.job_id, replaced(job, tag=event.job_tag))
    return replaced(jobs, jobs=jobs_now, accounts=accounts, starts=starts, sellers=sellers)


def _with_starts(jobs: Jobs, account: FairnessAccount, event: JobSubmitted | JobStarted | UnitsReopened) -> Starts:
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


def _with_arrival(
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


def _with_arrival_above(
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


def _reprioritised(jobs: Jobs, event: PriorityChanged) -> Jobs:
    old = jobs.jobs[event.job_id]
    terms = replaced(old.terms, priority=event.priority)
    job = replaced(old, terms=terms, tag=event.job_tag, points=event.points)
    account = jobs.accounts[job.terms.domain_id]
    user = account.users[job.terms.user]
    if old.is_backlogged:
        weight = user.weight + job_weight(event.priority) - job_weight(old.terms.priority)
        user = replaced(user, weight=weight)
    return replaced(
        jobs,
        jobs=jobs.jobs.set(job.job_id, job),
        accounts=jobs.accounts.set(
            job.terms.domain_id, replaced(account, users=account.users.set(job.terms.user, user))
        ),
        sellers=_sellers(jobs, old, job),
    )


def _archived(jobs: Jobs, event: JobArchived) -> Jobs:
    terms = jobs.jobs[event.job_id].terms
    account = jobs.accounts[terms.domain_id]
    spec = jobs.specs[terms.spec_digest]
    specs: Map[bytes, InternedSpec]
    if spec.jobs > 1:
        specs = jobs.specs.set(terms.spec_digest, InternedSpec(spec.body, spec.jobs - 1))
    else:
        specs = jobs.specs.delete(terms.spec_digest)
    user = account.users[terms.user]
    users: Map[str, UserAccount]
    if user.jobs > 1:
        left = UserAccount(user.tag, user.clock, user.debt, user.weight, user.backlog, user.jobs - 1)
        users = account.users.set(terms.user, left)
    else:
        users = account.users.delete(terms.user)
    return replaced(
        jobs,
        jobs=jobs.jobs.delete(event.job_id),
        accounts=jobs.accounts.set(terms.domain_id, replaced(account, jobs=account.jobs - 1, users=users)),
        specs=specs,
    )


def _sellers(jobs: Jobs, old: Job, job: Job) -> Map[DomainId, int]:
    """Return who sells once ``job`` is what has become of ``old``."""
    by = job.is_sold - old.is_sold
    if not by:
        return jobs.sellers
    domain_id = job.terms.domain_id
    count = jobs.sellers.get(domain_id, 0) + by
    return jobs.sellers.set(domain_id, count) if count else jobs.sellers.delete(domain_id)


def skip_job_ids(jobs: Jobs, count: int) -> Jobs:
    """Return the slice with ``count`` job and lease ids never to be given."""
    return replaced(jobs, next_job_id=jobs.next_job_id + count, next_lease_id=jobs.next_lease_id + count)


JOB_REDUCERS: dict[type[Event], Callable[[Jobs, Any], Jobs]] = {
    **dict.fromkeys(get_args(JobEvent), _reduced),
    JobSubmitted: _submitted,  # these three come with every job
    JobEnded: _ended,
    JobArchived: _archived,
}
"""What gives the slice after an event of each class; :func:`_reduced` is exhaustive."""
