"""Who is next among the children of one domain that wait with one shape: by guarantee, by entitlement, by the pool."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace

from ..ids import DomainId, JobId
from ..limits import STALE_ENTRIES_MIN
from ..record import record

BY_GUARANTEE, BY_ENTITLEMENT, BY_POOL = 0, 1, 2

NEVER = 1 << 512
"""A tag that V never reaches."""

Order = tuple[int, int, int, DomainId]
"""(by what, key, second key, child), least first: (D, S) by guarantee and entitlement, the pool's key and 0 in the
pool. Ids break ties (P19)."""

Place = tuple[Order, JobId]
"""Where a domain stands, and the job that it would be served for."""


@record
class Key:
    """Where a child stands.

    Attributes:
        tag: S, its start tag.
        deadline: D = S + what its next run would be charged, or the largest that was its next since it was served.
        pool_key: Its place in the pool.
        covered: A guarantee covers its next run.
        job_id, units, size: Its next run: of which job, how many units, of what size together.
    """

    tag: int
    deadline: int
    pool_key: int
    covered: bool
    job_id: JobId
    units: int
    size: int


class Ranks:
    """The children that wait with one shape: the eligible ones (S <= V) by deadline, the others by tag and in the pool.

    Entries are not removed when a key changes: one that says what its child's key no longer says is stale, and goes
    when it comes to the top. So does one whose child is not eligible any more, as V fell. A child that is not
    eligible has one entry that counts by tag and one in the pool. Tags and pool keys nearly always rise, so an entry
    need only be no later than where its child stands: at the top it is exchanged for one that says just that. So a key
    costs O(log n), and one that never comes to the top costs nothing.

    Who is next is kept, with the bounds of V within which that is so.

    Attributes:
        keys: Where each child stands.
        peaks: The size of the largest run of each child that was its next since it was last served; see
            :meth:`meted.core.policy.clock.ClockIndex.domain_served`.
    """

    __slots__ = (
        "_below",
        "_covered",
        "_eligible",
        "_first",
        "_from",
        "_ineligible",
        "_pool",
        "_pool_keys",
        "_tags",
        "keys",
        "peaks",
    )

    def __init__(self) -> None:
        self.keys: dict[DomainId, Key] = {}
        self.peaks: dict[DomainId, int] = {}
        self._covered: list[tuple[int, int, DomainId]] = []
        self._eligible: list[tuple[int, int, DomainId]] = []
        self._ineligible: list[tuple[int, DomainId]] = []
        self._pool: list[tuple[int, DomainId]] = []
        self._tags: dict[DomainId, int] = {}  # of the entry in _ineligible that counts
        self._pool_keys: dict[DomainId, int] = {}  # of the entry in _pool that counts
        self._first: Order | None = None
        self._from = self._below = 0  # for V from the one on and below the other _first is right; equal: for none

    def set(self, child: DomainId, key: Key) -> None:
        """Put a child where it belongs."""
        old = self.keys.get(child)
        self.keys[child] = key
        if (
            old is not None
            and old.tag == key.tag
            and old.deadline == key.deadline
            and old.pool_key == key.pool_key
            and old.covered == key.covered
        ):
            return
        self._from = self._below
        self._enter(child, key)
        entries = len(self._pool) + len(self._eligible) + len(self._ineligible) + len(self._covered)
        if entries > STALE_ENTRIES_MIN + 4 * len(self.keys):
            self._clean()

    def _enter(self, child: DomainId, key: Key) -> None:
        """Enter a child as one that is not eligible: whoever is, is found to be when the first is looked for."""
        if key.covered:
            self._tags.pop(child, None)
            heappush(self._covered, (key.deadline, key.tag, child))
            return
        tag, pool_key = self._tags.get(child), self._pool_keys.get(child)
        if tag is None or key.tag < tag:
            self._tags[child] = key.tag
            heappush(self._ineligible, (key.tag, child))
        if pool_key is None or key.pool_key < pool_key:
            self._pool_keys[child] = key.pool_key
            heappush(self._pool, (key.pool_key, child))

    def drop(self, child: DomainId) -> None:
        """Take a child out, if it is in."""
        if self.keys.pop(child, None) is not None:
            self._from = self._below
            self._tags.pop(child, None)
            self._pool_keys.pop(child, None)

    def first(self, clock: int) -> Order | None:
        """Return who is next at V = ``clock``, or None if nobody waits."""
        if self._from <= clock < self._below:
            return self._first
        self._first = first = self._find_first(clock)
        # Whoever is eligible stays so down to its tag, and nobody else becomes so below the least of the other tags.
        self._from = first[2] if first is not None and first[0] == BY_ENTITLEMENT else 0
        self._below = self._ineligible[0][0] if self._ineligible else NEVER
        return first

    def _find_first(self, clock: int) -> Order | None:
        keys, covered, eligible, waiting = self.keys, self._covered, self._eligible, self._ineligible
        while covered:
            deadline, tag, child = covered[0]
            key = keys.get(child)
            if key is not None and key.covered and key.deadline == deadline and key.tag == tag:
                return BY_GUARANTEE, deadline, tag, child
            heappop(covered)
        while waiting and waiting[0][0] <= clock:
            tag, child = waiting[0]
            if self._tags.get(child) != tag:
                heappop(waiting)
                continue
            key = keys[child]
            if key.tag > clock:
                self._tags[child] = key.tag
                heapreplace(waiting, (key.tag, child))
            else:
                heappop(waiting)
                del self._tags[child]
                heappush(eligible, (key.deadline, key.tag, child))
        while eligible:
            deadline, tag, child = eligible[0]
            key = keys.get(child)
            if key is not None and key.deadline == deadline and key.tag == tag:
                if tag <= clock:
                    return BY_ENTITLEMENT, deadline, tag, child
                self._enter(child, key)
            heappop(eligible)
        return self._first_of_pool()

    def _first_of_pool(self) -> Order | None:
        """Return who is next where nobody is eligible, so that all who wait have an entry in the pool."""
        pool, pool_keys = self._pool, self._pool_keys
        while pool:
            pool_key, child = pool[0]
            if pool_keys.get(child) != pool_key:
                heappop(pool)
                continue
            now = self.keys[child].pool_key
            if now == pool_key:
                return BY_POOL, pool_key, 0, child
            pool_keys[child] = now
            heapreplace(pool, (now, child))
        return None

    def order_of(self, child: DomainId, clock: int) -> Order:
        """Return the place of a child."""
        key = self.keys[child]
        if key.covered:
            return BY_GUARANTEE, key.deadline, key.tag, child
        if key.tag <= clock:
            return BY_ENTITLEMENT, key.deadline, key.tag, child
        return BY_POOL, key.pool_key, 0, child

    def standing(self, clock: int) -> Iterator[tuple[Order, JobId, int]]:
        """Yield the place of each child with the job and the units of its next run, in no order."""
        return ((self.order_of(child, clock), key.job_id, key.units) for child, key in self.keys.items())

    def _clean(self) -> None:
        for entries in (self._covered, self._eligible, self._ineligible, self._pool, self._tags, self._pool_keys):
            entries.clear()
        for child, key in self.keys.items():
            self._enter(child, key)
