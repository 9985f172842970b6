"""Jobs: submitted, started, stopped, archived (rows P15, P19, P21, G05, G06)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from typing import Any, assert_never, get_args

from .. import limits
from ..commands import (
    ArchiveJob,
    BeginJob,
    CancelJobs,
    ChangePriority,
    Command,
    DeleteJob,
    JobCommand,
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
    JobDelayed,
    JobEnded,
    JobStopped,
    JobSubmitted,
    PriorityChanged,
    SpecInterned,
    UnitsReopened,
)
from ..ids import DomainId, JobId
from ..resources import Resources
from ..service import reprioritised
from ..spec import NO_SPEC, NO_SPEC_BODY, NO_SPEC_DIGEST, Spec, pack_spec, spec_digest
from ..state import CANCELLED, DEPENDENCY, FAILED, SUCCEEDED, Job, State
from ..terms import Terms
from . import checks
from .arrivals import arrival, started
from .dependants import checked_parents
from .entitlements import check_open_leaf, find_domain

SPECS_REMEMBERED_MAX = 8
"""Specs of the last submissions that need not be checked and packed again."""

_TEXT, _PAIR = {str}, {tuple}

_USUAL_NUMBERS = 1, 0, 0, 0, limits.LOSSES_DEFAULT
_USUAL_TYPES = (int,) * len(_USUAL_NUMBERS)  # True is equal to 1


def _decide(state: State, command: JobCommand, at_us: int) -> tuple[Event, ...]:
    match command:
        case SubmitJob():
            return _submit(state, command, at_us)
        case ArchiveJob():
            job = _ended_job(state, command.job_id)
            checks.whole(command.retention_us, "retention_us", 0, limits.TIME_MAX_US)
            if at_us < (job.ended_us or 0) + command.retention_us:
                raise Refused(Reason.JOB_NOT_ENDED, f"Job {job.job_id} is still kept; archive it later or delete it.")
            return (JobArchived(at_us, job.job_id, False),)
        case StartJobs():
            return _start(state, command, at_us)
        case BeginJob():
            return _begin(state, command, at_us)
        case CancelJobs():
            return _cancel(state, command, at_us)
        case RerunUnits():
            return _rerun(state, command, at_us)
        case ChangePriority():
            return _change_priority(state, command, at_us)
        case DeleteJob():
            job = _ended_job(state, command.job_id)
            return (JobArchived(at_us, job.job_id, True),)
        case _:
            assert_never(command)


def left_at_once(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return the events of a decision, where a job that ends leaves the state with its end."""
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


def _submit(state: State, command: SubmitJob, at_us: int) -> tuple[Event, ...]:
    domain = find_domain(state, command.domain)
    check_open_leaf(state, domain)
    if not _is_plain(command):
        _check_submission(command)
    body, digest = _packed(command.spec)
    after, waits_for = checked_parents(state, command.after) if command.after != () else ((), ())
    begin_us = command.begin_us or 0
    last = _last_terms(state, domain.domain_id)
    tags = tuple(sorted(command.tags))
    terms = Terms(
        domain.domain_id,
        _one_text(command.user),
        command.name,
        digest,
        command.count,
        command.request if last is None or last.request != command.request else last.request,
        command.time_request_us,
        command.time_limit_us,
        command.priority,
        command.retries,
        command.backoff_us,
        command.max_failures,
        command.max_losses,
        tags if last is None or last.tags != tags else last.tags,
        after,
    )
    arrived = arrival(state, terms)
    requested_cpu_us = command.count * (command.time_request_us or 0) * terms.request.cpu_milli // 1000
    submitted = JobSubmitted(
        at_us,
        JobId(state.jobs.next_job_id),
        terms,
        command.hold or begin_us > at_us,
        waits_for,
        arrived.domain_tag,
        arrived.user_tag,
        arrived.job_tag,
        arrived.above,
        requested_cpu_us,
    )
    events = (submitted,) if digest in state.jobs.specs else (SpecInterned(at_us, digest, body), submitted)
    if begin_us <= at_us:
        return events
    return (*events, JobDelayed(at_us, submitted.job_id, begin_us, command.hold))


@lru_cache(maxsize=4096)
def _one_text(name: str) -> str:
    """Return the first of equal names: all jobs of a user then hold one object between them."""
    return name


def _last_terms(state: State, domain_id: DomainId) -> Terms | None:
    """Return the terms of the domain's newest job: what is equal is shared, which saves a fifth of a job's memory."""
    account = state.jobs.accounts.get(domain_id)
    job = None if account is None or account.last_job_id is None else state.jobs.jobs.get(account.last_job_id)
    return None if job is None else job.terms


