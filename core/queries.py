"""Questions that programs ask, nearly all about jobs (rows G04, G05, P15, P20)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from . import limits
from .decide import checks
from .errors import Reason, Refused
from .events import Event, JobSubmitted
from .ids import JobId
from .offers import Offers, is_too_large, largest_offers
from .state import DEPENDENCY, FAILED, HELD, MAX_FAILURES, PENDING, RUNNING, Job, State

NAMED_JOBS_MAX = 3
"""Jobs named in one sentence; the others are counted."""


def kept_answer(state: State, key: bytes) -> bytes | None:
    """Return the answer that is kept under the digest of an idempotency key, or None."""
    number = state.calls.numbers.get(key)
    return None if number is None else state.calls.kept[number].answer


def submitted_id(events: Iterable[Event]) -> JobId:
    """Return the id of the job that was submitted by these events, which are of one submission."""
    return next(event.job_id for event in events if isinstance(event, JobSubmitted))


def is_prepared(state: State, job: Job) -> bool:
    """Whether the job waits for somebody to start it, whatever else it waits for."""
    awaits = state.jobs.waiting.get(job.job_id)
    return job.held and (awaits is None or awaits.prepared)


def job_state(state: State, job: Job, offers: Offers | None = None) -> str:
    """Return ``held``, ``pending``, ``running``, ``succeeded``, ``failed`` or ``cancelled``.

    A job with units out is running. One that waits is pending where that passes by itself, as other jobs succeed, its
    time comes or there is room, and held where somebody has to start it, or to bring a worker that is large enough.

    Args:
        state: The state that the job is in.
        job: The job.
        offers: What :func:`meted.core.offers.largest_offers` returns of that state, from who asks about many jobs.
    """
    if job.outcome is not None:
        return job.outcome
    if job.held:
        return HELD if is_prepared(state, job) else PENDING
    if job.out:
        return RUNNING
    return HELD if is_too_large(state, job, largest_offers(state) if offers is None else offers) else PENDING


def is_running(state: State, job_id: JobId) -> bool:
    """Whether units of the job are out; False for an unknown id."""
    job = state.jobs.jobs.get(job_id)
    return job is not None and job.out > 0


def is_over(state: State, job_id: JobId) -> bool:
    """Whether the job has ended; False for an unknown id."""
    job = state.jobs.jobs.get(job_id)
    return job is not None and job.outcome is not None


def is_running_or_over(state: State, job_id: JobId) -> bool:
    """Whether units of the job are out or it has ended; False for an unknown id (row G05)."""
    return is_running(state, job_id) or is_over(state, job_id)


def find_jobs(state: State, since_us: int | None = None, until_us: int | None = None, /, **tags: str) -> Iterator[Job]:
    """Yield the jobs that were submitted between two times and carry all of ``tags``, by id.

    Args:
        state: Where they are.
        since_us, until_us: As for :func:`submitted_between`.
        tags: As for :func:`carries`.

    Raises:
        Refused: As for :func:`submitted_between`.
    """
    # Jobs submitted later have higher ids, but the map has no order to make use of: filtered first, less is sorted.
    for job in sorted(submitted_between(state.jobs.jobs.values(), since_us, until_us), key=lambda job: job.job_id):
        if carries(job, tags):
            yield job


def submitted_between(jobs: Iterable[Job], since_us: int | None, until_us: int | None) -> Iterable[Job]:
    """Return those of the jobs that were submitted between two times, in the same order.

    Args:
        jobs: Some jobs.
        since_us: The first time, microseconds since the Unix epoch; None is no bound.
        until_us: The first time after the last; None is no bound.

    Raises:
        Refused: One is no time, or ``since_us`` is the later one.
    """
    if since_us is None and until_us is None:
        return jobs
    checks.optional(since_us, "since_us", 0, limits.TIME_MAX_US)
    checks.optional(until_us, "until_us", 0, limits.TIME_MAX_US)
    first_us = 0 if since_us is None else since_us
    end_us = limits.TIME_MAX_US + 1 if until_us is None else until_us
    if first_us > end_us:
        raise Refused(
            Reason.OUT_OF_RANGE,
            f"since_us ({first_us}) is later than until_us ({end_us}); give the earlier time first.",
        )
    return (job for job in jobs if first_us <= job.submitted_us < end_us)


def carries(job: Job, tags: Mapping[str, str]) -> bool:
    """Whether a job has all of the tags; ``user`` and ``name`` count as tags."""
    carried = dict(job.terms.tags) | {"user": job.terms.user, "name": job.terms.name}
    return all(carried.get(name) == value for name, value in tags.items())


def failure_reason(job: Job) -> str | None:
    """Return why a job failed, or was cancelled because another did, in one sentence; else None."""
    if job.stopped == DEPENDENCY:
        return f"It was to run after {_named(job.terms.after)}, and not all of that succeeded."
    if job.outcome != FAILED:
        return None
    if job.stopped == MAX_FAILURES:
        units = "1 unit" if job.failed.count == 1 else f"{job.failed.count} units"
        return f"{units} failed, more than the {job.terms.max_failures} that were allowed."
    return f"{job.failed.count} of {job.terms.count} units failed."


def _named(job_ids: tuple[JobId, ...]) -> str:
    shown = ", ".join(str(job_id) for job_id in job_ids[:NAMED_JOBS_MAX])
    more = len(job_ids) - NAMED_JOBS_MAX
    return f"job{'s' if len(job_ids) > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")
