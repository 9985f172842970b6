"""Domains that compete for slots through a real engine, and the bounds of fair service measured on them.

Everything is in units of size: thousandths of a cpu times microseconds. Service is counted when it is dispatched, and
set right when a unit ends (docs: the bounds P3, P4 and P5 of the entitlement clock).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush

from meted.core.commands import DeleteJob, SetRules
from meted.core.events import UnitsLeased
from meted.core.ids import DomainId, JobId, LeaseId
from meted.core.limits import RUN_QUANTUM_US
from meted.core.policy.base import Policy

from .helper import World

NOT_YET = DomainId(0)
CPU = 1000
"""Thousandths of a cpu in a slot."""


@dataclass
class Contender:
    """One domain: its share, the largest unit it has (in us), and what it has received."""

    name: str
    share: int
    longest_us: int
    domain_id: DomainId = NOT_YET
    served: int = 0
    waits_since_us: int | None = None
    was_fresh: bool = False
    least_lag: Fraction | None = None

    @property
    def largest(self) -> int:
        """The largest size of one dispatch: a unit, or a run of short ones."""
        return CPU * max(self.longest_us, RUN_QUANTUM_US)


@dataclass
class Arena:
    """A pool of ``slots`` cpus and the domains that compete for it.

    Attributes:
        took_us: The real run time of a unit of a job, by job and index; by default as estimated.
        alpha_milli: The part of the pool that is given by entitlement; all of it is, unless said otherwise.
        all_backlogged: Whether all domains are kept backlogged from the start, so that P3 holds.
        order: The domains in the order in which they were served.
    """

    slots: int
    contenders: list[Contender]
    policy: str | Policy = "meted"
    took_us: Callable[[JobId, int], int] | None = None
    all_backlogged: bool = False
    alpha_milli: int = 1000
    order: list[int] = field(default_factory=list)
    served: int = 0
    worst: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def __post_init__(self) -> None:
        self.world = World(self.policy)
        self.world.do(SetRules(0, self.alpha_milli))
        self.by_id: dict[DomainId, Contender] = {}
        self.ends: list[tuple[int, LeaseId]] = []
        self.times: dict[LeaseId, tuple[int, ...]] = {}
        self.world.worker(self.slots)
        for contender in self.contenders:
            self.register(contender)

    def register(self, contender: Contender) -> None:
        """Create a domain."""
        contender.domain_id = self.world.domain(contender.name, contender.share)
        self.by_id[contender.domain_id] = contender

    @property
    def total_share(self) -> int:
        """All registered shares: Phi."""
        return self.world.state.domains.total_share

    @property
    def largest(self) -> int:
        """The largest size of one dispatch of any domain: L."""
        return max(contender.largest for contender in self.contenders)

    def is_backlogged(self, contender: Contender) -> bool:
        """Whether units of the domain wait."""
        account = self.world.state.jobs.accounts.get(contender.domain_id)
        return account is not None and account.backlog > 0

    def submit(self, contender: Contender, unit_us: int, count: int = 1) -> JobId:
        """Submit units that should take so long each."""
        if not self.is_backlogged(contender):
            jobs = self.world.state.jobs
            account = jobs.accounts.get(contender.domain_id)
            contender.waits_since_us = self.world.now_us
            contender.was_fresh = account is None or account.tag <= jobs.clock
            contender.least_lag = None
        return self.world.submit(contender.name, count, time_request_us=unit_us)

    def run_pass(self) -> None:
        """Let the policy fill the slots, and check what it did."""
        while True:
            before = len(self.world.log)
            self.world.run_pass()
            for event in self.world.log[before:]:
                if isinstance(event, UnitsLeased):
                    self._dispatched(event)
            if not self.world.engine.more:
                break
        free = self.slots - len(self.ends)
        waiting = [contender.name for contender in self.contenders if self.is_backlogged(contender)]
        assert not (free and waiting), f"{free} slots are free while {waiting} wait (P7)"

    def _dispatched(self, event: UnitsLeased) -> None:
        job = self.world.job(event.job_id)
        contender = self.by_id[job.terms.domain_id]
        units = range(event.first, event.first + event.count)
        real = self.took_us or (lambda _job, _index: event.estimate_us)
        times = tuple(real(event.job_id, index) for index in units)
        self.times[event.lease_id] = times
        heappush(self.ends, (self.world.now_us + sum(times), event.lease_id))
        size = event.size * event.count
        self.order.append(self.contenders.index(contender))
        self._note_wait(contender)
        self._check_deadline(event)
        contender.served += size
        self.served += size
        contender.waits_since_us = self.world.now_us
        if self.all_backlogged:
            self._note_lags()

    def _check_deadline(self, event: UnitsLeased) -> None:
        """The local oracle: no domain is served long after its deadline, Phi (V - D) <= L (P6 with tier 1 alone)."""
        clock = event.clock - ((event.size * event.count << 20) // self.total_share)
        self.note("deadline", Fraction(self.total_share * (clock - event.domain_tag), 1 << 20), self.largest)

    def _note_wait(self, contender: Contender) -> None:
        """P5: how long the head of a queue waited for its dispatch."""
        assert contender.waits_since_us is not None
        waited = CPU * (self.world.now_us - contender.waits_since_us)
        turns = 1 if contender.was_fresh else 2
        ahead = turns * Fraction(self.total_share * contender.largest, contender.share)
        bound = self.largest + (ahead + self.largest - contender.largest) / self.slots
        self.note("fresh wait" if contender.was_fresh else "head's wait", Fraction(waited), bound)
        contender.was_fresh = False

    def note(self, name: str, seen: Fraction | int, bound: Fraction | int) -> None:
        """Remember the worst of what was seen, as a part of its bound."""
        self.worst[name] = max(self.worst[name], Fraction(seen) / Fraction(bound))

    def keep_backlogged(self, contender: Contender, unit_us: int, count: int = 1) -> None:
        """Submit jobs until more wait than one pass can serve."""
        while not self.is_backlogged(contender) or self._backlog(contender) <= self.slots:
            self.submit(contender, unit_us, count)

    def _backlog(self, contender: Contender) -> int:
        return self.world.state.jobs.accounts[contender.domain_id].backlog

    def lag(self, contender: Contender) -> Fraction:
        """What a domain should have received less what it has."""
        return Fraction(contender.share * self.served, self.total_share) - contender.served

    def _note_lags(self) -> None:
        """P3: what every domain has received is near its share of all, where all were backlogged from the start."""
        for contender in self.contenders:
            own = Fraction(contender.share, self.total_share)
            lag = self.lag(contender)
            self.note("behind", lag, self.largest)
            if own < 1:
                self.note("ahead", -lag, contender.largest * (1 - own))
            else:
                assert lag == 0

    def note_intervals(self) -> None:
        """P4: over any interval in which a domain is backlogged it receives its share less a constant."""
        for contender in self.contenders:
            if not self.is_backlogged(contender):
                contender.least_lag = None
                continue
            lag = self.lag(contender)
            if contender.least_lag is None or lag < contender.least_lag:
                contender.least_lag = lag
            own = Fraction(contender.share, self.total_share)
            bound = 2 * contender.largest + (self.largest - contender.largest) * own
            self.note("interval", lag - contender.least_lag, bound)

    def advance(self) -> bool:
        """Go on to when the next leases end, and finish them; false if nothing runs."""
        if not self.ends:
            return False
        self.world.now_us = self.ends[0][0]
        while self.ends and self.ends[0][0] == self.world.now_us:
            _, lease_id = heappop(self.ends)
            self._finish(lease_id)
        return True

    def _finish(self, lease_id: LeaseId) -> None:
        lease = self.world.state.jobs.leases[lease_id]
        contender = self.by_id[self.world.job(lease.job_id).terms.domain_id]
        times = self.times.pop(lease_id)
        width = lease.size // lease.estimate_us
        error = width * sum(times) - lease.size * lease.count
        contender.served += error
        self.served += error
        self.world.finish(lease_id, run_us=times)
        job = self.world.state.jobs.jobs[lease.job_id]
        if job.outcome is not None and not job.out:
            self.world.do(DeleteJob(self.world.now_us, lease.job_id))

    def expect(self, slack: Fraction = Fraction(1, 10**6)) -> None:
        """Hold the worst that was seen against the bounds; ``slack`` is for roundings (1 in 2**20 of a unit's size)."""
        over = {name: float(ratio) for name, ratio in self.worst.items() if ratio > 1 + slack}
        assert not over, f"beyond its bound: {over}"
