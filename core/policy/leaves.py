"""The pending work of one domain: a line a shape, in it a queue a user, in it jobs by their virtual finish tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace

from ..domains.state import TOP
from ..ids import DomainId, JobId
from ..limits import STALE_ENTRIES_MIN
from ..resources import Resources
from ..state import Account, Job
from .capacity import Shape
from .queues import JobQueue, QueueKey, queued_job, tag_key
from .ranks import Ranks

Head = tuple[int, QueueKey]
"""(tag of the user, key of the job): who is next in a domain, least first."""


class PendingShape(Shape):
    """A request that something waits for.

    Attributes:
        width_milli: Its width in the pool as it is now.
        lines: Domains that have jobs with it.
        ranks: The domains that wait with it, by the domain that they are in.
        full_since: How many leases the pass had made when it was first seen to fit nowhere, or None.
    """

    __slots__ = ("full_since", "lines", "ranks", "width_milli")

    def __init__(self, request: Resources, width_milli: int) -> None:
        super().__init__(request)
        self.width_milli = width_milli
        self.lines = 0
        self.ranks: dict[DomainId, Ranks] = {}
        self.full_since: int | None = None

    def is_passed_over(self, leases: int) -> bool:
        """Whether it did not fit any more before the last of so many leases of this pass."""
        return self.full_since is not None and self.full_since < leases


class Line:
    """The jobs of one domain and one shape that have units to lease; never empty.

    Users are in a heap by tag and by the key of their first job. An entry that is no longer so is stale; whoever has
    changed is entered again.

    Attributes:
        head: Who is next.
    """

    __slots__ = ("_heap", "head", "ranks", "shape", "users")

    def __init__(self, shape: PendingShape, ranks: Ranks) -> None:
        self.shape = shape
        self.ranks = ranks
        self.users: dict[str, JobQueue] = {}
        self.head: Head = (0, 0)
        self._heap: list[tuple[int, QueueKey, str]] = []

    def find_head(self, account: Account, touched: set[str]) -> None:
        """Find out who is first now, given who has changed."""
        users = self.users
        if len(users) == 1:
            self._heap.clear()
            ((user, queue),) = users.items()
            self.head = account.users[user].tag, queue.keys[0]
        else:
            self.head = self._first_of_users(account, touched)

    @property
    def job_id(self) -> JobId:
        """The job that is next; few lines of many are asked for it."""
        return queued_job(self.head[1])

    def _first_of_users(self, account: Account, touched: set[str]) -> Head:
        users, heap, standing = self.users, self._heap, account.users
        for user in touched:
            waiting = users.get(user)
            if waiting is None:
                continue
            entry = standing[user].tag, waiting.keys[0], user
            # Whoever was first has nearly always just been served; its new entry takes the old one's place.
            if heap and heap[0][2] == user:
                heapreplace(heap, entry)
            else:
                heappush(heap, entry)
        if len(heap) < len(users) or len(heap) > STALE_ENTRIES_MIN + 4 * len(users):
            heap[:] = [(standing[user].tag, queue.keys[0], user) for user, queue in users.items()]
            heapify(heap)
            return heap[0][:2]
        while True:
            tag, key, user = heap[0]
            theirs = users.get(user)
            if theirs is not None and theirs.keys[0] == key and standing[user].tag == tag:
                return tag, key
            heappop(heap)


class Leaf:
    """A domain that has jobs with units to lease.

    Attributes:
        above: The domains that it is in, nearest first.
        parent: The first of these, or :data:`TOP`.
        lines: By request.
        ranked: Those of many that are ranked, in the domain's own order; None where all are.
        has_more: Whether others of many may have room.
        touched: Users who have changed since the last refresh.
        is_by_mean: Whether the keys of some line rest on how long units of the domain took.
    """

    __slots__ = ("above", "domain_id", "has_more", "is_by_mean", "lines", "parent", "ranked", "touched")

    def __init__(self, domain_id: DomainId, above: tuple[DomainId, ...]) -> None:
        self.domain_id = domain_id
        self.above = above
        self.parent = above[0] if above else TOP
        self.is_by_mean = False
        self.lines: dict[Resources, Line] = {}
        self.ranked: list[Line] | None = None
        self.has_more = False
        self.touched: set[str] = set()

    def add(self, job: Job, shape: PendingShape, ranks: Ranks) -> None:
        """Queue a job; one that is queued already stays where it is."""
        terms = job.terms
        line = self.lines.get(terms.request)
        if line is None:
            line = self.lines[terms.request] = Line(shape, ranks)
            shape.lines += 1
        queue = line.users.get(terms.user)
        if queue is None:
            queue = line.users[terms.user] = JobQueue()
        queue.add(tag_key(job))
        self.touched.add(terms.user)

    def in_order(self) -> Iterable[Line]:
        """Return the lines that are ranked, by who is next."""
        if self.ranked is not None:
            return self.ranked
        lines = self.lines.values()
        return lines if len(lines) == 1 else sorted(lines, key=by_head)

    def rank_some(self, most: int, has_room: Callable[[Line], bool]) -> list[Line]:
        """Rank the first ``most`` lines by who is next, and the first so many that have room; return who no longer is.

        A domain is served in its own order, whichever line it is ranked by; so what is behind its first line with room
        has no say in its turn.
        """
        lines = sorted(self.lines.values(), key=by_head)
        before, ranked = self.ranked, lines[:most]
        fit = sum(map(has_room, ranked))
        for line in lines[most:]:
            if fit == most:
                break
            if has_room(line):
                ranked.append(line)
                fit += 1
        self.ranked, self.has_more = ranked, fit == most
        return [line for line in (lines if before is None else before) if line not in ranked]

    def has(self, job: Job) -> bool:
        """Whether a job is queued."""
        queue = self.queue_of(job)
        return queue is not None and tag_key(job) in queue

    def queue_of(self, job: Job) -> JobQueue | None:
        """Return the queue that a job belongs to, or None if nothing is queued there."""
        line = self.lines.get(job.terms.request)
        return line.users.get(job.terms.user) if line is not None else None

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


def by_head(line: Line) -> Head:
    """Order the lines of a domain by who is next."""
    return line.head
