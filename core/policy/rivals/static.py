"""Static partition: everybody has a slice of the machine for itself, and what a slice does not use stays empty.

The baseline of every study of sharing (in Karma, OSDI 2023, section 5, it is called strict partitioning). A domain may
hold at most its share of each resource of the pool; in a tree, its share of its parent's slice. Within its slice it is
first come, first served.

- *Not work-conserving*, and that is the point: nobody is disturbed, and what others do not use is of no use.
- *Slices smaller than a job*: a domain that holds nothing may start one job of any width, as it could never run
  otherwise. (214 users of 100 processors have slices of less than one processor each.) Then slices may sum to more than
  the machine; a job that is within the rules and does not fit gets a reservation, in order of submission.
- The index is a projection of the state, in integers. For the same with fixed amounts, and under any policy, a domain
  can have a cap (``meted domain set --cap``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...ids import DomainId, JobId
from ...limits import PASS_EXAMINED_MAX
from ...resources import NOTHING, Resources
from ...state import Job, Lease, State
from ...terms import Terms
from ..base import Index
from ..queues import KeyQueue, QueueKey, queue_key, queued_job
from ..ranked import RankedIndex
from ..room import Free


class StaticIndex(RankedIndex):
    """The heads of the domains, by priority, then submission; those whose slice is used up are passed over."""

    by = "submission among the heads of all domains"

    def __init__(self, state: State, examined_max: int | None) -> None:
        self._used: dict[DomainId, Free] = {}
        self._slices: dict[DomainId, Resources] = {}
        super().__init__(state, "easy", examined_max)

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the first job of each domain that some worker could hold."""
        heads = map(self._head, self.lines.values())
        for key in sorted(key for key in heads if key is not None):
            yield queued_job(key)

    def may_start(self, job: Job) -> bool:
        """Whether a unit more is within the slice of its domain, or all that the domain would hold."""
        if not super().may_start(job):
            return False
        used = self._used.get(job.terms.domain_id)
        return used is None or used.amount().plus(job.terms.request).fits(self.slice_of(job.terms.domain_id))

    def slice_of(self, domain_id: DomainId) -> Resources:
        """Return what a domain has for itself, each amount rounded down."""
        found = self._slices.get(domain_id)
        if found is None:
            domains = self.state.domains
            part, whole = 1, 1
            for who in (domain_id, *domains.path(domain_id)):
                domain = domains.domains[who]
                part, whole = part * domain.effective_share, whole * domains.phi(domain.parent)
            pool = self.state.workers.capacity
            generic = tuple((name, amount * part // whole) for name, amount in pool.generic)
            found = Resources(pool.cpu_milli * part // whole, pool.mem_bytes * part // whole, generic)
            self._slices[domain_id] = found
        return found

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on what a job waits for: others of its domain, its slice, or room."""
        job = self.state.jobs.jobs[job_id]
        line = self.lines[job.terms.domain_id]
        before = [queued_job(key) for key in line.before(queue_key(job))]
        before = [other for other in before if self._could_run(self.state.jobs.jobs[other])]
        if before:
            return f"{len(before)} of the jobs of its own domain go before it, job {before[0]} first."
        if not self.may_start(job):
            return "The slice of its domain is used up."
        return super().ahead_of(job_id)

    def _head(self, line: KeyQueue) -> QueueKey | None:
        """Return the first job of a domain, without those that are too big for every worker, or too long."""
        jobs = self.state.jobs.jobs
        never: set[tuple[Resources, int | None]] = set()
        for key in line.keys:
            job = jobs[queued_job(key)]
            asked = job.terms.request, job.terms.time_request_us
            if asked not in never:
                if self._could_run(job):
                    return key
                never.add(asked)
        return None

    def _could_run(self, job: Job) -> bool:
        return self.capacity.could_hold(job.terms.request, self.needs_until_us(job) or 0)

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """Count what a lease holds."""
        self._used.setdefault(terms.domain_id, Free(NOTHING)).give(terms.request)

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Count what a lease held no more, once it is over."""
        if is_over:
            used = self._used[terms.domain_id]
            used.take(terms.request)
            if used.amount() == NOTHING:
                del self._used[terms.domain_id]

    def shares_changed(self) -> None:
        """There are others to divide among, or in another proportion."""
        self._slices.clear()

    def pool_changed(self) -> None:
        """There is more or less to divide."""
        self._slices.clear()

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        slices = [(domain_id, self.slice_of(domain_id)) for domain_id in sorted(self.lines)]
        return super().summary(), [(domain_id, used.amount()) for domain_id, used in sorted(self._used.items())], slices


class Static:
    """Static partition; ``examined_max`` as for :class:`.stride.Stride`."""

    name = "static"

    def __init__(self, examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.examined_max = examined_max

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return StaticIndex(state, self.examined_max)
