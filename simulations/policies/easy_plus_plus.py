"""EASY++: EASY backfilling by predicted run times in place of what users ask for, the shortest prediction first.

Tsafrir, Etsion and Feitelson, "Backfilling using system-generated predictions rather than user runtime estimates",
IEEE TPDS 18(6), 2007. A job is predicted to run for the mean of the last two runs of its user, and no longer than it
asks for; where fewer have ended, for what it asks for. By that the head is given its shadow time, and the jobs behind
it are tried, shortest first, whether they end by then. What is asked for remains the limit at which a job is killed.

A job that runs on at its predicted end has its prediction *corrected*: to 1 minute beyond the first prediction, then to
5, 15 and 30 minutes, 1, 2, 5, 10, 20, 50 and 100 hours beyond it, then to what it asks for, and never beyond that.

Promise: none. The head's shadow time moves away when a prediction is corrected, so others may delay it. (Where every
prediction is too long or right, the promise of EASY holds.)

Quirks that matter when schedules are compared, as in the study of SC'15 (Gaussier, Glesser, Reis and Trystram,
"Improving backfilling by using machine learning to predict running times"), whose schedules come out equal:

- A prediction is made at submission and stays while the job waits; ``renew`` makes it anew in each pass. The first
  simulator of EASY++ did that, and went to what was asked for at the first correction (``steps=no``).
- A mean is in whole seconds, rounded down. What ends at the instant of a submission is not known to that yet; what
  ended together counts in the order of the starts. A renewed prediction knows all that has ended.
- Corrections come before all else of an instant, and cause no pass.
- The study tries another correction as well, which doubles a prediction and knows no bound (``double=yes``).
- Users are told apart within their domains; users that a trace does not know are one user.
- The study has a second policy with the same predictions, where those behind the head are tried in the order of the
  queue (``shortest=no``), and a job that does not fit when it is submitted causes no pass (``always=no``). With exact
  estimates such a pass finds nothing; here the head's shadow time may have moved away.

The index remembers run times and predictions, and the state does not, so it is for simulations alone.

Beyond the literature: of a job with several units each unit is predicted, and a run of them takes as long as they do
together. Where nothing is asked for, a prediction has no bound, and a run that outlasts the last step counts as ending
now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import attrs
from sortedcontainers import SortedList

from meted.core.estimates import stay_us
from meted.core.events import Event, JobSubmitted, UnitsFinished, UnitsLeased, UnitsReturned
from meted.core.ids import JobId, LeaseId
from meted.core.limits import SECOND_US
from meted.core.policy.base import Index, Proposal, SimulationOnly
from meted.core.policy.easy import EasyIndex
from meted.core.state import Job, State

from .run_history import RunHistory, User

STEPS_S: Final = (60, 300, 900, 1_800, 3_600, 7_200, 18_000, 36_000, 72_000, 180_000, 360_000)
"""How far a prediction is corrected beyond the first one, in seconds."""


@attrs.frozen
class Predicting:
    """How it is predicted and corrected, and who is tried when.

    Attributes:
        shortest: Behind the head the shortest prediction is tried first; else the order is that of the queue.
        renew: Predictions are made anew in each pass for all that wait; else once, at submission.
        steps: A prediction is corrected step by step; else at once to what is asked for.
        double: A prediction is doubled at each correction, also beyond what is asked for; ``steps`` is of no account.
        always: There is a pass after each submission; else not where what was submitted does not fit.
    """

    shortest: bool = True
    renew: bool = False
    steps: bool = True
    double: bool = False
    always: bool = True


class Run:
    """A lease: when it began, how long it was predicted to take first, and when it is taken to end now."""

    __slots__ = ("ends_us", "first_us", "limit_us", "start_us")

    def __init__(self, start_us: int, first_us: int, limit_us: int | None) -> None:
        self.start_us = start_us
        self.first_us = first_us
        self.limit_us = limit_us
        self.ends_us = start_us + first_us

    def corrected_us(self, *, steps: bool, double: bool = False) -> int:
        """Return the next later end that it is taken to have; where there is none, the one that it has."""
        if double:
            return 2 * self.ends_us - self.start_us
        beyond_s = (self.ends_us - self.start_us - self.first_us) // SECOND_US
        place = bisect_right(STEPS_S, beyond_s) if steps else len(STEPS_S)
        if place == len(STEPS_S):
            return self.ends_us if self.limit_us is None else self.start_us + self.limit_us
        length_us = self.first_us + STEPS_S[place] * SECOND_US
        return self.start_us + (length_us if self.limit_us is None else min(length_us, self.limit_us))


class EasyPlusPlusIndex(EasyIndex):
    """The queue by submission, with a second order, by predicted run time, for those behind the head.

    Attributes:
        predicted: What is known of each lease.
        shortest: The jobs that wait, by priority, then by prediction.
    """

    def __init__(self, state: State, rules: Predicting) -> None:
        self._rules = rules
        self._history = RunHistory()
        self.predicted: dict[LeaseId, Run] = {}
        self._predicted_us: dict[JobId, int] = {}
        self._users: dict[User, set[JobId]] = {}  # jobs that wait
        self._changed: set[User] = set()  # users of whom more is known than in the last pass
        self._arrived: list[JobId] = []  # since the last pass
        self._has_ended = False  # whether anything has, since the last pass
        self._early: set[LeaseId] = set()  # what is about to end before its turn
        self._unheard: list[tuple[LeaseId, User, tuple[int, ...]]] = []  # what has ended so, and not been learnt from
        self.shortest: SortedList[tuple[int, int, JobId]] = SortedList()
        super().__init__(state, None)

    def job_ready(self, job: Job) -> None:
        """Queue a job, and predict how long it will run."""
        if job.job_id not in self.shape_of:
            self._predict(job, self.state.at_us)
            self._users.setdefault(_user_of(job), set()).add(job.job_id)
        super().job_ready(job)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        if job.job_id in self.shape_of:
            self._forget(job)
            waiting = self._users[_user_of(job)]
            waiting.discard(job.job_id)
            if not waiting:
                del self._users[_user_of(job)]
        super().job_done(job)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``: what is leased is predicted to end, and what has ended is learnt from."""
        was = self.state
        length_us = 0
        match event:
            case JobSubmitted():
                self._arrived.append(event.job_id)
            case UnitsLeased():
                length_us = self.length_us(was.jobs.jobs[event.job_id]) * event.count
            case UnitsFinished():
                self._finished(event, _user_of(was.jobs.jobs[was.jobs.leases[event.lease_id].job_id]))
            case _:
                pass
        super().update(event, state)
        match event:
            case UnitsLeased():
                wanted_us = state.jobs.jobs[event.job_id].terms.time_request_us
                limit_us = None if wanted_us is None else wanted_us * event.count
                run = self.predicted[event.lease_id] = Run(event.at_us, length_us, limit_us)
                self.capacity.expect(event.lease_id, run.ends_us)
            case UnitsFinished() | UnitsReturned():
                self._has_ended |= type(event) is UnitsReturned
                if event.lease_id not in state.jobs.leases:
                    self.predicted.pop(event.lease_id, None)
            case _:
                pass

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Correct what runs on, then yield leases as under EASY."""
        self._correct(at_us)
        if self._unheard and not self._arrived and not self._has_ended:
            self._learn(*self._unheard.pop(0), at_us)
        if self._rules.renew:
            self._renew(at_us)
        arrived, has_ended = self._arrived, self._has_ended
        self._arrived, self._has_ended = [], False
        if self._rules.always or has_ended or not arrived or any(self._fits(job_id) for job_id in arrived):
            yield from super().proposals(at_us)

    def length_us(self, job: Job) -> int:
        """Return how long a unit of a job is predicted to run."""
        return self._predicted_us[job.job_id]

    def is_expected(self, lease_id: LeaseId, at_us: int) -> bool:
        """Whether a lease that ends now was expected to; then it is learnt from in a pass of its own."""
        run = self.predicted[lease_id]
        while run.ends_us < at_us and self._lengthen(lease_id, run):
            pass
        if run.ends_us != at_us:
            return False
        self._early.add(lease_id)
        return True

    def in_turn(self, job_ids: Iterable[JobId]) -> list[JobId]:
        """Return some jobs of the queue in the order in which to try them."""
        if not self._rules.shortest:
            return super().in_turn(job_ids)
        jobs = self.state.jobs.jobs
        return sorted(job_ids, key=lambda job_id: self._place(jobs[job_id]))

    def behind(self, head: Job, depth: int | None) -> list[JobId]:
        """Return all jobs but ``head`` in that order."""
        if not self._rules.shortest:
            return super().behind(head, depth)
        return [job_id for _, _, job_id in self.shortest if job_id != head.job_id]

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), list(self.shortest)

    def ahead_of(self, job_id: JobId) -> str:
        """Return one sentence on who is ahead of a job, and how long it is predicted to run."""
        predicted_us = self._predicted_us.get(job_id)
        known = "" if predicted_us is None else f" It is predicted to run for {predicted_us // SECOND_US} s."
        return super().ahead_of(job_id) + known

    def _finished(self, event: UnitsFinished, user: User) -> None:
        if event.lease_id in self._early:
            self._early.discard(event.lease_id)
            self._unheard.append((event.lease_id, user, event.run_us))
        else:
            self._has_ended = True
            self._learn(event.lease_id, user, event.run_us, event.at_us)

    def _learn(self, lease_id: LeaseId, user: User, run_us: tuple[int, ...], at_us: int) -> None:
        self._history.learn(user, lease_id, run_us, at_us)
        self._changed.add(user)

    def _fits(self, job_id: JobId) -> bool:
        shape = self.shape_of.get(job_id)
        return shape is not None and self.capacity.find(shape) is not None

    def _place(self, job: Job) -> tuple[int, int, JobId]:
        return -job.terms.priority, self._predicted_us[job.job_id], job.job_id

    def _predict(self, job: Job, before_us: int) -> None:
        wanted_us = stay_us(self.state.jobs, job)
        mean_us = self._history.mean_us(_user_of(job), before_us)
        bound_us = job.terms.time_request_us
        if mean_us is None:
            self._predicted_us[job.job_id] = wanted_us
        else:
            self._predicted_us[job.job_id] = mean_us if bound_us is None else min(mean_us, bound_us)
        self.shortest.add(self._place(job))

    def _forget(self, job: Job) -> None:
        self.shortest.remove(self._place(job))
        del self._predicted_us[job.job_id]

    def _renew(self, at_us: int) -> None:
        """Predict anew how long those wait will run of whose users more is known."""
        for user in sorted(self._changed & self._users.keys()):
            for job_id in sorted(self._users[user]):
                job = self.state.jobs.jobs[job_id]
                self._forget(job)
                self._predict(job, at_us + 1)
            self._stuck = None
        self._changed.clear()

    def _correct(self, at_us: int) -> None:
        """Expect all that still runs to run on."""
        for room in self.capacity.candidates():
            while room.ends and room.ends[0][0] <= at_us:
                lease_id = room.ends[0][1]
                run = self.predicted.get(lease_id)
                if run is None or not self._lengthen(lease_id, run):
                    break

    def _lengthen(self, lease_id: LeaseId, run: Run) -> bool:
        """Expect a lease to end at the next later time; return whether there is one."""
        ends_us = run.corrected_us(steps=self._rules.steps, double=self._rules.double)
        if ends_us == run.ends_us:
            return False
        run.ends_us = ends_us
        self.capacity.expect(lease_id, ends_us)
        return True


def _user_of(job: Job) -> User:
    return job.terms.domain_id, job.terms.user


class EasyPlusPlus(SimulationOnly):
    """EASY by predicted run times; for simulations."""

    name = "easy++"

    def __init__(self, rules: Predicting | None = None) -> None:
        self.rules = Predicting() if rules is None else rules

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return EasyPlusPlusIndex(state, self.rules)
