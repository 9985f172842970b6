"""What may be asked of leases. Re-exported by :mod:`meted.core.commands`."""

from __future__ import annotations

from ..ids import DomainId, JobId, LeaseId, Span, WorkerId
from ..record import record


@record
class LeaseUnits:
    """Give up to ``count`` units of a job to a worker: what a policy proposes.

    Attributes:
        covered: Which of the domains on the way from the job to the top hold less than their guarantee of what it asks
            for, or own the machine: bit 0 is the job's own domain, bit 1 the one that it is in, and so on.
        behind: Prefetch: the lease of that worker, of the same request, in whose place the units run next; 0 is none.
        donors: Under karma, the domains to look at for what they donate, in this order.
    """

    at_us: int
    worker_id: WorkerId
    job_id: JobId
    count: int = 1
    covered: int = 0
    behind: LeaseId = LeaseId(0)
    donors: tuple[DomainId, ...] = ()


@record
class FinishUnits:
    """A worker reports units as run to their end.

    Attributes:
        done: The units as (first index, count) runs in ascending order.
        run_us: One run time a unit, in that order.
        exits: (index, exit code) of those that did not succeed, ascending.
        results: (index, bytes) of those that have a result to keep; not part of the state.
        cpu_us, peak_bytes: Time on a cpu and most memory held, one a unit like ``run_us``; empty if nobody measured.
    """

    at_us: int
    worker_id: WorkerId
    lease_id: LeaseId
    done: tuple[Span, ...]
    run_us: tuple[int, ...]
    exits: tuple[tuple[int, int], ...] = ()
    results: tuple[tuple[int, bytes], ...] = ()
    cpu_us: tuple[int, ...] = ()
    peak_bytes: tuple[int, ...] = ()


@record
class ReturnUnits:
    """A worker gives back units that it has not started (phase two of taking back)."""

    at_us: int
    worker_id: WorkerId
    lease_id: LeaseId
    spans: tuple[Span, ...]


@record
class RecallUnits:
    """Ask a worker to give back what it has not started of a lease (phase one of taking back)."""

    at_us: int
    lease_id: LeaseId


LeaseCommand = LeaseUnits | FinishUnits | ReturnUnits | RecallUnits
