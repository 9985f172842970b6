"""Jobs: started, stopped, run again, archived (rows P19, P21, G05, G06). New ones are judged in :mod:`.submission`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import limits
from ..commands import (
    ArchiveJob,
    BeginJob,
    CancelJobs,
    ChangePriority,
    Command,
    DeleteJob,
    RerunUnits,
    StartJobs,
    SubmitJob,
)
from ..errors import Reason, Refused
from ..estimates import estimate_us, width_milli
from ..events import (
    Event,
    HoldLifted,
    JobArchived,
    JobEnded,
    JobStopped,
    PriorityChanged,
    UnitsReopened,
)
from ..ids import JobId
from ..service import reprioritised
from ..state import CANCELLED, DEPENDENCY, FAILED, SUCCEEDED, Job, State
from . import checks
from .arrivals import arrival, started
from .entitlements import check_open_leaf
from .submission import submit


def left_at_once(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return the events of a decision, and with the end of a job that it leaves the state at once."""
    left = events
    for event in events:
        if type(event) is JobEnded:
            left += (JobArchived(event.at_us, event.job_id, False),)
    return left


def find_job(state: State, job_id: object) -> Job:
    """Return the job of that id, or refuse."""
    job = state.jobs.jobs.get(JobId(job_id)) if type(job_id) is int else None
    if job is None:
        checks.whole(job_id, "job", 1, limits.TIME_MAX_US)
        raise Refused(Reason.UNKNOWN_JOB, f"There is no job {job_id}; it never was, or it was archived or deleted.")
    return job


def outcome_of(job: Job, failed: int, cancelled: int) -> str:
    """Return how a job ends, given how many of its units failed and how many were cancelled."""
    if job.stopped in (CANCELLED, DEPENDENCY):
        return CANCELLED
    if failed or job.stopped is not None:
        return FAILED
    return CANCELLED if cancelled else SUCCEEDED


def _start(state: State, command: StartJobs, at_us: int) -> tuple[Event, ...]:
    events: list[Event] = []
    for job_id in checks.distinct_ids(command.job_ids, "jobs", limits.JOBS_PER_COMMAND_MAX):
        job = find_job(state, job_id)
        if job.stopped is not None:
            raise Refused(Reason.JOB_ENDED, f"Job {job_id} was stopped; submit it again.")
        if not job.held:
            continue
        awaits = state.jobs.waiting.get(job.job_id)
        if awaits is not None and (awaits.parents or awaits.begin_us > at_us):
            if awaits.prepared:
                events.append(HoldLifted(at_us, job.job_id))
            continue
        # The same tags again for a second job of the same domain: V does not move between the two.
        events.append(started(state, job.job_id, at_us))
    return tuple(events)


def _begin(state: State, command: BeginJob, at_us: int) -> tuple[Event, ...]:
    job = find_job(state, command.job_id)
    awaits = state.jobs.waiting.get(job.job_id)
    if awaits is None or awaits.parents or awaits.prepared:
        return ()
    if awaits.begin_us > at_us:
        raise Refused(Reason.NOT_DUE, f"Job {job.job_id} begins at {awaits.begin_us} us; wait for that.")
    return (started(state, job.job_id, at_us),)


def _change_priority(state: State, command: ChangePriority, at_us: int) -> tuple[Event, ...]:
    job = find_job(state, command.job_id)
    checks.whole(command.priority, "priority", -limits.PRIORITY_MAX, limits.PRIORITY_MAX)
    if job.outcome is not None or job.stopped is not None:
        raise Refused(Reason.JOB_ENDED, f"Job {job.job_id} has ended or was stopped; its priority counts no more.")
    if job.own_priority == command.priority:
        return ()
    return (reprioritise(state, job, command.priority + job.points, job.points, at_us),)


def reprioritise(state: State, job: Job, priority: int, points: int, at_us: int) -> PriorityChanged:
    """Return the event that gives a job a priority, with the points of it that are bought (or, below zero, sold)."""
    user = state.jobs.accounts[job.terms.domain_id].users[job.terms.user]
    size = width_milli(job.terms.request, state.workers.capacity) * estimate_us(state.jobs, job)
    return PriorityChanged(at_us, job.job_id, priority, reprioritised(user, job, size, priority), points)


