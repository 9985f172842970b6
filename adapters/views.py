"""What people and scripts are shown of a job; the keys are stable names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from meted.core.explain import HOLDING, Waiting
from meted.core.queries import failure_reason, job_state
from meted.core.state import HELD, PENDING, Job, State


class JobView(TypedDict):
    """One job as ``show --json`` prints it; ``reason`` is why it waits or failed, in one sentence, else None."""

    job: int
    domain: str
    user: str
    name: str
    state: str
    count: int
    pending: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    submitted_us: int
    tags: dict[str, str]
    reason: str | None


def job_view(state: State, job: Job, waiting: Sequence[Waiting] = ()) -> JobView:
    """Return the view of a job.

    A job that waits for what waiting cannot bring (a worker large enough, say) is shown as held.

    Args:
        state: The state that the job is in.
        job: The job.
        waiting: The parts of it that wait, with why (:func:`meted.core.explain.explain`).
    """
    shown = job_state(job)
    if shown == PENDING and waiting and all(part.reason in HOLDING for part in waiting):
        shown = HELD
    return JobView(
        job=job.job_id,
        domain=state.domains.domains[job.terms.domain_id].name,
        user=job.terms.user,
        name=job.terms.name,
        state=shown,
        count=job.terms.count,
        pending=job.pending_count,
        running=job.out,
        succeeded=job.succeeded.count,
        failed=job.failed.count,
        cancelled=job.cancelled.count,
        submitted_us=job.submitted_us,
        tags=dict(job.terms.tags),
        reason=failure_reason(job) or (waiting[0].sentence if waiting else None),
    )
