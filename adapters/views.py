"""What people and scripts are shown of a job; the keys are stable names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypedDict

from meted.core.explain import Waiting
from meted.core.offers import Offers
from meted.core.queries import failure_reason, job_state
from meted.core.spec import Spec, unpack_spec
from meted.core.state import Job, State

from .domain_views import AmountsView, amounts_view
from .executors.options import PLAIN, OptionsError, ProcessOptions, read_options


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


class JobDetails(JobView):
    """One job, with what was asked for; values of environment variables are not among it.

    ``request`` is what one unit needs, ``time_request_us`` and ``time_limit_us`` what it is thought to take and may
    take, ``after`` the jobs that had to succeed first, ``begin_us`` when it may begin if it waits for that, and
    ``ended_us`` when it ended. Of ``priority``, ``points`` were bought for credit, or sold if below zero; ``purse_mc``
    is what is left to pay for them, in thousandths of a credit. Its units run in ``cwd`` and are held to ``limits``,
    and have the numbers ``first_index``, ``first_index + index_step`` and so on. One that fails is tried ``retries``
    times more, the first time after ``backoff_us``, and fails if its worker was lost more than ``max_losses`` times;
    more than ``max_failures`` that failed stop the job.
    """

    priority: int
    points: int
    purse_mc: int | None
    argv: list[str]
    request: AmountsView
    time_request_us: int | None
    time_limit_us: int | None
    after: list[int]
    begin_us: int | None
    ended_us: int | None
    cwd: str | None
    limits: dict[str, int]
    first_index: int
    index_step: int
    retries: int
    backoff_us: int
    max_failures: int | None
    max_losses: int


REASON_CHARS_MAX = 400
"""Characters of a unit's error that are told as the reason why its job failed."""


def reason_of(reason: str, unit: int, error: str) -> str:
    """Return why a job failed, with what the first of its units that failed left as its error.

    Args:
        reason: The sentence that counts the units.
        unit: Index of the first that failed.
        error: Its error; of several lines the first tells, of a Python trace the last.
    """
    lines = error.strip().splitlines() or [""]
    line = lines[-1 if lines[0].startswith("Traceback ") else 0].strip()[:REASON_CHARS_MAX]
    return f"{reason.rstrip('.')}; unit {unit}: {line}" if line else reason


def job_view(state: State, job: Job, offers: Offers, waiting: Sequence[Waiting] = ()) -> JobView:
    """Return the view of a job.

    Args:
        state: The state that the job is in.
        job: The job.
        offers: What :func:`meted.core.offers.largest_offers` returns of that state.
        waiting: The parts of it that wait, with why (:func:`meted.core.explain.explain`).
    """
    return JobView(
        job=job.job_id,
        domain=state.domains.domains[job.terms.domain_id].name,
        user=job.terms.user,
        name=job.terms.name,
        state=job_state(state, job, offers),
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


def job_details(state: State, job: Job, view: JobView) -> JobDetails:
    """Return a job's view with what was asked for."""
    terms, purse = job.terms, state.ledger.of_job.get(job.job_id)
    awaits = state.jobs.waiting.get(job.job_id)
    spec = unpack_spec(state.jobs.specs[terms.spec_digest].body)
    options = _options(spec)
    return JobDetails(
        **view,
        priority=terms.priority,
        points=job.points,
        purse_mc=None if purse is None else state.ledger.accounts[purse].balance_mc,
        argv=list(spec.argv),
        request=amounts_view(terms.request),
        time_request_us=terms.time_request_us,
        time_limit_us=terms.time_limit_us,
        after=list(terms.after),
        begin_us=None if awaits is None else awaits.begin_us or None,
        ended_us=job.ended_us,
        cwd=spec.cwd,
        limits=dict(options.limits),
        first_index=options.first_index,
        index_step=options.index_step,
        retries=terms.retries,
        backoff_us=terms.backoff_us,
        max_failures=terms.max_failures,
        max_losses=terms.max_losses,
    )


def _options(spec: Spec) -> ProcessOptions:
    """Return how the units of a job are run; the payload of what is no command means something to its program alone."""
    if spec.argv:
        with suppress(OptionsError):
            return read_options(spec.payload)
    return PLAIN
