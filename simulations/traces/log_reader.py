"""From the events of a log to what can be replayed: who submitted what when, and how long each unit really ran.

What is taken from the log, and what is not:

* A job is submitted when it was, or when it was released if it was held; it asks for what it asked for, with its
  estimate (or none) and its priority. Dependencies, retries and back-off are not replayed.
* A unit counts if it ran to its end, with the run time of its last attempt, whether it succeeded or failed. Units that
  never did (cancelled, lost for good, or still waiting) are left out, and so are attempts before the last; each of
  these is counted.
* The machine is the pool: its workers come and go when they did, with what each offered, as long as anything was leased
  or reported; who left behind that stays (:mod:`.log_workers`). The processors that figures are told in are those of
  the pool when it was largest, counted in cpus.
* A domain is a user; those without jobs count with what they are entitled to. What domains are entitled to, and what
  they lend, changes when it did (:mod:`.log_entitlements`). One that had jobs of its own before it was divided stands
  beside its parts.
* The rules of fairness change when they did (:mod:`.log_rules`).
* The trade in credit is asked for as it was, and so are other priorities (:mod:`.log_trade`).
"""

from __future__ import annotations

from array import array
from collections.abc import Set

from meted.adapters.wording import counted
from meted.core.events import (
    Event,
    JobStarted,
    JobSubmitted,
    RulesChanged,
    UnitsFinished,
    UnitsLeased,
    UnitsReturned,
)
from meted.core.ids import DomainId
from meted.core.record import replaced
from meted.core.terms import Terms

from ..errors import TraceError
from .credit_moves import CreditReader
from .loan_moves import LoanReader
from .log_entitlements import EntitlementReader, LoggedDomain
from .log_rules import NEW_POOL, HeldRules, rules_of
from .log_trace import LogCounts, LoggedJob, LogTrace
from .log_trade import TradeReader
from .log_units import JobRead, UnitReader
from .log_workers import OF_WORKERS, WorkerReader, cpu_milli
from .trace_rules import TraceOptions


class LogReader:
    """Follows the events of a log.

    Attributes:
        counts: What became of the units so far.
    """

    def __init__(self) -> None:
        """Start with no event."""
        self.counts = LogCounts()
        self._entitled = EntitlementReader()
        self._units = UnitReader(self.counts)
        self._workers = WorkerReader()
        self._last = 0  # of the events of leases
        self._loans = LoanReader()
        self._credit = CreditReader()
        self._trade = TradeReader()
        self._rules = [*NEW_POOL]

    def take(self, event: Event) -> None:
        """Take the next event; what belongs to an event that a repair of the log has set aside is passed over."""
        self.counts.events += 1
        order = self.counts.events
        self._trade.take(event, order)
        match event:
            case UnitsFinished() | UnitsLeased() | UnitsReturned():
                self._units.take(event)
                self._last = order
            case JobSubmitted() if event.terms.domain_id in self._entitled.domains:
                self._units.submitted(event, order)
            case JobStarted() if event.job_id in self._units.jobs:
                self._units.started(event, order)
            case RulesChanged():
                self._rules.append(HeldRules(event.at_us, order, rules_of(event)))
            case _ if isinstance(event, OF_WORKERS):
                self._workers.take(event, order)
            case _:
                self._entitled.take(event, order)
                self._loans.take(event)
                self._credit.take(event)

    def trace(self, name: str, sha256: str) -> LogTrace:
        """Return what was read.

        Raises:
            TraceError: It is nothing that could be replayed.
        """
        counts = self.counts
        first_us = min((job.submit_us for job in self._units.jobs.values() if job.submit_us is not None), default=0)
        jobs: list[LoggedJob] = []
        for job_id, job in sorted(self._units.jobs.items()):
            counts.submitted += 1
            counts.units += job.terms.count
            run_us, wait_us = job.run_times_us(), job.waits_us()
            counts.unfinished += job.terms.count - len(run_us)
            if run_us and job.submit_us is not None and self._is_possible(job.terms, len(run_us)):
                counts.jobs += len(run_us)
                counts.failed += len(job.failed)
                jobs.append(_logged(job_id, job, job.submit_us - first_us, run_us, wait_us))
        if not jobs:
            raise TraceError(_why_empty(name, counts))
        jobs.sort(key=lambda job: (job.submit_us, job.order))
        busy = {job.domain for job in jobs}
        domains, idle = self._tree(busy)
        names = {domain_id: domain.name for domain_id, domain in self._entitled.domains.items()}
        return LogTrace(
            name=name,
            sha256=sha256,
            options=TraceOptions(),
            procs=cpu_milli(self._workers.largest),
            workers=self._workers.largest,
            attendance=self._workers.until(self._last),
            domains=domains,
            jobs=tuple(jobs),
            counts=counts,
            loans=tuple(self._loans.moves(first_us, names)),
            idle=idle,
            rules=tuple(self._rules),
            credit=self._credit.seen(first_us, names),
            commands=(*self._entitled.commands(busy), *self._trade.asked),
            names=names,
            first_us=first_us,
        )

    def _above(self, domain_id: int) -> dict[int, LoggedDomain]:
        """Return the domains above one, the nearest first."""
        above: dict[int, LoggedDomain] = {}
        parent = self._entitled.domains[DomainId(domain_id)].parent
        while parent:
            above[parent] = self._entitled.domains[DomainId(parent)]
            parent = above[parent].parent
        return above

    def _tree(self, busy: Set[int]) -> tuple[dict[int, LoggedDomain], dict[int, LoggedDomain]]:
        """Return the domains that have jobs, and all others that are there or above these, with their places."""
        above = {one for domain_id in busy for one in self._above(domain_id)}
        domains: dict[int, LoggedDomain] = {}
        idle: dict[int, LoggedDomain] = {}
        for domain_id, domain in self._entitled.domains.items():
            placed = replaced(domain, parent=self._entitled.parent(domain_id, busy))
            if domain_id in busy:
                domains[domain_id] = placed
            elif domain_id in above or domain_id not in self._entitled.removed:
                idle[domain_id] = placed
        return domains, idle

    def _is_possible(self, terms: Terms, units: int) -> bool:
        """Whether units on these terms can be simulated; if not, they are counted."""
        caps = [one.cap for one in (self._entitled.domains[terms.domain_id], *self._above(terms.domain_id).values())]
        if not terms.request.cpu_milli:
            self.counts.no_cpu += units
        elif not any(map(terms.request.fits, self._workers.largest)) or any(
            cap is not None and not terms.request.fits(cap) for cap in caps
        ):
            self.counts.too_wide += units
        else:
            return True
        return False


def _logged(job_id: int, job: JobRead, submit_us: int, run_us: array[int], wait_us: array[int]) -> LoggedJob:
    terms = job.terms
    return LoggedJob(
        job_id,
        terms.domain_id,
        submit_us,
        terms.request,
        terms.time_request_us,
        terms.priority,
        run_us,
        wait_us,
        job.order,
    )


def _why_empty(name: str, counts: LogCounts) -> str:
    return (
        f"{name} holds no unit to simulate: of {counted(counts.units, 'unit')} in {counted(counts.submitted, 'job')}, "
        f"{counts.unfinished:,} never ran to their end, {counts.no_cpu:,} without a cpu, and {counts.too_wide:,} too "
        "wide for any worker of the pool; let some work end first."
    )
