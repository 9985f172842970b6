"""What is told of all that waits, held against the obvious model: every unit that waits is told of, and truly."""

from __future__ import annotations

import re

from meted.core.explain import WaitReason, explain
from meted.core.ids import JobId
from meted.core.resources import NOTHING
from meted.core.state import Worker

from .helper import World
from .model import PENDING, Model, ModelJob

UNTRUE = re.compile(r"not in the queue|-[\d.]+ (cpu|gpu|[kMGT]?B mem) ")
"""What is said of nothing that waits: it is queued, and no amount is below zero."""

Told = tuple[WaitReason, int | None]
"""Why a unit waits, and until when where it backs off."""


def check_told(world: World, model: Model) -> None:
    """Check why the units of each job are told to wait, whatever the policy."""
    for job_id, mine in model.jobs.items():
        told = explain(world.state, world.engine.index, job_id, world.now_us)
        assert all(part.units > 0 and part.sentence.endswith(".") for part in told), told
        assert not any(UNTRUE.search(part.sentence) for part in told), told
        found = [(part.reason, part.until_us if part.reason is WaitReason.BACK_OFF else None) for part in told]
        counts = [part.units for part in told]
        assert sorted(_each(found, counts), key=str) == sorted(_expected(world, model, job_id, mine), key=str), told


def _each(found: list[Told], counts: list[int]) -> list[Told]:
    """Return what is told of each unit."""
    return [one for one, count in zip(found, counts, strict=True) for _ in range(count)]


def _expected(world: World, model: Model, job_id: JobId, mine: ModelJob) -> list[Told]:
    """Return what each unit that waits is to be told: the reason, and until when it backs off."""
    waiting = [unit for unit in mine.units if unit.status == PENDING]
    if mine.held:
        reason = WaitReason.PREPARED if mine.prepared else WaitReason.DEPENDENCY
        return [(reason, None)] * len(waiting)
    ready = _ready(world, model, job_id, mine)
    return [
        (WaitReason.BACK_OFF, unit.not_before_us)
        if unit.not_before_us > world.now_us and ready is not WaitReason.NEVER_FITS
        else (ready, None)
        for unit in waiting
    ]


def _ready(world: World, model: Model, job_id: JobId, mine: ModelJob) -> WaitReason:
    """Return what keeps a unit back that backs off no more."""
    there = [worker for _, worker in sorted(world.state.workers.workers.items()) if worker.is_leasable]
    if not there:
        return WaitReason.NO_WORKER
    large = [worker for worker in there if mine.request.fits(worker.capacity)]
    if not large:
        return WaitReason.NEVER_FITS
    wanted_us = world.job(job_id).terms.time_request_us

    def lasts(worker: Worker) -> bool:
        return worker.until_us is None or wanted_us is None or world.now_us + wanted_us <= worker.until_us

    lasting = [worker for worker in large if lasts(worker)]
    if not lasting:
        return WaitReason.LIFETIME
    if is_capped(world, model, mine):
        return WaitReason.CAP
    loads = {worker.worker_id: model.load(worker.worker_id) for worker in lasting}
    roomy = [worker for worker in lasting if mine.request.plus(loads[worker.worker_id]).fits(worker.capacity)]
    if not roomy:
        return WaitReason.ROOM
    kept = all(worker.reserved_for not in (None, job_id) for worker in roomy)
    return WaitReason.RESERVED if kept else WaitReason.ORDER


def is_capped(world: World, model: Model, mine: ModelJob) -> bool:
    """Whether one more unit of a job would take its domain, or one that it is in, over its cap."""
    domains = world.state.domains.domains
    held = dict.fromkeys(model.domains.values(), NOTHING)
    for lease in model.leases.values():
        job = model.jobs[lease.job_id]
        for domain_id in model.line_up(job.domain_id):
            held[domain_id] = held[domain_id].plus(job.request)
    caps = [(domains[domain_id].cap, held[domain_id]) for domain_id in model.line_up(mine.domain_id)]
    return not all(cap is None or mine.request.plus(amount).fits(cap) for cap, amount in caps)
