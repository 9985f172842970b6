"""What a program may ask of jobs; nothing here changes anything (rows P15, P20, P21)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain

from meted.core.decide.jobs import find_job
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.explain import Waiting, explain
from meted.core.forecast import forecast
from meted.core.offers import Offers, largest_offers
from meted.core.queries import find_jobs
from meted.core.state import FAILED, Job, State
from meted.core.what_if import price_of_points, with_points

from .forecasts import ForecastView, forecast_view, points_view
from .log import Log, LogError
from .unit_records import was_reported
from .units import UnitFailed
from .views import JobDetails, JobView, job_details, job_view, reason_of
from .wording import counted, no_such_unit


class JobReader:
    """The jobs that an engine knows, and the results of their units that a log keeps.

    Attributes:
        clock: Gives the time, microseconds. It may stand still or be set back; the log's time never runs back.
    """

    def __init__(self, log: Log, engine: Engine, clock: Callable[[], int]) -> None:
        """Read from these."""
        self.clock = clock
        self._log = log
        self._engine = engine

    @property
    def state(self) -> State:
        """Everything that is known; inside a batch also what the batch has done so far."""
        return self._engine.state

    @property
    def log(self) -> Log:
        """The log, for reading."""
        return self._log

    def job(self, job_id: int) -> JobDetails:
        """Return what is known of a job, with what was asked for.

        Raises:
            Refused: It is not known.
        """
        job = find_job(self.state, job_id)
        return job_details(self.state, job, self._view(job, largest_offers(self.state)))

    def jobs(self, /, *, since_us: int | None = None, until_us: int | None = None, **tags: str) -> list[JobView]:
        """Return the jobs that carry all of ``tags``, by id; ``user`` and ``name`` count as tags (row P15).

        Args:
            since_us: Only jobs that were submitted then or later, microseconds since the Unix epoch; None is no bound.
            until_us: Only jobs that were submitted before then; None is no bound.
            tags: What they carry. A tag with the name of one of these two times can be asked for on the wire alone.

        Raises:
            Refused: One of the times is none, or ``since_us`` is the later one.
        """
        offers = largest_offers(self.state)
        return [self._view(job, offers) for job in find_jobs(self.state, since_us, until_us, **tags)]

    def status(self, job_id: int) -> str:
        """Return ``held``, ``pending``, ``running``, ``succeeded``, ``failed`` or ``cancelled`` (row P20).

        A job is held while it is only prepared, and also where no worker could ever hold one of its units.

        Raises:
            Refused: The job is not known.
        """
        return self.job(job_id)["state"]

    def explain(self, job_id: int) -> list[str]:
        """Return why each pending part of a job waits, a few sentences each; nothing where nothing waits.

        Raises:
            Refused: The job is not known.
        """
        return [part.sentence for part in self._waiting(find_job(self.state, job_id))]

    def forecast(self, job_id: int | None = None, points: int = 0) -> ForecastView:
        """Return when what waits should start, by running the policy forward from here (:mod:`meted.core.forecast`).

        It takes as long as so many leases take to decide, at most ``FORECAST_LEASES_MAX``.

        Args:
            job_id: The only job to tell of; None tells of all that have something waiting.
            points: Say in ``with_points`` as well when that job should start if it had so many more points of
                priority; None stands there where it cannot have them.

        Raises:
            Refused: The job is not known.
        """
        if job_id is not None:
            find_job(self.state, job_id)
        state, policy, now_us = self.state, self._engine.policy, self._now_us()
        found = forecast_view(forecast(state, policy, now_us), lambda other: job_id in (None, other))
        if job_id is not None and points:
            with suppress(Refused):
                raised, cost_mc = with_points(state, now_us, job_id, points), price_of_points(state, job_id, points)
                found["with_points"] = points_view(forecast(raised, policy, now_us), job_id, points, cost_mc or 0)
        return found

    def result(self, job_id: int, index: int = 0) -> bytes | None:
        """Return the result of a unit: None while it has not ended, ``b""`` where it left none (row P20).

        Raises:
            UnitFailed: It failed or was cancelled.
            Refused: The job has no such unit or is not known.
            LogError: The result cannot be read.
        """
        job = self._job_of_unit(job_id, index)
        if index in job.failed:
            raise UnitFailed(job_id, index, _error_text(self.log, job, index))
        if index in job.cancelled:
            raise UnitFailed(job_id, index, "it was cancelled.")
        if index not in job.succeeded:
            return None
        kept = self.log.result(job_id, index)
        return kept.body if kept is not None else b""

    def error(self, job_id: int, index: int = 0) -> str | None:
        """Return the error text of a unit that failed, else None (row P20).

        Raises:
            Refused: The job has no such unit or is not known.
            LogError: The text cannot be read.
        """
        job = self._job_of_unit(job_id, index)
        return _error_text(self.log, job, index) if index in job.failed else None

    def next_retry_us(self, after_us: int | None = None) -> int | None:
        """Return when the first of the units in back-off may be tried again, in microseconds, or None if none is.

        A job that was told when to begin (row N33) counts as well, if nothing else holds it. All jobs are looked at:
        some 10 ms where there are 100,000.

        Args:
            after_us: What fell due up to then does not count; None is now. Give the time at which work was last asked
                for, or what falls due in between is missed.
        """
        since_us = self._now_us() if after_us is None else after_us
        jobs = self.state.jobs.jobs.values()
        waiting = self.state.jobs.waiting.values()
        begin_us = (one.begin_us for one in waiting if not one.parents and not one.prepared)
        due_us = (run.not_before_us for job in jobs if job.requeued and not job.held for run in job.requeued)
        return min((due for due in chain(begin_us, due_us) if due > since_us), default=None)

    def _now_us(self) -> int:
        return max(self.clock(), self._engine.now_us)

    def _view(self, job: Job, offers: Offers) -> JobView:
        view = job_view(self.state, job, offers, self._waiting(job))
        if job.outcome == FAILED and view["reason"]:
            view["reason"] = why_failed(self.log, job, view["reason"])
        return view

    def _waiting(self, job: Job) -> tuple[Waiting, ...]:
        return explain(self.state, self._engine.index, job.job_id, self._now_us())

    def _job_of_unit(self, job_id: int, index: int) -> Job:
        job = find_job(self.state, job_id)
        if type(index) is not int or not 0 <= index < job.terms.count:
            raise Refused(Reason.OUT_OF_RANGE, no_such_unit(job_id, job.terms.count))
        return job


def why_failed(log: Log, job: Job, reason: str) -> str:
    """Return why a job failed, with what is kept of the first of its units that did; it may be deleted meanwhile.

    Args:
        log: Where that is kept.
        job: One that failed.
        reason: The sentence that counts the units.
    """
    unit, _ = next(iter(job.failed.spans()))
    with suppress(LogError):
        return reason_of(reason, unit, _error_text(log, job, unit))
    return reason


def _error_text(log: Log, job: Job, index: int) -> str:
    kept = log.result(job.job_id, index)
    if kept is not None and kept.body:
        return kept.body.decode("utf-8", "replace")
    if was_reported(log, job.job_id, index):
        return "it failed and left no error text."
    most = job.terms.max_losses
    return f"it was on {counted(most + 1, 'lost worker')}, and its job allows {most or 'none'}."
