"""An obvious model of jobs, units, leases and workers: one object a unit, no runs, no index, no charges.

It predicts what every command but a policy's choice does; a choice it only checks and takes over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from meted.core.domains.state import TOP
from meted.core.events import Event, UnitsLeased
from meted.core.ids import DomainId, JobId, LeaseId, Span, WorkerId
from meted.core.limits import BACKOFF_DOUBLINGS_MAX, PREFETCH_US
from meted.core.queries import kept_answer
from meted.core.resources import NOTHING, Resources
from meted.core.spans import indices
from meted.core.state import Job, State

PENDING, OUT, SUCCEEDED, FAILED, CANCELLED = "pending", "out", "succeeded", "failed", "cancelled"
ENDED = {SUCCEEDED, FAILED, CANCELLED}


@dataclass
class Unit:
    """One unit: where it is, and its history."""

    status: str = PENDING
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    not_before_us: int = 0
    lease_id: LeaseId | None = None


@dataclass
class ModelJob:
    """One job."""

    domain_id: DomainId
    units: list[Unit]
    request: Resources
    prepared: bool = False
    retries: int = 0
    backoff_us: int = 0
    max_failures: int | None = None
    max_losses: int = 5
    stopped: str | None = None
    outcome: str | None = None
    ended_us: int = 0
    attempts: int = 0
    parents: set[JobId] = field(default_factory=set)

    @property
    def held(self) -> bool:
        """Whether something but the policy keeps it from running."""
        return self.prepared or bool(self.parents)


@dataclass
class ModelLease:
    """One lease: which units it had, and which are still out."""

    worker_id: WorkerId
    job_id: JobId
    units: range
    out: set[int]
    behind: LeaseId


@dataclass
class ModelWorker:
    """One worker."""

    capacity: Resources
    prefetch: bool = False
    draining: bool = False
    lost_at_us: int | None = None


@dataclass
class Model:
    """The whole model.

    Attributes:
        parents: The names of the parents of domains; empty at the top level.
        answers: What is kept for each key.
        results: (job, index) of every result that was accepted since the last batch.
    """

    jobs: dict[JobId, ModelJob] = field(default_factory=dict)
    leases: dict[LeaseId, ModelLease] = field(default_factory=dict)
    workers: dict[WorkerId, ModelWorker] = field(default_factory=dict)
    domains: dict[str, DomainId] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    answers: dict[bytes, bytes] = field(default_factory=dict)
    results: list[tuple[JobId, int]] = field(default_factory=list)

    def create_domain(self, name: str, domain_id: DomainId, share: int, parent: str) -> None:
        """A domain was created."""
        self.domains[name], self.shares[name], self.parents[name] = domain_id, share, parent

    def remove_domain(self, name: str) -> None:
        """A domain is gone."""
        del self.domains[name], self.shares[name], self.parents[name]

    def line_up(self, domain_id: DomainId) -> list[DomainId]:
        """Return a domain and those that it is in."""
        names = {mine: name for name, mine in self.domains.items()}
        name, ids = names[domain_id], [domain_id]
        while name := self.parents[name]:
            ids.append(self.domains[name])
        return ids

    def leased(self, event: UnitsLeased) -> None:
        """A policy chose: check that it may, and take it over."""
        job = self.jobs[event.job_id]
        worker = self.workers[event.worker_id]
        assert not job.held
        assert job.stopped is None
        assert worker.lost_at_us is None
        assert not worker.draining
        assert event.lease_id not in self.leases
        chosen = range(event.first, event.first + event.count)
        for index in chosen:
            unit = job.units[index]
            assert unit.status == PENDING, f"unit {index} of job {event.job_id} is {unit.status}"
            assert unit.not_before_us <= event.at_us, "it still backs off"
            assert (unit.attempt + 1, unit.failures, unit.losses) == (event.attempt, event.failures, event.losses)
            unit.status, unit.attempt, unit.lease_id = OUT, event.attempt, event.lease_id
            job.attempts = max(job.attempts, event.attempt)
        self.leases[event.lease_id] = ModelLease(event.worker_id, event.job_id, chosen, set(chosen), event.behind)
        assert self.load(event.worker_id).fits(worker.capacity), "the worker has no room for that"
        if event.behind:
            assert worker.prefetch
            assert event.count * event.estimate_us <= PREFETCH_US, "that is too long to wait on a worker"
            assert self.load(event.worker_id, queued=True).fits(worker.capacity), "the worker's queue is too long"

    def all_leased(self, events: Iterable[Event]) -> None:
        """Take over the choices among ``events``."""
        for event in events:
            if isinstance(event, UnitsLeased):
                self.leased(event)

    def finish(self, lease_id: LeaseId, done: Iterable[int], bad: Iterable[int], now_us: int) -> bool:
        """Units of a lease were reported; return whether any of it is news."""
        lease = self.leases.get(lease_id)
        fresh = sorted(lease.out.intersection(done)) if lease is not None else []
        if lease is None or not fresh:
            return False
        job = self.jobs[lease.job_id]
        for index in fresh:
            unit = job.units[index]
            if index not in bad:
                unit.status = SUCCEEDED
            elif job.stopped is not None:
                unit.status = CANCELLED
            elif unit.failures < job.retries:
                wait_us = job.backoff_us * 2 ** min(unit.failures, BACKOFF_DOUBLINGS_MAX)
                unit.status, unit.not_before_us = PENDING, now_us + wait_us if wait_us else 0
                unit.failures += 1
            else:
                unit.status = FAILED
            if unit.status != PENDING:
                self.results.append((lease.job_id, index))
        self._came_back(lease_id, fresh, now_us)
        return True

    def give_back(self, lease_id: LeaseId, units: Iterable[int], started: Iterable[int], now_us: int) -> bool:
        """Units of a lease came back; those ``started`` were lost with their worker. Return whether it is news."""
        lease = self.leases.get(lease_id)
        fresh = sorted(lease.out.intersection(units)) if lease is not None else []
        if lease is None or not fresh:
            return False
        job = self.jobs[lease.job_id]
        for index in fresh:
            unit = job.units[index]
            unit.not_before_us = 0
            if job.stopped is not None:
                unit.status = CANCELLED
            elif index not in started:
                unit.status = PENDING
            elif unit.losses + 1 > job.max_losses:
                unit.status = FAILED
            else:
                unit.status = PENDING
                unit.losses += 1
        self._came_back(lease_id, fresh, now_us)
        return True

    def _came_back(self, lease_id: LeaseId, fresh: list[int], now_us: int) -> None:
        lease = self.leases[lease_id]
        lease.out.difference_update(fresh)
        if not lease.out:
            del self.leases[lease_id]
        self.settle(lease.job_id, now_us)

    def settle(self, job_id: JobId, now_us: int) -> None:
        """Stop a job in which too much failed, and end one of which all units have ended."""
        job = self.jobs[job_id]
        failed = any(unit.status == FAILED for unit in job.units)
        if self.failed_too_much(job) and job.stopped is None:
            self.stop(job, "max_failures")
        if job.outcome is None and all(unit.status in ENDED for unit in job.units):
            job.ended_us = now_us
            if job.stopped in ("cancelled", "dependency"):
                job.outcome = CANCELLED
            elif failed or job.stopped:
                job.outcome = FAILED
            else:
                cancelled = any(unit.status == CANCELLED for unit in job.units)
                job.outcome = CANCELLED if cancelled else SUCCEEDED
            self._tell_dependants(job_id, job.outcome, now_us)

    def failed_too_much(self, job: ModelJob) -> bool:
        """Whether more units of a job have failed than may."""
        return job.max_failures is not None and sum(unit.status == FAILED for unit in job.units) > job.max_failures

    def _tell_dependants(self, job_id: JobId, outcome: str, now_us: int) -> None:
        for child_id, child in sorted(self.jobs.items()):
            if job_id not in child.parents:
                continue
            if outcome == SUCCEEDED:
                child.parents.remove(job_id)
            else:
                self.stop(child, "dependency")
                self.settle(child_id, now_us)

    def stop(self, job: ModelJob, why: str) -> None:
        """Let no more units of a job start."""
        job.stopped, job.prepared = why, False
        job.parents.clear()
        for unit in job.units:
            if unit.status == PENDING:
                unit.status = CANCELLED

    def rerun(self, job_id: JobId, statuses: set[str]) -> bool:
        """Run units of an ended job again; return whether there were any."""
        job = self.jobs[job_id]
        again = [unit for unit in job.units if unit.status in statuses]
        for unit in again:
            unit.status, unit.attempt, unit.failures, unit.losses, unit.not_before_us = PENDING, job.attempts, 0, 0, 0
        if again:
            job.stopped = job.outcome = None
        return bool(again)

    def lose(self, worker_id: WorkerId, started: dict[LeaseId, tuple[Span, ...]] | None, now_us: int) -> None:
        """A worker is gone."""
        for lease_id in self.held_by(worker_id):
            units = self.leases[lease_id].units
            hit = set(units) if started is None else set(indices(started.get(lease_id, ())))
            self.give_back(lease_id, units, hit, now_us)
        del self.workers[worker_id]

    def held_by(self, worker_id: WorkerId) -> list[LeaseId]:
        """Return the leases of a worker, by id."""
        return sorted(lease_id for lease_id, lease in self.leases.items() if lease.worker_id == worker_id)

    def load(self, worker_id: WorkerId, *, queued: bool = False) -> Resources:
        """Return what the leases of a worker take, or those that are queued there."""
        load = NOTHING
        for lease_id in self.held_by(worker_id):
            if (self.leases[lease_id].behind in self.leases) == queued:
                load = load.plus(self.jobs[self.leases[lease_id].job_id].request)
        return load

    def compare(self, state: State) -> None:
        """Hold the state against this model, unit by unit."""
        assert {lease_id: lease.worker_id for lease_id, lease in state.jobs.leases.items()} == {
            lease_id: lease.worker_id for lease_id, lease in self.leases.items()
        }
        assert set(state.workers.workers) == set(self.workers)
        for worker_id, mine in self.workers.items():
            worker = state.workers.workers[worker_id]
            assert (worker.draining, worker.lost_at_us) == (mine.draining, mine.lost_at_us)
        assert dict(state.domains.by_name) == self.domains
        assert {key: kept_answer(state, key) for key in state.calls.numbers} == self.answers
        for parent in ("", *self.domains):
            shares = sum(self.shares[name] for name, above in self.parents.items() if above == parent)
            assert state.domains.phi(self.domains[parent] if parent else TOP) == shares
        assert set(state.jobs.jobs) == set(self.jobs)
        for job_id, expected in self.jobs.items():
            job = state.jobs.jobs[job_id]
            assert (job.held, job.stopped, job.outcome) == (expected.held, expected.stopped, expected.outcome)
            assert expand(state, job) == [_seen(unit) for unit in expected.units], f"job {job_id}"


Seen = tuple[str, int, int, int, int, LeaseId | None]


def _seen(unit: Unit) -> Seen:
    """Return what a state knows of a unit: of one that has ended, only how."""
    if unit.status in ENDED:
        return unit.status, 0, 0, 0, 0, None
    if unit.status == OUT:
        return OUT, unit.attempt, unit.failures, unit.losses, 0, unit.lease_id
    return PENDING, unit.attempt, unit.failures, unit.losses, unit.not_before_us, None


def expand(state: State, job: Job) -> list[Seen]:
    """Return the units of a job one by one."""
    nowhere: Seen = ("nowhere", 0, 0, 0, 0, None)
    units = [nowhere] * job.terms.count
    for status, members in ((SUCCEEDED, job.succeeded), (FAILED, job.failed), (CANCELLED, job.cancelled)):
        for index in indices(members.spans()):
            units[index] = status, 0, 0, 0, 0, None
    for run in job.requeued:
        for index in range(run.first, run.first + run.count):
            units[index] = PENDING, run.attempt, run.failures, run.losses, run.not_before_us, None
    for lease_id, lease in state.jobs.leases.items():
        if lease.job_id == job.job_id:
            for at in range(lease.count):
                if not lease.back >> at & 1:
                    units[lease.first + at] = OUT, lease.attempt, lease.failures, lease.losses, 0, lease_id
    for index in range(job.next_index, job.terms.count):
        units[index] = PENDING, 0, 0, 0, 0, None
    return units
