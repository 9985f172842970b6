"""EASY++: EASY backfilling by predicted run times in place of what users ask for, the shortest prediction first.

Tsafrir, Etsion and Feitelson, "Backfilling using system-generated predictions rather than user runtime estimates",
IEEE TPDS 18(6), 2007. A job is predicted to run for the mean of the last two runs of its user, and no longer than it
asks for; where fewer have ended, for what it asks for. By that the head is given its shadow time, and the jobs behind
it are tried, shortest first, whether they end by then. What is asked for remains the limit at which a job is killed.

A job that runs on at its predicted end has its prediction *corrected*: to 1 minute beyond the first prediction, then to
5, 15 and 30 minutes, 1, 2, 5, 10, 20, 50 and 100 hours beyond it, then to what it asks for, and never beyond that.

Promise: none. The head's shadow time moves away when a prediction is corrected, so others may delay it. (Where every
prediction is too long or right, the promise of EASY holds.)

Quirks that matter when schedules are compared:

- A prediction is made at submission and stays while the job waits.
- A mean is in whole seconds, rounded down. What ends at the instant of a submission is not known to that yet; what
  ended together counts in the order of the starts.
- Corrections cause no pass.
- Users are told apart within their domains; users that are not named are one user.

Run times, predictions and first ends are the policy's memory (:mod:`..memory`). How far a prediction has been corrected
by a time follows from these.

Beyond the literature: of a job with several units each unit is predicted, and a run of them takes as long as they do
together. Where nothing is asked for, a prediction has no bound, and a run that outlasts the last step counts as ending
now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from immutables import Map
from sortedcontainers import SortedList

from ...estimates import stay_us
from ...events import DomainRemoved, Event, UnitsFinished, UnitsLeased, UnitsReturned
from ...ids import JobId, LeaseId
from ...limits import PASS_EXAMINED_MAX, SECOND_US
from ...record import record
from ...state import Job, State
from ..base import Proposal
from ..easy import EasyIndex
from ..memory import MemoryIndex, Remembering
from .run_history import LastRuns, RunHistory, User

STEPS_S: Final = (60, 300, 900, 1_800, 3_600, 7_200, 18_000, 36_000, 72_000, 180_000, 360_000)
"""How far a prediction is corrected beyond the first one, in seconds."""


@record
class FirstEnd:
    """When a lease began, how long it was predicted to take first, and how long it may take, if there is a limit."""

    start_us: int
    first_us: int
    limit_us: int | None


@record
class Predictions:
    """What is remembered.

    Attributes:
        users: The last runs of each user.
        jobs: How long a unit of each job that waits is predicted to run, microseconds.
        leases: What was predicted of each lease at first.
    """

    users: Map[User, LastRuns] = Map()
    jobs: Map[JobId, int] = Map()
    leases: Map[LeaseId, FirstEnd] = Map()


class Run:
    """A lease: when it began, how long it was predicted to take first, and when it is taken to end now."""

    __slots__ = ("ends_us", "first_us", "limit_us", "start_us")

    def __init__(self, start_us: int, first_us: int, limit_us: int | None) -> None:
        self.start_us = start_us
        self.first_us = first_us
        self.limit_us = limit_us
        self.ends_us = start_us + first_us

    def corrected_us(self, *, steps: bool) -> int:
        """Return the next later end that it is taken to have; where there is none, the one that it has."""
        beyond_s = (self.ends_us - self.start_us - self.first_us) // SECOND_US
        place = bisect_right(STEPS_S, beyond_s) if steps else len(STEPS_S)
        if place == len(STEPS_S):
            return self.ends_us if self.limit_us is None else self.start_us + self.limit_us
        length_us = self.first_us + STEPS_S[place] * SECOND_US
        return self.start_us + (length_us if self.limit_us is None else min(length_us, self.limit_us))


class EasyPlusPlusIndex(MemoryIndex, EasyIndex):
    """The queue by submission, with a second order, by predicted run time, for those behind the head.

    Attributes:
        predicted: What is known of each lease.
        shortest: The jobs that wait, by priority, then by prediction.
    """

    def __init__(
        self, state: State, memory: Predictions | None, *, shortest: bool, steps: bool, depth: int | None
    ) -> None:
        known = Predictions() if memory is None else memory
        self._by_length = shortest
        self._steps = steps
        self.history = RunHistory(known.users)
        self.predicted: dict[LeaseId, Run] = {}
        self._predicted_us, self._first_ends = known.jobs, known.leases
        self.shortest: SortedList[tuple[int, int, JobId]] = SortedList()
        self._is_recalling = memory is not None  # how long what waits will run is remembered
        super().__init__(state, depth)
        self._is_recalling = False
        for lease_id, end in sorted(known.leases.items()):
            run = self.predicted[lease_id] = Run(end.start_us, end.first_us, end.limit_us)
            self.capacity.expect(lease_id, run.ends_us)

    def remembered(self) -> Predictions:
        """Return run times and predictions as they are."""
        return Predictions(self.history.users, self._predicted_us, self._first_ends)

    def job_ready(self, job: Job) -> None:
        """Queue a job, and predict how long it will run."""
        if job.job_id not in self.shape_of:
            if self._is_recalling:
                self.shortest.add(self._place(job))
            else:
                self.predict(job, self.state.at_us)
        super().job_ready(job)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        if job.job_id in self.shape_of:
            self.forget(job)
        super().job_done(job)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Correct what runs on, then yield leases as under EASY."""
        self.correct(at_us)
        yield from super().proposals(at_us)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``: what is leased is predicted to end, and what has ended is learnt from."""
        self.wake(event.at_us)
        was = self.state
        length_us = 0
        match event:
            case UnitsLeased():
                length_us = self.length_us(was.jobs.jobs[event.job_id]) * event.count
            case UnitsFinished():
                self.finished(event, user_of(was.jobs.jobs[was.jobs.leases[event.lease_id].job_id]))
            case DomainRemoved():
                self.history.forget(event.domain_id)
            case _:
                pass
        super().update(event, state)
        match event:
            case UnitsLeased():
                wanted_us = state.jobs.jobs[event.job_id].terms.time_request_us
                limit_us = None if wanted_us is None else wanted_us * event.count
                run = self.predicted[event.lease_id] = Run(event.at_us, length_us, limit_us)
                self._first_ends = self._first_ends.set(event.lease_id, FirstEnd(event.at_us, length_us, limit_us))
                self.capacity.expect(event.lease_id, run.ends_us)
            case UnitsFinished() | UnitsReturned():
                if event.lease_id not in state.jobs.leases and self.predicted.pop(event.lease_id, None) is not None:
                    self._first_ends = self._first_ends.delete(event.lease_id)
            case _:
                pass

    def length_us(self, job: Job) -> int:
        """Return how long a unit of a job is predicted to run."""
        return self._predicted_us[job.job_id]

    def in_turn(self, job_ids: Iterable[JobId]) -> list[JobId]:
        """Return some jobs of the queue in the order in which to try them."""
        if not self._by_length:
            return super().in_turn(job_ids)
        jobs = self.state.jobs.jobs
        return sorted(job_ids, key=lambda job_id: self._place(jobs[job_id]))

    def behind(self, head: Job, depth: int | None) -> list[JobId]:
        """Return the first ``depth`` jobs but ``head`` in that order; None: all."""
        if not self._by_length:
            return super().behind(head, depth)
        first = islice(self.shortest, None if depth is None else depth + 1)
        return [job_id for _, _, job_id in first if job_id != head.job_id][:depth]

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew of state and memory."""
        self.correct(self.now_us)
        return super().summary(), self.remembered(), list(self.shortest)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job, and how long it is predicted to run."""
        predicted_us = self._predicted_us.get(job_id)
        known = "" if predicted_us is None else f" It is predicted to run for {predicted_us // SECOND_US} s."
        return super().ahead_of(job_id) + known

    def finished(self, event: UnitsFinished, user: User) -> None:
        """Units of a user have ended: learn from it."""
        self.history.learn(user, event.lease_id, event.run_us, event.at_us)

    def predict(self, job: Job, before_us: int) -> None:
        """Predict how long a job that waits will run, by what had ended before a time, and put it in its place."""
        predicted_us = self.history.mean_us(user_of(job), before_us)
        bound_us = job.terms.time_request_us
        if predicted_us is None:
            predicted_us = stay_us(self.state.jobs, job)
        elif bound_us is not None:
            predicted_us = min(predicted_us, bound_us)
        self._predicted_us = self._predicted_us.set(job.job_id, predicted_us)
        self.shortest.add(self._place(job))

    def forget(self, job: Job) -> None:
        """Forget what is predicted of a job."""
        self.shortest.remove(self._place(job))
        self._predicted_us = self._predicted_us.delete(job.job_id)

    def correct(self, at_us: int) -> None:
        """Expect all that still runs to run on; what comes out hangs on the time alone, and not on when it was done."""
        for room in self.capacity.rooms.values():
            while room.ends and room.ends[0][0] <= at_us:
                lease_id = room.ends[0][1]
                run = self.predicted.get(lease_id)
                if run is None or not self.lengthen(lease_id, run):
                    break

    def lengthen(self, lease_id: LeaseId, run: Run) -> bool:
        """Expect a lease to end at the next later time; return whether there is one."""
        ends_us = self.corrected_us(run)
        if ends_us == run.ends_us:
            return False
        run.ends_us = ends_us
        self.capacity.expect(lease_id, ends_us)
        return True

    def corrected_us(self, run: Run) -> int:
        """Return the next later end that a lease is taken to have; where there is none, the one that it has."""
        return run.corrected_us(steps=self._steps)

    def _place(self, job: Job) -> tuple[int, int, JobId]:
        return -job.terms.priority, self._predicted_us[job.job_id], job.job_id


def user_of(job: Job) -> User:
    """Return whose job it is."""
    return job.terms.domain_id, job.terms.user


class EasyPlusPlus(Remembering):
    """EASY by predicted run times.

    With ``shortest`` the shortest prediction is tried first behind the head, else the order is that of the queue. With
    ``steps`` a prediction is corrected step by step, else at once to what is asked for. ``depth`` bounds how many jobs
    behind the head a pass looks at, None not at all, for simulations.
    """

    name = "easy++"
    remembers = Predictions

    def __init__(self, shortest: bool = True, steps: bool = True, depth: int | None = PASS_EXAMINED_MAX) -> None:
        self.shortest = shortest
        self.steps = steps
        self.depth = depth

    def index(self, state: State, memory: Predictions | None = None) -> EasyPlusPlusIndex:
        """Return an index of ``state`` with what is remembered there."""
        return EasyPlusPlusIndex(state, memory, shortest=self.shortest, steps=self.steps, depth=self.depth)
