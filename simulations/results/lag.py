"""Lag: how far behind what it is owed a user was, at worst, and what part of its bound that is; and how far ahead.

While a user has jobs that wait, its part of all service dispatched is ``g / n (W(t) - W(t0))``: W is the processor-time
of all jobs started so far, counted whole at the start, g its share, n the sum of the shares of all users (whether they
have work or not), t0 when its first job began to wait. Its **lag** is this minus the processor-time of its own jobs
started since t0, in processor-microseconds; it is told in units of the largest job's processor-time. Lag grows only
between a user's own starts, so that looking just before each of them misses nothing. Its **lead** is its lag below
zero, looked at just after each of its starts and told in the same unit. (:mod:`.service` has the same of all users
together.)

Where shares change, as by loans, all service counts with the shares that hold when it is dispatched; what a user was
owed before is kept in whole processor-microseconds, rounded down. Bounds go by the shares of the beginning.

A policy that promises a part alpha by share promises ``alpha g`` instead of g. How far it stays behind *that* is
bounded by P4 of docs/fairness.md, ``2 L_i + (L - L_i) alpha g / n`` with L_i the user's largest job and L the largest
of all. The bound is that of the policy ``meted``, proven for jobs of one processor; beside wider jobs and other
policies it is a yardstick and no promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

_MILLI: Final = 1_000


class _User:
    """One user: what waits, what all and itself had got when that began, and the largest of its lags and leads."""

    __slots__ = ("area", "at_wait", "before", "lag", "lead", "own", "promised", "since", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.own = 0  # its service
        self.at_wait = 0  # service of all when its first waiting job came, or shares changed
        self.before = 0  # what it was owed from the first to the second
        self.since = 0  # its own service when its first waiting job came
        self.area = 0  # its largest job
        self.lag = 0  # times the sum of the shares
        self.lead = 0  # the same
        self.promised = 0  # behind alpha g, times the sum of the shares and 1000


class LagMeter:
    """Takes submits and starts in the order of time.

    Attributes:
        largest_area: The processor-microseconds of the largest job started so far.
    """

    def __init__(self, users: int, shares: Mapping[int, int] | None = None, alpha_milli: int = _MILLI) -> None:
        """Start with no jobs.

        Args:
            users: How many users there are.
            shares: The share of each; None is 1 for all.
            alpha_milli: The part that is promised by share, in thousandths.
        """
        self.largest_area = 0
        self._shares = self._first_shares = shares
        self._registered = self._first_registered = users if shares is None else sum(shares.values())
        self._alpha_milli = alpha_milli
        self._dispatched = 0
        self._users: dict[int, _User] = {}

    def submitted(self, number: int) -> None:
        """A job of a user began to wait."""
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User()
        if not user.waiting:
            user.at_wait = self._dispatched
            user.before = 0
            user.since = user.own
        user.waiting += 1

    def started(self, number: int, area: int) -> int:
        """A waiting job of a user started, of ``area`` processor-microseconds.

        Returns:
            What was promised to the user and not yet given just before, in processor-microseconds, rounded down; below
            zero where it was ahead.
        """
        user = self._users[number]
        share = 1 if self._shares is None else self._shares[number]
        due = share * (self._dispatched - user.at_wait) + self._registered * user.before
        given = self._registered * (user.own - user.since)
        promised = self._alpha_milli * due - _MILLI * given
        if due - given > user.lag:
            user.lag = due - given
        lead = given - due + (self._registered - share) * area
        if lead > user.lead:
            user.lead = lead
        if promised > user.promised:
            user.promised = promised
        if area > user.area:
            user.area = area
            if area > self.largest_area:
                self.largest_area = area
        self._dispatched += area
        user.own += area
        user.waiting -= 1
        return promised // (_MILLI * self._registered)

    def entitled(self, shares: Mapping[int, int]) -> None:
        """From now on users have other shares; who is not named is not registered and has nothing that waits."""
        before, self._registered = self._registered, sum(shares.values())
        for number, user in self._users.items():
            user.lag = user.lag * self._registered // before
            user.lead = user.lead * self._registered // before
            user.promised = user.promised * self._registered // before
            if user.waiting:
                share = 1 if self._shares is None else self._shares[number]
                user.before += share * (self._dispatched - user.at_wait) // before
                user.at_wait = self._dispatched
        self._shares = shares

    def lags(self) -> dict[int, Fraction]:
        """Return the largest lag of each user, in units of the largest job."""
        return {number: Fraction(user.lag, self._unit()) for number, user in self._users.items()}

    def leads(self) -> dict[int, Fraction]:
        """Return the largest lead of each user, in units of the largest job."""
        return {number: Fraction(user.lead, self._unit()) for number, user in self._users.items()}

    def _unit(self) -> int:
        return max(1, self._registered * self.largest_area)

    def bounds(self) -> dict[int, Fraction]:
        """Return the bound of each user that has started a job, in units of the largest job."""
        return {
            number: (2 * user.area + (self.largest_area - user.area) * self._part(number)) / self.largest_area
            for number, user in self._users.items()
            if user.area
        }

    def of_bounds(self) -> dict[int, Fraction]:
        """Return, for each user that has started a job, how far it was behind what was promised, over its bound."""
        unit = _MILLI * self._registered * max(1, self.largest_area)
        return {number: Fraction(self._users[number].promised, unit) / bound for number, bound in self.bounds().items()}

    def _part(self, number: int) -> Fraction:
        """Return what was promised to a user of all service in the beginning."""
        share = 1 if self._first_shares is None else self._first_shares[number]
        return Fraction(self._alpha_milli * share, _MILLI * self._first_registered)
