"""How often workers change from one job to another, which costs where a job has much to load (row P24).

It is counted from when the server started, and by what workers are given: a worker changes over when it is given units
of a job of which it holds none, and which is not the one that it was given last. Its first job is no change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from meted.core.ids import JobId, LeaseId, WorkerId
from meted.core.state import State


class Switches:
    """What each worker holds, which job it was given last, and how often it changed over."""

    def __init__(self, state: State) -> None:
        """Begin with what is out in ``state``."""
        self._leases: dict[LeaseId, tuple[WorkerId, JobId]] = {}
        self._held: dict[tuple[WorkerId, JobId], int] = {}
        self._last: dict[WorkerId, JobId] = {}
        self._counts: Counter[WorkerId] = Counter()
        for _, lease in sorted(state.jobs.leases.items()):
            self.given(lease.lease_id, lease.worker_id, lease.job_id)
        self._counts.clear()

    def of(self, worker_id: WorkerId) -> int:
        """Return how often a worker has changed over."""
        return self._counts[worker_id]

    def given(self, lease_id: LeaseId, worker_id: WorkerId, job_id: JobId) -> None:
        """A worker was given a lease."""
        pair = (worker_id, job_id)
        held = self._held.get(pair, 0)
        if not held and self._last.get(worker_id, job_id) != job_id:
            self._counts[worker_id] += 1
        self._leases[lease_id] = pair
        self._held[pair] = held + 1
        self._last[worker_id] = job_id

    def ended(self, lease_ids: Iterable[LeaseId]) -> None:
        """These leases have ended."""
        for lease_id in lease_ids:
            pair = self._leases.pop(lease_id, None)
            if pair is not None:
                left = self._held.pop(pair) - 1
                if left:
                    self._held[pair] = left

    def forget(self, worker_id: WorkerId) -> None:
        """A worker is gone for good."""
        self._last.pop(worker_id, None)
        self._counts.pop(worker_id, None)
