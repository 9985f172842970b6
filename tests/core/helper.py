"""Given, when, then: a small world of one engine, a clock and workers, whose invariants are checked when it ends."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import settings

from meted.core.commands import (
    CancelJobs,
    Command,
    CreateDomain,
    FinishUnits,
    JoinWorker,
    LeaseUnits,
    ReturnUnits,
    SubmitJob,
)
from meted.core.effects import Effect
from meted.core.engine import Engine, Sealed
from meted.core.errors import Reason, Refused
from meted.core.events import DomainCreated, Event, JobSubmitted, UnitsLeased, WorkerJoined
from meted.core.ids import DomainId, JobId, LeaseId, Span, WorkerId
from meted.core.invariants import check_engine
from meted.core.limits import RETENTION_US
from meted.core.policy.base import Policy
from meted.core.policy.registry import POLICIES
from meted.core.reducers.log import LogFold
from meted.core.resources import Resources
from meted.core.spans import spans_of, total
from meted.core.state import Domain, FairnessAccount, Job, Lease, State

MS = 1_000
SECOND = 1_000_000

OPEN_WORLDS: list[World] = []
"""Worlds that a test has made and whose invariants are still to be checked."""


def examples(count: int, **more: Any) -> settings:
    """Return the settings of a test that tries so many examples by default, and more in a deep run."""
    assert settings.default is not None
    return settings(max_examples=settings.default.max_examples * count // 50, **more)


def cpus(amount: int, mem_bytes: int = 0, **generic: int) -> Resources:
    """Return so many whole cpus, bytes of memory and whole others."""
    others = tuple(sorted((name, 1000 * count) for name, count in generic.items()))
    return Resources(1000 * amount, mem_bytes, others)


def make_policy(policy: str | Policy) -> Policy:
    """Return a policy by its name."""
    return POLICIES[policy]() if isinstance(policy, str) else policy


class World:
    """An engine with a clock: words for what a test wants to say.

    It is a context manager for use inside ``@given``; else the fixture in conftest.py ends it with the test.
    """

    def __init__(
        self, policy: str | Policy = "meted", state: State | None = None, *, retention_us: int | None = RETENTION_US
    ) -> None:
        self.engine = Engine(make_policy(policy), state, retention_us=retention_us)
        self.began = State() if state is None else state
        self.now_us = self.began.at_us
        self.log: list[Event] = []  # everything decided and not abandoned
        self.batches: list[Sealed] = []
        self._published = 0
        OPEN_WORLDS.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        OPEN_WORLDS.remove(self)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Check all invariants, and that the log in tables that change in place comes to the same state."""
        check_engine(self.engine)
        if len(self.log) == self.state.seq - self.began.seq:
            folding = LogFold(self.began)
            folding.add(self.log)
            assert folding.finish() == self.state

    # Doing

    def do(self, command: Command) -> tuple[Event, ...]:
        """Let the engine decide ``command``, and return the events."""
        events = self.engine.handle(command)
        self.log.extend(events)
        return events

    def refused(self, command: Command, reason: Reason | None = None) -> Refused:
        """Expect ``command`` to be refused and to change nothing."""
        before = self.state
        with pytest.raises(Refused) as caught:
            self.engine.handle(command)
        assert self.state is before
        assert caught.value.sentence.endswith(".")
        assert reason is None or caught.value.reason is reason, caught.value.sentence
        return caught.value

    def tick(self, by_us: int) -> int:
        """Let time pass, and return what time it is then."""
        self.now_us += by_us
        return self.now_us

    def run_pass(self, **options: int) -> list[Lease]:
        """Run a pass of the policy, and return the leases it made."""
        seq = self.state.seq
        self.engine.run_pass(self.now_us, **options)
        made = self.engine._events[len(self.engine._events) - (self.state.seq - seq) :]
        self.log.extend(made)
        return [self.state.jobs.leases[event.lease_id] for event in made if isinstance(event, UnitsLeased)]

    def run_timers(self) -> int:
        """Do what is due."""
        seq = self.state.seq
        done = self.engine.run_timers(self.now_us)
        self.log.extend(self.engine._events[len(self.engine._events) - (self.state.seq - seq) :])
        return done

    def commit(self) -> tuple[Effect, ...]:
        """Seal and publish what was decided, and return the effects."""
        sealed = self.engine.seal()
        if sealed is None:
            return ()
        self.batches.append(sealed)
        self._published = len(self.log)
        return self.engine.publish(sealed)

    def abandon(self) -> None:
        """Let the append fail: what was not published is forgotten."""
        self.engine.abandon()
        del self.log[self._published :]

    # Given

    def domain(self, name: str = "d", share: int = 1000, cap: Resources | None = None) -> DomainId:
        """Create a domain."""
        event, *_ = self.do(CreateDomain(self.now_us, name, share, cap))
        assert isinstance(event, DomainCreated)
        return event.domain_id

    def worker(self, capacity: Resources | int = 1, until_us: int | None = None, *, prefetch: bool = False) -> WorkerId:
        """Let a worker join, with an amount of resources or so many cpus."""
        offers = cpus(capacity) if isinstance(capacity, int) else capacity
        event, *_ = self.do(JoinWorker(self.now_us, "w", offers, until_us=until_us, prefetch=prefetch))
        assert isinstance(event, WorkerJoined)
        return event.worker_id

    def submit(self, domain: str = "d", count: int = 1, **fields: Any) -> JobId:
        """Submit a job; its domain is created if it is not there."""
        if domain not in self.state.domains.by_name:
            self.domain(domain)
        events = self.do(SubmitJob(self.now_us, domain, count=count, **fields))
        (event,) = [event for event in events if isinstance(event, JobSubmitted)]
        return event.job_id

    def lease(self, worker: WorkerId, job: JobId, count: int = 1) -> LeaseId:
        """Lease units by hand."""
        (event,) = self.do(LeaseUnits(self.now_us, worker, job, count))
        assert isinstance(event, UnitsLeased)
        return event.lease_id

    # When

    def finish(
        self,
        lease_id: LeaseId,
        done: tuple[Span, ...] | None = None,
        run_us: int | tuple[int, ...] = SECOND,
        exits: tuple[tuple[int, int], ...] = (),
        results: tuple[tuple[int, bytes], ...] = (),
    ) -> tuple[Event, ...]:
        """Report units as run, by default all that are out."""
        return self.do(self.report(lease_id, done, run_us, exits, results))

    def report(
        self,
        lease_id: LeaseId,
        done: tuple[Span, ...] | None = None,
        run_us: int | tuple[int, ...] = SECOND,
        exits: tuple[tuple[int, int], ...] = (),
        results: tuple[tuple[int, bytes], ...] = (),
    ) -> FinishUnits:
        """Return the report that :meth:`finish` sends."""
        spans = self.out(lease_id) if done is None else done
        times = (run_us,) * total(spans) if isinstance(run_us, int) else run_us
        worker_id = self.state.jobs.leases[lease_id].worker_id
        return FinishUnits(self.now_us, worker_id, lease_id, spans, times, exits, results)

    def give_back(self, lease_id: LeaseId, spans: tuple[Span, ...] | None = None) -> tuple[Event, ...]:
        """Return units that have not started, by default all that are out."""
        worker_id = self.state.jobs.leases[lease_id].worker_id
        return self.do(ReturnUnits(self.now_us, worker_id, lease_id, self.out(lease_id) if spans is None else spans))

    def cancel(self, *job_ids: JobId) -> tuple[Event, ...]:
        """Cancel jobs."""
        return self.do(CancelJobs(self.now_us, job_ids))

    # Then

    @property
    def state(self) -> State:
        """The tentative state."""
        return self.engine.state

    def job(self, job_id: JobId) -> Job:
        """Return a job."""
        return self.state.jobs.jobs[job_id]

    def leases(self) -> list[Lease]:
        """Return all leases by id."""
        return [lease for _, lease in sorted(self.state.jobs.leases.items())]

    def out(self, lease_id: LeaseId) -> tuple[Span, ...]:
        """Return the units of a lease that are out."""
        lease = self.state.jobs.leases[lease_id]
        return spans_of(lease.first, ~lease.back & ((1 << lease.count) - 1))

    def account(self, name: str = "d") -> FairnessAccount:
        """Return a domain's account."""
        return self.state.jobs.accounts[self.state.domains.by_name[name]]

    def find_domain(self, name: str = "d") -> Domain:
        """Return a domain by name."""
        return self.state.domains.domains[self.state.domains.by_name[name]]
