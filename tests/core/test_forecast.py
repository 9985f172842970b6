"""Forecasts by hand, and what they assume."""

from __future__ import annotations

from typing import Any

from meted.core.commands import (
    CancelJobs,
    CreateDomain,
    FinishUnits,
    JoinWorker,
    LeaseUnits,
    MarkWorkerAway,
    SubmitJob,
)
from meted.core.engine import Engine
from meted.core.events import JobSubmitted
from meted.core.forecast import (
    COMPLETE,
    DOMAIN,
    HORIZON,
    LEASES,
    MEASURED,
    OVERRUN_MIN_US,
    REQUESTED,
    UNKNOWN,
    Forecast,
    JobForecast,
    forecast,
)
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import SECOND_US as S
from meted.core.limits import STAY_UNKNOWN_US
from meted.core.policy.fcfs import Fcfs
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources

ONE = WorkerId(1)


def pool(cpus: int = 1, policy: str = "fcfs", *, prefetch: bool = False) -> Engine:
    engine = Engine(POLICIES[policy]())
    engine.handle(CreateDomain(0, "a"))
    engine.handle(JoinWorker(0, "w", Resources(1000 * cpus), prefetch=prefetch))
    return engine


def submit(engine: Engine, at_us: int = 0, time_s: int | None = 10, **terms: Any) -> JobId:
    time_us = None if time_s is None else time_s * S
    submitted = engine.handle(SubmitJob(at_us, "a", time_request_us=time_us, **terms))[-1]
    assert isinstance(submitted, JobSubmitted)
    return submitted.job_id


def of(found: Forecast, job_id: JobId) -> JobForecast:
    return next(job for job in found.jobs if job.job_id == job_id)


def test_a_queue_by_hand() -> None:
    """10 s and 3 x 10 s on two cpus: at 4 s the first two run until 10 s, the last two until 20 s."""
    engine = pool(2)
    first, second = submit(engine), submit(engine, count=3)
    engine.run_pass(0)
    before = engine.state
    found = forecast(engine.state, Fcfs(), 4 * S)
    assert engine.state is before
    assert (found.seq, found.at_us, found.stopped, found.leases) == (before.seq, 4 * S, COMPLETE, 2)
    assert [job.job_id for job in found.jobs] == [second]  # nothing of the first waits
    assert found.jobs[0] == JobForecast(second, 2, 2, 10 * S, 10 * S, 20 * S, 10 * S, REQUESTED)
    assert first not in {job.job_id for job in found.jobs}


def test_what_is_over_its_estimate_takes_as_long_again() -> None:
    engine = pool()
    submit(engine, time_s=10)
    engine.run_pass(0)
    waits = submit(engine)
    assert of(forecast(engine.state, Fcfs(), 9 * S), waits).first_us == 10 * S
    late = forecast(engine.state, Fcfs(), 14 * S)
    assert (of(late, waits).first_us, late.overrun) == (18 * S, 1)
    assert of(forecast(engine.state, Fcfs(), 10 * S), waits).first_us == 10 * S + OVERRUN_MIN_US


def test_by_what_times_are_estimated() -> None:
    engine = pool()
    unknown = submit(engine, time_s=None, count=2)
    engine.run_pass(0)
    assert of(forecast(engine.state, Fcfs(), 0), unknown).basis == UNKNOWN
    assert of(forecast(engine.state, Fcfs(), 0), unknown).estimate_us == STAY_UNKNOWN_US
    engine.handle(FinishUnits(3 * S, ONE, LeaseId(1), ((0, 1),), (3 * S,)))
    asked, other = submit(engine, 3 * S, time_s=7), submit(engine, 3 * S, time_s=None)
    limited = submit(engine, 3 * S, time_s=None, time_limit_us=2 * S)
    found = forecast(engine.state, Fcfs(), 3 * S)
    assert [(job.estimate_us, job.basis) for job in found.jobs] == [
        (3 * S, MEASURED),
        (7 * S, REQUESTED),
        (3 * S, DOMAIN),
        (2 * S, DOMAIN),
    ]
    assert [of(found, job).first_us for job in (unknown, asked, other, limited)] == [3 * S, 6 * S, 13 * S, 16 * S]


def test_dependencies_and_back_off_are_met_and_what_is_prepared_never_starts() -> None:
    engine = pool()
    parent = submit(engine)
    engine.run_pass(0)
    child, prepared = submit(engine, after=(parent,)), submit(engine, hold=True)
    failing = submit(engine, retries=1, backoff_us=100 * S)
    stopped = submit(engine)
    engine.handle(CancelJobs(0, (stopped,)))
    engine.handle(FinishUnits(10 * S, ONE, LeaseId(1), ((0, 1),), (10 * S,)))
    engine.handle(LeaseUnits(10 * S, ONE, failing))
    engine.handle(FinishUnits(12 * S, ONE, LeaseId(2), ((0, 1),), (2 * S,), ((0, 1),)))
    found = forecast(engine.state, Fcfs(), 12 * S)
    assert [job.job_id for job in found.jobs] == [child, prepared, failing]
    assert of(found, child).first_us == 12 * S
    assert of(found, failing).first_us == 112 * S
    assert (of(found, prepared).first_us, of(found, prepared).started, found.stopped) == (None, 0, COMPLETE)
    later = pool()
    waits_for = submit(later)
    child = submit(later, after=(waits_for,))
    assert of(forecast(later.state, Fcfs(), 0), child).first_us == 10 * S


def test_a_worker_that_is_out_of_touch_is_taken_to_come_back() -> None:
    engine = pool()
    submit(engine)
    engine.run_pass(0)
    engine.handle(MarkWorkerAway(1, ONE))
    waits = submit(engine, 1)
    assert of(forecast(engine.state, Fcfs(), S), waits).first_us == 10 * S


def test_prefetched_units_start_when_what_they_are_behind_has_ended() -> None:
    engine = pool(policy="meted", prefetch=True)
    engine.handle(SubmitJob(0, "a", count=30, time_request_us=20_000))
    engine.run_pass(0)
    leases = engine.state.jobs.leases
    assert len(leases) == 2  # five units run, five wait behind them
    found = forecast(engine.state, POLICIES["meted"](), 0)
    (row,) = found.jobs
    assert (row.waiting, row.first_us, row.last_us, row.ends_us) == (25, 100_000, 580_000, 600_000)


def test_limits() -> None:
    engine = pool()
    jobs = [submit(engine, time_s=100) for _ in range(200)]
    near = forecast(engine.state, Fcfs(), 0, horizon_us=250 * S)
    assert (near.stopped, near.until_us, near.leases) == (HORIZON, 200 * S, 3)
    assert [job.first_us for job in near.jobs[:4]] == [0, 100 * S, 200 * S, None]
    assert len(near.jobs) == len(jobs)
    few = forecast(engine.state, Fcfs(), 0, leases_max=5)
    assert (few.stopped, few.leases) == (LEASES, 5)
    array = submit(engine, time_s=1, count=10_000)
    part = of(forecast(engine.state, Fcfs(), 0, leases_max=210), array)
    assert (part.started, part.first_us, part.last_us, part.ends_us) == (10, 20_000 * S, None, None)
