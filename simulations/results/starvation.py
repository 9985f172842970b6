"""Starvation: how long the oldest job of a user had to wait as that, and what part of its bound that is.

The **head** of a user is its oldest job that waits, in the order of submission. A head wait is the time from when a job
became the head (at its submit, or when the head before it started) until it starts, in microseconds; a job that starts
before the head does not end the head's wait.

The bound is P5 and P6 of docs/fairness.md: ``L + (2 n L_i / (alpha g) + L) / P`` on P slots, for jobs of one processor.
For wider ones sizes are read as processor-time: ``longest run + (2 n A_i / (alpha g) + A) / P``, with A the largest
job's processor-time, A_i that of the user's largest, g its share, n the sum of all shares, and alpha the part that goes
by share. It is a promise of the policy ``meted`` for jobs of one processor; beside wider jobs and other policies it is
a yardstick. **Starvation** is the longest head wait over it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

_MILLI: Final = 1_000


class _User:
    """One user: the jobs that wait, since when the first of them has been that, and what its bound needs."""

    __slots__ = ("area", "head_wait_us", "since_us", "waiting")

    def __init__(self) -> None:
        self.waiting: OrderedDict[int, None] = OrderedDict()
        self.since_us = 0
        self.head_wait_us = 0
        self.area = 0


class StarvationMeter:
    """Takes submits and starts in the order of time; a job is known by any key that no other waiting job has."""

    def __init__(
        self, procs: int, users: int, shares: Mapping[int, int] | None = None, alpha_milli: int = _MILLI
    ) -> None:
        """Start with no jobs.

        Args:
            procs: Processors of the machine.
            users: How many users there are.
            shares: The share of each; None is 1 for all.
            alpha_milli: The part that is promised by share, in thousandths.
        """
        self._procs = procs
        self._shares = shares
        self._registered = users if shares is None else sum(shares.values())
        self._alpha_milli = alpha_milli
        self._users: dict[int, _User] = {}
        self._run_us = 0
        self._area = 0

    def submitted(self, number: int, key: int, at_us: int) -> None:
        """A job of a user began to wait."""
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User()
        if not user.waiting:
            user.since_us = at_us
        user.waiting[key] = None

    def started(self, number: int, key: int, at_us: int, run_us: int, area: int) -> None:
        """A waiting job of a user started, of ``area`` processor-microseconds."""
        user = self._users[number]
        if next(iter(user.waiting)) == key:
            user.head_wait_us = max(user.head_wait_us, at_us - user.since_us)
            user.since_us = at_us
        del user.waiting[key]
        if area > user.area:
            user.area = area
            if area > self._area:
                self._area = area
        if run_us > self._run_us:
            self._run_us = run_us

    def head_waits_us(self) -> dict[int, int]:
        """Return the longest head wait of each user, in microseconds."""
        return {number: user.head_wait_us for number, user in self._users.items()}

    def bounds_us(self) -> dict[int, Fraction]:
        """Return the bound of each user that has started a job, in microseconds."""
        return {number: self._bound_us(number, user) for number, user in self._users.items() if user.area}

    def starvations(self) -> dict[int, Fraction]:
        """Return the longest head wait of each user that has started a job, over its bound."""
        return {number: self._users[number].head_wait_us / bound for number, bound in self.bounds_us().items()}

    def _bound_us(self, number: int, user: _User) -> Fraction:
        share = 1 if self._shares is None else self._shares[number]
        own = Fraction(2 * self._registered * _MILLI * user.area, self._alpha_milli * share)
        return self._run_us + (own + self._area) / self._procs
