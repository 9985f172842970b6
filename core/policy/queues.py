"""Pending work of the entitlement clock: by domain, and by the shape of what it asks for."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from sortedcontainers import SortedList

from ..ids import DomainId, JobId
from ..record import record
from ..resources import Resources
from ..state import Job
from .capacity import Shape

JOB_ID_BITS = 53
"""Job ids are below 2**53, as are all ids that clients may name."""

STALE_ENTRIES_MIN = 64
"""A heap is cleaned when more than this and three quarters of its entries are stale."""


@record
class Key:
    """Where a domain stands with the first of its jobs of one shape.

    Attributes:
        tag: S, its start tag.
        deadline: D = S + the charge of that job's next run.
        units: Units in that run.
    """

    tag: int
    deadline: int
    job_id: JobId
    units: int


Eligible = tuple[int, int, DomainId, JobId]
"""(D, S, domain, job): least first; the ids break ties (P19)."""

QueueKey = int
"""Place of a job among jobs, least first; :func:`queue_key` makes it."""


class ShapeHeaps(Shape):
    """The domains that wait with one shape: the eligible ones by deadline, the others by tag.

    ``width_milli`` is the width of the request in the pool as it is now, which whoever keeps the shape sees to.

    Entries are not removed when a key changes; an entry that differs from the domain's key is stale and passed over.
    ``full_since`` is how many leases the pass had made when the shape was first seen to fit nowhere, or None.
    """

    __slots__ = ("_eligible", "_ineligible", "full_since", "keys", "lines", "width_milli")

    def __init__(self, request: Resources, width_milli: int) -> None:
        super().__init__(request)
        self.width_milli = width_milli
        self.keys: dict[DomainId, Key] = {}
        self.full_since: int | None = None
        self.lines = 0  # domains that wait with this shape, whether or not they are ranked now
        self._eligible: list[Eligible] = []
        self._ineligible: list[Eligible] = []

    def set(self, domain_id: DomainId, key: Key, clock: int) -> None:
        """Put a domain where it belongs now."""
        old = self.keys.get(domain_id)
        self.keys[domain_id] = key
        if old is not None and old.tag == key.tag and old.deadline == key.deadline and old.job_id == key.job_id:
            return
        if key.tag <= clock:
            heappush(self._eligible, (key.deadline, key.tag, domain_id, key.job_id))
        else:
            heappush(self._ineligible, (key.tag, key.deadline, domain_id, key.job_id))
        if len(self._eligible) + len(self._ineligible) > STALE_ENTRIES_MIN + 4 * len(self.keys):
            self._clean(clock)

    def drop(self, domain_id: DomainId) -> None:
        """Forget a domain; it has nothing of this shape, or may not be served now."""
        self.keys.pop(domain_id, None)

    def first_eligible(self, clock: int) -> Eligible | None:
        """Return the eligible entry with the least deadline, or None. Eligible is S <= V."""
        waiting = self._ineligible
        while waiting and waiting[0][0] <= clock:
            tag, deadline, domain_id, job_id = heappop(waiting)
            if self._is_live(tag, deadline, domain_id, job_id):
                heappush(self._eligible, (deadline, tag, domain_id, job_id))
        eligible = self._eligible
        while eligible:
            deadline, tag, domain_id, job_id = eligible[0]
            is_live = self._is_live(tag, deadline, domain_id, job_id)
            if is_live and tag <= clock:
                return eligible[0]
            heappop(eligible)
            if is_live:  # it was asked for with a clock that V was not raised to, as what it was for found no place
                heappush(waiting, (tag, deadline, domain_id, job_id))
        return None

    def least_tag(self) -> int | None:
        """Return the least tag of those not eligible, or None. To be asked after :meth:`first_eligible`."""
        waiting = self._ineligible
        while waiting:
            tag, deadline, domain_id, job_id = waiting[0]
            if self._is_live(tag, deadline, domain_id, job_id):
                return tag
            heappop(waiting)
        return None

    def _is_live(self, tag: int, deadline: int, domain_id: DomainId, job_id: JobId) -> bool:
        key = self.keys.get(domain_id)
        return key is not None and key.tag == tag and key.deadline == deadline and key.job_id == job_id

    def _clean(self, clock: int) -> None:
        items = self.keys.items()
        self._eligible = [(key.deadline, key.tag, who, key.job_id) for who, key in items if key.tag <= clock]
        self._ineligible = [(key.tag, key.deadline, who, key.job_id) for who, key in items if key.tag > clock]
        heapify(self._eligible)
        heapify(self._ineligible)


class Line:
    """The jobs of one domain and one shape that have units to lease, by (priority, job id); never empty.

    Attributes:
        heaps: Where domains that wait with this shape are ranked.
        head: The first of the jobs.
    """

    __slots__ = ("head", "heaps", "jobs")

    def __init__(self, heaps: ShapeHeaps, first: QueueKey) -> None:
        self.heaps = heaps
        self.jobs: SortedList[QueueKey] = SortedList((first,))
        self.head = first


class DomainQueue:
    """The jobs of one domain that have units to lease, in a line a shape."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: dict[Resources, Line] = {}

    def add(self, job: Job, heaps: ShapeHeaps) -> None:
        """Queue a job; one that is queued already stays where it is."""
        key = queue_key(job)
        line = self.lines.get(job.terms.request)
        if line is None:
            self.lines[job.terms.request] = Line(heaps, key)
            heaps.lines += 1
        elif key not in line.jobs:
            line.jobs.add(key)
            line.head = min(line.head, key)

    def has(self, job: Job) -> bool:
        """Whether a job is queued."""
        line = self.lines.get(job.terms.request)
        return line is not None and queue_key(job) in line.jobs

    def discard(self, job: Job) -> Line | None:
        """Take a job out, if it is in; return its line if that is empty now and gone."""
        line = self.lines.get(job.terms.request)
        if line is None:
            return None
        line.jobs.discard(queue_key(job))
        if line.jobs:
            line.head = line.jobs[0]
            return None
        return self.lines.pop(job.terms.request)


def queue_key(job: Job) -> QueueKey:
    """Return the place of a job among jobs: higher priority first, then submission.

    One integer, priority above job id, as it takes less memory than a pair and compares faster; nearly always the
    priority is 0, and it is the very object that is the id.
    """
    priority = job.terms.priority
    return job.job_id if priority == 0 else (-priority << JOB_ID_BITS) + job.job_id


def queued_job(key: QueueKey) -> JobId:
    """Return the job of a key."""
    return JobId(key & (1 << JOB_ID_BITS) - 1)
