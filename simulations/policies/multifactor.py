"""Slurm's multifactor priority, with the classic fair share or with Fair Tree.

Slurm, "Multifactor Priority Plugin". priority = W_fairshare F + W_age age + W_size size - nice. F is the fair-share
factor of the user (:mod:`.classic_fair_share`, :mod:`.fair_tree`); age is the wait over a largest age, at most 1; size
is the width over that of the machine, or 1 minus it if small jobs are favoured. Higher goes first; ties go to the older
job. The priority of a job in meted is taken as negative nice, a point each.

Slurm leaves all weights at 0; ours are those of the example in its manual: 10,000 for fair share, 1,000 for age and
1,000 for size. Largest age and half-life are its defaults, a week each.

- *Recalculated every five minutes* (``PriorityCalcPeriod``), here by the first pass after them that has room and more
  than one job; in between priorities stand. So one user can take all that becomes free in that time.
- *Usage counts while it runs*, in processor-seconds that fade by half in a half-life, not in advance.
- *All siblings count* for shares, whether they have work or not.
- *What does not fit*: Slurm's main loop stops there, and its backfill scheduler starts what delays no reservation. Here
  the first that does not fit has a reservation (``easy``); Slurm makes one for each job that it looks at.
- *Users* are the domains that submit, accounts the domains above them.

Floats, and a memory that is not in the state: for simulation only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import attrs
from sortedcontainers import SortedList

from meted.core.domains.state import TOP
from meted.core.estimates import width_milli
from meted.core.ids import DomainId, JobId
from meted.core.policy.base import Index, SimulationOnly
from meted.core.policy.ranked import Fill, RankedIndex
from meted.core.state import Job, Lease, State
from meted.core.terms import Terms

from .classic_fair_share import Level, fair_share_factor
from .fading import DAY_US, UsageBook
from .fair_tree import Node, fair_tree_ranks

MINUTE_US: Final = 60_000_000


@attrs.frozen
class Weights:
    """The parameters of the priority.

    Attributes:
        fair_share, age, size: What a factor of 1 is worth.
        max_age_us: From this wait on age is 1.
        favour_small: Whether the size factor is higher for narrow jobs.
        half_life_us: After this long, usage counts half.
        period_us: How often priorities are calculated.
    """

    fair_share: int = 10_000
    age: int = 1_000
    size: int = 1_000
    max_age_us: int = 7 * DAY_US
    favour_small: bool = False
    half_life_us: int = 7 * DAY_US
    period_us: int = 5 * MINUTE_US


def job_priority(weights: Weights, fair_share: float, wait_us: int, size: float, nice: int) -> float:
    """Return the priority of a job.

    Args:
        weights: The parameters.
        fair_share: The factor of its user.
        wait_us: How long it has waited.
        size: Its part of the machine, 0 to 1.
        nice: What it gives away, in points.
    """
    age = min(1.0, wait_us / weights.max_age_us)
    size_factor = 1 - size if weights.favour_small else size
    return weights.fair_share * fair_share + weights.age * age + weights.size * size_factor - nice


class Factors(Protocol):
    """How fair-share factors come about: of those domains that are asked for, or of all."""

    def __call__(
        self, state: State, usage: Callable[[DomainId], float], users: Iterable[DomainId]
    ) -> Mapping[int, float]:
        """Return the factors; ``usage`` is that of a domain with all inside it, :data:`TOP` being all there was."""


def classic_factors(state: State, usage: Callable[[DomainId], float], users: Iterable[DomainId]) -> Mapping[int, float]:
    """Return the classic factors of some domains."""
    whole, domains = usage(TOP), state.domains
    factors: dict[int, float] = {}
    for user in users:
        path = []
        for who in (*reversed(domains.path(user)), user):
            domain = domains.domains[who]
            part = usage(who) / whole if whole else 0.0
            path.append(Level(part, domain.effective_share, domains.phi(domain.parent)))
        factors[user] = fair_share_factor(path)
    return factors


def fair_tree_factors(merge_ties: bool) -> Factors:
    """Return what gives the factors of Fair Tree, always of all domains: they are ranks among all users.

    Usage is taken in whole processor-microseconds of a half-life, so that ties are seen.
    """

    def factors(state: State, usage: Callable[[DomainId], float], users: Iterable[DomainId]) -> Mapping[int, float]:
        inside: defaultdict[DomainId, list[DomainId]] = defaultdict(list)
        domains = state.domains.domains
        for who, domain in sorted(domains.items()):
            inside[domain.parent].append(who)

        def node(who: DomainId, share: int) -> Node:
            used = round(usage(who) * _USAGE_STEPS)
            if who not in inside:
                return Node(str(who), share, used, is_user=True)
            children = tuple([node(child, domains[child].effective_share) for child in inside[who]])
            return Node(str(who), share, used, children=children)

        ranks = fair_tree_ranks(node(TOP, 1), merge_ties)
        return {int(name): rank / len(ranks) for name, rank in ranks.items()}

    return factors


_USAGE_STEPS: Final = 10**9


class MultifactorIndex(RankedIndex):
    """Jobs by priority, as it was when priorities were calculated last."""

    by = "priority (fair share, age, size)"
    reranks = False

    def __init__(self, state: State, factors: Factors, weights: Weights, fill: Fill) -> None:
        self._make_factors = factors
        self._weights = weights
        self._book = UsageBook(weights.half_life_us)
        self._factors: dict[int, float] = {}
        self._calculated_us: int | None = None
        self._ranked: SortedList[tuple[float, JobId]] = SortedList()
        self._priorities: dict[JobId, float] = {}
        self._fresh: dict[JobId, None] = {}
        super().__init__(state, fill, examined_max=None)

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs, the one with the highest priority first; where there is only one, nothing is calculated."""
        if len(self._priorities) + len(self._fresh) == 1:
            return iter(list(self._priorities or self._fresh))
        self._calculate(at_us)
        return iter([job_id for _, job_id in self._ranked])

    def job_ready(self, job: Job) -> None:
        """Queue a job; it gets its priority when the order is asked for next."""
        super().job_ready(job)
        if job.job_id not in self._priorities:
            self._fresh[job.job_id] = None

    def job_done(self, job: Job) -> None:
        """Take a job out."""
        super().job_done(job)
        self._fresh.pop(job.job_id, None)
        priority = self._priorities.pop(job.job_id, None)
        if priority is not None:
            self._ranked.remove((-priority, job.job_id))

    def job_moved(self, before: Job, after: Job) -> None:
        """Give a job another priority if it is nice by other points."""
        super().job_moved(before, after)
        if before.terms.priority != after.terms.priority and before.job_id in self._priorities:
            self._ranked.remove((-self._priorities.pop(before.job_id), before.job_id))
            self._fresh[before.job_id] = None

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """From now on more is used at a time."""
        self._use(terms, 1, lease.leased_us)

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """From now on less is used at a time, if the lease is over."""
        if is_over:
            self._use(terms, -1, self.state.at_us)

    def _use(self, terms: Terms, sign: int, at_us: int) -> None:
        width = sign * width_milli(terms.request, self.state.workers.capacity)
        for who in (*self._line_up(terms.domain_id), TOP):
            self._book.hold(who, width, at_us)

    def _calculate(self, at_us: int) -> None:
        """Calculate what is due: all priorities once a period, else those of new jobs."""
        jobs = self.state.jobs.jobs
        if self._calculated_us is None or at_us - self._calculated_us >= self._weights.period_us:
            self._calculated_us = at_us
            self._factors = dict(self._make_factors(self.state, lambda who: self._book.level(who, at_us), self.lines))
            self._priorities = {job_id: self._priority(jobs[job_id]) for job_id in (*self._priorities, *self._fresh)}
            self._ranked = SortedList((-priority, job_id) for job_id, priority in self._priorities.items())
            self._fresh.clear()
        elif self._fresh:
            unknown = {jobs[job_id].terms.domain_id for job_id in self._fresh} - self._factors.keys()
            if unknown:
                usage = self._book.level
                self._factors |= self._make_factors(self.state, lambda who: usage(who, at_us), sorted(unknown))
            for job_id in self._fresh:
                self._priorities[job_id] = priority = self._priority(jobs[job_id])
                self._ranked.add((-priority, job_id))
            self._fresh.clear()

    def _priority(self, job: Job) -> float:
        terms, pool = job.terms, self.state.workers.capacity
        size = width_milli(terms.request, pool) / max(1, pool.cpu_milli)
        wait_us = max(0, (self._calculated_us or 0) - job.submitted_us)
        return job_priority(self._weights, self._factors.get(terms.domain_id, 0.0), wait_us, size, -terms.priority)


class Multifactor(SimulationOnly):
    """Multifactor priority with the classic fair share."""

    name = "multifactor"

    def __init__(self, weights: Weights | None = None, fill: Fill = "easy") -> None:
        self.weights = weights or Weights()
        self.fill = fill

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return MultifactorIndex(state, classic_factors, self.weights, self.fill)


class FairTree(SimulationOnly):
    """Multifactor priority with Fair Tree; ``merge_ties=False`` is what Slurm really does (:mod:`.fair_tree`)."""

    name = "fair-tree"

    def __init__(self, merge_ties: bool = True, weights: Weights | None = None, fill: Fill = "easy") -> None:
        self.merge_ties = merge_ties
        self.weights = weights or Weights()
        self.fill = fill

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return MultifactorIndex(state, fair_tree_factors(self.merge_ties), self.weights, self.fill)
