"""The jobs of one domain that wait with one request: a queue a user, and which user is next."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace

from ..ids import DomainId, JobId
from ..limits import STALE_ENTRIES_MIN
from ..resources import Resources
from ..state import FairnessAccount
from .queues import KeyQueue, QueueKey, queued_job
from .ranks import Ranks
from .room import Shape

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


def by_head(line: Line) -> Head:
    """Order the lines of a domain by who is next."""
    return line.head
