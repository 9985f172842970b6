"""Replay of a log of one's own: its jobs through the real engine, in virtual time, on a pool like the real one.

Jobs are submitted as they were, arrays as arrays, at their times; the engine leases their units in runs, as it does
live. Workers come and go when they did. The units of a lease run one after another, each as long as it really ran, and
each is reported at its end; a worker needs no time between two units, so nothing is prefetched. Domains are registered
and changed, loans run, and the rules change, when they did. At an instant all units end first, then all that was asked
for is done in the order of the log, jobs among it, then one pass is made, which is repeated while the engine has more
to do.

The clock of the engine is that of the log, so that what goes by the clock does so as it did: periods, and usage that
fades step by step. Whoever watches is told times from the first submit on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

import attrs

from meted.core.commands import FinishUnits, SubmitJob
from meted.core.credit.karma import KARMA
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import Event, JobSubmitted, UnitsLeased
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import TIME_MAX_US
from meted.core.policy.base import Policy
from meted.core.spec import NO_SPEC

from .errors import SimulationError
from .logged_entitlements import LoggedEntitlements
from .logged_workers import LoggedWorkers
from .observer import Observer
from .passes import run_passes
from .results.metrics import JsonValue
from .results.transform_rows import AS_RECORDED
from .results.wait_errors import WaitErrors
from .traces.job import TraceJob
from .traces.log_commands import Asked, TradeCommand
from .traces.log_rules import HeldRules, rules_commands
from .traces.log_trace import LoggedJob, LogTrace
from .traces.log_workers import WorkerChange
from .trade.logged import LoggedTrade

PER_CPU: Final = 1_000
"""The processors of a log's trace are thousandths of a cpu."""

TIE_RULE: Final = "the order of the log"
"""In which order is done what was asked for in one instant."""


@attrs.define
class _Run:
    """A lease that runs: ``at`` is the index of the unit that runs now, ``end`` that behind its last."""

    lease_id: LeaseId
    worker_id: WorkerId
    waits_us: Sequence[int]
    units: list[TraceJob]
    at: int
    end: int


