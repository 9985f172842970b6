"""The pending work of one domain: a line a shape, in it a queue a user, in it jobs by their virtual finish tags."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from ..ids import DomainId
from ..resources import Resources
from ..state import Account, Job
from .capacity import Shape
from .queues import JobQueue, QueueKey, tag_key
from .ranks import STALE_ENTRIES_MIN

Head = tuple[int, QueueKey]
"""(tag of the user, key of the job): who is next in a domain, least first."""


class PendingShape(Shape):
    """A request that something waits for.

    Attributes:
        width_milli: Its width in the pool as it is now.
        lines: Domains that wait with it.
        full_since: How many leases the pass had made when it was first seen to fit nowhere, or None.
    """

    __slots__ = ("full_since", "lines", "width_milli")

    def __init__(self, request: Resources, width_milli: int) -> None:
        super().__init__(request)
        self.width_milli = width_milli
        self.lines = 0
        self.full_since: int | None = None


class Line:
    """The jobs of one domain and one shape that have units to lease; never empty.

    Users are in a heap by tag and by the key of their first job. An entry that is no longer so is stale; whoever has
    changed is entered again by :meth:`Leaf.refresh`.
    """

    __slots__ = ("_heap", "head", "shape", "users")

    def __init__(self, shape: PendingShape) -> None:
        self.shape = shape
        self.users: dict[str, JobQueue] = {}
        self.head: Head = (0, 0)
        self._heap: list[tuple[int, QueueKey, str]] = []

    def enter(self, user: str, account: Account) -> None:
        """Enter a user, who has changed, where he belongs now."""
        queue = self.users.get(user)
        if queue is not None and len(self.users) > 1:
            heappush(self._heap, (account.users[user].tag, queue.keys[0], user))

    def find_head(self, account: Account) -> None:
        """Find out who is first now."""
        if len(self.users) == 1:
            for user, queue in self.users.items():
                self.head = account.users[user].tag, queue.keys[0]
            self._heap.clear()
            return
        heap, users = self._heap, self.users
        if len(heap) < len(users) or len(heap) > STALE_ENTRIES_MIN + 4 * len(users):
            heap[:] = [(account.users[user].tag, queue.keys[0], user) for user, queue in users.items()]
            heapify(heap)
        while True:
            tag, key, user = heap[0]
            found = users.get(user)
            if found is not None and found.keys[0] == key and account.users[user].tag == tag:
                self.head = tag, key
                return
            heappop(heap)


class Leaf:
    """A domain that has jobs with units to lease.

    Attributes:
        above: The domains that it is in, nearest first.
        lines: By request.
        touched: Users who have changed since the last refresh.
    """

    __slots__ = ("above", "domain_id", "lines", "touched")

    def __init__(self, domain_id: DomainId, above: tuple[DomainId, ...]) -> None:
        self.domain_id = domain_id
        self.above = above
        self.lines: dict[Resources, Line] = {}
        self.touched: set[str] = set()

    def add(self, job: Job, shape: PendingShape) -> None:
        """Queue a job; one that is queued already stays where it is."""
        terms = job.terms
        line = self.lines.get(terms.request)
        if line is None:
            line = self.lines[terms.request] = Line(shape)
            shape.lines += 1
        queue = line.users.get(terms.user)
        if queue is None:
            queue = line.users[terms.user] = JobQueue()
        queue.add(tag_key(job))
        self.touched.add(terms.user)

    def has(self, job: Job) -> bool:
        """Whether a job is queued."""
        line = self.lines.get(job.terms.request)
        queue = line.users.get(job.terms.user) if line is not None else None
        return queue is not None and tag_key(job) in queue

    def discard(self, job: Job) -> Line | None:
        """Take a job out, if it is in; return its line if that is empty now and gone."""
        terms = job.terms
        line = self.lines.get(terms.request)
        queue = line.users.get(terms.user) if line is not None else None
        if line is None or queue is None:
            return None
        queue.discard(tag_key(job))
        self.touched.add(terms.user)
        if not queue.keys:
            del line.users[terms.user]
            if not line.users:
                return self.lines.pop(terms.request)
        return None

    def refresh(self, account: Account) -> None:
        """Find the head of each line, given what users stand at now."""
        touched, self.touched = self.touched, set()
        for line in self.lines.values():
            for user in sorted(touched) if len(touched) > 1 else touched:
                line.enter(user, account)
            line.find_head(account)


def by_head(line: Line) -> Head:
    """Order the lines of a domain by who is next."""
    return line.head
