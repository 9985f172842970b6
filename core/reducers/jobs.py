"""Jobs: submitted, held, started, reopened; how they end is in :mod:`.ends`, their leases are in :mod:`.leases`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never, get_args

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
from ..indexset import EMPTY
from ..record import replaced
from ..starts import came
from ..state import NO_USER, NOTHING_RECEIVED, Awaits, FairnessAccount, InternedSpec, Job, Jobs
from ..terms import Requeued
from ..usage import job_weight
from .arrivals import with_arrival, with_arrival_above, with_starts
from .ends import archived, ended, sellers_after, stopped
from .requeued import merged


def _reduced(jobs: Jobs, event: JobEvent) -> Jobs:
    """Return the slice after ``event``."""
    match event:
        case JobSubmitted():
            return _submitted(jobs, event)
        case JobEnded():
            return ended(jobs, event)
        case JobArchived():
            return archived(jobs, event)
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
            return stopped(jobs, event)
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
    starts = jobs.starts if waits else with_starts(jobs, account, event)
    user = account.users.get(terms.user, NO_USER)
    was = account.backlog
    if waits:
        user = replaced(user, jobs=user.jobs + 1)
        account = replaced(account, users=account.users.set(terms.user, user))
    else:
        account = with_arrival(account, user, event, terms, 1)
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
        accounts = with_arrival_above(accounts, event, was)
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
    starts = with_starts(jobs, account, event)
    accounts = jobs.accounts.set(terms.domain_id, with_arrival(account, account.users[terms.user], event, terms, 0))
    if event.above:
        accounts = with_arrival_above(accounts, event, account.backlog)
    sellers = sellers_after(jobs, jobs.jobs[job.job_id], job)
    jobs_now = jobs.jobs.set(job.job_id, replaced(job, tag=event.job_tag))
    return replaced(jobs, jobs=jobs_now, accounts=accounts, starts=starts, sellers=sellers)


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
        sellers=sellers_after(jobs, old, job),
    )


def skip_job_ids(jobs: Jobs, count: int) -> Jobs:
    """Return the slice with ``count`` job and lease ids never to be given."""
    return replaced(jobs, next_job_id=jobs.next_job_id + count, next_lease_id=jobs.next_lease_id + count)


JOB_REDUCERS: dict[type[Event], Callable[[Jobs, Any], Jobs]] = {
    **dict.fromkeys(get_args(JobEvent), _reduced),
    JobSubmitted: _submitted,  # these three come with every job
    JobEnded: ended,
    JobArchived: archived,
}
"""What gives the slice after an event of each class; :func:`_reduced` is exhaustive."""
