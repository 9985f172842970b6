"""What policies share that put jobs in an order and serve the first that fits.

A subclass says in which order it would serve the jobs that wait (:meth:`RankedIndex.order`), and sees every lease come
and go. What happens when the next in order does not fit is one of three rules, :data:`Fill`:

``strict``
    It stops the pass. Nothing overtakes it, and room may stay empty.
``first-fit``
    It is passed over. No room stays empty that something could use, and wide jobs may wait for ever.
``easy``
    The first that does not fit gets a reservation, anew in each pass; later ones start if they do not delay it (EASY
    backfilling, see :mod:`.easy`, over the policy's own order). Nothing waits for ever only because it is wide.

Cost: an order of domains is O(n) for each decision, n being the domains that have work waiting. While nothing fits, a
pass looks at each distinct request once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop
from itertools import chain, islice
from typing import Any, Literal, Protocol

from ..commands import EndReservation, LeaseUnits
from ..estimates import estimate_us, stay_us
from ..events import Event, UnitsFinished, UnitsLeased, UnitsReturned
from ..ids import DomainId, JobId
from ..limits import PASS_EXAMINED_MAX
from ..resources import Resources
from ..spans import total
from ..state import Job, Lease, State
from ..terms import Terms
from .base import Proposal
from .pool import PoolIndex
from .queues import KeyQueue, queue_key, queued_job
from .room import Room, Shape
from .shadow import Shadow, earliest

Fill = Literal["strict", "first-fit", "easy"]


class Rank(Protocol):
    """What domains are ranked by, least first: any numbers, as long as they are of one kind."""

    def __lt__(self, other: Any, /) -> bool:
        """Whether this goes before the other."""


class Passing:
    """What one pass has learnt; in a pass room only becomes less, so what did not fit need not be tried again."""

    __slots__ = ("at_us", "blocked", "examined", "is_over", "kept", "order", "served")

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us
        self.blocked: set[JobId] = set()
        self.examined = 0
        self.is_over = False
        self.kept: Shadow | None = None
        self.order: Iterator[JobId] | None = None
        self.served: JobId | None = None


class RankedIndex(PoolIndex):
    """The jobs that wait, by domain, and the pass over them.

    Attributes:
        fill: What happens when the next in order does not fit.
        reranks: Whether the order is asked for again after each lease, or once a pass.
        lines: The jobs of each domain that has some waiting, by priority, then submission.
        by: The rule of the order, in words that follow "by".
    """

    by = "the rule of this policy"
    reranks = True

    def __init__(self, state: State, fill: Fill, examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.fill = fill
        self.lines: dict[DomainId, KeyQueue] = {}
        self._examined_max = examined_max
        self._shapes: dict[Resources, Shape] = {}
        self._shape_of: dict[JobId, Shape] = {}
        super().__init__(state)
        for _, lease in sorted(state.jobs.leases.items()):
            self.lease_given(lease, state.jobs.jobs[lease.job_id].terms)

    # What a subclass says

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs that wait, in the order in which they should be served.

        Nothing changes meanwhile, unless :attr:`reranks` is false: then what is yielded is as it was at first.
        """
        raise NotImplementedError

    def may_start(self, job: Job) -> bool:
        """Whether a job may be served at all now, were there room; if not, it is passed over."""
        return not self.is_capped(job.terms.domain_id, job.terms.request)

    # What a subclass may follow

    def domain_waits(self, domain_id: DomainId, job: Job) -> None:
        """A domain that had nothing waiting has a job now."""

    def domain_rests(self, domain_id: DomainId) -> None:
        """A domain has nothing waiting any more."""

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """Units were leased; :attr:`state` is still the one before. Also called for each lease of the first state."""

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Units of a lease ended after ``run_us`` each, 0 for each that came back; ``is_over`` if those were the last.

        ``lease`` is as it was before.
        """

    # The pool

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; ``state`` is the state after it."""
        was = self.state.jobs
        if type(event) is UnitsLeased:
            self.lease_given(state.jobs.leases[event.lease_id], was.jobs[event.job_id].terms)
        super().update(event, state)
        if isinstance(event, UnitsFinished | UnitsReturned):
            lease = was.leases[event.lease_id]
            run_us = event.run_us if isinstance(event, UnitsFinished) else (0,) * total(event.spans)
            is_over = event.lease_id not in state.jobs.leases
            self.units_back(lease, was.jobs[lease.job_id].terms, run_us, is_over)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        if job.job_id in self._shape_of:
            return
        request, domain_id = job.terms.request, job.terms.domain_id
        shape = self._shapes.get(request)
        if shape is None:
            shape = self._shapes[request] = Shape(request)
        shape.jobs += 1
        self._shape_of[job.job_id] = shape
        line = self.lines.get(domain_id)
        if line is None:
            line = self.lines[domain_id] = KeyQueue()
            self.domain_waits(domain_id, job)
        line.add(queue_key(job))

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        shape = self._shape_of.pop(job.job_id, None)
        if shape is None:
            return
        shape.jobs -= 1
        if not shape.jobs:
            del self._shapes[shape.request]
        line = self.lines[job.terms.domain_id]
        line.discard(queue_key(job))
        if not line.keys:
            del self.lines[job.terms.domain_id]
            self.domain_rests(job.terms.domain_id)

    def job_moved(self, before: Job, after: Job) -> None:
        """Put a queued job where its priority belongs now."""
        if before.terms.priority != after.terms.priority and before.job_id in self._shape_of:
            line = self.lines[before.terms.domain_id]
            line.discard(queue_key(before))
            line.add(queue_key(after))

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases in order, by the rule for what does not fit."""
        self.wake(at_us)
        if self.capacity.reserved is not None:  # another policy kept it free
            yield EndReservation(at_us, self.capacity.reserved.worker_id)
        passing = Passing(at_us)
        while (found := self._next(passing)) is not None:
            job, room = found
            count = self.run_count(job, estimate_us(self.state.jobs, job))
            kept = passing.kept
            if kept is not None and room is kept.room:
                kept.admit(job.terms.request, at_us + stay_us(self.state.jobs, job) * count)
            yield LeaseUnits(at_us, room.worker_id, job.job_id, count)

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), [(domain_id, list(line.keys)) for domain_id, line in sorted(self.lines.items())]

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job; jobs that are passed over do not count."""
        first, count = 0, 0
        for other in islice(self.order(self.now_us), PASS_EXAMINED_MAX):
            if other == job_id:
                break
            if self._is_servable(self.state.jobs.jobs[other]):
                first, count = first or other, count + 1
        if not count:
            return f"It is first by {self.by}."
        jobs = "1 job is" if count == 1 else f"{count} jobs are"
        return f"{jobs} ahead of it by {self.by}, job {first} first."

    def fits_somewhere(self) -> bool:
        """Whether any request that waits fits a worker now."""
        return any(self.capacity.find(shape) is not None for shape in self._shapes.values())

    def room_for(self, job: Job, passing: Passing) -> Room | None:
        """Return a worker where a unit of a job that waits may start now, or None."""
        request, until_us = job.terms.request, self.needs_until_us(job)
        room = self.capacity.find(self._shape_of[job.job_id], until_us)
        kept = passing.kept
        if room is None or kept is None or room is not kept.room:
            return room
        jobs = self.state.jobs
        count = self.run_count(job, estimate_us(jobs, job))
        if kept.admits(request, passing.at_us + stay_us(jobs, job) * count):
            return room
        return self.capacity.find_behind(room, request, until_us)

    def _next(self, passing: Passing) -> tuple[Job, Room] | None:
        """Return what to lease next and where, or None if the pass is over."""
        if passing.is_over or not self.fits_somewhere():
            return None
        if self.reranks:
            return self._first(self.order(passing.at_us), passing)
        if passing.order is None:
            passing.order = self.order(passing.at_us)
        again = () if passing.served is None else (passing.served,)
        found = self._first(chain(again, passing.order), passing)
        passing.served = None if found is None else found[0].job_id
        return found

    def _first(self, order: Iterator[JobId], passing: Passing) -> tuple[Job, Room] | None:
        jobs, blocked = self.state.jobs.jobs, passing.blocked
        is_first_fit = self.fill == "first-fit"
        for job_id in order:
            shape = self._shape_of.get(job_id)
            if shape is None or job_id in blocked:
                continue
            is_full = self.capacity.find(shape) is None
            if is_full and (is_first_fit or passing.kept is not None):
                continue  # most do not fit, and need no closer look
            passing.examined += 1
            if self._examined_max is not None and passing.examined > self._examined_max:
                break
            job = jobs[job_id]
            if not is_full and self.may_start(job) and (room := self.room_for(job, passing)) is not None:
                return job, room
            blocked.add(job_id)
            if not is_first_fit and passing.kept is None and self._is_servable(job):
                if self.fill == "strict":
                    break
                candidates, stay = self.capacity.candidates(), stay_us(self.state.jobs, job)
                passing.kept = earliest(candidates, job.terms.request, passing.at_us, stay)
        passing.is_over = True
        return None

    def _is_servable(self, job: Job) -> bool:
        return self.may_start(job) and self.capacity.could_hold(job.terms.request, self.needs_until_us(job) or 0)


class DomainRankedIndex(RankedIndex):
    """Domains by a rank, least first, and the jobs of each in turn; in a tree level by level, from the top."""

    def rank(self, domain_id: DomainId) -> Rank:
        """Return the rank of a domain among those beside it, on whatever level; ties go to the lower id."""
        raise NotImplementedError

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs of the domain that ranks first, by priority, then submission; then those of the next."""
        ranked = [(self._path(domain_id), domain_id) for domain_id in self.lines]
        heapify(ranked)
        while ranked:
            _, domain_id = heappop(ranked)
            for key in self.lines[domain_id].keys:
                yield queued_job(key)

    def _path(self, domain_id: DomainId) -> tuple[tuple[Rank, DomainId], ...]:
        if not self.state.domains.domains[domain_id].parent:
            return ((self.rank(domain_id), domain_id),)
        above = self.state.domains.path(domain_id)
        return tuple((self.rank(who), who) for who in (*reversed(above), domain_id))
