"""One lease in a worker's hands: how far it has come, and what is to be said of it."""

from __future__ import annotations

from collections import deque

import attrs

from meted.core.ids import Span
from meted.core.resources import Resources

from ..executors.contract import UnitEnd, UnitKey
from .stimuli import GiveBack, LeaseGiven, Report

REPORT_US = 200_000
"""Units that have ended are reported after so long at the latest, also if their lease goes on: twice what a lease of
short units is meant to hold, so that most of those are reported once."""

RETRY_MIN_US = 100_000
RETRY_MAX_US = 5_000_000
"""What the server could not take is said again after this, doubling from the one to the other."""


@attrs.define(eq=False)
class HeldLease:
    """How far a lease has come.

    Its units run one after another and in order, and only a tail of them is ever given back. So six marks say
    everything: ``first <= acked <= sent <= ended <= next <= stop <= end``. Units before ``acked`` are reported and
    answered; before ``sent`` they are in the report under way; before ``ended`` they have ended; before ``next`` they
    have been started; those from ``stop`` on are to be given back; the lease is over when ``acked`` meets ``end``.

    Attributes:
        given: The lease as the server gave it.
        arrival: Its number in the order of arrival; those that came first start first.
        ends: How the units from ``acked`` to ``ended`` ended.
        is_placed: Whether it holds room of the worker's.
        is_returning: Whether the server is being given back the tail.
        is_stopped: Whether the server wants it ended, so that a unit that is killed was killed by its wish.
        is_struck: Whether its last started unit was killed because the worker must go; it is neither reported nor
            given back.
        has_started: Whether the executor has said of one of its units that it runs.
        reported_us: When the last report was sent, or else when its first unit was started, or else when it came.
        retry_us: Say nothing of it before this.
        placed_us: When it was given room.
        returning: From which unit on the tail is that the server is being given back.
        noted_us: When something is to be said of it, as far as the reporter has noted.
        tries: How often in a row the server could not take what was said.
    """

    given: LeaseGiven
    arrival: int
    acked: int
    sent: int
    ended: int
    next: int
    stop: int
    end: int
    reported_us: int
    ends: deque[UnitEnd] = attrs.field(factory=deque)
    is_placed: bool = False
    is_returning: bool = False
    is_stopped: bool = False
    is_struck: bool = False
    has_started: bool = False
    retry_us: int = 0
    placed_us: int = 0
    returning: int = 0
    noted_us: int | None = None
    tries: int = 0

    @classmethod
    def of(cls, given: LeaseGiven, arrival: int, now_us: int) -> HeldLease:
        """A lease of which nothing has been done yet."""
        first = given.first
        return cls(given, arrival, first, first, first, first, first + given.count, first + given.count, now_us)

    @property
    def is_running(self) -> bool:
        """Whether a unit of it runs."""
        return self.ended < self.next and not self.is_struck

    @property
    def running(self) -> UnitKey:
        """The unit that runs, where one does."""
        return (self.given.lease_id, self.ended)

    @property
    def is_settled(self) -> bool:
        """Whether the server has answered for all of it but what was struck."""
        return self.acked == self.ended and self.stop == self.end and (self.is_struck or self.acked == self.end)

    @property
    def held(self) -> Span:
        """The units for which the server has not answered yet."""
        return (self.acked, self.end - self.acked)

    def place(self, now_us: int) -> None:
        """Give it room; what it reports is counted from here."""
        self.is_placed = True
        self.placed_us = self.reported_us = now_us

    def could_share(self, room: Resources) -> bool:
        """Whether there are units behind the one that runs which so much room would do for."""
        return self.is_placed and self.is_running and self.next < self.stop and self.given.request.fits(room)

    def left_us(self, now_us: int) -> int:
        """How long its units that were not started may take one after another, judged by those that were.

        While some are being given back that is not asked: 0.
        """
        if self.stop < self.end:
            return 0
        return (now_us - self.placed_us) // max(1, self.ended - self.given.first) * (self.stop - self.next)

    def due_us(self) -> int | None:
        """When something is to be said of this lease, or None."""
        if self.stop < self.end and not self.is_returning:
            return self.retry_us
        if self.sent == self.acked < self.ended:
            complete = self.ended == self.stop or self.is_struck
            return self.retry_us if complete else max(self.retry_us, self.reported_us + REPORT_US)
        return None

    def give_back(self) -> GiveBack:
        """Begin to give back the tail."""
        self.is_returning = True
        self.returning = self.stop
        return GiveBack(self.given.lease_id, (self.stop, self.end - self.stop))

    def report(self, now_us: int, bytes_max: int) -> tuple[Report, int]:
        """Begin to report what has ended, as much as has results of ``bytes_max``; return also the bytes taken."""
        taken: list[UnitEnd] = []
        size = 0
        for end in self.ends:
            size += len(end.result or b"")
            if taken and size > bytes_max:
                size -= len(end.result or b"")
                break
            taken.append(end)
        self.sent = self.acked + len(taken)
        self.reported_us = now_us
        numbered = list(enumerate(taken, self.acked))
        report = Report(
            self.given.lease_id,
            (self.acked, len(taken)),
            tuple(end.run_us for end in taken),
            tuple((index, end.exit_code) for index, end in numbered if end.exit_code),
            tuple(end.cpu_us for end in taken),
            tuple(end.peak_bytes for end in taken),
            tuple((index, end.result) for index, end in numbered if end.result),
        )
        return report, size

    def report_taken(self) -> int:
        """The server has taken the report under way; return the bytes of results that need not be kept any more."""
        freed = sum(len(self.ends.popleft().result or b"") for _ in range(self.sent - self.acked))
        self.acked = self.sent
        self.retry_us = self.tries = 0
        return freed

    def tail_taken(self) -> None:
        """The server has taken back the tail."""
        self.is_returning = False
        self.end = self.returning
        self.retry_us = self.tries = 0

    def say_again(self, now_us: int, was_report: bool) -> None:
        """The server could not take what was said: say it again, later each time."""
        if was_report:
            self.sent = self.acked
        else:
            self.is_returning = False
        self.retry_us = now_us + min(RETRY_MAX_US, RETRY_MIN_US << min(self.tries, 16))
        self.tries += 1

    def unsay(self) -> None:
        """The connection is gone, and with it the answers to what was said."""
        self.sent = self.acked
        self.is_returning = False
        self.retry_us = self.tries = 0
        self.noted_us = None
