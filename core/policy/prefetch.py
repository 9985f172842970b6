"""Prefetched leases: which waits behind which, and behind which one more may wait (docs/fairness.md, *Prefetch*).

A worker that is given its next lease before the last one ends never waits a round trip. A prefetched lease waits behind
one that runs there and asks for the same, and has that one's place as soon as it ends; one waits behind each. So what
is queued never keeps room from anything, needs no place to be found for it later, and is no more than what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ids import LeaseId, WorkerId
from ..limits import JOB_WORKERS_MAX, PREFETCH_US
from ..resources import Resources
from ..state import Lease
from .queues import ID_BITS, ID_MASK, KeyQueue, QueueKey


class PrefetchQueue:
    """The leases on workers that prefetch; only short ones, of at most ``PREFETCH_US``, have another behind them."""

    def __init__(self) -> None:
        self._ahead: dict[LeaseId, LeaseId] = {}  # of those that wait
        self._next: dict[LeaseId, LeaseId] = {}  # who waits behind whom
        self._short: dict[LeaseId, tuple[Lease, Resources]] = {}
        self._open: dict[Resources, KeyQueue] = {}  # by estimated end

    @property
    def is_full(self) -> bool:
        """Whether no lease may have another behind it."""
        return not self._open

    def waits(self, lease: Lease, request: Resources) -> None:
        """A lease was given that waits behind another."""
        self._ahead[lease.lease_id] = lease.behind
        self._next[lease.behind] = lease.lease_id
        self._note(lease, request)
        self._close(lease.behind)

    def started(self, lease: Lease, request: Resources) -> None:
        """A lease was given that has room."""
        self._note(lease, request)
        self._reopen(lease.lease_id)

    def withdraw(self, lease_id: LeaseId) -> bool:
        """A lease ended: if it still waited, forget it and return True."""
        ahead = self._ahead.pop(lease_id, None)
        if ahead is None:
            return False
        self._short.pop(lease_id, None)
        del self._next[ahead]
        self._reopen(ahead)
        return True

    def ended(self, lease_id: LeaseId) -> LeaseId | None:
        """A lease that had room ended: return the one that has its place now, or None."""
        self._close(lease_id)
        self._short.pop(lease_id, None)
        heir = self._next.pop(lease_id, None)
        if heir is not None:
            del self._ahead[heir]
            self._reopen(heir)
        return heir

    def find(
        self,
        request: Resources,
        at_us: int,
        admits: Callable[[WorkerId], bool],
        loaded: Sequence[WorkerId] = (),
    ) -> Lease | None:
        """Return the lease behind which ``request`` would wait least, or None.

        Of the first ``JOB_WORKERS_MAX`` that are admitted one on a worker that has the job loaded goes before others
        (row P24): what waits behind any of them waits for a short lease, and for no other. One that should have ended
        long ago has none behind it, as nobody knows when it will end.
        """
        ends = self._open.get(request)
        if ends is None:
            return None
        first: Lease | None = None
        left = JOB_WORKERS_MAX
        for key in ends.since(at_us - PREFETCH_US << ID_BITS):
            lease, _ = self._short[LeaseId(key & ID_MASK)]
            if not admits(lease.worker_id):
                continue
            if lease.worker_id in loaded:
                return lease
            first = first or lease
            left -= 1
            if not loaded or not left:
                break
        return first

    def summary(self) -> object:
        """Return all that matters, for comparison."""
        places = [(tuple(request.items()), tuple(ends)) for request, ends in self._open.items()]
        return sorted(self._ahead.items()), sorted(places)

    def _note(self, lease: Lease, request: Resources) -> None:
        if lease.estimate_us * lease.count <= PREFETCH_US:
            self._short[lease.lease_id] = lease, request

    def _reopen(self, lease_id: LeaseId) -> None:
        short = self._short.get(lease_id)
        if short is not None:
            lease, request = short
            ends = self._open.get(request)
            if ends is None:
                ends = self._open[request] = KeyQueue()
            ends.add(_end_key(lease))

    def _close(self, lease_id: LeaseId) -> None:
        """Let no other lease wait behind this one, which was open if it is short and none waits there already."""
        short = self._short.get(lease_id)
        if short is None:
            return
        ends = self._open.get(short[1])
        if ends is not None:
            ends.discard(_end_key(short[0]))
            if not ends:
                del self._open[short[1]]


def _end_key(lease: Lease) -> QueueKey:
    return lease.ends_us << ID_BITS | lease.lease_id
