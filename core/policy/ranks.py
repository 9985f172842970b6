"""Who is next among the children of one domain that wait with one shape: by guarantee, by entitlement, by the pool."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from ..ids import DomainId, JobId
from ..record import record

STALE_ENTRIES_MIN = 64
"""Heaps are cleaned when they have more entries than this and four times what is ranked."""

BY_GUARANTEE, BY_ENTITLEMENT, BY_POOL = 0, 1, 2

Order = tuple[int, int, int, DomainId]
"""(by what, key, second key, child), least first: (D, S) by guarantee and entitlement, the pool's key and 0 in the
pool. Ids break ties (P19)."""


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

    Entries are not removed when a key changes: each has a stamp, and one with an older stamp than its child's is stale.
    As V never runs back, what is eligible stays so until its key changes; so each enters and leaves a heap once a key,
    in O(log n).

    Attributes:
        keys: Where each child stands.
        peaks: The size of the largest run of each child that was its next since it was last served; see
            :meth:`meted.core.policy.clock.ClockIndex.domain_served`.
    """

    __slots__ = ("_covered", "_eligible", "_ineligible", "_pool", "_stamp", "_stamps", "keys", "peaks")

    def __init__(self) -> None:
        self.keys: dict[DomainId, Key] = {}
        self.peaks: dict[DomainId, int] = {}
        self._stamps: dict[DomainId, int] = {}
        self._stamp = 0
        self._covered: list[tuple[int, int, DomainId, int]] = []
        self._eligible: list[tuple[int, int, DomainId, int]] = []
        self._ineligible: list[tuple[int, DomainId, int]] = []
        self._pool: list[tuple[int, DomainId, int]] = []

    def set(self, child: DomainId, key: Key, clock: int) -> None:
        """Put a child where it belongs now; ``clock`` is V."""
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
        self._stamp = stamp = self._stamps[child] = self._stamp + 1
        if key.covered:
            heappush(self._covered, (key.deadline, key.tag, child, stamp))
        elif key.tag <= clock:
            heappush(self._eligible, (key.deadline, key.tag, child, stamp))
        else:
            heappush(self._ineligible, (key.tag, child, stamp))
            heappush(self._pool, (key.pool_key, child, stamp))
        if len(self._pool) + len(self._eligible) + len(self._covered) > STALE_ENTRIES_MIN + 4 * len(self.keys):
            self._clean(clock)

    def drop(self, child: DomainId) -> None:
        """Take a child out, if it is in."""
        if self.keys.pop(child, None) is not None:
            del self._stamps[child]

    def first(self, clock: int) -> Order | None:
        """Return who is next at V = ``clock``, or None if nobody waits."""
        stamps = self._stamps
        covered = self._covered
        while covered:
            deadline, tag, child, stamp = covered[0]
            if stamps.get(child) == stamp:
                return BY_GUARANTEE, deadline, tag, child
            heappop(covered)
        waiting, eligible = self._ineligible, self._eligible
        while waiting and waiting[0][0] <= clock:
            tag, child, stamp = heappop(waiting)
            if stamps.get(child) == stamp:
                heappush(eligible, (self.keys[child].deadline, tag, child, stamp))
        while eligible:
            deadline, tag, child, stamp = eligible[0]
            if stamps.get(child) == stamp:
                return BY_ENTITLEMENT, deadline, tag, child
            heappop(eligible)
        pool = self._pool
        while pool:
            key, child, stamp = pool[0]
            if stamps.get(child) == stamp:
                return BY_POOL, key, 0, child
            heappop(pool)
        return None

    def order_of(self, child: DomainId, clock: int) -> Order:
        """Return the place of a child."""
        key = self.keys[child]
        if key.covered:
            return BY_GUARANTEE, key.deadline, key.tag, child
        if key.tag <= clock:
            return BY_ENTITLEMENT, key.deadline, key.tag, child
        return BY_POOL, key.pool_key, 0, child

    def orders(self, clock: int) -> Iterator[Order]:
        """Yield the places of all children, in no order."""
        return (self.order_of(child, clock) for child in self.keys)

    def standing(self, clock: int) -> Iterator[tuple[Order, JobId, int]]:
        """Yield the place of each child with the job and the units of its next run, in no order."""
        return ((self.order_of(child, clock), key.job_id, key.units) for child, key in self.keys.items())

    def _clean(self, clock: int) -> None:
        for heap in (self._covered, self._eligible, self._ineligible, self._pool):
            heap.clear()
        for child, key in self.keys.items():
            stamp = self._stamps[child]
            if key.covered:
                self._covered.append((key.deadline, key.tag, child, stamp))
            elif key.tag <= clock:
                self._eligible.append((key.deadline, key.tag, child, stamp))
            else:
                self._ineligible.append((key.tag, child, stamp))
                self._pool.append((key.pool_key, child, stamp))
        heapify(self._covered)
        heapify(self._eligible)
        heapify(self._ineligible)
        heapify(self._pool)
