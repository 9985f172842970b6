"""Envy: how much more than a user others were served, for their shares, while that user had to wait.

While user i has jobs that wait, let W_j be the processor-time of the jobs that j has started since the first of them
came, counted whole at the start. Its envy at a moment is ``max_j W_j g_i / g_j - W_i``, with g the shares: how much
more it would have got in the place of the best served. It counts at most what i has waiting at that moment, for more
than that i could not have used. The envy of a user is the largest of these, in processor-microseconds, told in units of
the largest job's processor-time; 0 where nobody ever was ahead.

Between a user's own starts envy only grows, so that looking just before each of them misses nothing.

Where shares change, as by loans, all service counts with the shares that hold when it is dispatched; sums of before are
rounded down.

Source: envy-freeness (Foley, 1967), as it is asked of schedulers of shared clusters (Ghodsi et al., DRF, NSDI 2011);
taking it over the time that somebody waits, with entitlements and capped by what waits, is our own. Envy against what
each receives in the end would not depend on the schedule at all: the trace alone decides that.

Cost: a step for each user that waits at every start, and a number for each pair of users that meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm


class _Waiting:
    """A user that waits: for how much, and what it and others got meanwhile (others weighted by their shares)."""

    __slots__ = ("best", "got", "jobs", "own", "work")

    def __init__(self) -> None:
        self.jobs = 0
        self.work = 0
        self.own = 0
        self.got: dict[int, int] = {}
        self.best = 0


class EnvyMeter:
    """Takes submits and starts in the order of time."""

    def __init__(self, shares: Mapping[int, int] | None = None) -> None:
        """Start with no jobs of users with these shares; None is 1 for all."""
        self._shares = shares
        self._common = 1 if shares is None else lcm(*shares.values())
        self._waiting: dict[int, _Waiting] = {}
        self._envy: dict[int, int] = {}  # times the common multiple of the shares
        self._largest_area = 0

    def submitted(self, number: int, area: int) -> None:
        """A job of a user began to wait, of ``area`` processor-microseconds."""
        waiting = self._waiting.get(number)
        if waiting is None:
            waiting = self._waiting[number] = _Waiting()
            self._envy.setdefault(number, 0)
        waiting.jobs += 1
        waiting.work += area

    def started(self, number: int, area: int) -> None:
        """A waiting job of a user started."""
        if area > self._largest_area:
            self._largest_area = area
        share = 1 if self._shares is None else self._shares[number]
        own = self._waiting[number]
        envy = min(own.best * share - own.own * self._common, own.work * self._common)
        if envy > self._envy[number]:
            self._envy[number] = envy
        own.jobs -= 1
        if own.jobs:
            own.work -= area
            own.own += area
        else:
            del self._waiting[number]
        weighted = area * (self._common // share)
        for other, waiting in self._waiting.items():
            if other != number:
                got = waiting.got.get(number, 0) + weighted
                waiting.got[number] = got
                if got > waiting.best:
                    waiting.best = got

    def entitled(self, shares: Mapping[int, int]) -> None:
        """From now on users have other shares; who is not named has nothing that waits."""
        before, common = self._shares, lcm(*shares.values())
        for number, waiting in self._waiting.items():
            up = common * (1 if before is None else before[number])
            down = self._common * shares[number]
            waiting.got = {other: got * up // down for other, got in waiting.got.items()}
            waiting.best = max(waiting.got.values(), default=0)
        self._envy = {number: envy * common // self._common for number, envy in self._envy.items()}
        self._shares, self._common = shares, common

    def envies(self) -> dict[int, Fraction]:
        """Return the envy of each user that had jobs, in units of the largest job started so far."""
        unit = max(1, self._common * self._largest_area)
        return {number: Fraction(envy, unit) for number, envy in self._envy.items()}
