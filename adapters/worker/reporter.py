"""What a worker has to tell the server, and when: reports, give-backs, and which leases have started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

from ..wire.limits import FRAME_BYTES_MAX
from .held import HeldLease
from .stimuli import GiveBack, Report, SendStarted

STARTED_US = 100_000
"""The server is told at most so often which leases have started."""

CALLS_MAX = 256
"""Reports and give-backs that the server has not answered yet."""

REPORT_BYTES_MAX = FRAME_BYTES_MAX // 2
"""Bytes of results in one report, and (but for one report) in all that are not answered yet."""


class Reporter:
    """Keeps what is to be said, and says it as far as the server keeps up with its answers.

    Args:
        leases: The worker's leases, which this class reads and lets say what they have to say.
    """

    def __init__(self, leases: Mapping[int, HeldLease]) -> None:
        self._leases = leases
        self.is_connected = False
        self.calls: dict[tuple[int, bool], int] = {}
        """What is not answered yet: (lease, whether a report) -> bytes."""
        self._due: dict[int, None] = {}
        self._timers: list[tuple[int, int]] = []
        self._started: dict[int, None] = {}
        self._started_us = 0

    @property
    def wake_at_us(self) -> int | None:
        """When there is something to say although nothing has happened, or None."""
        if not self.is_connected:
            return None
        due_us = self._timers[0][0] if self._timers else None
        if self._started:
            told_us = self._started_us + STARTED_US
            return told_us if due_us is None else min(due_us, told_us)
        return due_us

    def connect(self, now_us: int) -> None:
        """From now on things can be said; all that is known is said (again)."""
        self.is_connected = True
        self._started_us = 0
        for lease in self._leases.values():
            if lease.has_started:
                self._started[lease.given.lease_id] = None
            self.plan(lease, now_us)

    def disconnect(self) -> None:
        """Nothing can be said any more, and no answer comes to what was said."""
        self.is_connected = False
        self.calls.clear()
        self._due.clear()
        self._timers.clear()
        self._started.clear()
        for lease in self._leases.values():
            lease.unsay()

    def plan(self, lease: HeldLease, now_us: int) -> None:
        """Note when something is to be said of a lease. A note that is out of date does no harm."""
        due_us = lease.due_us() if self.is_connected else None
        if due_us is None:
            return
        if due_us <= now_us:
            self._due[lease.given.lease_id] = None
        elif due_us != lease.noted_us:  # it is the same for most units of a lease
            lease.noted_us = due_us
            heappush(self._timers, (due_us, lease.given.lease_id))

    def started(self, lease_id: int) -> None:
        """The first unit of a lease runs."""
        if self.is_connected:
            self._started[lease_id] = None

    def answered(self, lease_id: int, was_report: bool) -> bool:
        """An answer has come; return whether one was due."""
        return self.calls.pop((lease_id, was_report), None) is not None

    def forget(self, lease_id: int) -> None:
        """A lease is over: nothing is to be said of it, and nobody listens to answers."""
        self.calls.pop((lease_id, True), None)
        self.calls.pop((lease_id, False), None)
        self._due.pop(lease_id, None)
        self._started.pop(lease_id, None)

    def say(self, now_us: int) -> Iterator[Report | GiveBack | SendStarted]:
        """Yield what is to be said now."""
        if not self.is_connected:
            return
        while self._timers and self._timers[0][0] <= now_us:
            self._due[heappop(self._timers)[1]] = None
        while self._due and len(self.calls) < CALLS_MAX and sum(self.calls.values()) < REPORT_BYTES_MAX:
            lease = self._leases.get(next(iter(self._due)))
            said = None if lease is None else self._say(lease, now_us)
            if said is None:
                del self._due[next(iter(self._due))]
            else:
                yield said
        if self._started and now_us >= self._started_us + STARTED_US:
            yield SendStarted(tuple(self._started))
            self._started_us = now_us
            self._started.clear()

    def _say(self, lease: HeldLease, now_us: int) -> Report | GiveBack | None:
        """Say one thing of a lease if one is due now; else plan it for when it will be."""
        due_us = lease.due_us()
        if due_us is None or due_us > now_us:
            self.plan(lease, now_us)
            return None
        if lease.stop < lease.end and not lease.is_returning:
            self.calls[lease.given.lease_id, False] = 0
            return lease.give_back()
        report, self.calls[lease.given.lease_id, True] = lease.report(now_us, REPORT_BYTES_MAX)
        return report
