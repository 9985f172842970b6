"""A job comes to have units waiting: submitted, started, or run again."""

from __future__ import annotations

from ..estimates import first_estimate_us, width_milli
from ..events import JobStarted
from ..ids import JobId
from ..service import arrive
from ..state import State
from ..tags import ArrivalTags
from ..terms import Terms


def arrival(state: State, terms: Terms) -> ArrivalTags:
    """Return where a job of these terms, and those it belongs to, stand when its first unit comes to wait."""
    size = width_milli(terms.request, state.workers.capacity) * first_estimate_us(state.jobs, terms)
    return arrive(state, terms.domain_id, terms.user, terms.priority, size)


def started(state: State, job_id: JobId, at_us: int) -> JobStarted:
    """Return the event of a job that nothing holds any more."""
    tags = arrival(state, state.jobs.jobs[job_id].terms)
    return JobStarted(at_us, job_id, tags.domain_tag, tags.user_tag, tags.job_tag, tags.above)
