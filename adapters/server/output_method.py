"""``output``: what a unit has written, from the worker that holds it, else what was kept with its result."""

from __future__ import annotations

from functools import partial

import trio

from meted.core.decide.jobs import find_job
from meted.core.errors import Reason, Refused
from meted.core.ids import WorkerId
from meted.core.record import record
from meted.core.state import Job, Worker

from ..executors.contract import OUTPUT, STDERR, STDOUT
from ..executors.lacking import lacks
from ..unit_records import unit_records
from ..wire.errors import CallError, Code
from ..wire.limits import FRAME_BYTES_MAX
from ..wire.params_to_workers import Read
from ..wire.params_units import Output
from ..wire.params_workers import WorkerOutput
from ..wording import no_such_unit
from .desk import Desk, Handler, Later, Now, Outcome
from .follow_methods import seconds
from .lacking import no_output
from .session import Session

STREAMS = (STDOUT, STDERR)

PIECE_BYTES_MAX = FRAME_BYTES_MAX // 4
"""Most bytes of one answer."""

ANSWER_S = 10.0
"""A worker that says nothing for so long, beyond the wait that was asked for, counts as not to be asked."""


@record
class _Holder:
    """Which worker has the files of a unit, of which attempt, and whether the unit may still write."""

    worker_id: WorkerId
    attempt: int
    is_running: bool


class OutputMethod:
    """Answers ``output``, with the help of ``worker.output``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next_request = 1
        self._asked: dict[int, tuple[Session, trio.Event, list[WorkerOutput]]] = {}

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {"output": self.output, "worker.output": self.answered}

    def output(self, _: Session, params: Output) -> Outcome:
        """Return a piece of what a unit has written."""
        job = find_job(self._desk.state, params.job)
        if not 0 <= params.index < job.terms.count:
            raise Refused(Reason.OUT_OF_RANGE, no_such_unit(job.job_id, job.terms.count))
        if params.stream not in STREAMS or params.offset < 0 or not 1 <= params.limit <= PIECE_BYTES_MAX:
            raise Refused(
                Reason.OUT_OF_RANGE,
                f"stream must be out or err, offset at least 0, and limit from 1 to {PIECE_BYTES_MAX}.",
            )
        wait_s = seconds(params.wait_us)
        return Later(partial(self._read, job, params, wait_s))

    def answered(self, session: Session, params: WorkerOutput) -> Outcome:
        """Take what a worker was asked for."""
        asked = self._asked.get(params.request)
        if asked is not None and asked[0] is session:
            asked[2].append(params)
            asked[1].set()
        return Now({})

    async def _read(self, job: Job, params: Output, wait_s: float) -> object:
        deadline_s = trio.current_time() + wait_s
        while True:
            holder = await self._holder(job, params.index)
            if holder is not None:
                worker = self._desk.state.workers.workers.get(holder.worker_id)
                if worker is not None and lacks(worker.labels, OUTPUT):
                    return await self._kept_at_most(job, params, holder, worker)
                answer = await self._ask(holder, params, max(deadline_s - trio.current_time(), 0.0))
                if answer is not None:
                    ended = answer.ended and not holder.is_running
                    return {"data": answer.data, "next": answer.next, "ended": ended, "whole": answer.whole}
            current = self._desk.state.jobs.jobs.get(job.job_id)
            over = current is None or holder is not None or current.outcome is not None
            if over or trio.current_time() >= deadline_s:
                return await self._kept(job, params, over)
            await self._next_change(deadline_s)

    async def _next_change(self, deadline_s: float) -> None:
        with trio.move_on_at(deadline_s):
            await self._desk.tables.changed()

    async def _holder(self, job: Job, index: int) -> _Holder | None:
        for lease in self._desk.state.jobs.leases.values():
            is_in = lease.job_id == job.job_id and lease.first <= index < lease.first + lease.count
            if is_in and not lease.back >> (index - lease.first) & 1:
                return _Holder(lease.worker_id, lease.attempt, True)
        found = await self._desk.read(partial(unit_records, self._desk.log, self._desk.state, job.job_id, index, 1))
        for row in found:
            if row["unit"] == index and row["worker"] is not None:
                return _Holder(WorkerId(row["worker"]), row["attempt"] or 1, False)
        return None

    async def _kept_at_most(self, job: Job, params: Output, holder: _Holder, worker: Worker) -> object:
        """Return what came with the report of a unit whose executor keeps no output; refuse where that is nothing."""
        read_kept = partial(self._desk.log.result, job.job_id, params.index)
        if holder.is_running or await self._desk.read(read_kept) is None:
            raise CallError(Code.REFUSED, "not_featured", no_output(worker, job.job_id, params.index))
        return await self._kept(job, params, True)

    async def _ask(self, holder: _Holder, params: Output, wait_s: float) -> WorkerOutput | None:
        session = self._desk.crew.session(holder.worker_id)
        if session is None:
            return None
        number = self._next_request
        self._next_request += 1
        answered, answers = trio.Event(), list[WorkerOutput]()
        self._asked[number] = (session, answered, answers)
        wish = Read(
            number,
            params.job,
            params.index,
            holder.attempt,
            params.stream,
            params.offset,
            params.limit,
            int(wait_s * 1e6) if holder.is_running else 0,
        )
        try:
            session.notify("read", wish)
            with trio.move_on_after(wait_s + ANSWER_S):
                await answered.wait()
        finally:
            del self._asked[number]
        return answers[0] if answers else None

    async def _kept(self, job: Job, params: Output, over: bool) -> object:
        """Return what the log has: the end of the output of a unit that succeeded, of the errors of one that failed."""
        kept = await self._desk.read(partial(self._desk.log.result, job.job_id, params.index))
        failed = params.index in job.failed
        if kept is None or (params.stream == STDERR) != failed:
            if over and kept is None and params.offset == 0 and params.index not in job.succeeded and not failed:
                raise CallError(Code.REFUSED, "no_output", f"Unit {params.index} of job {job.job_id} has not run.")
            return {"data": b"", "next": params.offset, "ended": over, "whole": False}
        data = kept.body[params.offset : params.offset + params.limit]
        return {"data": data, "next": params.offset + len(data), "ended": True, "whole": False}
