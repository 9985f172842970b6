"""Conservative backfilling: whoever is submitted is given a place in time at once, and never a later one.

Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12(6), 2001; Feitelson and Weil,
IPPS 1998. A job's place is the earliest at which enough is free, beside what runs and all places given before, for as
long as it is estimated to take. So what comes later may start sooner, where it delays nobody who came before. When
something has ended, the plan is *compressed*: each job that waits, in the order of the queue, moves to the earliest
place that is then free beside all others' places, if that is earlier than its own.

Promise: where nothing runs longer than its estimate and no worker is lost or drained, a job starts no later than at the
place that it was given first, and no compression makes a place later. (A pass that is late is as late as it is.)

Quirks that matter when schedules are compared. What ends at an instant is free for what begins then. One compression
is one round over the queue, not repeated until nothing moves; the first pass after an end begins with one. (Planning
anew without the old places would break promises: a wide job that moves forward may take the place of one behind it.)
Where somebody has lost their place to a cap (below), a place may come when nothing else happens; it then has a pass of
its own.

Places are facts: a pass proposes what changes of them, before anything is leased that rests on it, and the event that
follows is remembered (:mod:`.placing`). So a promise outlives the index that gave it.

Beyond the literature: where a job has several units, the next run of them has a place, and the one after it is given
one when that has started. With several workers the earliest place on any counts, ties going to the lower id. Where
somebody cannot start at their place since something overran its estimate, that is taken to need as long again as it has
had, and everybody is given a place anew; so too where a worker is lost or drained. One that is out of touch keeps its
places; one that comes is as if something had ended there. A job whose domain is at its cap has no place until something
ends.

A live pool bounds this, and is patient. At most ``depth`` jobs have a place; the next in the queue is given one when
another has started. And nothing there happens at the very moment: whoever finds their place not free yet waits for
``slack_us`` before everybody is given a place anew, and who starts late holds in the plan what the place was, as if in
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from ...commands import EndReservation, LeaseUnits
from ...estimates import estimate_us
from ...ids import DomainId, JobId
from ...jobs.places import FORWARD
from ...limits import PASS_EXAMINED_MAX, PLACE_SLACK_US, PLACES_CHANGED_MAX, PLACES_MAX, PRIORITY_MAX, SECOND_US
from ...state import Job, State
from ..base import Proposal
from ..memory import Remembering
from ..queues import ID_BITS, QueueKey, queued_job
from ..room import Shape
from .place_memory import NEW_GAPS, Places
from .telling import TellingIndex

_FIRST_KEY: Final = (-1 - PRIORITY_MAX) << ID_BITS
"""It comes before all jobs."""

_Kind = tuple[DomainId, Shape, int | None]


class ConservativeIndex(TellingIndex):
    """Gives places, moves them forward, and leases what has come to its place."""

    def __init__(self, state: State, memory: Places | None, depth: int | None, slack_us: int) -> None:
        self._depth = depth
        self._slack_us = slack_us
        self._is_lost = False  # somebody cannot start at their place
        self._is_cut = depth is not None  # a pass, before all that may have a place had one; the first has yet to be
        super().__init__(state, memory)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield what changes of the places, and leases of what has come to its place."""
        self.wake(at_us)
        if self.capacity.reserved is not None:  # another policy kept it free
            yield EndReservation(at_us, self.capacity.reserved.worker_id)
        now_us = self.now_us
        self.begin()
        self._is_cut = False
        if not self.queue or not self.capacity.candidates():
            return
        if self.plan is None or (self.starts and self.starts[0][0] < now_us - self._slack_us):
            self.plan_anew(now_us)  # it was not followed where somebody's time has passed
        else:
            self.plan.forget(now_us)
            if self.gaps == NEW_GAPS and not self.is_still:
                yield from self._compress(now_us)
        yield from self._follow(now_us)
        if self._is_lost:
            self.plan_anew(now_us)
            yield from self._follow(now_us)
        yield from self.tell(now_us)

    def next_wake_us(self) -> int | None:
        """Return when the next place begins, or somebody has waited long enough, or the first back-off is over.

        Where a pass was over before all that may have a place had one, that is now.
        """
        due_us, starts = super().next_wake_us(), self.starts
        if not self.capacity.candidates():
            return due_us
        if self._is_cut and self.unplanned:
            return self.now_us
        if not starts:
            return due_us
        at = starts.bisect_left((self.now_us + 1, _FIRST_KEY))
        times_us = [starts[0][0] + self._slack_us] if at else []
        if at < len(starts):
            times_us.append(starts[at][0])
        return min(times_us) if due_us is None else min(due_us, *times_us)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on a job's place, and one on who is ahead of it."""
        sentence, place = super().ahead_of(job_id), self.places.get(job_id)
        if place is None:
            is_full = self._depth is not None and len(self.places) >= self._depth
            more = f", as {self._depth} others have one" if is_full else ""
            return f"{sentence} It has no place in the plan yet{more}."
        seconds = -(-max(0, place.start_us - self.now_us) // SECOND_US)
        return (
            f"It has a place on worker {place.room.worker_id} in {seconds} s, and starts then at the latest if nothing "
            f"runs longer than estimated. {sentence}"
        )

    def _follow(self, now_us: int) -> Iterator[Proposal]:
        """Start whoever has come to their place, and give places to those without; stop where the plan is lost."""
        self._is_lost = False
        if self.starts and self.starts[0][0] <= now_us:
            for _, key in list(self.starts.irange(maximum=(now_us + 1, _FIRST_KEY))):
                yield from self._serve(queued_job(key), now_us)
                if self._is_lost:
                    return
        if self.unplanned:
            yield from self._give(now_us)

    def _give(self, now_us: int) -> Iterator[Proposal]:
        """Give places to those without, in the order of the queue; the bounds are those of a live pool."""
        jobs, depth = self.state.jobs.jobs, self._depth
        if depth is None:
            for job_id in sorted(self.unplanned, key=lambda job_id: self.key_of(jobs[job_id])):
                yield from self._serve(job_id, now_us)
                if self._is_lost:
                    return
            return
        hopeless: set[_Kind] = set()
        key, looked = _FIRST_KEY, 0
        while len(self.places) < depth and len(hopeless) < PLACES_MAX:
            found = self._next_without(key, hopeless)
            if found is None:
                return
            key = found
            if looked > PASS_EXAMINED_MAX:
                self._is_cut = True
                return
            looked += len(self.capacity.rooms)
            job_id = queued_job(key)
            kind = self._kind(jobs[job_id])
            yield from self._serve(job_id, now_us)
            if self._is_lost:
                return
            if self.changed.get(job_id, key) is None:
                hopeless.add(kind)

    def _next_without(self, key: QueueKey, hopeless: set[_Kind]) -> QueueKey | None:
        """Return who is next, from some place in the queue on, to be given a place; None where nobody near is."""
        jobs = self.state.jobs.jobs
        for other in islice(self.queue.since(key), PASS_EXAMINED_MAX):
            job_id = queued_job(other)
            if job_id in self.unplanned and self._kind(jobs[job_id]) not in hopeless:
                return other
        return None

    def _kind(self, job: Job) -> _Kind:
        """Return what jobs have in common of which none can have a place in a pass if one cannot."""
        terms = job.terms
        return terms.domain_id, self.shape_of[job.job_id], terms.time_request_us if self.capacity.is_mortal else None

    def _serve(self, job_id: JobId, now_us: int) -> Iterator[Proposal]:
        """Start what a job may start now, and give the rest of it a place."""
        if len(self.changed) >= PLACES_CHANGED_MAX:
            yield from self.tell(now_us)
        while job_id in self.shape_of:
            job = self.state.jobs.jobs[job_id]
            terms = job.terms
            estimated_us = estimate_us(self.state.jobs, job)
            count = self.run_count(job, estimated_us)
            length_us = estimated_us * count
            known = place = self.places.get(job_id)
            if place is None:
                assert self.plan is not None
                place = self.plan.find(terms.request, length_us, count, now_us)
                if place is None:
                    self.despair(job)
                    return
                if place.start_us > now_us:
                    self.assign(job, place)
                    return
            elif place.start_us > now_us:
                return
            elif (length_us, count) != (place.end_us - place.start_us, place.count):
                self.give_up(job)  # by another estimate it is no longer as large as its place
                continue
            if self.is_capped(terms.domain_id, terms.request):
                self.despair(job)
                return
            if not place.room.may_take(terms.request, now_us + length_us):
                if now_us - place.start_us >= self._slack_us:
                    self._is_lost = True
                elif known is None:
                    self.assign(job, place)
                return
            if known is None and job_id in self.changed:
                self.assign(job, place)  # it had another, so this one is a fact before it is leased
            if self.has_news:
                yield from self.tell(now_us)
            yield LeaseUnits(now_us, place.room.worker_id, job_id, count)

    def _compress(self, now_us: int) -> Iterator[Proposal]:
        """Move every place forward as far as it goes, in the order of the queue."""
        assert self.plan is not None
        plan, jobs, places = self.plan, self.state.jobs.jobs, self.places
        self.is_still = True
        freed, plan.freed = plan.freed, set()
        among = sorted(freed)
        for key in sorted([key for _, key in self.starts]):
            job_id = queued_job(key)
            place = places[job_id]
            if place.start_us <= now_us:
                continue
            found = plan.earlier(place, now_us, among)
            if found is None:
                continue
            job = jobs[job_id]
            self.withdraw(job)
            self.assign(job, found)  # after which another may move
            self.is_still = False
            if place.room.worker_id not in freed:
                among = sorted(freed | plan.freed)
            if len(self.changed) >= PLACES_CHANGED_MAX:
                plan.freed |= freed  # as this round may end here
                yield from self.tell(now_us, FORWARD)
        yield from self.tell(now_us, FORWARD)


class Conservative(Remembering):
    """First come, first served, where everybody has a place.

    ``depth`` bounds how many have one, None not at all, for simulations; ``slack_us`` is how long somebody waits at
    their place for what is late to be free.
    """

    name = "conservative"
    remembers = Places

    def __init__(self, depth: int | None = PLACES_MAX, slack_us: int = PLACE_SLACK_US) -> None:
        self.depth = depth
        self.slack_us = slack_us

    def index(self, state: State, memory: Places | None = None) -> ConservativeIndex:
        """Return an index of ``state`` with what is remembered there."""
        return ConservativeIndex(state, memory, self.depth, self.slack_us)
