"""Leases that a worker has been given ahead, and that wait for room."""

from __future__ import annotations

from meted.core.resources import Resources

from .held import HeldLease

WAITING_MAX_US = 1_000_000
"""A lease that has found no room for so long is given back: it was expected to start within a tenth of that."""

OVERTAKEN_MAX = 64
"""A lease that does not fit lets so many younger ones pass; then they wait for it."""


class WaitingLeases:
    """Leases that hold no room yet: the oldest one that fits is next.

    A small lease may pass a big one that does not fit now. The room would stand empty otherwise, and who is served
    first was decided when the leases were given: they are charged already, and the server gives ahead only a bounded
    amount. That alone would let a stream of small ones starve a big one for ever, so it is passed a bounded number of
    times; then the room that becomes free is kept for it.

    Leases of one request are one queue, so that finding the next costs what there are different requests.
    """

    def __init__(self) -> None:
        self._queues: dict[Resources, dict[int, HeldLease]] = {}
        self._overtaken: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __contains__(self, lease: HeldLease) -> bool:
        return lease.arrival in self._queues.get(lease.given.request, {})

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def add(self, lease: HeldLease) -> None:
        """Let a lease wait behind those that came before it."""
        self._queues.setdefault(lease.given.request, {})[lease.arrival] = lease

    def discard(self, lease: HeldLease) -> None:
        """Let a lease wait no longer; nothing happens if it does not."""
        queue = self._queues.get(lease.given.request, {})
        if queue.pop(lease.arrival, None) is not None and not queue:
            del self._queues[lease.given.request]
        self._overtaken.pop(lease.arrival, None)

    @property
    def due_us(self) -> int | None:
        """When the lease that has waited longest has waited too long, or None if none waits."""
        if not self._queues:
            return None
        heads = (next(iter(queue.values())) for queue in self._queues.values())
        return min(head.reported_us for head in heads) + WAITING_MAX_US

    def too_old(self, now_us: int) -> list[int]:
        """Return the leases that have waited too long."""
        return [
            lease.given.lease_id
            for queue in self._queues.values()
            for lease in queue.values()
            if lease.reported_us + WAITING_MAX_US <= now_us
        ]

    def take(self, room: Resources) -> HeldLease | None:
        """Return the lease that starts next in so much room, which waits no longer, or None."""
        oldest = fitting = None
        for request, queue in self._queues.items():
            head = next(iter(queue.values()))
            if oldest is None or head.arrival < oldest.arrival:
                oldest = head
            if (fitting is None or head.arrival < fitting.arrival) and request.fits(room):
                fitting = head
        if oldest is None or fitting is None:
            return None
        if fitting is not oldest:
            passed = self._overtaken.get(oldest.arrival, 0) + 1
            if passed > OVERTAKEN_MAX:
                return None
            self._overtaken[oldest.arrival] = passed
        self.discard(fitting)
        return fitting
