"""How jobs end: no more of them starts, all of them has ended, they leave the state."""

from __future__ import annotations

from immutables import Map

from ..events import JobArchived, JobEnded, JobStopped
from ..ids import DomainId, JobId
from ..indexset import IndexSet
from ..record import replaced
from ..spans import indices
from ..state import SUCCEEDED, Awaits, InternedSpec, Job, Jobs, UserAccount
from .backlog import without_backlog


def stopped(jobs: Jobs, event: JobStopped) -> Jobs:
    """Return the slice when no more units of a job are to start."""
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
    return replaced(jobs, jobs=jobs.jobs.set(job.job_id, job), sellers=sellers_after(jobs, old, job))


def ended(jobs: Jobs, event: JobEnded) -> Jobs:
    """Return the slice when every unit of a job has ended."""
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
        sellers=sellers_after(jobs, old, job),
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


def archived(jobs: Jobs, event: JobArchived) -> Jobs:
    """Return the slice without a job that has ended."""
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


def sellers_after(jobs: Jobs, old: Job, job: Job) -> Map[DomainId, int]:
    """Return who sells once ``job`` is what has become of ``old``."""
    by = job.is_sold - old.is_sold
    if not by:
        return jobs.sellers
    domain_id = job.terms.domain_id
    count = jobs.sellers.get(domain_id, 0) + by
    return jobs.sellers.set(domain_id, count) if count else jobs.sellers.delete(domain_id)
