"""How fairly a schedule served the users, kept up with every event: what each was owed, what it got, and its lag.

Each user has a share; those of a public trace all have the same, 1. Two measures, both of which depend on the schedule
and not only on the trace:

**Service against what was owed** (``jain_service``). A user is *backlogged* while it has work that waits or runs. At
each moment a backlogged user is owed ``min(demand, P g / k)`` processors: P is the machine, g its share, k the sum of
the shares of all who are backlogged now (with equal shares their number), and its demand the processors that its
waiting and running jobs ask for together. So nobody is owed more than it can use, nor more than its share. Its ratio is

    (processor-time it received) / (processor-time it was owed, summed over the time it was backlogged)

A user who gets its share at once has 1. Who waits goes on being owed while it gets nothing, and falls below 1; who is
let ahead with more than its share rises above 1, as its work is done in a shorter time. Jain's index of the ratios x,
``(sum x)^2 / (n * sum x^2)``, is 1 when all fare alike and 1/n when one has it all. The total a user receives is fixed
by the trace; what it was owed until then is what the schedule decides.

**Share error** (``share_error``): half the sum, over users, of how far a user's part of all processor-time received is
from its part of all that was owed, ``1/2 sum |W_i / W - O_i / O|``: 0 where all is in proportion to what was owed, and
the part of all service that went to others than it was owed to.

**Lag** (``max_lag_units``). While a user has jobs that *wait*, its part of all service dispatched is
``(W(t) - W(t0)) g / n``: W is the processor-time of all jobs started so far, counted whole at the start, g its share, n
the sum of the shares of all users of the trace (the registered entitlement, whether backlogged or not; with equal
shares their number), t0 when its first job began to wait. Its
lag is this minus the processor-time of its own jobs started since t0. The largest lag of all users and times is given
in units of the largest job's processor-time: a clock of entitlements keeps it within a small constant, whatever the
load. Lag grows only between a user's own starts, so that looking just before each of them misses nothing.

**Lead** (``max_lead_units``): how far ahead of the same a user was at most, which is its lag below zero. It grows only
by a user's own starts, and is looked at just after each of them, that of its last waiting job included; in the same
unit. A clock of entitlements keeps it within ``1 - g / n`` of the user's own largest job while all have jobs that wait.
Where others have none, who waits gets their part as well and is ahead by that: a lead tells policies apart, and is no
fault by itself.

Where shares change, as by loans, each moment counts with the shares that hold then. What a user was owed before is kept
in whole processor-microseconds, rounded down.

Cost: a constant number of integer operations an event, and O(log n) where somebody crosses from "owed its demand" to
"owed a share" because k changed. Users who are owed a share are settled lazily against one common integral of P / k.
Amounts are integers in processor-microseconds times 2^20; the only rounding is the division by k, once an instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import lcm
from typing import Final

from .inequality import jain

_SCALE_BITS: Final = 20
_RATIO_BITS: Final = 64
_SPARE_ENTRIES: Final = 64


class _User:
    """One user: what is waiting and running, what it got and what it was owed."""

    __slots__ = (
        *("at_wait", "content_key", "demand", "mark", "number", "owed", "own_at_wait", "received", "share", "shares"),
        *("sharing_key", "waiting"),
    )

    def __init__(self, number: int, share: int) -> None:
        self.number = number
        self.share = share
        self.demand = 0  # processors of waiting and running jobs
        self.waiting = 0  # jobs
        self.received = 0  # processor-microseconds of started jobs
        self.owed = 0  # scaled processor-microseconds, settled up to `mark`
        self.shares = False  # owed its share of the machine, and not its demand
        self.mark = 0  # the common integral where it shares, else the time
        self.at_wait = 0  # service of all when its first waiting job came, or shares changed
        self.own_at_wait = 0  # its own service then, and what it was owed until then
        self.content_key = -1  # of its entry among those who are owed their demand, or -1
        self.sharing_key = -1  # of its entry among those who are owed a share, or -1


class ServiceMeter:
    """Takes submits, starts and ends in the order of time (ends and submits of one instant in any order)."""

    def __init__(self, procs: int, users: int, shares: Mapping[int, int] | None = None) -> None:
        """Start with an empty machine.

        Args:
            procs: Processors of the machine.
            users: How many users the trace has.
            shares: The share of each of them; None is 1 for all.
        """
        self._procs = procs
        self._shares = shares
        self._registered = users if shares is None else sum(shares.values())
        # The demand per share as an integer that can be compared: demand x common / share.
        self._common = 1 if shares is None else lcm(*shares.values())
        self._total = 0  # the shares of all who are backlogged
        self._users: dict[int, _User] = {}
        self._backlogged: dict[int, _User] = {}
        self._now = 0
        self._integral = 0  # of P / k for one share, scaled
        self._dispatched = 0
        self._largest_area = 0
        self._largest_lag = 0  # times the sum of the registered shares
        self._largest_lead = 0  # the same
        # Who crosses when k changes: a heap of each kind by demand per share. An entry need only be no later than where
        # its user belongs: it is moved there when it is met. A user has one that counts; others are dropped then.
        self._content: list[tuple[int, int]] = []
        self._sharing: list[tuple[int, int]] = []

    def submitted(self, number: int, at_us: int, procs: int) -> None:
        """A job of a user began to wait."""
        if at_us != self._now:
            self._advance(at_us)
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User(number, 1 if self._shares is None else self._shares[number])
        if not user.demand:
            user.shares = False
            user.mark = at_us
            self._backlogged[number] = user
            self._total += user.share
            self._cross_down()
        if not user.waiting:
            user.at_wait = self._dispatched
            user.own_at_wait = user.received
        user.waiting += 1
        self._set_demand(user, user.demand + procs)

    def started(self, number: int, area: int) -> None:
        """A waiting job of a user started, which will take ``area`` processor-microseconds."""
        user = self._users[number]
        lag = user.share * (self._dispatched - user.at_wait) - self._registered * (user.received - user.own_at_wait)
        if lag > self._largest_lag:
            self._largest_lag = lag
        lead = (self._registered - user.share) * area - lag
        if lead > self._largest_lead:
            self._largest_lead = lead
        if area > self._largest_area:
            self._largest_area = area
        self._dispatched += area
        user.received += area
        user.waiting -= 1

    def ended(self, number: int, at_us: int, procs: int) -> None:
        """A running job of a user ended."""
        if at_us != self._now:
            self._advance(at_us)
        user = self._users[number]
        self._set_demand(user, user.demand - procs)
        if not user.demand:
            del self._backlogged[number]
            self._total -= user.share
            self._cross_up()

    def entitled(self, shares: Mapping[int, int], at_us: int) -> None:
        """From a time on users have other shares; who is not named has the share of before, and is not registered."""
        self._advance(at_us)
        for user in self._backlogged.values():
            self._settle(user, user.shares)
        before, self._registered = self._registered, sum(shares.values())
        self._largest_lag = self._largest_lag * self._registered // before
        self._largest_lead = self._largest_lead * self._registered // before
        self._shares = shares
        self._common = lcm(*shares.values())
        for user in self._users.values():
            if user.waiting:
                user.own_at_wait += user.share * (self._dispatched - user.at_wait) // before
                user.at_wait = self._dispatched
            user.share = shares.get(user.number, user.share)
        self._total = sum(user.share for user in self._backlogged.values())
        for user in self._backlogged.values():
            self._settle(user, user.demand * self._total > user.share * self._procs)
        self._clean()

    def ratios(self) -> dict[int, Fraction]:
        """Return, for every user whose jobs have all ended, service received over service owed."""
        return {
            user.number: Fraction(user.received << _SCALE_BITS, user.owed)
            for user in self._users.values()
            if not user.demand and user.owed
        }

    def jain_service(self) -> Fraction:
        """Return Jain's index of the ratios, each rounded down to a multiple of 2^-64."""
        return jain([(ratio.numerator << _RATIO_BITS) // ratio.denominator for ratio in self.ratios().values()])

    def share_error(self) -> Fraction:
        """Return the share error of all users whose jobs have all ended, from 0 to below 1; 0 if there are none."""
        done = [user for user in self._users.values() if not user.demand and user.owed]
        received, owed = sum(user.received for user in done), sum(user.owed for user in done)
        apart = sum(abs(user.received * owed - user.owed * received) for user in done)
        return Fraction(apart, 2 * received * owed) if done else Fraction(0)

    def max_lag_units(self) -> Fraction:
        """Return the largest lag in units of the largest job started so far."""
        return Fraction(self._largest_lag, max(1, self._registered * self._largest_area))

    def max_lead_units(self) -> Fraction:
        """Return the largest lead in units of the largest job started so far."""
        return Fraction(self._largest_lead, max(1, self._registered * self._largest_area))

    def received(self, number: int) -> int:
        """Return the processor-microseconds of the jobs that a user has started."""
        return self._users[number].received

    def owed(self, number: int, at_us: int) -> Fraction:
        """Return the processor-microseconds that a user is owed until a time, at or after the last that happened."""
        user = self._users[number]
        owed = user.owed
        if user.shares:
            integral = self._integral + ((at_us - self._now) * self._procs << _SCALE_BITS) // self._total
            owed += user.share * (integral - user.mark)
        else:
            owed += user.demand * (at_us - user.mark) << _SCALE_BITS
        return Fraction(owed, 1 << _SCALE_BITS)

    def _advance(self, at_us: int) -> None:
        """Move the common integral on to a later time."""
        if self._backlogged:
            self._integral += ((at_us - self._now) * self._procs << _SCALE_BITS) // self._total
        self._now = at_us

    def _set_demand(self, user: _User, demand: int) -> None:
        """Settle a user up to now and give it a new demand."""
        share = user.share
        self._settle(user, demand * self._total > share * self._procs)
        user.demand = demand
        if demand:
            key = demand * self._common // share
            # Nearly always it is in early enough, and there is nothing to enter.
            if not 0 <= user.sharing_key <= key if user.shares else key > user.content_key:
                self._enter(user, key)

    def _settle(self, user: _User, shares: bool) -> None:
        """Bring what a user is owed up to now; from now on it is owed its share, or its demand."""
        if user.shares:
            user.owed += user.share * (self._integral - user.mark)
        else:
            user.owed += user.demand * (self._now - user.mark) << _SCALE_BITS
        user.shares = shares
        user.mark = self._integral if shares else self._now

    def _enter(self, user: _User, key: int) -> None:
        """Enter a user by its demand per share (times a factor that all have in common), unless it is in early enough.

        Those who share come to the top once their key is small, the others once it is large.
        """
        if user.shares:
            if user.sharing_key < 0 or key < user.sharing_key:
                user.sharing_key = key
                heappush(self._sharing, (key, user.number))
                if len(self._sharing) > 4 * len(self._backlogged) + _SPARE_ENTRIES:
                    self._clean()
        elif key > user.content_key:
            user.content_key = key
            heappush(self._content, (-key, user.number))
            if len(self._content) > 4 * len(self._backlogged) + _SPARE_ENTRIES:
                self._clean()

    def _clean(self) -> None:
        """Drop all entries that do not count or say too little."""
        users = self._users
        for _, number in (*self._sharing, *self._content):
            users[number].sharing_key = users[number].content_key = -1
        self._sharing.clear()
        self._content.clear()
        for user in self._backlogged.values():
            key = user.demand * self._common // user.share
            if user.shares:
                user.sharing_key = key
                self._sharing.append((key, user.number))
            else:
                user.content_key = key
                self._content.append((-key, user.number))
        heapify(self._sharing)
        heapify(self._content)

    def _cross_down(self) -> None:
        """Shares have become smaller: move those whose demand is now above theirs."""
        heap, limit = self._content, self._common * self._procs // self._total
        while heap and -heap[0][0] > limit:
            entered, number = heappop(heap)
            user = self._users[number]
            if user.content_key != -entered:
                continue
            user.content_key = -1
            if user.demand and not user.shares:
                key = user.demand * self._common // user.share
                if key > limit:
                    self._settle(user, True)
                self._enter(user, key)

    def _cross_up(self) -> None:
        """Shares have become larger: move those whose demand is no longer above theirs."""
        if not self._backlogged:
            return
        heap, limit = self._sharing, self._common * self._procs // self._total
        while heap and heap[0][0] <= limit:
            entered, number = heappop(heap)
            user = self._users[number]
            if user.sharing_key != entered:
                continue
            user.sharing_key = -1
            if user.demand and user.shares:
                key = user.demand * self._common // user.share
                if key <= limit:
                    self._settle(user, False)
                self._enter(user, key)
