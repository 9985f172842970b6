"""One worker's room, and one request that waits for room: what :mod:`.capacity` searches, and what it remembers."""

from __future__ import annotations

from ..ids import LeaseId
from ..resources import Resources
from ..state import Worker


class Free:
    """Amounts of resources that change in place."""

    __slots__ = ("cpu_milli", "generic", "mem_bytes")

    def __init__(self, amount: Resources) -> None:
        self.cpu_milli = amount.cpu_milli
        self.mem_bytes = amount.mem_bytes
        self.generic: dict[str, int] = dict(amount.generic)

    def copy(self) -> Free:
        """Return the same amounts, to change by themselves."""
        free = Free.__new__(Free)
        free.cpu_milli, free.mem_bytes = self.cpu_milli, self.mem_bytes
        free.generic = self.generic.copy()
        return free

    def fits(self, request: Resources) -> bool:
        """Whether ``request`` fits."""
        if request.cpu_milli > self.cpu_milli or request.mem_bytes > self.mem_bytes:
            return False
        return not request.generic or all(amount <= self.generic.get(name, 0) for name, amount in request.generic)

    def take(self, request: Resources) -> None:
        """Make ``request`` no longer free."""
        self.cpu_milli -= request.cpu_milli
        self.mem_bytes -= request.mem_bytes
        for name, amount in request.generic:
            self.generic[name] = self.generic.get(name, 0) - amount

    def give(self, request: Resources) -> None:
        """Make ``request`` free again."""
        self.cpu_milli += request.cpu_milli
        self.mem_bytes += request.mem_bytes
        for name, amount in request.generic:
            self.generic[name] = self.generic.get(name, 0) + amount

    def amount(self) -> Resources:
        """Return what is free as a value."""
        return Resources(
            self.cpu_milli, self.mem_bytes, tuple(sorted(item for item in self.generic.items() if item[1]))
        )


class Room:
    """One worker: what it has free, and the estimated ends of what it holds, soonest first."""

    __slots__ = ("at", "capacity", "ends", "free", "owner", "prefetch", "restricted", "until_us", "worker_id")

    def __init__(self, worker: Worker) -> None:
        self.worker_id = worker.worker_id
        self.capacity = worker.capacity
        self.until_us = worker.until_us
        self.prefetch = worker.prefetch
        self.owner = worker.owner
        self.restricted = worker.restricted
        self.free = Free(worker.capacity)
        self.ends: list[tuple[int, LeaseId, Resources]] = []
        self.at = -1  # position among the rooms that may be leased

    def outlives(self, end_us: int) -> bool:
        """Whether the worker lives until ``end_us``."""
        return self.until_us is None or end_us <= self.until_us

    def may_take(self, request: Resources, until_us: int | None) -> bool:
        """Whether ``request`` may be leased here now; unless ``until_us`` is None the worker has to live until then."""
        return self.at >= 0 and self.free.fits(request) and (until_us is None or self.outlives(until_us))


class Shape:
    """A request that something waits for, and how far the search for a worker has come.

    Attributes:
        room: What the last search found, or None.
        jobs: How many jobs wait with it, where whoever keeps the shape counts them.
    """

    __slots__ = ("at", "epoch", "jobs", "request", "room", "seen")

    def __init__(self, request: Resources) -> None:
        self.request = request
        self.epoch = -1
        self.at = 0
        self.seen = 0
        self.room: Room | None = None
        self.jobs = 0
