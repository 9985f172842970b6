"""A small pool in virtual time: who asks for what when, and what everybody has received by then.

The real engine decides, as it does live; only time is virtual, and every unit takes as long as it was said to. So a
question about shares, loans or guarantees is a few lines, and its answer is exact and the same every time::

    pool = Scenario(slots=4)
    pool.domain("vision", share=1)
    pool.domain("speech", share=3)
    for name in ("vision", "speech"):
        pool.submit(0, name, units=1_000, unit_s=10)
    samples = pool.run(until_s=600, every_s=60)
    print(samples[-1].service_s)

At an instant all units end first, then comes what was asked for at that time in the order in which it was asked for,
then what has fallen due (a loan starts or ends), then passes until nothing more is given out, and at last a sample.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Final

import attrs

from meted.core.commands import Command, CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.events import Event, UnitsLeased, WorkerJoined
from meted.core.ids import JobId, LeaseId
from meted.core.limits import SECOND_US
from meted.core.policy.base import Policy
from meted.core.resources import NOTHING, Resources
from meted.core.service import lag
from meted.core.spec import NO_SPEC
from meted.core.state import NOTHING_RECEIVED, Rules
from meted.core.usage import current, step_of

from .passes import run_passes
from .policies.registry import make_policy
from .ruled import set_rules

SLOT_MILLI: Final = 1000
"""Thousandths of a cpu in a slot."""

_CPU_S: Final = SLOT_MILLI * SECOND_US
"""Units of size (thousandths of a cpu x us) in a cpu-second."""


def cpus(number: int) -> Resources:
    """Return so many cpus, as a guarantee, a cap or a request."""
    return Resources(number * SLOT_MILLI)


@attrs.frozen
class Start:
    """Units of a job that started one after another on one worker.

    Attributes:
        at_s: When the first of them started.
        domain, user, job_id: Whose they are.
        units: How many.
        size_s: What they were charged together, in cpu-seconds.
    """

    at_s: float
    domain: str
    user: str
    job_id: JobId
    units: int
    size_s: float


@attrs.frozen
class Sample:
    """What was true at one time, for each domain by name.

    Attributes:
        at_s: When.
        service_s: Cpu-seconds received so far, counted when they start.
        lag_s: Cpu-seconds owed, g (V - S); below zero where a domain is ahead, and never above it
            where nothing waits.
        used_s: Cpu-seconds of usage, as far as they have not faded.
        share: Effective shares.
        held: Cpus held.
        waiting: Whether something waits.
    """

    at_s: float
    service_s: dict[str, float]
    lag_s: dict[str, float]
    used_s: dict[str, float]
    share: dict[str, int]
    held: dict[str, float]
    waiting: dict[str, bool]


@attrs.frozen
class _Run:
    """A lease that runs."""

    lease_id: LeaseId
    job_id: JobId
    first: int
    units: int
    unit_us: int


class Scenario:
    """A pool, the domains in it, and what happens to them.

    Attributes:
        engine: What decides; for reading.
        starts: All that was started so far, in order.
    """

    def __init__(self, slots: int, rules: Rules | None = None, policy: str | Policy = "meted") -> None:
        """Make an empty pool at time 0.

        Args:
            slots: Its cpus, on one worker.
            rules: The parameters of fairness; by default those that a new pool has.
            policy: Who is next, by name or as an object.
        """
        self.engine = Engine(make_policy(policy) if isinstance(policy, str) else policy, retention_us=0)
        self.starts: list[Start] = []
        self._asked: list[tuple[int, int, Command]] = []
        self._numbers = count()
        self._running: list[tuple[int, LeaseId, _Run]] = []
        if rules is not None:
            self.engine.handle(set_rules(rules))
        joined, *_ = self.engine.handle(JoinWorker(0, "worker", cpus(slots)))
        assert type(joined) is WorkerJoined
        self._worker_id = joined.worker_id

    def domain(
        self,
        name: str,
        share: int = 1,
        parent: str = "",
        guarantee: Resources = NOTHING,
        cap: Resources | None = None,
    ) -> None:
        """Register a domain, from the beginning; see :class:`meted.core.domains.state.Domain`."""
        self.engine.handle(CreateDomain(0, name, share, cap, parent, guarantee))

    def submit(
        self, at_s: float, domain: str, units: int, unit_s: float, user: str = "", priority: int = 0, width: int = 1
    ) -> None:
        """Submit a job at a time: so many units of ``width`` cpus that run for ``unit_s`` seconds each."""
        request, unit_us = cpus(width), _us(unit_s)
        self.at(
            at_s,
            SubmitJob(_us(at_s), domain, NO_SPEC, units, user, "", request, time_request_us=unit_us, priority=priority),
        )

    def at(self, at_s: float, command: Command) -> None:
        """Give the engine any command at a time; the command's own ``at_us`` is to say the same."""
        heappush(self._asked, (_us(at_s), next(self._numbers), command))

    def run(self, until_s: float, every_s: float) -> list[Sample]:
        """Go on until a time, and return samples at all multiples of ``every_s`` on the way, both ends included.

        Raises:
            Refused: What was asked for cannot be; the sentence says why.
        """
        samples: list[Sample] = []
        until_us, every_us = _us(until_s), _us(every_s)
        sample_us = -(-self.engine.now_us // every_us) * every_us
        while True:
            due = [sample_us, *(heap[0][0] for heap in (self._asked, self._running) if heap)]
            wake_us = self.engine.next_wake_us()
            now_us = min(due if wake_us is None else [*due, max(wake_us, self.engine.now_us)])
            if now_us > until_us:
                return samples
            self._step(now_us)
            if now_us == sample_us:
                samples.append(self.sample())
                sample_us += every_us

    def sample(self) -> Sample:
        """Return what is true now."""
        state = self.engine.state
        names = {domain_id: domain.name for domain_id, domain in sorted(state.domains.domains.items())}
        step = step_of(self.engine.now_us, state.rules.half_life_us)
        accounts = {name: state.jobs.accounts.get(domain_id, NOTHING_RECEIVED) for domain_id, name in names.items()}
        lags = {name: lag(state, domain_id) for domain_id, name in names.items()}
        held = dict.fromkeys(names.values(), 0)
        for lease in state.jobs.leases.values():
            terms = state.jobs.jobs[lease.job_id].terms
            for holder in (terms.domain_id, *state.domains.path(terms.domain_id)):
                held[names[holder]] += terms.request.cpu_milli
        return Sample(
            self.engine.now_us / SECOND_US,
            {name: account.service / _CPU_S for name, account in accounts.items()},
            {name: owed / _CPU_S if accounts[name].backlog else min(owed / _CPU_S, 0) for name, owed in lags.items()},
            {name: current(account.usage, account.epoch, step) / _CPU_S for name, account in accounts.items()},
            {domain.name: domain.effective_share for domain in state.domains.domains.values()},
            {name: milli / SLOT_MILLI for name, milli in held.items()},
            {name: account.backlog > 0 for name, account in accounts.items()},
        )

    def _step(self, now_us: int) -> None:
        engine = self.engine
        while self._running and self._running[0][0] == now_us:
            self._finish(now_us, heappop(self._running)[2])
        while self._asked and self._asked[0][0] == now_us:
            engine.handle(heappop(self._asked)[2])
        engine.run_timers(now_us)
        while run_passes(engine, now_us):
            pass
        for event in engine.take():
            self._note(event)

    def _note(self, event: Event) -> None:
        if type(event) is not UnitsLeased:
            return
        terms = self.engine.state.jobs.jobs[event.job_id].terms
        domain = self.engine.state.domains.domains[terms.domain_id].name
        size_s = event.size * event.count / _CPU_S
        self.starts.append(Start(event.at_us / SECOND_US, domain, terms.user, event.job_id, event.count, size_s))
        ends_us = event.at_us + event.estimate_us * event.count
        run = _Run(event.lease_id, event.job_id, event.first, event.count, event.estimate_us)
        heappush(self._running, (ends_us, event.lease_id, run))

    def _finish(self, now_us: int, run: _Run) -> None:
        done = ((run.first, run.units),)
        self.engine.handle(FinishUnits(now_us, self._worker_id, run.lease_id, done, (run.unit_us,) * run.units))


def _us(time_s: float) -> int:
    return round(time_s * SECOND_US)
