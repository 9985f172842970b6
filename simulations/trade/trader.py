"""Domains that trade in a simulation: the commands go to the engine as from a user of a live pool.

Accounts are opened and filled as the first job is submitted. Points are bought or sold when a job is submitted, or when
it has waited for as long as the plan says and still waits. What a domain cannot pay for is refused by the engine; its
job then waits like any other, and for the next one points are asked for again: who cannot pay today may have been
granted something by tomorrow. What falls due, as the payment of who made room, runs by the timers of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

import attrs

from meted.core.commands import GrantCredit, NiceJob, OpenCredit, SetCreditRules
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import Event
from meted.core.ids import DomainId, JobId

from ..errors import SimulationError
from ..results.metrics import JsonValue
from ..traces.credit_moves import CreditSeen
from ..traces.entitlements import WorkloadDomain
from ..traces.job import TraceJob
from .books import Books, pay_out
from .plan import CreditPlan, Trade
from .waits import Group, TradeWaits
from .words import excerpt

_STALE_MIN: Final = 1_024
"""Times to look at a job that has started by now are dropped when there are so many of them, and more than jobs."""


@attrs.define
class TradeCounts:
    """What became of what was asked for.

    Attributes:
        bought_jobs: Jobs for which points were bought.
        sold_jobs: Jobs of which points were sold.
        unpaid_jobs: Jobs for which points were wanted and their domain could not pay.
        refused_jobs: Jobs whose points were refused for another reason.
        first_refusal: That reason, of the first.
    """

    bought_jobs: int = 0
    sold_jobs: int = 0
    unpaid_jobs: int = 0
    refused_jobs: int = 0
    first_refusal: str | None = None


class Trader:
    """All who trade in one run.

    Attributes:
        counts: What became of what was asked for so far.
    """

    def __init__(self, plan: CreditPlan, domains: Sequence[WorkloadDomain]) -> None:
        """Say who trades.

        Args:
            plan: What is asked for.
            domains: All domains of the workload.

        Raises:
            SimulationError: The plan names a domain that is not among these, or has sub-domains.
        """
        self.counts = TradeCounts()
        self._plan = plan
        above = {domain.parent for domain in domains}
        self._names = {domain.number: domain.name for domain in domains if domain.name not in above}
        self._fitting: dict[int, tuple[tuple[int, Trade], ...]] = {}
        self._met: dict[tuple[int, int], int] = {}
        self._waiting: dict[JobId, Group] = {}
        self._later: list[tuple[int, JobId, int]] = []
        self._books = Books()
        self._waits = TradeWaits()
        self._first_us: int | None = None
        known = set(self._names.values())
        for name in plan.named():
            if name not in known:
                why = "has sub-domains, and only those have jobs" if name in above else "is not in this trace"
                raise SimulationError(f"{plan.name}: domain {excerpt(name)} {why}; leave it out, or name another.")

    def next_us(self, engine: Engine) -> int | None:
        """Return when :meth:`act` has something to do next, or None."""
        later = self._later
        while later and later[0][1] not in self._waiting:
            heappop(later)
        due_us = engine.next_due_us()
        if later and (due_us is None or later[0][0] < due_us):
            due_us = later[0][0]
        return None if due_us is None else max(due_us, engine.now_us)

    def act(self, engine: Engine, now_us: int) -> None:
        """Do what has fallen due, then trade for jobs that have waited long enough."""
        due_us = engine.next_due_us()
        while due_us is not None and due_us <= now_us:
            engine.run_timers(now_us)
            due_us = engine.next_due_us()
        while self._later and self._later[0][0] <= now_us:
            _, job_id, points = heappop(self._later)
            if job_id in self._waiting:
                self._trade(engine, job_id, points, now_us)

    def submitted(self, engine: Engine, job_id: JobId, job: TraceJob) -> None:
        """Trade for a job that was just submitted, if its domain would; tell it from others in any case.

        Raises:
            SimulationError: It is the first, and the engine refuses the accounts.
        """
        if self._first_us is None:
            self._first_us = job.submit_us
            self._open(engine, job.submit_us)
        trade = self._fit(job)
        if trade is None:
            self._waiting[job_id] = Group.OTHER
            return
        self._waiting[job_id] = Group.BUYING if trade.points > 0 else Group.SELLING
        if self._plan.is_idle:
            return
        if not trade.after_us:
            self._trade(engine, job_id, trade.points, job.submit_us)
            return
        heappush(self._later, (job.submit_us + trade.after_us, job_id, trade.points))
        if len(self._later) > _STALE_MIN + 2 * len(self._waiting):
            self._later = [entry for entry in self._later if entry[1] in self._waiting]
            heapify(self._later)

    def started(self, job_id: JobId, job: TraceJob, at_us: int) -> None:
        """A job started."""
        self._waits.started(job, self._waiting.pop(job_id), at_us)

    def read(self, events: Iterable[Event]) -> None:
        """Take what has happened in the engine."""
        self._books.read(events)

    def close(self, engine: Engine) -> None:
        """After the last end, let what is in escrow be paid out, and take what happens."""
        pay_out(engine)
        self.read(engine.take())

    def seen(self, engine: Engine) -> CreditSeen:
        """Return who paid whom over time."""
        return self._books.seen(self._first_us or 0, _names(engine))

    def figures(self, engine: Engine) -> dict[str, JsonValue]:
        """Return what came of it: how those who trade waited and the others, and what each domain has."""
        return {
            **attrs.asdict(self.counts),
            **self._waits.figures(),
            **self._books.figures(engine.state, engine.now_us, _names(engine)),
        }

    def _open(self, engine: Engine, at_us: int) -> None:
        """Set the rules, and give each domain its account and what it begins with."""
        plan, begins_mc = self._plan, dict(self._plan.begins_mc)
        rules = plan.rules
        try:
            engine.handle(
                SetCreditRules(
                    at_us,
                    rules.grant_mc,
                    rules.period_us,
                    rules.cap_mc,
                    rules.half_life_us,
                    rules.price_mc,
                    rules.income,
                    rules.donors,
                )
            )
            for name in self._names.values():
                if name in plan.without:
                    continue
                engine.handle(OpenCredit(at_us, name, name in plan.unlimited))
                if amount_mc := begins_mc.get(name, plan.each_mc):
                    engine.handle(GrantCredit(at_us, name, amount_mc, "to begin with"))
        except Refused as refusal:
            raise SimulationError(f"{plan.name}: the accounts cannot be as asked: {refusal}") from None

    def _trade(self, engine: Engine, job_id: JobId, points: int, at_us: int) -> None:
        counts = self.counts
        try:
            engine.handle(NiceJob(at_us, job_id, points))
        except Refused as refusal:
            if refusal.reason is Reason.NOT_ENOUGH_CREDIT:
                counts.unpaid_jobs += 1
            else:
                counts.refused_jobs += 1
                counts.first_refusal = counts.first_refusal or str(refusal)
            return
        if points > 0:
            counts.bought_jobs += 1
        else:
            counts.sold_jobs += 1

    def _fit(self, job: TraceJob) -> Trade | None:
        """Return what is to be traded for a job: the first entry that fits it, if it is among the part that counts."""
        for place, trade in self._fitting_domain(job.user):
            if _fits(trade, job):
                met = self._met.get((place, job.user), 0)
                self._met[place, job.user] = met + 1
                part = trade.part_milli
                return trade if (met + 1) * part // 1000 > met * part // 1000 else None
        return None

    def _fitting_domain(self, number: int) -> tuple[tuple[int, Trade], ...]:
        found = self._fitting.get(number)
        if found is None:
            name = self._names[number]
            found = self._fitting[number] = tuple(
                (place, trade)
                for place, trade in enumerate(self._plan.trades)
                if not trade.domains or name in trade.domains
            )
        return found


def _fits(trade: Trade, job: TraceJob) -> bool:
    """Whether a job of a domain of an entry is one for which it trades."""
    return (
        (not trade.users or job.member in trade.users)
        and (trade.time_min_us is None or job.estimate_us >= trade.time_min_us)
        and (trade.time_max_us is None or job.estimate_us <= trade.time_max_us)
        and (trade.procs_min is None or job.procs >= trade.procs_min)
        and (trade.procs_max is None or job.procs <= trade.procs_max)
    )


def _names(engine: Engine) -> dict[DomainId, str]:
    return {domain_id: domain.name for domain_id, domain in engine.state.domains.domains.items()}
