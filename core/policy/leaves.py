"""The pending work of one domain: a line a shape, in each a queue a user, in it jobs by their virtual finish tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heapreplace

from sortedcontainers import SortedList

from ..domains.state import TOP
from ..ids import DomainId
from ..resources import NOTHING, Resources
from ..state import FairnessAccount, Job
from .lines import Line, PendingShape, by_head
from .queues import KeyQueue, QueueKey, tag_key
from .ranks import Ranks
from .room import Shape


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
