"""Forecasts of starts as rows for callers and as bytes between processes (:mod:`meted.core.forecast`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import msgspec

from meted.core.forecast import (
    COMPLETE,
    DOMAIN,
    HORIZON,
    MEASURED,
    REQUESTED,
    UNKNOWN,
    Forecast,
    JobForecast,
)
from meted.core.limits import FORECAST_LEASES_MAX, SECOND_US

DAY_US = 86_400 * SECOND_US


class JobForecastView(TypedDict):
    """When units of a job that wait should start; the fields of ``meted.core.forecast.JobForecast``.

    ``reason`` says why there is no ``first_us``, in one sentence, or is None.
    """

    job: int
    waiting: int
    started: int
    first_us: int | None
    last_us: int | None
    ends_us: int | None
    estimate_us: int
    basis: str
    reason: str | None


class PointsView(TypedDict):
    """What would be if a job had so many more points of priority.

    They would cost its domain ``cost_mc`` thousandths of a credit for the rest of the job: 0 where it pays for nothing.
    The times are those of ``JobForecastView``.
    """

    points: int
    cost_mc: int
    first_us: int | None
    last_us: int | None
    ends_us: int | None


class ForecastView(TypedDict):
    """What was foreseen; the fields of ``meted.core.forecast.Forecast``.

    ``units`` counts what waits by how its time was estimated: measured, requested, domain, unknown. ``with_points`` is
    there where it was asked for and can be told, and else None.
    """

    seq: int
    at_us: int
    until_us: int
    horizon_us: int
    stopped: str
    leases: int
    overrun: int
    units: dict[str, int]
    jobs: list[JobForecastView]
    with_points: PointsView | None


def points_view(found: Forecast, job_id: int, points: int, cost_mc: int) -> PointsView | None:
    """Return what is foreseen of a job that has so many more points; None where nothing of it waits."""
    for job in found.jobs:
        if job.job_id == job_id:
            return {
                "points": points,
                "cost_mc": cost_mc,
                "first_us": job.first_us,
                "last_us": job.last_us,
                "ends_us": job.ends_us,
            }
    return None


def forecast_view(
    found: Forecast, wanted: Callable[[int], bool] = lambda _: True, most: int | None = None
) -> ForecastView:
    """Return a forecast with the rows of those jobs that are wanted, at most so many of them, by id."""
    units = dict.fromkeys((MEASURED, REQUESTED, DOMAIN, UNKNOWN), 0)
    for job in found.jobs:
        units[job.basis] += job.waiting
    rows = [_row(found, job) for job in found.jobs if wanted(job.job_id)]
    return {
        "seq": found.seq,
        "at_us": found.at_us,
        "until_us": found.until_us,
        "horizon_us": found.horizon_us,
        "stopped": found.stopped,
        "leases": found.leases,
        "overrun": found.overrun,
        "units": units,
        "jobs": rows[:most],
        "with_points": None,
    }


def _row(found: Forecast, job: JobForecast) -> JobForecastView:
    return {
        "job": job.job_id,
        "waiting": job.waiting,
        "started": job.started,
        "first_us": job.first_us,
        "last_us": job.last_us,
        "ends_us": job.ends_us,
        "estimate_us": job.estimate_us,
        "basis": job.basis,
        "reason": None if job.first_us is not None else _why_none(found),
    }


def _why_none(found: Forecast) -> str:
    if found.stopped == COMPLETE:
        return "Nothing that is foreseen lets it start."
    if found.stopped == HORIZON:
        return f"As far as is foreseen, it does not start within {found.horizon_us // DAY_US} days."
    return f"So many others start before it that the forecast gave up after {FORECAST_LEASES_MAX:,} leases."


def pack_forecast(found: Forecast) -> bytes:
    """Return a forecast as bytes."""
    return msgspec.msgpack.encode(found)


def unpack_forecast(body: bytes) -> Forecast:
    """Return the forecast that :func:`pack_forecast` packed."""
    return msgspec.msgpack.decode(body, type=Forecast)
