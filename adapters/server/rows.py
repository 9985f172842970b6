"""Rows of the tables: a job as scripts see it, and a worker. *Running* means started, as far as workers have told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypedDict

from meted.core.explain import Waiting
from meted.core.ids import WorkerId
from meted.core.offers import Offers
from meted.core.resources import NOTHING, Resources
from meted.core.state import PENDING, RUNNING, Job, State, Worker

from ..views import JobView, job_view


class WorkerRow(TypedDict):
    """One worker as ``workers --json`` prints it; amounts are in thousandths of a cpu and in bytes.

    ``switches`` is how often it changed from one job to another since the server started (row P24).
    """

    worker: int
    name: str
    state: str
    cpu_milli: int
    mem_bytes: int
    generic: dict[str, int]
    used_cpu_milli: int
    used_mem_bytes: int
    leases: int
    switches: int
    labels: dict[str, str]
    joined_us: int
    until_us: int | None
    owner: str
    restricted: bool


def job_row(state: State, job: Job, started: int, offers: Offers, waiting: Sequence[Waiting] = ()) -> JobView:
    """Return the row of a job of which ``started`` leases have a unit running; the rest is as for ``job_view``."""
    row = job_view(state, job, offers, waiting)
    running = min(started, job.out)
    row["pending"] += row["running"] - running
    row["running"] = running
    if row["state"] == RUNNING and not running:
        row["state"] = PENDING
    return row


def worker_rows(
    state: State, worker_ids: Iterable[WorkerId], switches: Callable[[WorkerId], int], *, is_alone: bool = False
) -> list[WorkerRow]:
    """Return the rows of those of the workers that are there, by id.

    Args:
        state: The state.
        worker_ids: The workers.
        switches: Counts those of one of them.
        is_alone: Whether all of them are out of touch, whatever the state says.
    """
    wanted = {worker_id: NOTHING for worker_id in worker_ids if worker_id in state.workers.workers}
    leases = dict.fromkeys(wanted, 0)
    for lease in state.jobs.leases.values():
        if lease.worker_id in wanted:
            request = state.jobs.jobs[lease.job_id].terms.request
            wanted[lease.worker_id] = wanted[lease.worker_id].plus(request)
            leases[lease.worker_id] += 1
    return [
        _worker_row(state, state.workers.workers[worker_id], used, leases[worker_id], switches(worker_id), is_alone)
        for worker_id, used in sorted(wanted.items())
    ]


def _worker_row(state: State, worker: Worker, used: Resources, leases: int, switches: int, is_alone: bool) -> WorkerRow:
    owner = state.domains.domains.get(worker.owner)
    status = "away" if is_alone or worker.lost_at_us is not None else "draining" if worker.draining else "ready"
    return WorkerRow(
        worker=worker.worker_id,
        name=worker.name,
        state=status,
        cpu_milli=worker.capacity.cpu_milli,
        mem_bytes=worker.capacity.mem_bytes,
        generic=dict(worker.capacity.generic),
        used_cpu_milli=min(used.cpu_milli, worker.capacity.cpu_milli),  # leases that only wait there use nothing yet
        used_mem_bytes=min(used.mem_bytes, worker.capacity.mem_bytes),
        leases=leases,
        switches=switches,
        labels=dict(worker.labels),
        joined_us=worker.joined_us,
        until_us=worker.until_us,
        owner=owner.name if owner is not None else "",
        restricted=worker.restricted,
    )
