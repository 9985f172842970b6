"""The methods that only read, and are answered at once from what is durable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import nsmallest

from meted.core.decide.jobs import find_job
from meted.core.errors import Reason, Refused
from meted.core.explain import Waiting
from meted.core.limits import PRIORITY_STEPS_MAX
from meted.core.offers import largest_offers
from meted.core.queries import carries, submitted_between
from meted.core.state import FAILED, Job, State

from ..forecasts import PointsView, forecast_view
from ..job_reader import why_failed
from ..unit_records import unit_records
from ..units import UnitFailed
from ..views import JobView, job_details
from ..wire import params_jobs, params_pool, params_units
from ..wire.describe import describe
from ..wire.errors import CallError, Code
from .desk import Desk, Handler, Later, Now, Outcome
from .forecasts import Forecasts
from .lacking import running_on
from .paging import page_limit, pages
from .rows import job_row
from .session import Session
from .state_body import Digest

REASONS_MAX = 100
"""Rows of one page that say why they wait (for the others ask ``job``), and sentences on one job."""


class ReadMethods:
    """Answers ``help``, ``ping``, ``jobs``, ``job``, ``explain``, ``units``, ``result``, ``error`` and the like."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._forecasts = Forecasts(desk.engine, desk.clock, desk.runner)
        self._digest = Digest(lambda: desk.state, desk.runner)
        self._help = describe()

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "help": self.help,
            "ping": self.ping,
            "jobs": self.jobs,
            "job": self.job,
            "explain": self.explain,
            "forecast": self.forecast,
            "units": self.units,
            "result": self.result,
            "error": self.error,
            "workers": self.workers,
            "state": self.state,
            "stats": self.stats,
        }

    def help(self, _: Session, __: params_pool.Help) -> Outcome:
        """Return the table of methods (row N17)."""
        return Now(self._help)

    def ping(self, _: Session, __: params_pool.Ping) -> Outcome:
        """Answer."""
        return Now({})

    def jobs(self, _: Session, params: params_jobs.Jobs) -> Outcome:
        """Return a page of the job table."""
        state = self._desk.state
        limit = page_limit(params.limit)
        reasons_left, offers = REASONS_MAX, largest_offers(state)
        rows: list[JobView] = []
        failed: list[tuple[Job, JobView]] = []
        for job in self._found(state, params, limit):
            waiting: tuple[Waiting, ...] = ()
            if reasons_left and (job.held or job.is_backlogged):
                reasons_left -= 1
                waiting = self._desk.reader.waiting(job)
            rows.append(job_row(state, job, self._desk.crew.running(job.job_id), offers, waiting))
            if job.outcome == FAILED:
                failed.append((job, rows[-1]))
        if not failed:
            return Now(next(pages(rows)))

        async def read() -> object:
            await self._tell_why(failed)
            return next(pages(rows))

        return Later(read)

    def job(self, _: Session, params: params_jobs.Job) -> Outcome:
        """Return one job, with what was asked for."""
        find_job(self._desk.state, params.job)

        async def read() -> object:
            state = self._desk.state
            job = find_job(state, params.job)
            return job_details(state, job, await self._row(state, job))

        return Later(read)

    def explain(self, _: Session, params: params_jobs.Explain) -> Outcome:
        """Return why each part of a job waits."""
        sentences = self._desk.reader.explain(params.job)
        more = len(sentences) - REASONS_MAX
        if more > 0:
            sentences[REASONS_MAX:] = [f"So it goes on, for {more} more parts of the job."]
        return Now(sentences)

    def forecast(self, _: Session, params: params_jobs.Forecast) -> Outcome:
        """Return when what waits should start."""
        limit = page_limit(params.limit)
        if params.job:
            find_job(self._desk.state, params.job)
        if not 0 <= params.points <= PRIORITY_STEPS_MAX or (params.points and not params.job):
            raise Refused(
                Reason.OUT_OF_RANGE, f"points must be from 0 to {PRIORITY_STEPS_MAX}, and are of one job; name it."
            )

        async def foresee() -> object:
            raised: PointsView | None = None
            if params.points:
                found, raised = await self._forecasts.compared(params.job, params.points)
            else:
                found = await self._forecasts.latest(params.job)

            def wanted(job_id: int) -> bool:
                return job_id == params.job if params.job else job_id > params.after

            return forecast_view(found, wanted, limit) | {"with_points": raised}

        return Later(foresee)

    def units(self, _: Session, params: params_units.Units) -> Outcome:
        """Return a page of a job's units."""
        desk = self._desk
        job = find_job(desk.state, params.job)
        limit = page_limit(params.limit)

        async def read() -> object:
            return await desk.read(partial(unit_records, desk.log, desk.state, job.job_id, params.first, limit))

        return Later(read)

    def result(self, _: Session, params: params_units.Result) -> Outcome:
        """Return what a unit has left."""

        async def read() -> object:
            try:
                body = await self._desk.read(partial(self._desk.reader.result, params.job, params.index))
            except UnitFailed as failed:
                raise CallError(Code.REFUSED, "unit_failed", str(failed)) from None
            return {"ended": body is not None, "body": body or None}

        return Later(read)

    def error(self, _: Session, params: params_units.Error) -> Outcome:
        """Return why a unit failed."""
        return Later(partial(self._desk.read, partial(self._desk.reader.error, params.job, params.index)))

    def workers(self, _: Session, __: params_pool.Workers) -> Outcome:
        """Return all workers."""
        state = self._desk.state
        return Now(self._desk.tables.worker_rows(state.workers.workers, state))

    def state(self, _: Session, __: params_pool.State) -> Outcome:
        """Return the position of the log and the digest of the state there."""
        return Later(self._digest.found)

    def stats(self, _: Session, __: params_pool.Stats) -> Outcome:
        """Return what the server has measured of itself."""
        desk = self._desk
        state = desk.state
        counts: dict[str, object] = {
            "seq": state.seq,
            "jobs": len(state.jobs.jobs),
            "leases": len(state.jobs.leases),
            "workers": len(desk.crew),
            "snapshot_error": None if desk.loop.snapshots.error is None else str(desk.loop.snapshots.error),
            "refusals": {reason.value: count for reason, count in sorted(desk.engine.refusals.items())},
        }
        return Now(counts | desk.loop.stats.plain())

    async def row(self, job_id: int) -> JobView:
        """Return the row of a job with why it waits, goes on, or failed: then why the first unit that did so has.

        Raises:
            Refused: It is not known.
        """
        state = self._desk.state
        return await self._row(state, find_job(state, job_id))

    async def _row(self, state: State, job: Job) -> JobView:
        """Return the row of a job of the newest state; the job may be deleted while the row is read."""
        desk = self._desk
        row = job_row(state, job, desk.crew.running(job.job_id), largest_offers(state), desk.reader.waiting(job))
        if job.outcome == FAILED:
            await self._tell_why([(job, row)])
        row["reason"] = row["reason"] or next(iter(running_on(state, job)), None)
        return row

    async def _tell_why(self, failed: Sequence[tuple[Job, JobView]]) -> None:
        """Put into the rows of jobs that failed what the first unit that did so has left."""
        log = self._desk.log
        reasons = await self._desk.read(lambda: [why_failed(log, job, row["reason"] or "") for job, row in failed])
        for (_, row), reason in zip(failed, reasons, strict=True):
            row["reason"] = reason

    def _found(self, state: State, params: params_jobs.Jobs, limit: int) -> list[Job]:
        jobs = submitted_between(state.jobs.jobs.values(), params.since_us, params.until_us)
        if params.after >= state.jobs.next_job_id - 1:
            return []
        wanted = (
            job
            for job in jobs
            if job.job_id > params.after
            and not (params.active and job.outcome is not None)
            and (not params.tags or carries(job, params.tags))
        )
        return nsmallest(limit, wanted, key=lambda job: job.job_id)
