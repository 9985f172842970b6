"""What has changed, for everybody who follows a table, up to which position of the log.

Changes are gathered and told together every ``TELL_S``, so that their cost does not grow with the number of batches;
what is told is true at the position that stands beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import trio

from meted.core.events import (
    Event,
    UnitsFinished,
    UnitsRecalled,
    UnitsReturned,
    WorkerAway,
    WorkerBack,
    WorkerDrained,
    WorkerJoined,
    WorkerLost,
)
from meted.core.ids import DomainId, JobId, WorkerId
from meted.core.offers import is_too_large, largest_offers
from meted.core.record import record
from meted.core.resources import Resources
from meted.core.state import State

from ..credit_alarms import AlarmView, alarm_views, alarms_in
from ..loan_news import LoanNews, loan_news
from ..views import JobView
from ..wire.limits import CHANGES_KEPT
from .rows import WorkerRow, job_row, worker_rows

TELL_S = 0.02
"""Changes are told at most so often."""

UNHEARD_S = 0.5
"""Changes that nobody follows are gathered so often."""


@record
class Change:
    """Jobs, workers, loans and alarms that changed since the change before this one.

    Attributes:
        seq: Position of the log up to which it goes.
        status: Number of the last word of a worker on what it has started; such words are not in the log.
        jobs, workers: Ids, ascending; of some there may be nothing left.
        loans: What became of loans, in order.
        alarms: Alarms of credit that were raised or cleared.
    """

    seq: int
    status: int
    jobs: tuple[JobId, ...]
    workers: tuple[WorkerId, ...]
    loans: tuple[LoanNews, ...] = ()
    alarms: tuple[str, ...] = ()


@record
class Rows:
    """What a change looks like: rows of what is there, ids of what is gone, and what became of loans and alarms."""

    jobs: list[JobView]
    workers: list[WorkerRow]
    gone_jobs: list[int]
    gone_workers: list[int]
    loans: Sequence[LoanNews]
    alarms: Sequence[AlarmView]


class Tables:
    """The tables of jobs and workers, as of the last batch that was published.

    Attributes:
        status: Counts the words of workers on what they have started.
    """

    def __init__(
        self,
        state: Callable[[], State],
        started: Callable[[JobId], int],
        switches: Callable[[WorkerId], int],
        *,
        is_alone: bool = False,
    ) -> None:
        """Show what a function returns.

        Args:
            state: Returns the state.
            started: Counts the leases of a job that have a unit running.
            switches: Counts how often a worker has changed from one job to another.
            is_alone: Whether every worker is out of touch, whatever the state says.
        """
        self.status = 0
        self._state = state
        self._started = started
        self._switches = switches
        self._is_alone = is_alone
        self._jobs: set[JobId] = set()
        self._workers: set[WorkerId] = set()
        self._loans: list[LoanNews] = []
        self._alarms: set[str] = set()
        self._kept: deque[Change] = deque()
        self._kept_ids = 0
        self._from_seq = state().seq  # what was before is not known here
        self._offers = largest_offers(state())  # by which jobs are held that no worker could hold
        self._dirty = trio.Event()
        self._told = trio.Event()
        self._followers: dict[object, Callable[[Change, Rows], None]] = {}
        self._listeners = 0
        self._heard = trio.Event()

    @property
    def state(self) -> State:
        """The state that the rows are of."""
        return self._state()

    def follow(self, events: Sequence[Event], first_seq: int, before: State, after: State) -> None:
        """Take note of a batch, of which ``first_seq`` is the first position, with the states before and after it."""
        touched(events, before, self._jobs, self._workers)
        if not _MOVES.isdisjoint(map(type, events)):
            self._look_at_workers(after)
        self._loans.extend(loan_news(events, first_seq, before, after))
        self._alarms.update(alarms_in(events))
        if self._jobs or self._workers or self._loans or self._alarms:
            self._dirty.set()

    def started(self, job_ids: Iterable[JobId]) -> None:
        """Take note that units of these jobs have started or are no longer known to run."""
        self._jobs.update(job_ids)
        self.status += 1
        self._dirty.set()

    def attach(self, follower: object, tell: Callable[[Change, Rows], None]) -> None:
        """Tell ``tell`` of every change from now on."""
        self._catch_up()
        self._followers[follower] = tell
        self._heard.set()

    def detach(self, follower: object) -> None:
        """Tell this follower nothing more."""
        self._followers.pop(follower, None)

    async def run(self) -> None:
        """Tell of changes, for ever."""
        while True:
            await self._dirty.wait()
            if not (self._followers or self._listeners):
                self._heard = trio.Event()
                with trio.move_on_after(UNHEARD_S):
                    await self._heard.wait()
                if not self._dirty.is_set():
                    continue
            change = self._gather()
            if self._followers:
                rows = self.rows(change)
                for tell in list(self._followers.values()):
                    tell(change, rows)
            told, self._told = self._told, trio.Event()
            told.set()
            await trio.sleep(TELL_S)

    async def changed(self) -> None:
        """Wait for the next change to be told."""
        self._listeners += 1
        self._heard.set()
        try:
            await self._told.wait()
        finally:
            self._listeners -= 1

    def since(self, seq: int, status: int | None = None) -> Change | None:
        """Return all that changed since a position, or None if that is too long ago to be known.

        Args:
            seq: The position.
            status: Up to which word of the workers the caller knows; without it, what was told at that very position
                counts as well.
        """
        self._catch_up()
        if seq < self._from_seq or seq > self.state.seq:
            return None
        jobs, workers, alarms = set(self._jobs), set(self._workers), set(self._alarms)
        loans = [self._loans]
        for change in reversed(self._kept):
            if change.seq < seq or (change.seq == seq and status is not None and change.status <= status):
                break
            jobs.update(change.jobs)
            workers.update(change.workers)
            alarms.update(change.alarms)
            loans.append(list(change.loans))
        told = tuple(news for part in reversed(loans) for news in part if news["told_seq"] > seq)
        rest = (told, tuple(sorted(alarms)))
        return Change(self.state.seq, self.status, tuple(sorted(jobs)), tuple(sorted(workers)), *rest)

    def rows(self, change: Change) -> Rows:
        """Return what a change looks like now."""
        state = self.state
        return Rows(
            self.job_rows(change.jobs, state),
            self.worker_rows(change.workers, state) if change.workers else [],
            [job_id for job_id in change.jobs if job_id not in state.jobs.jobs],
            [worker_id for worker_id in change.workers if worker_id not in state.workers.workers],
            change.loans,
            alarm_views(state, change.alarms) if change.alarms else [],
        )

    def job_rows(self, job_ids: Iterable[JobId], state: State) -> list[JobView]:
        """Return the rows, in a state, of those of the jobs that are there."""
        found = [(job_id, state.jobs.jobs.get(job_id)) for job_id in job_ids]
        offers = largest_offers(state) if found else frozenset()
        return [job_row(state, job, self._started(job_id), offers) for job_id, job in found if job is not None]

    def _catch_up(self) -> None:
        """Gather what nobody was there to be told of, so that it is news to nobody who comes now."""
        if self._dirty.is_set() and not (self._followers or self._listeners):
            self._gather()

    def worker_rows(self, worker_ids: Iterable[WorkerId], state: State) -> list[WorkerRow]:
        """Return the rows, in a state, of those of the workers that are there."""
        return worker_rows(state, worker_ids, self._switches, is_alone=self._is_alone)

    def _look_at_workers(self, after: State) -> None:
        """Where other workers are the largest now, take note of the jobs that are held or pending because of it."""
        before, self._offers = self._offers, largest_offers(after)
        if self._offers == before:
            return
        seen: dict[tuple[DomainId, Resources], bool] = {}
        for job_id, job in after.jobs.jobs.items():
            if job.outcome is not None or job.held or job.out:
                continue
            kind = job.terms.domain_id, job.terms.request
            if kind not in seen:
                seen[kind] = is_too_large(after, job, before) != is_too_large(after, job, self._offers)
            if seen[kind]:
                self._jobs.add(job_id)

    def _gather(self) -> Change:
        self._dirty = trio.Event()
        jobs, workers = tuple(sorted(self._jobs)), tuple(sorted(self._workers))
        change = Change(self.state.seq, self.status, jobs, workers, tuple(self._loans), tuple(sorted(self._alarms)))
        self._jobs.clear()
        self._workers.clear()
        self._loans.clear()
        self._alarms.clear()
        self._kept.append(change)
        self._kept_ids += _size(change)
        while self._kept_ids > CHANGES_KEPT and len(self._kept) > 1:
            oldest = self._kept.popleft()
            self._kept_ids -= _size(oldest)
            self._from_seq = oldest.seq
        return change


def _size(change: Change) -> int:
    return len(change.jobs) + len(change.workers) + len(change.loans) + len(change.alarms)


def _with(field: str) -> frozenset[type[Event]]:
    return frozenset(cls for cls in get_args(Event) if field in cls.__annotations__)


_OF_JOBS, _OF_WORKERS = _with("job_id"), _with("worker_id")
"""The events that name a job, and those that name a worker."""

_MOVES = frozenset({WorkerJoined, WorkerAway, WorkerBack, WorkerDrained, WorkerLost})
"""Events after which other workers may be the largest that take work."""


def touched(events: Sequence[Event], before: State, jobs: set[JobId], workers: set[WorkerId]) -> None:
    """Add the jobs and workers whose rows ``events`` change; ``before`` is the state before them."""
    jobs.update([event.job_id for event in events if type(event) in _OF_JOBS])  # type: ignore[union-attr]
    workers.update([event.worker_id for event in events if type(event) in _OF_WORKERS])  # type: ignore[union-attr]
    leases = before.jobs.leases
    for event in events:
        if type(event) is UnitsFinished or type(event) is UnitsReturned or type(event) is UnitsRecalled:
            lease = leases.get(event.lease_id)
            if lease is not None:  # else it was given in this very batch, and that event named both
                jobs.add(lease.job_id)
                workers.add(lease.worker_id)
