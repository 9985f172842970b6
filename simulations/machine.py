"""The machine of a replay, in the engine: what is submitted to it, starts on it and ends.

It is one worker of 1,000 x P thousandths of a cpu. A job of the trace is one unit that asks for 1,000 x its processors,
with its estimate as the time request; its user is a domain, or a user of one where the workload says so. All domains
are registered before the first submit, with the shares that the workload names, by default equal ones; its loans are
offered to the engine at their times, and its domains trade in credit where that is asked for.

A job that is leased at ``t`` ends at ``t + run``; it is then reported as finished and leaves the state at once, so that
memory holds what waits and what runs, however long the trace. Since no run exceeds its estimate, no job is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappush
from typing import Final

from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import JobArchived, JobSubmitted, UnitsLeased, WorkerJoined
from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.policy.base import Policy
from meted.core.resources import NOTHING, Resources
from meted.core.spec import NO_SPEC
from meted.core.state import Rules

from .errors import SimulationError
from .foresight import foresight_of
from .lending import Lending, effective_shares
from .observer import Observer
from .passes import run_passes
from .procs import PROC_MILLI, PROCS_MAX
from .ruled import set_rules
from .traces.entitlements import WorkloadDomain
from .traces.job import UNKNOWN_USER, TraceJob
from .traces.workload import Workload
from .trade.trader import Trader

_WHOLE: Final = ((0, 1),)

Running = tuple[int, LeaseId, TraceJob, int]
"""A job that runs: (end, lease, job, start). Leases are numbered in the order of the starts and never compare equal."""


class Machine:
    """What a replay drives, by the orders of :mod:`.event_orders`.

    Attributes:
        engine: What decides; for reading.
        ended: How many jobs have ended.
        running: The jobs that run, as a heap.
        next_job: What is submitted next; None after the last.
        lending: The loans of the workload, and what became of them.
        lends: Whether there are any.
        trader: Who trades in credit, if anybody does.
    """

    def __init__(
        self,
        trace: Workload,
        policy: Policy,
        observers: Sequence[Observer] = (),
        outcome: Callable[[TraceJob, int], None] | None = None,
        rules: Rules | None = None,
        entitled: Callable[[Mapping[int, int], int], None] | None = None,
        trader: Trader | None = None,
    ) -> None:
        """Set the machine and the users up, at time 0: see :class:`.replay.Replay`."""
        if trace.procs > PROCS_MAX:
            raise SimulationError(
                f"The machine has {trace.procs:,} processors and at most {PROCS_MAX:,} can be simulated; "
                "give a smaller number with --procs."
            )
        self.engine = Engine(policy, retention_us=None)
        self._foresight = foresight_of(self.engine.index)
        self.ended = 0
        self._tell_submitted = tuple(observer.submitted for observer in observers)
        self._tell_started = tuple(observer.started for observer in observers)
        self._tell_ended = tuple(observer.ended for observer in observers)
        self._outcome = outcome
        self._entitled = entitled
        self.running: list[Running] = []
        self._waiting: dict[JobId, TraceJob] = {}
        self._requests: dict[int, Resources] = {}
        self._domains = {domain.number: domain.name for domain in trace.domains}
        self.lending = Lending(trace.loans)
        self.lends = bool(trace.loans)
        self.trader = trader
        self._submits = iter(trace)
        self.next_job = next(self._submits, None)
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

    def next_us(self) -> int | None:
        """Return when something ends, is submitted, is lent or traded, or wants a pass next; None after the last job.

        What is still lent after the last job is of no concern.
        """
        now_us = self.engine.index.next_wake_us()
        if self.running and (now_us is None or self.running[0][0] < now_us):
            now_us = self.running[0][0]
        if self.next_job is not None and (now_us is None or self.next_job.submit_us < now_us):
            now_us = self.next_job.submit_us
        if self.lends and now_us is not None:
            due_us = self.lending.next_us(self.engine)
            if due_us is not None:
                now_us = min(now_us, max(due_us, self.engine.now_us))
        if self.trader is not None and now_us is not None:
            due_us = self.trader.next_us(self.engine)
            if due_us is not None and due_us < now_us:
                return due_us
        return now_us

    def is_expected(self, entry: Running) -> bool:
        """Whether a job that ends was expected to end now: by its estimate, or as the policy predicts."""
        end_us, lease_id, job, _ = entry
        if self._foresight is None:
            return job.run_us == job.estimate_us
        return self._foresight.is_expected(lease_id, end_us)

    def lend(self, now_us: int) -> None:
        """Let loans start and end, and tell who is entitled to what then."""
        told = None if self.trader is None else self.trader.read
        if self.lending.act(self.engine, now_us, told) and self._entitled is not None:
            numbers = {name: number for number, name in self._domains.items()}
            self._entitled(effective_shares(self.engine.state, numbers), now_us)

    def submit(self, job: TraceJob) -> None:
        """Submit a job, and have the next one of the trace ready."""
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
        if self.trader is not None:
            self.trader.submitted(self.engine, submitted.job_id, job)
        self.next_job = next(self._submits, None)
        for tell in self._tell_submitted:
            tell(job)

    def finish(self, entry: Running) -> None:
        """Report a job that ends."""
        end_us, lease_id, job, start_us = entry
        events = self.engine.handle(FinishUnits(end_us, self._worker_id, lease_id, _WHOLE, (job.run_us,)))
        assert type(events[-1]) is JobArchived
        self.ended += 1
        for tell in self._tell_ended:
            tell(job, end_us)
        if self._outcome is not None:
            self._outcome(job, start_us)

    def run_pass(self, now_us: int) -> None:
        """Let the policy work, and start what it has leased."""
        engine = self.engine
        if not run_passes(engine, now_us):
            return
        waiting, running, told, trader = self._waiting, self.running, self._tell_started, self.trader
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

    def close(self) -> None:
        """After the last end, have paid out what is in escrow."""
        if self._waiting:
            raise AssertionError(f"{len(self._waiting)} jobs wait for ever on an empty machine")
        if self.trader is not None:
            self.trader.close(self.engine)
        self.engine.take()


def _create(domain: WorkloadDomain) -> CreateDomain:
    guarantee = Resources(domain.guarantee_procs * PROC_MILLI) if domain.guarantee_procs else NOTHING
    return CreateDomain(0, domain.name, domain.share, parent=domain.parent, guarantee=guarantee)
