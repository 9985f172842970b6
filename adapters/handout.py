"""Leases that are committed and wait until their worker asks for them."""

from __future__ import annotations

from meted.core.effects import RunUnits
from meted.core.ids import LeaseId, WorkerId
from meted.core.spec import Spec

from .units import LeasedUnits


class Handout:
    """What each worker is to be given when it asks next. It holds no more than the workers' capacity admits."""

    def __init__(self) -> None:
        self._ready: dict[WorkerId, dict[LeaseId, LeasedUnits]] = {}

    def put(self, effect: RunUnits, spec: Spec) -> None:
        """Keep a lease for its worker."""
        self._ready.setdefault(effect.worker_id, {})[effect.lease_id] = LeasedUnits(
            effect.worker_id,
            effect.lease_id,
            effect.job_id,
            effect.first,
            effect.count,
            effect.attempt,
            spec,
            effect.time_limit_us,
        )

    def has(self, worker_id: WorkerId) -> bool:
        """Whether something waits for a worker."""
        return worker_id in self._ready

    def take(self, worker_id: WorkerId) -> list[LeasedUnits]:
        """Return what waits for a worker, in the order of the leases, and keep it no longer."""
        return list(self._ready.pop(worker_id, {}).values())

    def withdraw(self, worker_id: WorkerId, lease_id: LeaseId) -> LeasedUnits | None:
        """Take back a lease that was not handed out yet; None if it was."""
        waiting = self._ready.get(worker_id, {})
        lease = waiting.pop(lease_id, None)
        if lease is not None and not waiting:
            del self._ready[worker_id]
        return lease

    def drop(self, worker_id: WorkerId) -> None:
        """Forget all that waits for a worker, as it is gone."""
        self._ready.pop(worker_id, None)
