"""EASY++ as it was studied: what hangs on when there are passes, and on what happens in which order in one instant.

The policy is :mod:`meted.core.policy.rivals.easy_plus_plus`, which runs live. The study of SC'15 (Gaussier, Glesser,
Reis and Trystram, "Improving backfilling by using machine learning to predict running times"), whose schedules come out
equal, does some things in simulation that no event tells of:

- Corrections come before all else of an instant, and cause no pass.
- What ends when it was expected to is learnt from in a pass of its own.
- ``renew`` makes predictions anew in each pass, of all that has ended; the first simulator of EASY++ did that, and went
  to what was asked for at the first correction (``steps=no``).
- The study tries another correction as well, which doubles a prediction and knows no bound (``double=yes``).
- The study has a second policy with the same predictions, where those behind the head are tried in the order of the
  queue (``shortest=no``), and a job that does not fit when it is submitted causes no pass (``always=no``). With exact
  estimates such a pass finds nothing; here the head's shadow time may have moved away.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from meted.core.events import Event, JobSubmitted, UnitsFinished, UnitsReturned
from meted.core.ids import JobId, LeaseId
from meted.core.policy.base import Proposal, SimulationOnly
from meted.core.policy.rivals.easy_plus_plus import EasyPlusPlus, EasyPlusPlusIndex, Predictions, Run, user_of
from meted.core.policy.rivals.run_history import User
from meted.core.state import Job, State


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


class StudiedIndex(EasyPlusPlusIndex):
    """The index of EASY++, with what is done once a pass."""

    def __init__(self, state: State, rules: Predicting, memory: Predictions | None) -> None:
        self._rules = rules
        self._users: dict[User, set[JobId]] = {}  # jobs that wait
        self._changed: set[User] = set()  # users of whom more is known than in the last pass
        self._arrived: list[JobId] = []  # since the last pass
        self._has_ended = False  # whether anything has, since the last pass
        self._early: set[LeaseId] = set()  # what is about to end before its turn
        self._unheard: list[tuple[LeaseId, User, tuple[int, ...]]] = []  # what has ended so, and not been learnt from
        super().__init__(state, memory, shortest=rules.shortest, steps=rules.steps, depth=None)

    def job_ready(self, job: Job) -> None:
        """Queue a job, and predict how long it will run."""
        self._users.setdefault(user_of(job), set()).add(job.job_id)
        super().job_ready(job)

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        if job.job_id in self.shape_of:
            waiting = self._users[user_of(job)]
            waiting.discard(job.job_id)
            if not waiting:
                del self._users[user_of(job)]
        super().job_done(job)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``."""
        if isinstance(event, JobSubmitted):
            self._arrived.append(event.job_id)
        self._has_ended |= isinstance(event, UnitsReturned)
        super().update(event, state)

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Correct what runs on, then yield leases as under EASY."""
        self.correct(at_us)
        if self._unheard and not self._arrived and not self._has_ended:
            self._learn(*self._unheard.pop(0), at_us)
        if self._rules.renew:
            self._renew(at_us)
        arrived, has_ended = self._arrived, self._has_ended
        self._arrived, self._has_ended = [], False
        if self._rules.always or has_ended or not arrived or any(self._fits(job_id) for job_id in arrived):
            yield from super().proposals(at_us)

    def corrected_us(self, run: Run) -> int:
        """Return the next later end that a lease is taken to have; where there is none, the one that it has."""
        return 2 * run.ends_us - run.start_us if self._rules.double else super().corrected_us(run)

    def is_expected(self, lease_id: LeaseId, at_us: int) -> bool:
        """Whether a lease that ends now was expected to; then it is learnt from in a pass of its own."""
        run = self.predicted[lease_id]
        while run.ends_us < at_us and self.lengthen(lease_id, run):
            pass
        if run.ends_us != at_us:
            return False
        self._early.add(lease_id)
        return True

    def finished(self, event: UnitsFinished, user: User) -> None:
        """Units of a user have ended: learn from it now, or later if that was expected."""
        if event.lease_id in self._early:
            self._early.discard(event.lease_id)
            self._unheard.append((event.lease_id, user, event.run_us))
        else:
            self._has_ended = True
            self._learn(event.lease_id, user, event.run_us, event.at_us)

    def _learn(self, lease_id: LeaseId, user: User, run_us: tuple[int, ...], at_us: int) -> None:
        self.history.learn(user, lease_id, run_us, at_us)
        self._changed.add(user)

    def _fits(self, job_id: JobId) -> bool:
        shape = self.shape_of.get(job_id)
        return shape is not None and self.capacity.find(shape) is not None

    def _renew(self, at_us: int) -> None:
        """Predict anew how long those wait will run of whose users more is known."""
        for user in sorted(self._changed & self._users.keys()):
            for job_id in sorted(self._users[user]):
                job = self.state.jobs.jobs[job_id]
                self.forget(job)
                self.predict(job, at_us + 1)
            self._stuck = None
        self._changed.clear()


class StudiedEasyPlusPlus(SimulationOnly, EasyPlusPlus):
    """EASY by predicted run times, for simulations: what is done once a pass is no part of its memory."""

    def __init__(self, rules: Predicting | None = None) -> None:
        self.rules = Predicting() if rules is None else rules
        super().__init__(self.rules.shortest, self.rules.steps, depth=None)

    def index(self, state: State, memory: Predictions | None = None) -> StudiedIndex:
        """Return an index of ``state`` with what is remembered there."""
        return StudiedIndex(state, self.rules, memory)
