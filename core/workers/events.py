"""Events of workers: joined, out of touch, drained, lost, kept free. Re-exported by :mod:`meted.core.events`."""

from __future__ import annotations

from typing import ClassVar

from ..ids import DomainId, JobId, WorkerId
from ..record import record
from ..resources import Resources


@record
class WorkerJoined:
    """A worker that was not known connected with what it offers.

    Attributes:
        until_us: The end of its life, or None.
        prefetch: It may be given work before there is room for it, and starts what fits.
        owner: The domain whose machine it is, or 0.
        restricted: It takes nobody else's work.
    """

    tag: ClassVar[str] = "worker_joined"
    version: ClassVar[int] = 3
    at_us: int
    worker_id: WorkerId
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...]
    until_us: int | None
    prefetch: bool
    owner: DomainId
    restricted: bool


@record
class WorkerAway:
    """A worker is out of touch; unless it comes back by ``lost_at_us`` it counts as lost."""

    tag: ClassVar[str] = "worker_away"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    lost_at_us: int


@record
class WorkerBack:
    """A worker that was out of touch came back, and keeps what it holds."""

    tag: ClassVar[str] = "worker_back"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId


@record
class WorkerDrained:
    """The worker gets no more work (``draining``), or gets work again."""

    tag: ClassVar[str] = "worker_drained"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    draining: bool


@record
class WorkerLost:
    """The worker is gone for good; ``reason`` is ``left`` or ``timeout`` or what was reported."""

    tag: ClassVar[str] = "worker_lost"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    reason: str


@record
class WorkerReserved:
    """A worker is being emptied for one wide unit of a job, expected to fit by ``shadow_us``."""

    tag: ClassVar[str] = "worker_reserved"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId
    job_id: JobId
    shadow_us: int


@record
class ReservationEnded:
    """The worker is no longer kept free for a job."""

    tag: ClassVar[str] = "reservation_ended"
    version: ClassVar[int] = 1
    at_us: int
    worker_id: WorkerId


WorkerEvent = WorkerJoined | WorkerAway | WorkerBack | WorkerDrained | WorkerLost | WorkerReserved | ReservationEnded
