"""The entitlement clock's queues: which domain is next among those that could be served (docs/fairness.md)."""

from __future__ import annotations

from collections.abc import Callable

from ..ids import DomainId, JobId
from ..limits import RUN_QUANTUM_US
from ..record import replaced
from ..resources import Resources
from ..service import NO_ACCOUNT, known_estimate_us, lag, unit_charge, width_milli
from ..state import Job, State
from .pool import PoolIndex
from .queues import DomainQueue, Eligible, Key, Line, QueueKey, ShapeHeaps, queue_key, queued_job

MILLI_CPU_MS = 1_000_000
"""Units of size (thousandths of a cpu x us) in a thousandth of a cpu-second."""

CouldServe = Callable[[ShapeHeaps], bool]
"""Whether something of a shape could be served: whoever cannot is not waited for."""


class ClockIndex(PoolIndex):
    """Domains by virtual deadline, in one pair of heaps a shape.

    Keys are a function of the state. They are refreshed when something is asked, only for the domains (``_dirty``) of
    which something has changed: a batch of a hundred reports of one domain costs one refresh.
    """

    def __init__(self, state: State) -> None:
        self._domains: dict[DomainId, DomainQueue] = {}
        self._shapes: dict[Resources, ShapeHeaps] = {}
        self._dirty: set[DomainId] = set()
        self._aside: set[DomainId] = set()  # the keys of these hold for this pass only
        super().__init__(state)
        self._dirty.update(self._domains)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        domain_id, request = job.terms.domain_id, job.terms.request
        queue = self._domains.get(domain_id)
        if queue is None:
            queue = self._domains[domain_id] = DomainQueue()
        heaps = self._shapes.get(request)
        if heaps is None:
            heaps = self._shapes[request] = ShapeHeaps(request, self._width_milli(request))
        queue.add(job, heaps)
        self._dirty.add(domain_id)

    def job_done(self, job: Job) -> None:
        """Take a job out of its queue."""
        domain_id = job.terms.domain_id
        queue = self._domains.get(domain_id)
        if queue is None:
            return
        self._dirty.add(domain_id)
        emptied = queue.discard(job)
        if emptied is not None:
            emptied.heaps.drop(domain_id)
            emptied.heaps.lines -= 1
            if not emptied.heaps.lines:
                del self._shapes[job.terms.request]
        if not queue.lines:
            del self._domains[domain_id]

    def domain_changed(self, domain_id: DomainId) -> None:
        """Refresh a domain's keys when they are next needed."""
        self._dirty.add(domain_id)

    def pool_changed(self) -> None:
        """Refresh all keys: what a request is of the pool has changed."""
        for heaps in self._shapes.values():
            heaps.width_milli = self._width_milli(heaps.request)
        self._dirty.update(self._domains)

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        self._dirty |= self._aside
        self._aside.clear()
        self._refresh_keys()
        lines = [
            (domain_id, tuple(request.items()), line.head, list(line.jobs), line.heaps.keys[domain_id])
            for domain_id, queue in self._domains.items()
            for request, line in queue.lines.items()
        ]
        return super().summary(), sorted(lines)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on the order of domains, with the tags of whoever is ahead.

        What no worker could ever hold is passed over, and so is not ahead of anything.
        """
        self._refresh_keys()
        job = self.state.jobs.jobs[job_id]
        mine = job.terms.domain_id
        queue = self._domains.get(mine)
        could_hold = self.capacity.could_hold
        lines = queue.lines.items() if queue is not None else ()
        first = min((line.head for request, line in lines if could_hold(request, 0)), default=queue_key(job))
        if first < queue_key(job):
            return f"Job {queued_job(first)} of the same domain is ahead of it (by priority, then submission)."
        best: dict[DomainId, tuple[int, int, DomainId]] = {}
        for heaps in self._shapes.values():
            if not could_hold(heaps.request, 0):
                continue
            for who, key in heaps.keys.items():
                rank = (key.deadline, key.tag, who)
                best[who] = min(best.get(who, rank), rank)
        ahead = [self._standing(who) for _, _, who in sorted(best.values()) if mine in best and best[who] < best[mine]]
        if not ahead:
            return f"Its domain {self._standing(mine)} is next by the clock."
        shown = ", ".join(ahead[:3]) + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "")
        return f"Ahead of its domain {self._standing(mine)} by the clock: {shown}."

    def _standing(self, domain_id: DomainId) -> str:
        """Return a domain's name with what it is owed, g (V - S): its place by the clock in words."""
        jobs, domain = self.state.jobs, self.state.domains.domains[domain_id]
        owed = lag(jobs, jobs.accounts.get(domain_id, NO_ACCOUNT), domain.share)
        seconds, milli = divmod(abs(owed) // MILLI_CPU_MS, 1000)
        return f"{domain.name!r} ({'ahead by' if owed < 0 else 'owed'} {seconds}.{milli:03d} cpu-seconds)"

    def _refresh_keys(self) -> None:
        jobs = self.state.jobs
        while self._dirty:
            domain_id = self._dirty.pop()
            queue = self._domains.get(domain_id)
            if queue is None:
                continue
            tag = jobs.accounts[domain_id].tag
            share = self.state.domains.domains[domain_id].share
            for line in queue.lines.values():
                heaps, job = line.heaps, jobs.jobs[queued_job(line.head)]
                estimated_us = known_estimate_us(jobs, job)
                if estimated_us is None:
                    # Ordered as if it were short, so that it is soon known.
                    estimated_us, count = RUN_QUANTUM_US, 1
                else:
                    count = self.run_count(job, estimated_us)
                deadline = tag + count * unit_charge(heaps.width_milli * estimated_us, share)
                heaps.set(domain_id, Key(tag, deadline, job.job_id, count), jobs.clock)

    def _width_milli(self, request: Resources) -> int:
        return width_milli(request, self.state.workers.capacity)

    def _next(self, could_serve: CouldServe) -> tuple[Eligible | None, int]:
        """Return the entry to serve next, and what V must be at least; only shapes that could be served count."""
        while True:
            entry, floor = self._first(could_serve)
            if entry is None or not self._was_too_early(entry, could_serve):
                return entry, floor

    def _was_too_early(self, entry: Eligible, could_serve: CouldServe) -> bool:
        """Put off an entry whose domain would serve another job with a later deadline; return whether it was."""
        deadline, _, domain_id, job_id = entry
        lines = self._domains[domain_id].lines
        if len(lines) == 1:
            return False
        for line in sorted(lines.values(), key=by_head):
            if could_serve(line.heaps) and not self.is_capped(domain_id, line.heaps.request):
                later = line.heaps.keys[domain_id].deadline
                if later <= deadline:
                    return False
                heaps = lines[self.state.jobs.jobs[job_id].terms.request].heaps
                heaps.set(domain_id, replaced(heaps.keys[domain_id], deadline=later), self.state.jobs.clock)
                self._aside.add(domain_id)
                return True
        return False

    def _first(self, could_serve: CouldServe) -> tuple[Eligible | None, int]:
        """Return the entry with the least deadline, and what V must be at least."""
        clock = self.state.jobs.clock
        best: Eligible | None = None
        servable = []
        for heaps in self._shapes.values():
            if not could_serve(heaps):
                continue
            servable.append(heaps)
            entry = heaps.first_eligible(clock)
            if entry is not None and (best is None or entry < best):
                best = entry
        if best is not None:
            return best, 0
        floors = [tag for heaps in servable if (tag := heaps.least_tag()) is not None]
        if not floors:
            return None, 0
        floor = min(floors)
        entries = (heaps.first_eligible(floor) for heaps in servable)
        return min(entry for entry in entries if entry is not None), floor

    def _set_aside(self, domain_id: DomainId) -> None:
        self._aside.add(domain_id)
        for line in self._domains[domain_id].lines.values():
            line.heaps.drop(domain_id)


def by_head(line: Line) -> QueueKey:
    """Order the lines of a domain by their first jobs."""
    return line.head