def _archive(state: State, command: ArchiveJob, at_us: int) -> tuple[Event, ...]:
    job = _ended_job(state, command.job_id)
    checks.whole(command.retention_us, "retention_us", 0, limits.TIME_MAX_US)
    if at_us < (job.ended_us or 0) + command.retention_us:
        raise Refused(Reason.JOB_NOT_ENDED, f"Job {job.job_id} is still kept; archive it later or delete it.")
    return (JobArchived(at_us, job.job_id, False),)


def _delete(state: State, command: DeleteJob, at_us: int) -> tuple[Event, ...]:
    return (JobArchived(at_us, _ended_job(state, command.job_id).job_id, True),)


def _cancel(state: State, command: CancelJobs, at_us: int) -> tuple[Event, ...]:
    events: list[Event] = []
    for job_id in checks.distinct_ids(command.job_ids, "jobs", limits.JOBS_PER_COMMAND_MAX):
        job = find_job(state, job_id)
        if job.outcome is not None or job.stopped is not None:
            continue
        events.append(JobStopped(at_us, job.job_id, CANCELLED))
        if not job.out:
            events.append(JobEnded(at_us, job.job_id, CANCELLED))
    return tuple(events)


def _rerun(state: State, command: RerunUnits, at_us: int) -> tuple[Event, ...]:
    job = _ended_job(state, command.job_id)
    checks.flag(command.failed, "failed")
    checks.flag(command.cancelled, "cancelled")
    chosen = [job.failed] * command.failed + [job.cancelled] * command.cancelled
    if not any(chosen):
        kinds = " or ".join(["failed"] * command.failed + ["cancelled"] * command.cancelled) or "chosen"
        there = f"{job.failed.count} failed and {job.cancelled.count} were cancelled; choose among these."
        if not job.failed and not job.cancelled:
            there = "all of them succeeded; submit a new job to run them once more."
        raise Refused(
            Reason.NO_UNITS,
            f"Job {job.job_id} has no {kinds} units to run again: {there}",
        )
    most = job.terms.max_failures
    if not command.failed and most is not None and job.failed.count > most:
        raise Refused(
            Reason.NO_UNITS,
            f"Job {job.job_id} would stop again at once: {job.failed.count} of its units failed and {most} may; "
            "run the failed ones again as well.",
        )
    if sum(members.span_count for members in chosen) > limits.RERUN_RUNS_MAX:
        raise Refused(
            Reason.TOO_MANY,
            f"The units of job {job.job_id} to run again are scattered over more than {limits.RERUN_RUNS_MAX} places; "
            "submit them as a new job.",
        )
    _check_parents(state, job)
    check_open_leaf(state, state.domains.domains[job.terms.domain_id])
    tags = arrival(state, job.terms)
    return (
        UnitsReopened(
            at_us,
            job.job_id,
            command.failed,
            command.cancelled,
            tags.domain_tag,
            tags.user_tag,
            tags.job_tag,
            tags.above,
        ),
    )


def _check_parents(state: State, job: Job) -> None:
    """Refuse to run ``job`` again unless all the jobs that it runs after have succeeded."""
    for parent in job.terms.after:
        before = state.jobs.jobs.get(parent)
        if before is None:
            if not job.attempts:  # a unit that was leased once says that all of them had succeeded
                raise Refused(
                    Reason.UNKNOWN_JOB,
                    f"Job {parent}, which job {job.job_id} runs after, was archived or deleted, so it is not known "
                    f"whether it succeeded; submit job {job.job_id} again as a new job.",
                )
        elif before.outcome != SUCCEEDED:
            does = "has not ended; wait for it" if before.outcome is None else "has not succeeded; run that one again"
            raise Refused(Reason.JOB_NOT_ENDED, f"Job {parent}, which job {job.job_id} runs after, {does} first.")


def _ended_job(state: State, job_id: object) -> Job:
    job = find_job(state, job_id)
    if job.ended_us is None:
        raise Refused(Reason.JOB_NOT_ENDED, f"Job {job_id} has not ended; cancel it first.")
    return job


JOB_JUDGES: dict[type[Command], Callable[[State, Any, int], tuple[Event, ...]]] = {
    SubmitJob: submit,
    StartJobs: _start,
    BeginJob: _begin,
    CancelJobs: _cancel,
    RerunUnits: _rerun,
    ChangePriority: _change_priority,
    DeleteJob: _delete,
    ArchiveJob: _archive,
}
"""What judges each command on jobs."""
