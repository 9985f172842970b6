"""The pending work of one domain: a line a shape, in it a queue a user, in it jobs by their virtual finish tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace

from sortedcontainers import SortedList

from ..domains.state import TOP
from ..ids import DomainId, JobId
from ..limits import STALE_ENTRIES_MIN
from ..resources import NOTHING, Resources
from ..state import FairnessAccount, Job
from .capacity import Shape
from .queues import KeyQueue, QueueKey, queued_job, tag_key
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
        self.users: dict[str, KeyQueue] = {}
        self.head: Head = (0, 0)
        self._heap: list[tuple[int, QueueKey, str]] = []

    def find_head(self, account: FairnessAccount, touched: set[str]) -> None:
        """Find out who is first now, given who has changed."""
        users = self.users
        if len(users) == 1:
            self._heap.clear()
            ((user, queue),) = users.items()
            self.head = account.users[user].tag, queue.keys[0]
        else:
            self.head = self._first_of_users(account, touched)

    def in_order(self, account: FairnessAccount) -> Iterator[JobId]:
        """Yield its jobs in the order in which they would be served if none of them were, user by user."""
        for _, _, user in sorted((account.users[user].tag, queue.keys[0], user) for user, queue in self.users.items()):
            for key in self.users[user].keys:
                yield queued_job(key)

    @property
    def job_id(self) -> JobId:
        """The job that is next; few lines of many are asked for it."""
        return queued_job(self.head[1])

    def _first_of_users(self, account: FairnessAccount, touched: set[str]) -> Head:
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
        ranked: Where there are many lines, those that are ranked, in the domain's own order; None where all are.
        least: Where there are many, a request that each of theirs is at least as large as in cpus and in memory.
        has_more: Where there are many, whether some that are not ranked may have room.
        touched: Users who have changed since the last refresh.
        is_by_mean: Whether the keys of some line rest on how long units of the domain took.
    """

    __slots__ = (
        "_of_user",
        "above",
        "domain_id",
        "has_more",
        "is_by_mean",
        "least",
        "lines",
        "parent",
        "ranked",
        "touched",
    )

    def __init__(self, domain_id: DomainId, above: tuple[DomainId, ...]) -> None:
        self.domain_id = domain_id
        self.above = above
        self.parent = above[0] if above else TOP
        self.is_by_mean = False
        self.lines: dict[Resources, Line] = {}
        self.ranked: list[Line] | None = None
        self.least = Shape(NOTHING)
        self.has_more = False
        self.touched: set[str] = set()
        # Where there are many lines, those of each user by their first jobs: the user's tag does not change that order.
        self._of_user: dict[str, SortedList[tuple[QueueKey, Line]]] = {}

    def add(self, job: Job, shape: PendingShape, ranks: Ranks) -> None:
        """Queue a job; one that is queued already stays where it is."""
        terms = job.terms
        line = self.lines.get(terms.request)
        if line is None:
            line = self.lines[terms.request] = Line(shape, ranks)
            shape.lines += 1
        queue = line.users.get(terms.user)
        if queue is None:
            queue = line.users[terms.user] = KeyQueue()
        first = queue.first
        queue.add(tag_key(job))
        self.touched.add(terms.user)
        if self.ranked is not None:
            self._follow(line, terms.user, first, queue.first)
            self._note_least(terms.request)

    def move(self, before: Job, after: Job) -> None:
        """Put a job that has another tag where it belongs, if it is in."""
        user = after.terms.user
        self.touched.add(user)
        if before.tag == after.tag:
            return
        line = self.lines.get(after.terms.request)
        queue = line.users.get(user) if line is not None else None
        if line is None or queue is None:
            return
        first = queue.first
        if queue.discard(tag_key(before)):
            queue.add(tag_key(after))
        if self.ranked is not None:
            self._follow(line, user, first, queue.first)

    def in_order(self) -> Iterable[Line]:
        """Return the lines that are ranked, by who is next."""
        if self.ranked is not None:
            return self.ranked
        lines = self.lines.values()
        return lines if len(lines) == 1 else sorted(lines, key=by_head)

    def ranked_lines(self) -> Iterable[Line]:
        """Return the lines that are ranked, in no order."""
        return self.lines.values() if self.ranked is None else self.ranked

    def rank_some(
        self, account: FairnessAccount, most: int, could_fit: Callable[[Shape], bool], has_room: Callable[[Line], bool]
    ) -> Iterable[Line]:
        """Rank the first ``most`` lines by who is next, and the first so many that have room; return who no longer is.

        A domain is served in its own order, whichever line it is ranked by; so what is behind its first line with room
        has no say in its turn. Others are looked at only where ``could_fit`` says so of the least of them.
        """
        before = self.ranked
        if before is None:
            self._begin_order()
        ranked: list[Line] = []
        fit, goes_on = 0, could_fit(self.least)
        for line in self._by_user(account):
            room = (goes_on or len(ranked) < most) and has_room(line)
            if len(ranked) < most or room:
                ranked.append(line)
                fit += room
            if len(ranked) >= most and (fit >= most or not goes_on):
                break
        self.ranked, self.has_more = ranked, fit >= most
        self.touched.clear()
        return [line for line in (self.lines.values() if before is None else before) if line not in ranked]

    def rank_all(self, account: FairnessAccount) -> Iterable[Line]:
        """Rank all lines, and return them."""
        if self.ranked is not None:  # users that changed meanwhile were followed elsewhere
            self.ranked, self.has_more = None, False
            self.touched.update(self._of_user)
            self._of_user.clear()
        if self.touched:  # else whoever was next in each line still is
            for line in self.lines.values():
                line.find_head(account, self.touched)
            self.touched.clear()
        return self.lines.values()

    def find_heads(self, account: FairnessAccount) -> None:
        """Find out who is next in each line, also of those that are not ranked."""
        for line in self.lines.values():
            line.head = min((account.users[user].tag, queue.keys[0]) for user, queue in line.users.items())

    def _begin_order(self) -> None:
        self._of_user.clear()
        requests = [line.shape.request for line in self.lines.values()]
        self.least = Shape(Resources(min(it.cpu_milli for it in requests), min(it.mem_bytes for it in requests)))
        for line in self.lines.values():
            for user, queue in line.users.items():
                self._follow(line, user, None, queue.first)

    def _by_user(self, account: FairnessAccount) -> Iterator[Line]:
        """Yield lines by who is next in them, and note who is: users by their tags, their lines by first jobs."""
        heads = [(account.users[user].tag, lines[0][0], user, 0) for user, lines in self._of_user.items()]
        heapify(heads)
        seen: set[int] = set()
        while heads:
            tag, key, user, at = heads[0]
            lines = self._of_user[user]
            if at + 1 < len(lines):
                heapreplace(heads, (tag, lines[at + 1][0], user, at + 1))
            else:
                heappop(heads)
            line = lines[at][1]
            if id(line) not in seen:  # else another of its users is before this one
                seen.add(id(line))
                line.head = tag, key
                yield line

    def _follow(self, line: Line, user: str, before: QueueKey | None, after: QueueKey | None) -> None:
        """Put a line where it belongs among those of a user, whose first job in it was and is another."""
        if before == after:
            return
        lines = self._of_user.setdefault(user, SortedList())
        if before is not None:
            lines.remove((before, line))
        if after is not None:
            lines.add((after, line))
        if not lines:
            del self._of_user[user]

    def _note_least(self, request: Resources) -> None:
        least = self.least.request
        if request.cpu_milli < least.cpu_milli or request.mem_bytes < least.mem_bytes:
            cpu_milli, mem_bytes = min(request.cpu_milli, least.cpu_milli), min(request.mem_bytes, least.mem_bytes)
            self.least = Shape(Resources(cpu_milli, mem_bytes))

    def has(self, job: Job) -> bool:
        """Whether a job is queued."""
        queue = self.queue_of(job)
        return queue is not None and tag_key(job) in queue

    def queue_of(self, job: Job) -> KeyQueue | None:
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
        first = queue.first
        queue.discard(tag_key(job))
        self.touched.add(terms.user)
        if self.ranked is not None:
            self._follow(line, terms.user, first, queue.first)
        if not queue.keys:
            del line.users[terms.user]
            if not line.users:
                return self.lines.pop(terms.request)
        return None


def by_head(line: Line) -> Head:
    """Order the lines of a domain by who is next."""
    return line.head
