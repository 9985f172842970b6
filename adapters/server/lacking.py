"""What the workers' executors lack, told to whoever asks for it (row G08): units that nothing can end, and output that
nothing keeps. Workers say what they lack by a label; so it is known after a restart, and while one is away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from meted.core.ids import JobId, WorkerId
from meted.core.shortage import worker_name
from meted.core.state import Job, State, Worker

from ..executors.contract import KILL
from ..executors.lacking import executor_of, lacks
from ..wording import pluralized

NAMED_MAX = 3
"""Jobs, and workers, that one sentence names; the others are counted. It also bounds an answer that is kept."""


def running_on(state: State, job: Job) -> list[str]:
    """Return a sentence a worker where units of a stopped job go on to their end, as its executor cannot end them."""
    workers = (state.workers.workers[worker_id] for worker_id in _where_running_on(state, {job.job_id}))
    return [
        f"What runs of it on {worker_name(worker)} goes on to its end: {executor_of(worker.labels)} there cannot end a "
        "unit."
        for worker in workers
    ]


def runs_on(state: State, job_ids: Collection[JobId]) -> str | None:
    """Return one sentence on those of some stopped jobs of which units go on to their end, or None; it is short."""
    found = _where_running_on(state, job_ids)
    if not found:
        return None
    jobs = sorted(set().union(*found.values()))
    return (
        f"What runs of {_numbers('job', jobs)} on {_numbers('worker', sorted(found))} goes on to its end: the executor "
        "there cannot end a unit. Nothing more of it starts."
    )


def no_output(worker: Worker, job_id: int, index: int) -> str:
    """Return why there is no output of a unit on a worker whose executor keeps none."""
    executor = executor_of(worker.labels)
    return (
        f"{executor[0].upper()}{executor[1:]} of {worker_name(worker)}, which unit {index} of job {job_id} was given "
        "to, keeps no output; let the command write to a file of its own."
    )


def _where_running_on(state: State, job_ids: Collection[JobId]) -> dict[WorkerId, set[JobId]]:
    """Return the workers that hold units of stopped jobs and cannot end them, each with those jobs."""
    jobs = state.jobs.jobs
    stopped = {job_id for job_id in job_ids if job_id in jobs and jobs[job_id].stopped is not None}
    deaf = {worker_id for worker_id, worker in state.workers.workers.items() if lacks(worker.labels, KILL)}
    found: dict[WorkerId, set[JobId]] = {}
    if stopped and deaf:
        for lease in state.jobs.leases.values():
            if lease.job_id in stopped and lease.worker_id in deaf:
                found.setdefault(lease.worker_id, set()).add(lease.job_id)
    return dict(sorted(found.items()))


def _numbers(what: str, numbers: Sequence[int]) -> str:
    named = f"{pluralized(len(numbers), what)} {', '.join(map(str, numbers[:NAMED_MAX]))}"
    more = len(numbers) - NAMED_MAX
    return f"{named} and {more:,} more" if more > 0 else named
