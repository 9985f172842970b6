"""What may be asked of workers. Re-exported by :mod:`meted.core.commands`."""

from __future__ import annotations

from ..ids import JobId, LeaseId, Span, WorkerId
from ..limits import ADOPT_GRACE_US
from ..record import record
from ..resources import Resources


@record
class JoinWorker:
    """A new worker connects with what it offers.

    Attributes:
        prefetch: It takes short work before there is room for it.
        owner: The domain whose machine it is, by name; its work goes first there (row P24). Empty is nobody's.
        restricted: It takes nobody else's work (row P27).
    """

    at_us: int
    name: str
    capacity: Resources
    labels: tuple[tuple[str, str], ...] = ()
    until_us: int | None = None
    prefetch: bool = False
    owner: str = ""
    restricted: bool = False


@record
class RejoinWorker:
    """A known worker connects again and says which units of which leases it still holds (adoption).

    ``held`` has (lease, unit runs) pairs; of what the state believes to be there and the worker does not name,
    everything counts as lost.
    """

    at_us: int
    worker_id: WorkerId
    held: tuple[tuple[LeaseId, tuple[Span, ...]], ...]


@record
class MarkWorkerAway:
    """A worker's connection broke, or the server has just restarted.

    With ``anew`` a worker that is out of touch already has all of the grace once more.
    """

    at_us: int
    worker_id: WorkerId
    grace_us: int = ADOPT_GRACE_US
    anew: bool = False


@record
class DrainWorker:
    """Stop giving work to a worker and let it finish; ``draining`` false takes that back."""

    at_us: int
    worker_id: WorkerId
    draining: bool = True


@record
class LoseWorker:
    """A worker is gone for good: its leases are fenced and their units tried elsewhere (row P37).

    ``started`` has the (lease, unit runs) that had started, as far as known: only they count towards the poison
    limit. None means unknown: all count.
    """

    at_us: int
    worker_id: WorkerId
    reason: str
    started: tuple[tuple[LeaseId, tuple[Span, ...]], ...] | None = None


@record
class ReserveWorker:
    """Keep a worker free for a wide unit of a job: what a policy proposes."""

    at_us: int
    worker_id: WorkerId
    job_id: JobId
    shadow_us: int


@record
class EndReservation:
    """No longer keep a worker free: what a policy proposes."""

    at_us: int
    worker_id: WorkerId


WorkerCommand = JoinWorker | RejoinWorker | MarkWorkerAway | DrainWorker | LoseWorker | ReserveWorker | EndReservation
