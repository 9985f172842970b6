"""The units of the jobs in a log, as its events are read: when each started, and how long it ran."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

import attrs

from meted.core.events import JobStarted, JobSubmitted, UnitsFinished, UnitsLeased, UnitsReturned
from meted.core.ids import JobId, LeaseId
from meted.core.spans import indices, total
from meted.core.terms import Terms

from .log_trace import NOT_RECORDED, LogCounts

_NEVER: Final = -1
"""The run time of a unit that has not run to its end."""


class JobRead:
    """One job as it is read: when it was submitted and where in the log, its terms, when its units started (first tries
    alone) and how long they ran, and which of them failed.
    """

    __slots__ = ("failed", "order", "run_us", "start_us", "submit_us", "terms")

    def __init__(self, terms: Terms, submit_us: int | None, order: int) -> None:
        self.terms = terms
        self.submit_us = submit_us
        self.order = order
        self.run_us = array("q")
        self.start_us = array("q")
        self.failed: set[int] = set()

    def run_times_us(self) -> array[int]:
        """Return how long each unit that ran to its end did."""
        return array("q", (time_us for time_us in self.run_us if time_us != _NEVER))

    def waits_us(self) -> array[int]:
        """Return how long each unit that ran to its end waited for its start."""
        return array("q", self._waits())

    def _waits(self) -> Iterator[int]:
        for start_us, run_us in zip(self.start_us, self.run_us, strict=True):
            if run_us != _NEVER:
                known = start_us != _NEVER and self.submit_us is not None
                yield max(0, start_us - (self.submit_us or 0)) if known else NOT_RECORDED


@attrs.define
class _Out:
    """A lease as it is read: its job, how many units are out, when it was leased, and whether it is their first try."""

    job: JobRead
    count: int
    leased_us: int
    is_first: bool


class UnitReader:
    """Follows jobs and the leases of their units.

    Attributes:
        jobs: What was read so far.
    """

    def __init__(self, counts: LogCounts) -> None:
        """Start with no event; attempts that are not simulated are counted in ``counts``."""
        self.jobs: dict[JobId, JobRead] = {}
        self._counts = counts
        self._leases: dict[LeaseId, _Out] = {}

    def submitted(self, event: JobSubmitted, order: int) -> None:
        """Take a new job; ``order`` is the place of the event in the log."""
        self.jobs[event.job_id] = JobRead(event.terms, None if event.held else event.at_us, order)

    def started(self, event: JobStarted, order: int) -> None:
        """Take note that a job which is known was released: it counts as submitted now."""
        self.jobs[event.job_id].submit_us = event.at_us
        self.jobs[event.job_id].order = order

    def take(self, event: UnitsFinished | UnitsLeased | UnitsReturned) -> None:
        """Take what became of units; what is of a job or lease that is not known is passed over."""
        match event:
            case UnitsFinished():
                self._finished(event)
            case UnitsLeased():
                if event.job_id in self.jobs:
                    is_first = not event.failures and not event.losses
                    self._leases[event.lease_id] = _Out(self.jobs[event.job_id], event.count, event.at_us, is_first)
            case UnitsReturned():
                if event.cause == "lost":
                    self._counts.lost += total(event.spans)
                self._came_back(event.lease_id, total(event.spans))

    def _finished(self, event: UnitsFinished) -> None:
        """Note the run times of units that have ended for good; those that are cancelled or run again have not."""
        if event.lease_id not in self._leases:
            return
        lease = self._leases[event.lease_id]
        job = lease.job
        again = set(indices((run.first, run.count) for run in event.requeued))
        not_counted = again | set(indices(event.cancelled))
        failed = {index for index, _ in event.exits}
        self._counts.retries += len(again)
        start_us = event.at_us - sum(event.run_us)
        for index, run_us in zip(indices(event.done), event.run_us, strict=True):
            began_us, start_us = max(start_us, lease.leased_us), start_us + run_us
            if index in not_counted:
                continue
            if index >= len(job.run_us):
                more = index + 1 - len(job.run_us)
                job.run_us.extend([_NEVER] * more)
                job.start_us.extend([_NEVER] * more)
            job.start_us[index] = began_us if lease.is_first and job.run_us[index] == _NEVER else _NEVER
            job.run_us[index] = max(run_us, 1)  # an instant is the least that can be simulated
            job.failed.discard(index)
            if index in failed:
                job.failed.add(index)
        self._came_back(event.lease_id, total(event.done))

    def _came_back(self, lease_id: LeaseId, count: int) -> None:
        if lease_id in self._leases:
            lease = self._leases[lease_id]
            lease.count -= count
            if lease.count <= 0:
                del self._leases[lease_id]
