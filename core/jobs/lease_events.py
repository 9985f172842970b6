"""Events of leases: units given out, finished, returned, recalled. Re-exported by :mod:`meted.core.events`."""

from __future__ import annotations

from typing import ClassVar

from ..ids import JobId, LeaseId, Span, WorkerId
from ..record import record
from ..tags import Above, Fallen, Inner
from ..terms import Requeued


@record
class UnitsLeased:
    """A run of units of one job was given to a worker, and charged to the job's domain.

    Attributes:
        first, count: The units: ``count`` consecutive indices from ``first``.
        attempt, failures, losses: Which try of these units this is, and what became of the earlier ones.
        estimate_us: Estimated run time of one unit.
        size: What one unit is charged: its width in thousandths of a cpu times ``estimate_us``.
        charged: Which accounts were charged (docs/fairness.md), a sum of the bits of :mod:`.tags`.
        domain_tag, usage, epoch, clock, debt, inner, above: Where that leaves them; as in
            :class:`meted.core.tags.ChargeTags`.
        behind: The lease in whose place these units run once it has ended; 0 where there was room for them.
    """

    tag: ClassVar[str] = "units_leased"
    version: ClassVar[int] = 3
    at_us: int
    lease_id: LeaseId
    worker_id: WorkerId
    job_id: JobId
    first: int
    count: int
    attempt: int
    failures: int
    losses: int
    estimate_us: int
    size: int
    charged: int
    domain_tag: int
    usage: int
    epoch: int
    clock: int
    debt: int
    inner: Inner
    above: Above
    behind: LeaseId


@record
class UnitsFinished:
    """A worker reported units of a lease as run to their end, and the charge was settled with what they really took.

    Attributes:
        done: The units, as (first index, count) runs in ascending order.
        run_us: One run time a unit of ``done``, in the same order.
        exits: (index, exit code) of the units that did not succeed; a signal is its negative number.
        requeued: Those of ``exits`` that will be tried again.
        cancelled: Those of ``exits`` that ended because their job was stopped.
        domain_tag, usage, epoch, clock, debt, inner, above: As in :class:`UnitsLeased`, after the settlement.
        cpu_us, peak_bytes: Time on a cpu and most memory held, one a unit like ``run_us``; empty if nobody measured.
        used_cpu_us: What all this counts as cpu time used, by the priority of the job (row P09).
        fallen: The domains whose tags fell, as they had come while too much was charged.
    """

    tag: ClassVar[str] = "units_finished"
    version: ClassVar[int] = 4
    at_us: int
    lease_id: LeaseId
    done: tuple[Span, ...]
    run_us: tuple[int, ...]
    exits: tuple[tuple[int, int], ...]
    requeued: tuple[Requeued, ...]
    cancelled: tuple[Span, ...]
    domain_tag: int
    usage: int
    epoch: int
    clock: int
    debt: int
    inner: Inner
    above: Above
    cpu_us: tuple[int, ...]
    peak_bytes: tuple[int, ...]
    used_cpu_us: int
    fallen: tuple[Fallen, ...]


@record
class UnitsReturned:
    """Units of a lease came back unfinished, and their charge was refunded.

    Attributes:
        cause: ``returned`` by the worker before they started, or ``lost`` with the worker.
        spans: The units, as (first index, count) runs in ascending order.
        requeued: Those that will be tried again.
        failed: Those that were on too many lost workers.
        cancelled: Those whose job was stopped meanwhile.
        domain_tag, usage, epoch, clock, debt, inner, above: As in :class:`UnitsLeased`, after the refund.
        fallen: As in :class:`UnitsFinished`.
    """

    tag: ClassVar[str] = "units_returned"
    version: ClassVar[int] = 3
    at_us: int
    lease_id: LeaseId
    cause: str
    spans: tuple[Span, ...]
    requeued: tuple[Requeued, ...]
    failed: tuple[Span, ...]
    cancelled: tuple[Span, ...]
    domain_tag: int
    usage: int
    epoch: int
    clock: int
    debt: int
    inner: Inner
    above: Above
    fallen: tuple[Fallen, ...]


@record
class UnitsRecalled:
    """The worker is asked to give back what it has not started of this lease (phase one of taking back)."""

    tag: ClassVar[str] = "units_recalled"
    version: ClassVar[int] = 1
    at_us: int
    lease_id: LeaseId


LeaseEvent = UnitsLeased | UnitsFinished | UnitsReturned | UnitsRecalled
