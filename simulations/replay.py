"""Replay: a trace through the real engine, in virtual time.

The machine is one worker of 1,000 x P thousandths of a cpu. A job of the trace is one unit that asks for 1,000 x its
processors, with its estimate as the time request; its user is a domain, or a user of one where the workload says so.
All domains are registered before the first submit, with the shares that the workload names, by default equal ones; its
loans are offered to the engine at their times, and its domains trade in credit where that is asked for. Nothing here
decides anything: commands go, at the times of the trace, to the :class:`~meted.core.engine.Engine` that serves live,
and a lease that a pass makes is a start.

A job that is leased at ``t`` ends at ``t + run``; it is then reported as finished and leaves the state at once, so that
memory holds what waits and what runs, however long the trace. Since no run exceeds its estimate, no job is killed.

There are three event orders. In each, a pass is repeated while the engine has more to do at that instant.

``instant``
    All ends of an instant, then loans and what falls due of credit, then all its submits, then one pass.
``pyss``
    One pass an event, submits before ends. First, without a pass, what ends now and was estimated to end now gives back
    its processors; then each submit, in the order of the trace, with a pass; then each end, in the order of the starts,
    with a pass (also where the processors were given back already). Where neither happens, but the policy has asked for
    a pass at that time, there is one. So a job that ends earlier than estimated still
    holds its processors while the jobs submitted in that instant are looked at. The first simulator of the backfilling
    literature works in this order, and schedules published with it come out equal at every start.

``cqsim``
    One pass an event, ends before submits: each end, in the order of the starts, with a pass, then each submit with
    one; a pass that nothing causes as above. So what ends together is free only bit by bit. The simulator CQSim works
    in this order. Conservative backfilling could not keep its promises in it: a place begins where the last of several
    ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, Literal, get_args

from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import JobArchived, JobSubmitted, UnitsLeased, WorkerJoined
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.limits import CPU_MILLI_MAX, TIME_MAX_US
from meted.core.policy.base import Policy
from meted.core.resources import NOTHING, Resources
from meted.core.spec import NO_SPEC
from meted.core.state import Rules

from .errors import SimulationError
from .foresight import foresight_of
from .lending import Lending, effective_shares
from .observer import Observer
from .policies.conservative import Conservative
from .ruled import set_rules
from .traces.entitlements import WorkloadDomain
from .traces.job import UNKNOWN_USER, TraceJob
from .traces.workload import Workload
from .trade.trader import Trader

EventOrder = Literal["instant", "pyss", "cqsim"]

EVENT_ORDERS: Final[tuple[EventOrder, ...]] = get_args(EventOrder)

PROC_MILLI: Final = 1000
"""One processor of a trace is this many thousandths of a cpu."""

PROCS_MAX: Final = CPU_MILLI_MAX // PROC_MILLI
"""Processors of the largest machine that can be simulated."""

_WHOLE: Final = ((0, 1),)

_Running = tuple[int, LeaseId, TraceJob, int]
"""A job that runs: (end, lease, job, start). Leases are numbered in the order of the starts and never compare equal."""


class Replay:
    """One run of a trace under one policy.

    Attributes:
        engine: What decides; for reading.
        ended: How many jobs have ended.
        lending: The loans of the workload, and what became of them.
    """

    def __init__(
        self,
        trace: Workload,
        policy: Policy,
        event_order: EventOrder = "instant",
        observers: Sequence[Observer] = (),
        outcome: Callable[[TraceJob, int], None] | None = None,
        rules: Rules | None = None,
        entitled: Callable[[Mapping[int, int], int], None] | None = None,
        trader: Trader | None = None,
    ) -> None:
        """Set the machine and the users up, at time 0.

        Args:
            trace: The workload to replay.
            policy: Who is next.
            event_order: The order of what happens in one instant.
            observers: Told of every submit, start and end.
            outcome: Called with every job that has ended and its start in microseconds, in the order of the ends.
            rules: The parameters of fairness; by default those that a new pool has.
            entitled: Called with the shares of all domains in proportion, and the time, where loans have changed them.
            trader: Who trades in credit, if anybody does.

        Raises:
            SimulationError: The machine is larger than the core takes, it refuses a domain, or the policy cannot be
                simulated in that event order.
        """
        if trace.procs > PROCS_MAX:
            raise SimulationError(
                f"The machine has {trace.procs:,} processors and at most {PROCS_MAX:,} can be simulated; "
                "give a smaller number with --procs."
            )
        if event_order == "cqsim" and isinstance(policy, Conservative):
            raise SimulationError(
                "conservative is not for the event order cqsim, in which what ends together is not free together; "
                "choose another --event-order."
            )
        self.engine = Engine(policy, retention_us=None)
        self._foresight = foresight_of(self.engine.index)
        self.ended = 0
        self._tell_submitted = tuple(observer.submitted for observer in observers)
        self._tell_started = tuple(observer.started for observer in observers)
        self._tell_ended = tuple(observer.ended for observer in observers)
        self._outcome = outcome
        self._entitled = entitled
        self._step = {"instant": self._instant, "pyss": self._pyss, "cqsim": self._cqsim}[event_order]
        self._running: list[_Running] = []
        self._waiting: dict[JobId, TraceJob] = {}
        self._requests: dict[int, Resources] = {}
        self._domains = {domain.number: domain.name for domain in trace.domains}
        self.lending = Lending(trace.loans)
        self._lends = bool(trace.loans)
        self._trader = trader
        self._submits = iter(trace)
        self._next = next(self._submits, None)
        if rules is not None:
            self.engine.handle(set_rules(rules))
        try:
            for domain in trace.domains:
                self.engine.handle(_create(domain))
        except Refused as refusal:
            raise SimulationError(f"the domains cannot be as asked: {refusal}") from None
        joined, *_ = self.engine.handle(JoinWorker(0, "machine", Resources(trace.procs * PROC_MILLI)))
        assert type(joined) is WorkerJoined
        self._worker_id: WorkerId = joined.worker_id
        made = self.engine.take()
        if trader is not None:  # under karma domains have accounts from the beginning
            trader.read(made)

    def run(self, ends_max: int | None = None) -> bool:
        """Go on, to the end or until at least ``ends_max`` more jobs have ended; return whether that was the end.

        Raises:
            SimulationError: A time lies beyond ``TIME_MAX_US`` of the core.
        """
        step = self._step
        stop = None if ends_max is None else self.ended + ends_max
        try:
            while (now_us := self._next_us()) is not None:
                if stop is not None and self.ended >= stop:
                    return False
                step(now_us)
        except Refused as refusal:
            if refusal.reason is not Reason.OUT_OF_RANGE:
                raise
            raise SimulationError(
                f"a job is submitted, runs or ends beyond {TIME_MAX_US // 1_000_000:,} s (285 years), the largest time "
                "that can be simulated; leave it out of the trace."
            ) from None
        self._over()
        return True

    def _over(self) -> None:
        if self._waiting:
            raise AssertionError(f"{len(self._waiting)} jobs wait for ever on an empty machine")
        if self._trader is not None:
            self._trader.close(self.engine)
        self.engine.take()

    def _next_us(self) -> int | None:
        """Return when something ends, is submitted, is lent or traded, or wants a pass next; None after the last job.

        What is still lent after the last job is of no concern.
        """
        now_us = self.engine.index.next_wake_us()
        if self._running and (now_us is None or self._running[0][0] < now_us):
            now_us = self._running[0][0]
        if self._next is not None and (now_us is None or self._next.submit_us < now_us):
            now_us = self._next.submit_us
        if self._lends and now_us is not None:
            due_us = self.lending.next_us(self.engine)
            if due_us is not None:
                now_us = min(now_us, max(due_us, self.engine.now_us))
        if self._trader is not None and now_us is not None:
            due_us = self._trader.next_us(self.engine)
            if due_us is not None and due_us < now_us:
                return due_us
        return now_us

    def _instant(self, now_us: int) -> None:
        """All ends, all submits, one pass."""
        running = self._running
        while running and running[0][0] == now_us:
            self._finish(heappop(running))
        if self._lends:
            self._lend(now_us)
        if self._trader is not None:
            self._trader.act(self.engine, now_us)
        while self._next is not None and self._next.submit_us == now_us:
            self._submit(self._next)
        self._pass(now_us)

    def _pyss(self, now_us: int) -> None:
        """One pass an event, submits before ends; but what ends as estimated gives back its processors first."""
        running = self._running
        is_wake = True
        ending: list[_Running] = []
        late: set[LeaseId] = set()
        while running and running[0][0] == now_us:
            entry = heappop(running)
            ending.append(entry)
            if self._is_expected(entry):
                self._finish(entry)
            else:
                late.add(entry[1])
        if self._lends:
            self._lend(now_us)
            self._pass(now_us)
        if self._trader is not None:
            self._trader.act(self.engine, now_us)
        while self._next is not None and self._next.submit_us == now_us:
            self._submit(self._next)
            self._pass(now_us)
            is_wake = False
        for entry in ending:
            if entry[1] in late:
                self._finish(entry)
            self._pass(now_us)
            is_wake = False
        if is_wake:
            self._pass(now_us)

    def _cqsim(self, now_us: int) -> None:
        """One pass an event, ends before submits."""
        running = self._running
        is_wake = True
        if self._lends:
            self._lend(now_us)
            self._pass(now_us)
        if self._trader is not None:
            self._trader.act(self.engine, now_us)
        while running and running[0][0] == now_us:
            self._finish(heappop(running))
            self._pass(now_us)
            is_wake = False
        while self._next is not None and self._next.submit_us == now_us:
            self._submit(self._next)
            self._pass(now_us)
            is_wake = False
        if is_wake:
            self._pass(now_us)

    def _is_expected(self, entry: _Running) -> bool:
        """Whether a job that ends was expected to end now: by its estimate, or as the policy predicts."""
        end_us, lease_id, job, _ = entry
        if self._foresight is None:
            return job.run_us == job.estimate_us
        return self._foresight.is_expected(lease_id, end_us)

    def _lend(self, now_us: int) -> None:
        """Let loans start and end, and tell who is entitled to what then."""
        told = None if self._trader is None else self._trader.read
        if self.lending.act(self.engine, now_us, told) and self._entitled is not None:
            numbers = {name: number for number, name in self._domains.items()}
            self._entitled(effective_shares(self.engine.state, numbers), now_us)

    def _submit(self, job: TraceJob) -> None:
        request = self._requests.get(job.procs)
        if request is None:
            request = self._requests[job.procs] = Resources(job.procs * PROC_MILLI)
        events = self.engine.handle(
            SubmitJob(
                job.submit_us,
                self._domains[job.user],
                NO_SPEC,
                user="" if job.member == UNKNOWN_USER else str(job.member),
                request=request,
                time_request_us=job.estimate_us,
            )
        )
        submitted = events[-1]
        assert type(submitted) is JobSubmitted
        self._waiting[submitted.job_id] = job
        if self._trader is not None:
            self._trader.submitted(self.engine, submitted.job_id, job)
        self._next = next(self._submits, None)
        for tell in self._tell_submitted:
            tell(job)

    def _finish(self, entry: _Running) -> None:
        end_us, lease_id, job, start_us = entry
        events = self.engine.handle(FinishUnits(end_us, self._worker_id, lease_id, _WHOLE, (job.run_us,)))
        assert type(events[-1]) is JobArchived
        self.ended += 1
        for tell in self._tell_ended:
            tell(job, end_us)
        if self._outcome is not None:
            self._outcome(job, start_us)

    def _pass(self, now_us: int) -> None:
        """Let the policy work, and start what it has leased."""
        engine = self.engine
        made = engine.run_pass(now_us)
        while engine.more:
            made += engine.run_pass(now_us)
        if not made:
            return
        waiting, running, told, trader = self._waiting, self._running, self._tell_started, self._trader
        events = engine.take()
        if trader is not None:
            trader.read(events)
        for event in events:
            if type(event) is UnitsLeased:
                job = waiting.pop(event.job_id)
                heappush(running, (now_us + job.run_us, event.lease_id, job, now_us))
                if trader is not None:
                    trader.started(event.job_id, job, now_us)
                for tell in told:
                    tell(job, now_us)


def _create(domain: WorkloadDomain) -> CreateDomain:
    guarantee = Resources(domain.guarantee_procs * PROC_MILLI) if domain.guarantee_procs else NOTHING
    return CreateDomain(0, domain.name, domain.share, parent=domain.parent, guarantee=guarantee)
