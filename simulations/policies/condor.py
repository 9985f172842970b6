"""HTCondor's user priorities and pie slices.

HTCondor manual, "User Priorities and Negotiation". The real priority of a user follows the processors that he holds,
pi(t) = beta pi(t - dt) + (1 - beta) rho, beta = 0.5 ** (dt / h), h a day; it begins at 0.5 and never falls below. The
effective priority is that times a factor, 1000 unless said otherwise; here 1000 / share. Smaller is better.

A pass is a negotiation cycle. The pool is divided into slices in proportion to 1 / effective priority among the users
who have something waiting; in the order of priority each is given work until it holds its slice; and with what is left
the pie is spun again, among those for whom there may still be something, until nothing more fits.

- *What is divided*: the manual says "the number of resources available at the moment". The negotiator's code
  (``calculateSubmitterLimit``) takes all slots, claimed ones too, less what the user holds already; and so it is here.
  Slots of users who have nothing waiting are in the pie, so that the slices may be more than is there to give; then the
  best priorities get all of theirs, and the last what is left.
- *Rounding*: who holds less than its slice gets one unit of each spin, however little is left of that slice. (The
  negotiator does so in the first spin alone, and leaves crumbs to its next cycle; here each spin is such a cycle.)
- *What does not fit* is passed over; nothing is ever reserved. Wide jobs wait until room happens to be there, which on
  a busy machine may be for ever.
- *Usage counts while it runs*, not in advance: a user with a good priority who submits much takes his whole slice at
  once, and pays later.
- *Trees* are ignored: users are the domains that submit. Preemption, ranks and group quotas are left out.

Floats, and a memory that is not in the state: for simulation only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final

from meted.core.commands import LeaseUnits
from meted.core.estimates import estimate_us, width_milli
from meted.core.ids import DomainId, JobId
from meted.core.policy.base import Index, Proposal, SimulationOnly
from meted.core.policy.queues import queued_job
from meted.core.policy.ranked import Passing, RankedIndex
from meted.core.policy.room import Room
from meted.core.state import Job, Lease, State
from meted.core.terms import Terms

from .fading import DAY_US, UsageBook

START: Final = 0.5
"""The real priority of a new user, and the least there is."""

FACTOR: Final = 1000.0


def pie_slices(priorities: Mapping[DomainId, float], pie: float) -> dict[DomainId, float]:
    """Return what each user may have of a pie, in proportion to 1 / effective priority."""
    whole = sum(1 / priority for priority in priorities.values())
    return {who: pie / priority / whole for who, priority in priorities.items()}


class CondorIndex(RankedIndex):
    """Users by effective priority."""

    by = "effective user priority"

    def __init__(self, state: State, half_life_us: int) -> None:
        self._book = UsageBook(half_life_us, START, START)
        super().__init__(state, "first-fit", examined_max=None)

    def priorities(self, at_us: int) -> dict[DomainId, float]:
        """Return the effective priorities of all who have something waiting, best first."""
        domains = self.state.domains.domains
        found = [(self._book.level(who, at_us) * FACTOR / domains[who].effective_share, who) for who in self.lines]
        return {who: priority for priority, who in sorted(found)}

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs of each user by priority, then submission, the user with the best priority first."""
        for who in self.priorities(at_us):
            for key in self.lines[who].keys:
                yield queued_job(key)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Spin the pie until nothing more is taken, and nobody more is found for whom nothing fits."""
        self.wake(at_us)
        passing, done = Passing(at_us), set[DomainId]()
        while self.fits_somewhere() and (yield from self._spin(passing, done)):
            pass

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """From now on the user holds more."""
        self._book.hold(terms.domain_id, self._width(terms), lease.leased_us)

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """From now on the user holds less, if the lease is over."""
        if is_over:
            self._book.hold(terms.domain_id, -self._width(terms), self.state.at_us)

    def _spin(self, passing: Passing, done: set[DomainId]) -> Generator[Proposal, None, bool]:
        """Offer each user what its slice is above what it holds; return whether the next spin can be another.

        ``done`` are those for whom nothing fits; who is found to be one is added.
        """
        users = {who: found for who, found in self.priorities(passing.at_us).items() if who not in done}
        spun = False
        for who, slice_milli in pie_slices(users, self.state.workers.capacity.cpu_milli).items():
            limit = slice_milli - self._book.held_milli(who)
            if limit <= 0:
                continue
            taken = 0
            while (found := self._wanted(who, limit - taken if taken else None, passing)) is not None:
                job, room = found
                count = self.run_count(job, estimate_us(self.state.jobs, job))
                taken += self._width(job.terms)
                yield LeaseUnits(passing.at_us, room.worker_id, job.job_id, count)
            if not taken:
                done.add(who)
            spun = True
        return spun

    def _wanted(self, who: DomainId, limit: float | None, passing: Passing) -> tuple[Job, Room] | None:
        """Return the first job of a user that fits a worker, and what is left of its slice; and the worker."""
        line = self.lines.get(who)
        if line is None or not self.fits_somewhere():
            return None
        for key in line.keys:
            job = self.state.jobs.jobs[queued_job(key)]
            if limit is not None and self._width(job.terms) > limit:
                continue
            room = self.room_for(job, passing)
            if room is not None and self.may_start(job):
                return job, room
        return None

    def _width(self, terms: Terms) -> int:
        return width_milli(terms.request, self.state.workers.capacity)


class Condor(SimulationOnly):
    """HTCondor's user priorities; ``half_life_us`` is ``PRIORITY_HALFLIFE``."""

    name = "condor"

    def __init__(self, half_life_us: int = DAY_US) -> None:
        self.half_life_us = half_life_us

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return CondorIndex(state, self.half_life_us)