def _is_plain(command: SubmitJob) -> bool:
    """Whether a submission that says no more than most do is what it should be: that is asked at once."""
    user, request, wanted_us = command.user, command.request, command.time_request_us
    numbers = command.count, command.priority, command.retries, command.backoff_us, command.max_losses
    return (
        numbers == _USUAL_NUMBERS
        and tuple(map(type, numbers)) == _USUAL_TYPES
        and type(user) is type(command.name) is str
        and not command.name
        and len(user) <= limits.NAME_BYTES_MAX
        and user.isascii()
        and "\0" not in user
        and type(request) is Resources
        and type(request.cpu_milli) is type(request.mem_bytes) is int
        and 0 <= request.cpu_milli <= limits.CPU_MILLI_MAX
        and 0 <= request.mem_bytes <= limits.MEM_BYTES_MAX
        and (wanted_us is None or (type(wanted_us) is int and 1 <= wanted_us <= limits.TIME_MAX_US))
        and request.generic == ()
        and command.tags == ()
        and command.time_limit_us is command.max_failures is command.begin_us is None
        and command.hold is False
    )


def _check_submission(command: SubmitJob) -> None:
    checks.whole(command.count, "count", 1, limits.JOB_UNITS_MAX)
    checks.text(command.user, "user", limits.NAME_BYTES_MAX)
    checks.text(command.name, "name", limits.NAME_BYTES_MAX)
    checks.resources(command.request, "request")
    checks.optional(command.time_request_us, "time_request_us", 1, limits.TIME_MAX_US)
    checks.optional(command.time_limit_us, "time_limit_us", 1, limits.TIME_MAX_US)
    checks.whole(command.priority, "priority", -limits.PRIORITY_MAX, limits.PRIORITY_MAX)
    checks.whole(command.retries, "retries", 0, limits.RETRIES_MAX)
    checks.whole(command.backoff_us, "backoff_us", 0, limits.TIME_MAX_US)
    checks.optional(command.max_failures, "max_failures", 0, limits.JOB_UNITS_MAX)
    checks.whole(command.max_losses, "max_losses", 0, limits.LOSSES_MAX)
    if command.tags != ():
        checks.pairs(command.tags, "tags", limits.TAGS_MAX, limits.TAG_BYTES_MAX)
    checks.flag(command.hold, "hold")
    checks.optional(command.begin_us, "begin_us", 0, limits.TIME_MAX_US)


def _packed(spec: object) -> tuple[bytes, bytes]:
    """Return the bytes of a spec, and their digest, or refuse it."""
    if spec is NO_SPEC:
        return NO_SPEC_BODY, NO_SPEC_DIGEST
    if type(spec) is not Spec:
        raise Refused(Reason.BAD_TYPE, "spec must be a Spec.")
    # Another may be equal to one that was right, and still be wrong; or it cannot be a key.
    return _checked_spec(spec) if _has_plain_types(spec) else _checked_spec.__wrapped__(spec)


def _has_plain_types(spec: Spec) -> bool:
    argv, env, cwd = spec.argv, spec.env, spec.cwd
    return (
        type(argv) is tuple
        and type(env) is tuple
        and type(spec.payload) is bytes
        and (cwd is None or type(cwd) is str)
        and _TEXT.issuperset(map(type, argv))
        and _PAIR.issuperset(map(type, env))
        and _TEXT.issuperset(map(type, chain.from_iterable(env)))
    )


@lru_cache(maxsize=SPECS_REMEMBERED_MAX)  # whoever submits many jobs nearly always gives the same spec again
def _checked_spec(spec: Spec) -> tuple[bytes, bytes]:
    for argument in checks.items(spec.argv, "argv", limits.ARGUMENTS_MAX):
        checks.text(argument, "an argument", limits.SPEC_BYTES_MAX)
    checks.pairs(spec.env, "env", limits.ENVIRONMENT_MAX, limits.SPEC_BYTES_MAX)
    if spec.cwd is not None:
        checks.text(spec.cwd, "cwd", limits.SPEC_BYTES_MAX, empty=False)
    checks.raw(spec.payload, "payload", limits.SPEC_BYTES_MAX)
    # Many long texts may be one object many times over: they are counted before anything is copied.
    least_bytes = sum(map(len, spec.argv)) + sum(len(name) + len(value) for name, value in spec.env)
    if least_bytes <= limits.SPEC_BYTES_MAX:
        body = pack_spec(spec)
        if len(body) <= limits.SPEC_BYTES_MAX:
            return body, spec_digest(body)
    raise Refused(
        Reason.TOO_LARGE,
        f"The command with its environment takes more than {limits.SPEC_BYTES_MAX} bytes; "
        "put large inputs into a file.",
    )


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
    """Return the event by which a job has another priority, of which so many points are bought or sold."""
    user = state.jobs.accounts[job.terms.domain_id].users[job.terms.user]
    size = width_milli(job.terms.request, state.workers.capacity) * estimate_us(state.jobs, job)
    return PriorityChanged(at_us, job.job_id, priority, reprioritised(user, job, size, priority), points)


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
    **dict.fromkeys(get_args(JobCommand), _decide),
    SubmitJob: _submit,  # it comes with every job
}
"""What judges each command on jobs; :func:`_decide` is exhaustive."""
