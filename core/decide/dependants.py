"""Jobs that run after others: released when all of those have succeeded, cancelled when one of them has not (row G36).

What follows from the end of a job is in the same decision as its end, so no crash comes between the two. It takes time
in proportion to the jobs that are released or cancelled, in a loop and not by recursion: a chain may be of any length.
"""

from __future__ import annotations

from collections import deque

from .. import limits
from ..errors import Reason, Refused
from ..events import Event, JobEnded, JobStopped
from ..ids import JobId
from ..indexset import EMPTY
from ..reducers import fold
from ..spans import indices
from ..state import CANCELLED, DEPENDENCY, FAILED, SUCCEEDED, State
from . import checks
from .arrivals import started


def checked_parents(state: State, after: object) -> tuple[tuple[JobId, ...], tuple[JobId, ...]]:
    """Return the jobs in ``after``, each once, and those of them that have not succeeded yet.

    Raises:
        Refused: One is not known, or will never succeed.
    """
    parents = tuple(JobId(job_id) for job_id in checks.distinct_ids(after, "after", limits.AFTER_MAX))
    waits_for = []
    for parent in parents:
        job = state.jobs.jobs.get(parent)
        if job is None:
            raise Refused(
                Reason.UNKNOWN_JOB,
                f"There is no job {checks.short(parent)} to run after; it never was, or it was archived or deleted: "
                "leave it out.",
            )
        if job.stopped is not None or job.outcome not in (None, SUCCEEDED):
            how = "was stopped" if job.stopped else "has failed" if job.outcome == FAILED else "was cancelled"
            raise Refused(
                Reason.JOB_ENDED,
                f"Job {parent}, which this one is to run after, {how} and will not succeed; "
                "run it again first, or leave it out.",
            )
        if job.outcome is None:
            waits_for.append(parent)
    return parents, tuple(waits_for)


def with_dependants(state: State, events: tuple[Event, ...], at_us: int) -> tuple[Event, ...]:
    """Return ``events`` with what follows from them for the jobs that wait for those that have ended."""
    ended = deque((event.job_id, event.outcome) for event in events if isinstance(event, JobEnded))
    if not any(job_id in state.jobs.dependants for job_id, _ in ended):
        return events
    more: list[Event] = []
    after = fold(state, events)
    seen = {event.job_id for event in events if isinstance(event, JobStopped)}
    while ended:
        job_id, outcome = ended.popleft()
        for index in indices(state.jobs.dependants.get(job_id, EMPTY).spans()):
            child = JobId(index)
            awaits = state.jobs.waiting.get(child)
            if awaits is None or child in seen:
                continue
            if outcome != SUCCEEDED:
                seen.add(child)
                more += (JobStopped(at_us, child, DEPENDENCY), JobEnded(at_us, child, CANCELLED))
                ended.append((child, CANCELLED))
            elif not awaits.prepared and awaits.begin_us <= at_us and not _parents(after, child):
                seen.add(child)
                more.append(started(after, child, at_us))
    return (*events, *more)


def _parents(state: State, job_id: JobId) -> int:
    """Return how many jobs a job still waits for."""
    awaits = state.jobs.waiting.get(job_id)
    return 0 if awaits is None else awaits.parents
