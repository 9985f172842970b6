"""A run over time: what waits, what runs, and what users have received, are owed, and lag.

Memory is bounded by ``BINS_MAX`` bins and ``SERIES_USERS_MAX`` users. What users have is read at the end of each bin.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Final

from meted.core.limits import SECOND_US

from ..traces.job import TraceJob
from .lag import LagMeter
from .levels import Levels
from .run_record import LoanSeries, RunSeries, UserSeries
from .service import ServiceMeter

SERIES_USERS_MAX: Final = 1_000
"""Users that are followed over time, the first to submit; figures and tables have them all."""

SERIES_USERS_SHOWN: Final = 6
"""Users whose series a record has: those of them with the most work."""

_WAITING_JOBS, _WAITING_PROCS, _BUSY = range(3)


class _User:
    """One user at the end of each bin so far, and the largest lag since the last."""

    __slots__ = ("lag", "lags", "owed", "received")

    def __init__(self, bins: int) -> None:
        self.received = array("d", bytes(8 * bins))
        self.owed = array("d", bytes(8 * bins))
        self.lags = array("d", bytes(8 * bins))
        self.lag = 0


class SeriesMeter:
    """Takes submits, starts and ends in the order of time, each before the service meter is told of it."""

    def __init__(self, service: ServiceMeter) -> None:
        """Start with nothing done.

        Args:
            service: What is asked for what users received and are owed.
        """
        self._service = service
        self._levels = Levels(3, self._sample)
        self._width_us = self._levels.width_us
        self._bins = 0
        self._users: dict[int, _User] = {}
        self._first_us: int | None = None

    def submitted(self, job: TraceJob) -> None:
        """A job is submitted."""
        if self._first_us is None:
            self._first_us = job.submit_us
        self._levels.advance(job.submit_us - self._first_us)
        self._levels.change(_WAITING_JOBS, 1)
        self._levels.change(_WAITING_PROCS, job.procs)

    def entitled(self, at_us: int) -> None:
        """Users have other shares from a time on."""
        if self._first_us is not None:
            self._levels.advance(at_us - self._first_us)

    def follow(self, number: int) -> None:
        """Follow a user from now on: its first job was submitted, and the service meter knows of it."""
        if number not in self._users and len(self._users) < SERIES_USERS_MAX:
            self._users[number] = _User(self._bins)

    def started(self, job: TraceJob, at_us: int, lag: int) -> None:
        """A job starts, of a user that lagged so far behind just before, in processor-microseconds."""
        assert self._first_us is not None
        self._levels.advance(at_us - self._first_us)
        self._levels.change(_WAITING_JOBS, -1)
        self._levels.change(_WAITING_PROCS, -job.procs)
        self._levels.change(_BUSY, job.procs)
        user = self._users.get(job.user)
        if user is not None and lag > user.lag:
            user.lag = lag

    def ended(self, job: TraceJob, at_us: int) -> None:
        """A job ends."""
        assert self._first_us is not None
        self._levels.advance(at_us - self._first_us)
        self._levels.change(_BUSY, -job.procs)

    def series(
        self, procs: int, per_proc: int, lag: LagMeter, names: Mapping[int, str], loans: tuple[LoanSeries, ...]
    ) -> RunSeries:
        """Return all of it.

        Args:
            procs: Processors of the machine.
            per_proc: How many of them count as one.
            lag: What lags are measured with, for their unit and their bounds.
            names: What to call the users.
            loans: What moved between them.
        """
        levels, unit = self._levels, max(1, lag.largest_area)
        self._join()
        shown = sorted(self._users, key=lambda number: (-self._service.received(number), number))[:SERIES_USERS_SHOWN]
        return RunSeries(
            width_s=levels.width_us / SECOND_US,
            at_s=tuple(end_us / SECOND_US for end_us in levels.ends_us()),
            waiting_jobs=tuple(levels.means(_WAITING_JOBS)),
            waiting_jobs_max=tuple(levels.largest(_WAITING_JOBS)),
            waiting_procs=tuple(mean / per_proc for mean in levels.means(_WAITING_PROCS)),
            busy=tuple(mean / procs for mean in levels.means(_BUSY)),
            lag_of_bound=tuple(self._of_bounds(lag)),
            users=tuple(self._user_series(number, names[number], unit, per_proc) for number in shown),
            loans=loans,
        )

    def _of_bounds(self, lag: LagMeter) -> list[float]:
        """Return the largest lag over its bound in each bin."""
        found = [0.0] * len(self._levels.ends_us())
        for number, bound in lag.bounds().items():
            if user := self._users.get(number):
                bound_area = float(bound * lag.largest_area)
                for place, amount in enumerate((*user.lags, user.lag)[: len(found)]):
                    found[place] = max(found[place], amount / bound_area)
        return found

    def _user_series(self, number: int, name: str, unit: int, per_proc: int) -> UserSeries:
        """Return what was read of a user, and how things are now where a bin has begun and is not full."""
        user, now_us = self._users[number], (self._first_us or 0) + self._levels.now_us
        received, owed, lags = [*user.received], [*user.owed], [*user.lags]
        if len(self._levels.ends_us()) > self._bins:
            received.append(float(self._service.received(number)))
            owed.append(float(self._service.owed(number, now_us)))
            lags.append(float(user.lag))
        return UserSeries(
            name,
            tuple(amount / (SECOND_US * per_proc) for amount in received),
            tuple(amount / (SECOND_US * per_proc) for amount in owed),
            tuple(amount / unit for amount in lags),
        )

    def _sample(self) -> None:
        """Read what users have at the end of a bin."""
        self._join()
        at_us = (self._first_us or 0) + self._levels.now_us
        for number, user in self._users.items():
            user.received.append(self._service.received(number))
            user.owed.append(float(self._service.owed(number, at_us)))
            user.lags.append(user.lag)
            user.lag = 0
        self._bins += 1

    def _join(self) -> None:
        """Join what was read as the bins were joined."""
        if self._levels.width_us == self._width_us:
            return
        self._width_us = self._levels.width_us
        self._bins //= 2
        for user in self._users.values():
            user.received = user.received[1::2]
            user.owed = user.owed[1::2]
            user.lags = array("d", map(max, user.lags[::2], user.lags[1::2]))