class LogReplay:
    """One run of a log under one policy.

    Attributes:
        engine: What decides; for reading.
        ended: How many units have ended.
        wait_errors: How far the waits so far are from the recorded ones.
        entitlements: What became of domains and loans so far.
        trade: What became of credit and priorities so far.
    """

    def __init__(
        self,
        trace: LogTrace,
        policy: Policy,
        observers: Sequence[Observer],
        rules: Sequence[HeldRules] = (),
        entitled: Callable[[Mapping[int, int], int], None] | None = None,
    ) -> None:
        """Set the workers up, and let all be as it was before the first submit.

        Args:
            trace: What to replay.
            policy: Who is next.
            observers: Told of every submit, start and end of a unit; the processors are thousandths of a cpu.
            rules: The parameters of fairness, from when on each holds; by default those that a new pool has, whatever
                the log says.
            entitled: Called with the shares of all domains in proportion, and the time, where they have changed.
        """
        self.engine = Engine(policy, retention_us=0)
        self.ended = 0
        self.wait_errors = WaitErrors()
        self._observers = tuple(observers)
        self._first_us = trace.first_us
        self._entitlements = LoggedEntitlements(trace, entitled)
        self.entitlements = self._entitlements.counts
        self._asked = _in_order(trace, rules)
        self.trade = LoggedTrade(trace, any(one.rules.pool == KARMA for one in rules))
        self._next = 0
        self._jobs_left = len(trace.jobs)
        self._units: dict[JobId, tuple[Sequence[int], list[TraceJob]]] = {}
        self._running: list[tuple[int, LeaseId, _Run]] = []
        self._workers = LoggedWorkers()
        self._whole = trace.workers
        self._begin()

    def run(self, ends_max: int | None = None) -> bool:
        """Go on, to the end or until at least ``ends_max`` more units have ended; return whether that was the end.

        Raises:
            SimulationError: A time lies beyond ``TIME_MAX_US`` of the core.
        """
        stop = None if ends_max is None else self.ended + ends_max
        try:
            while (times := self._times()) or self._units:
                if stop is not None and self.ended >= stop:
                    return False
                if times:
                    self._step(min(times))
                else:
                    self._end_log()
        except Refused as refusal:
            if refusal.reason is not Reason.OUT_OF_RANGE:
                raise
            raise SimulationError(
                f"a unit of the log would end {TIME_MAX_US // 1_000_000:,} s (285 years) after 1970 or later, and no "
                "later time can be simulated; look at the clocks of the machines that ran it."
            ) from None
        self._after()
        self.trade.close(self.engine)
        return True

    def _times(self) -> list[int]:
        """Return when the next unit ends, something is asked for, the policy wants a pass, and something falls due.

        There is none when no work is left to be done.
        """
        times = [self._running[0][0]] if self._running else []
        wake_us = self.engine.index.next_wake_us()
        if wake_us is not None:
            times.append(wake_us)
        if times or self._units or self._jobs_left:
            if self._next < len(self._asked):
                times.append(self._asked[self._next][0])
            due_us = self.engine.next_due_us()
            if due_us is not None:
                times.append(max(due_us, self.engine.now_us))
        return times

    def _end_log(self) -> None:
        """Nothing more is in the log, and nothing runs, but something waits: let the whole pool be there."""
        if not self._whole:
            raise AssertionError(f"{len(self._units)} jobs wait for ever on an empty pool")
        self._workers.complete(self.engine, self._whole)
        self._whole = ()
        self._step(self.engine.now_us)

    def _begin(self) -> None:
        """Do all that was asked for before the first submit, and tell who was entitled to what then."""
        asked = self._asked
        while not isinstance(thing := asked[self._next][2], LoggedJob) and asked[self._next][0] <= self._first_us:
            self._next += 1
            self._do_alone(thing)
        self._take()
        self._entitlements.tell(self.engine, self._first_us)
        self.entitlements.domains = 0

    def _step(self, now_us: int) -> None:
        """All ends, all that falls due, all that was asked for, one pass."""
        running, asked, engine = self._running, self._asked, self.engine
        while running and running[0][0] == now_us:
            self._finish(now_us, heappop(running)[2])
        engine.run_timers(now_us)
        while self._next < len(asked) and asked[self._next][0] == now_us:
            thing = asked[self._next][2]
            self._next += 1
            if isinstance(thing, LoggedJob):
                self._take()
                self._entitlements.tell(engine, now_us)
                self._submit(thing)
            else:
                self._do(thing)
        self._take()
        self._entitlements.tell(engine, now_us)
        run_passes(engine, now_us)
        for event in self._take():
            if type(event) is UnitsLeased:
                waits_us, units = self._units[event.job_id]
                end = event.first + event.count
                self._start(now_us, _Run(event.lease_id, event.worker_id, waits_us, units, event.first, end))
                if end == len(units):  # they are leased in order, and none comes back
                    del self._units[event.job_id]

    def _after(self) -> None:
        """Do all that was asked for after the last unit had ended."""
        while self._next < len(self._asked):
            thing = self._asked[self._next][2]
            assert not isinstance(thing, LoggedJob)
            self._next += 1
            self._do_alone(thing)

    def _do_alone(self, thing: Asked | WorkerChange) -> None:
        """Do what was done where no work is, after what falls due before."""
        at_us = thing.at_us if isinstance(thing, WorkerChange) else thing.command.at_us
        while (due_us := self.engine.next_due_us()) is not None and due_us <= at_us:
            self.engine.run_timers(max(due_us, self.engine.now_us))
        self._do(thing)

    def _do(self, asked: Asked | WorkerChange) -> None:
        """Do what was asked for, if it can be done; what became of it is counted."""
        if isinstance(asked, WorkerChange):
            self._workers.do(self.engine, asked)
        elif isinstance(asked.command, TradeCommand):
            self.trade.do(self.engine, asked.command, asked.number)
        else:
            self._entitlements.do(self.engine, asked.command)

    def _take(self) -> Sequence[Event]:
        """Return what has happened in the engine since the last time."""
        events = self.engine.take()
        self._entitlements.read(events)
        self.trade.read(events)
        return events

    def _submit(self, job: LoggedJob) -> None:
        self._jobs_left -= 1
        events = self.engine.handle(
            SubmitJob(
                self._first_us + job.submit_us,
                str(job.domain),
                NO_SPEC,
                len(job.run_us),
                request=job.request,
                time_request_us=job.time_request_us,
                priority=job.priority,
            )
        )
        submitted = events[-1]
        assert type(submitted) is JobSubmitted
        width = job.request.cpu_milli
        units = [TraceJob(job.job_id, job.domain, job.submit_us, run_us, run_us, width) for run_us in job.run_us]
        self._units[submitted.job_id] = job.wait_us, units
        self.trade.submitted(self.engine, job.job_id, submitted.job_id)
        for unit in units:
            for observer in self._observers:
                observer.submitted(unit)

    def _start(self, now_us: int, run: _Run) -> None:
        unit, at_us = run.units[run.at], now_us - self._first_us
        heappush(self._running, (now_us + unit.run_us, run.lease_id, run))
        self.wait_errors.add(run.waits_us[run.at], at_us - unit.submit_us)
        for observer in self._observers:
            observer.started(unit, at_us)

    def _finish(self, now_us: int, run: _Run) -> None:
        unit = run.units[run.at]
        self.engine.handle(FinishUnits(now_us, run.worker_id, run.lease_id, ((run.at, 1),), (unit.run_us,)))
        self.ended += 1
        for observer in self._observers:
            observer.ended(unit, now_us - self._first_us)
        run.at += 1
        if run.at < run.end:
            self._start(now_us, run)
        else:
            self._workers.ended(self.engine, run.worker_id)


def _in_order(trace: LogTrace, rules: Sequence[HeldRules]) -> list[tuple[int, int, Asked | LoggedJob | WorkerChange]]:
    """Return all that was asked for or done with its time and its place in the log, in that order."""
    asked: list[tuple[int, int, Asked | LoggedJob | WorkerChange]] = [
        (one.command.at_us, one.order, one) for one in (*rules_commands(rules), *trace.commands)
    ]
    asked += [(change.at_us, change.order, change) for change in trace.attendance]
    asked += [(trace.first_us + job.submit_us, job.order, job) for job in trace.jobs]
    return sorted(asked, key=lambda one: one[:2])


def results(trace: LogTrace, figures: Mapping[str, JsonValue], run: LogReplay) -> dict[str, JsonValue]:
    """Return the figures of a run, with the names of those of a trace; the jobs are units, the users domains.

    Args:
        trace: What was replayed.
        figures: What :meth:`.results.metrics.Metrics.results` made of it, in thousandths of a cpu.
        run: The run.
    """
    whole, rest = divmod(trace.procs, PER_CPU)
    return {
        **figures,
        **run.wait_errors.results(),
        "procs": trace.procs / PER_CPU if rest else whole,
        "workers": len(trace.workers),
        "procs_field": "requested",
        "overrun": AS_RECORDED,
        "tie_rule": TIE_RULE,
        "entitlement_changes": attrs.asdict(run.entitlements),
        **run.trade.figures(run.engine),
    }
