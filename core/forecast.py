"""When what waits should start: the engine itself, run forward from a state in virtual time.

Assumptions, all of them stated with the answer:

* What runs ends when its estimate says. A lease that is over its estimate already takes as long again as it is over,
  and at least ``OVERRUN_MIN_US``: the longer it is over, the less is known.
* What waits takes what units of its job have taken on average, else what was asked for, else the average of its
  domain, else ``STAY_UNKNOWN_US``; never more than its time limit. Nothing fails.
* Nobody submits, cancels or changes anything. Workers stay; those that are out of touch come back now.
* Loans start and end, back-off ends and dependencies are met as they would be.

As arrivals are not foreseen, a policy under which later work may go first makes such a forecast too early; under first
come, first served with true estimates it is exact.
"""

from __future__ import annotations

from heapq import heappop, heappush

from . import limits
from .commands import FinishUnits, RejoinWorker
from .engine import Engine
from .estimates import domain_estimate_us
from .events import UnitsLeased
from .ids import JobId, LeaseId, Span, WorkerId
from .policy.base import Policy
from .policy.memory import Memory
from .record import record
from .spans import spans_of, total
from .state import Job, State

OVERRUN_MIN_US = limits.SECOND_US
"""A lease that is over its estimate is expected to go on for at least so long."""

COMPLETE, HORIZON, LEASES = "complete", "horizon", "leases"
"""Why a forecast went no further: nothing was left to start, or it came to a limit."""

MEASURED, REQUESTED, DOMAIN, UNKNOWN = "measured", "requested", "domain", "unknown"
"""By what the time of a job's units was estimated."""


@record
class JobForecast:
    """When units of one job that wait should start; times in microseconds, None where the forecast does not reach.

    Attributes:
        job_id: The job.
        waiting: Units that had not been leased, or were leased and queued behind others.
        started: Those of them that start within the forecast.
        first_us, last_us: When the first and the last of all of them start.
        ends_us: When the last of the job's units should end.
        estimate_us: How long one unit is taken to run.
        basis: By what: ``measured``, ``requested``, ``domain`` or ``unknown``.
    """

    job_id: JobId
    waiting: int
    started: int
    first_us: int | None
    last_us: int | None
    ends_us: int | None
    estimate_us: int
    basis: str


@record
class Forecast:
    """What was foreseen.

    Attributes:
        seq: Position of the log's last event in the state that it starts from.
        at_us: The time that it starts from.
        horizon_us: How far ahead it may look.
        until_us: How far it did.
        stopped: ``complete``, or which limit ended it: ``horizon`` or ``leases``.
        leases: How many leases it gave out.
        overrun: Leases that were over their estimate at the start.
        jobs: Every job that had something waiting, by id; those that are only prepared are among them, and never start.
    """

    seq: int
    at_us: int
    horizon_us: int
    until_us: int
    stopped: str
    leases: int
    overrun: int
    jobs: tuple[JobForecast, ...]


class _Units:
    """What is seen of the units of one job that wait."""

    __slots__ = ("basis", "ends_us", "estimate_us", "first_us", "last_us", "started", "waiting")

    def __init__(self, waiting: int, estimate_us: int, basis: str) -> None:
        self.waiting = waiting
        self.estimate_us = estimate_us
        self.basis = basis
        self.started = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.ends_us = 0


def forecast(
    state: State,
    policy: Policy,
    at_us: int,
    horizon_us: int = limits.FORECAST_HORIZON_US,
    leases_max: int = limits.FORECAST_LEASES_MAX,
    memory: Memory | None = None,
) -> Forecast:
    """Return when everything that waits should start; a pure function of its arguments.

    Args:
        state: Where to start from; it stays as it is.
        policy: Who is next.
        at_us: Now, in microseconds; not before the state's time.
        horizon_us: Look no further ahead than this.
        leases_max: Give out no more leases than this, and a run of the policy's pass more at most.
        memory: What the policy remembers in that state, if anything.
    """
    engine = Engine(policy, state, retention_us=limits.TIME_MAX_US, memory=memory)
    return _Run(engine, max(at_us, state.at_us), horizon_us, leases_max).run()


