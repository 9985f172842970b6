"""The slice of workers."""

from __future__ import annotations

from immutables import Map

from ..ids import DomainId, JobId, WorkerId
from ..record import record
from ..resources import NOTHING, Resources


@record
class Worker:
    """One worker.

    Attributes:
        capacity: What it offers.
        labels: (name, value) pairs, sorted.
        joined_us: When it connected first.
        until_us: End of its life, or None.
        prefetch: It takes short work before there is room for it.
        owner: The domain whose machine it is and whose work goes first there, or 0.
        restricted: It takes nobody else's work (row P27).
        draining: It gets no more work.
        lost_at_us: If out of touch, when it will count as lost; else None.
        reserved_for: The job for a unit of which it is being emptied, or None.
        shadow_us: When that unit should fit, or None.
    """

    worker_id: WorkerId
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...]
    joined_us: int
    until_us: int | None
    prefetch: bool
    owner: DomainId = DomainId(0)
    restricted: bool = False
    draining: bool = False
    lost_at_us: int | None = None
    reserved_for: JobId | None = None
    shadow_us: int | None = None

    @property
    def is_leasable(self) -> bool:
        """Whether it may be given work now."""
        return self.lost_at_us is None and not self.draining


@record
class Workers:
    """The slice of workers; lost ones are not in it. ``capacity`` is the sum of what all of them offer."""

    workers: Map[WorkerId, Worker] = Map()
    capacity: Resources = NOTHING
    next_worker_id: int = 1