class _Run:
    """One run of the engine into the future."""

    def __init__(self, engine: Engine, at_us: int, horizon_us: int, leases_max: int) -> None:
        self._engine, state = engine, engine.state
        self._seq = state.seq
        self._at_us = at_us
        self._horizon_us = horizon_us
        self._leases_max = leases_max
        self._leases = 0
        self._overrun = 0
        self._ends: list[tuple[int, LeaseId]] = []
        self._end_of: dict[LeaseId, int] = {}
        self._units_us: dict[LeaseId, int] = {}  # of leases that run at the start, by when they should end
        self._estimates: dict[JobId, tuple[int, str]] = {}
        self._seen: dict[JobId, _Units] = {}
        for job in state.jobs.jobs.values():
            if job.outcome is None and job.stopped is None and job.pending_count:
                self._see(job, job.pending_count)
        self._left = sum(units.waiting for units in self._seen.values())

    def run(self) -> Forecast:
        """Let it run to its end."""
        engine, now_us, last_us = self._engine, self._at_us, self._at_us + self._horizon_us
        self._take_over()
        for worker_id in _absent(engine.state):
            engine.handle(RejoinWorker(now_us, worker_id, _held(engine.state, worker_id)))
        stopped = COMPLETE
        while True:
            self._pass(now_us)
            if not self._left:
                break
            if self._leases >= self._leases_max:
                stopped = LEASES
                break
            next_us = self._next_us(now_us)
            if next_us is None:
                break
            if next_us > last_us:
                stopped = HORIZON
                break
            now_us = next_us
            self._finish_all(now_us)
            engine.run_timers(now_us)
        jobs = tuple(_view(job_id, units) for job_id, units in sorted(self._seen.items()))
        return Forecast(self._seq, self._at_us, self._horizon_us, now_us, stopped, self._leases, self._overrun, jobs)

    def _see(self, job: Job, waiting: int) -> _Units:
        units = self._seen.get(job.job_id)
        if units is None:
            units = self._seen[job.job_id] = _Units(0, *self._estimate(job))
        units.waiting += waiting
        return units

    def _estimate(self, job: Job) -> tuple[int, str]:
        """Return how long a unit of a job is taken to run, as far as was known at the start, and by what."""
        found = self._estimates.get(job.job_id)
        if found is None:
            found = self._estimates[job.job_id] = _estimate(self._engine.state, job)
        return found

    def _take_over(self) -> None:
        """Foresee when the leases that there are end; those queued behind others start then."""
        state = self._engine.state
        for lease_id, lease in sorted(state.jobs.leases.items()):
            job = state.jobs.jobs[lease.job_id]
            if state.jobs.is_queued(lease):
                start_us = self._end_of[lease.behind]
                unit_us, _ = self._estimate(job)
                if job.stopped is None:
                    self._see(job, lease.left)
                    self._note(job.job_id, start_us, lease.left, unit_us)
                self._will_end(lease_id, start_us + unit_us * lease.left)
                continue
            ends_us = lease.ends_us
            if ends_us <= self._at_us:
                self._overrun += 1
                ends_us = self._at_us + max(OVERRUN_MIN_US, self._at_us - ends_us)
            self._units_us[lease_id] = (ends_us - lease.leased_us) // lease.count
            self._will_end(lease_id, ends_us)
            if lease.job_id in self._seen:
                units = self._seen[lease.job_id]
                units.ends_us = max(units.ends_us, ends_us)

    def _will_end(self, lease_id: LeaseId, ends_us: int) -> None:
        self._end_of[lease_id] = ends_us
        heappush(self._ends, (ends_us, lease_id))

    def _note(self, job_id: JobId, start_us: int, count: int, unit_us: int) -> None:
        """Note that ``count`` units of a job start one after another."""
        units = self._seen[job_id]
        last_us = start_us + unit_us * (count - 1)
        units.started += count
        units.first_us = start_us if units.first_us is None else min(units.first_us, start_us)
        units.last_us = last_us if units.last_us is None else max(units.last_us, last_us)
        units.ends_us = max(units.ends_us, last_us + unit_us)

    def _pass(self, now_us: int) -> None:
        engine = self._engine
        engine.run_pass(now_us)
        while engine.more and self._leases < self._leases_max:
            self._follow(now_us)
            engine.run_pass(now_us)
        self._follow(now_us)

    def _follow(self, now_us: int) -> None:
        for event in self._engine.take():
            if type(event) is UnitsLeased:
                self._leases += 1
                self._left -= event.count
                unit_us, _ = self._estimate(self._engine.state.jobs.jobs[event.job_id])
                start_us = self._end_of.get(event.behind, now_us) if event.behind else now_us
                self._note(event.job_id, start_us, event.count, unit_us)
                self._will_end(event.lease_id, start_us + unit_us * event.count)

    def _next_us(self, now_us: int) -> int | None:
        """Return when something happens next."""
        wake_us = self._engine.next_wake_us()
        if wake_us is not None:  # jobs that have ended stay, as their retention is beyond all time
            wake_us = max(wake_us, now_us + 1) if wake_us < limits.TIME_MAX_US else None
        ends_us = self._ends[0][0] if self._ends else None
        return min((at_us for at_us in (wake_us, ends_us) if at_us is not None), default=None)

    def _finish_all(self, now_us: int) -> None:
        """Report what ends by now."""
        while self._ends and self._ends[0][0] <= now_us:
            _, lease_id = heappop(self._ends)
            lease = self._engine.state.jobs.leases.get(lease_id)
            if lease is None:
                continue
            done = spans_of(lease.first, ((1 << lease.count) - 1) & ~lease.back)
            unit_us = self._units_us.pop(lease_id, None)
            if unit_us is None:
                unit_us, _ = self._estimate(self._engine.state.jobs.jobs[lease.job_id])
            self._engine.handle(FinishUnits(now_us, lease.worker_id, lease_id, done, (unit_us,) * total(done)))


def _estimate(state: State, job: Job) -> tuple[int, str]:
    terms = job.terms
    if job.measured_count:
        estimate_us, basis = max(limits.ESTIMATE_MIN_US, job.measured_us // job.measured_count), MEASURED
    elif terms.time_request_us is not None:
        estimate_us, basis = terms.time_request_us, REQUESTED
    else:
        known_us = domain_estimate_us(state.jobs, terms)
        estimate_us, basis = (limits.STAY_UNKNOWN_US, UNKNOWN) if known_us is None else (known_us, DOMAIN)
    if terms.time_limit_us is not None:
        estimate_us = min(estimate_us, terms.time_limit_us)
    return max(estimate_us, 1), basis


def _absent(state: State) -> list[WorkerId]:
    return sorted(worker.worker_id for worker in state.workers.workers.values() if worker.lost_at_us is not None)


def _held(state: State, worker_id: WorkerId) -> tuple[tuple[LeaseId, tuple[Span, ...]], ...]:
    leases = sorted(state.jobs.leases.items())
    return tuple(
        (lease_id, ((lease.first, lease.count),)) for lease_id, lease in leases if lease.worker_id == worker_id
    )


def _view(job_id: JobId, units: _Units) -> JobForecast:
    is_known = units.started == units.waiting
    return JobForecast(
        job_id,
        units.waiting,
        units.started,
        units.first_us,
        units.last_us if is_known else None,
        units.ends_us if is_known else None,
        units.estimate_us,
        units.basis,
    )
