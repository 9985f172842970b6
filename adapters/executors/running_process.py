"""The process of a unit while it runs: signals to its group, its time limit and its grace."""

from __future__ import annotations

import math
import os
import signal
import time
from contextlib import suppress

import trio

from .contract import UnitToRun
from .timing import UnitTime


class RunningProcess:
    """The process of a unit that runs; others see to it that it is reaped.

    Attributes:
        unit, pid, path: Which unit, its process, and the path of its files.
        pidfd: A descriptor that becomes readable when it has ended.
        time: How long it has run, and when its limit and its grace are over.
        killed: It was asked to end.
        over_bytes: What its processes held together, where that was too much.
    """

    __slots__ = ("_scope", "_waits", "killed", "over_bytes", "path", "pid", "pidfd", "time", "unit")

    def __init__(self, unit: UnitToRun, pid: int, path: str, began_us: int) -> None:
        self.unit = unit
        self.pid = pid
        self.path = path
        self.pidfd = -1
        self.time = UnitTime(began_us, unit.time_limit_us)
        self._scope: trio.CancelScope | None = None
        self._waits = False  # for its end alone, with nothing else to see to
        self.killed = False
        self.over_bytes = 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the unit's group, which is there until it is reaped."""
        with suppress(ProcessLookupError, PermissionError):  # of what belongs to another user nothing can be ended
            os.killpg(self.pid, number)

    async def wait(self, grace_us: int) -> None:
        """Return when the process has ended; see to its time limit and to what is left of its grace.

        Args:
            grace_us: What it has between SIGTERM and SIGKILL when its time limit is over.
        """
        if self.time.due_us() is None:  # most have no limit: a scope, which costs more than all else here, can wait
            self._waits = True
            try:
                await trio.lowlevel.wait_readable(self.pidfd)
                return
            except trio.ClosedResourceError:  # there is something to see to now: see :meth:`wake`
                pass
            finally:
                self._waits = False
        while True:
            with trio.CancelScope(deadline=self._deadline()) as scope:
                self._scope = scope
                await trio.lowlevel.wait_readable(self.pidfd)
                return
            if self.time.expire(now_us(), grace_us):
                self.signal(signal.SIGKILL)
            elif self.time.over_limit:
                self.terminate(grace_us)

    def terminate(self, grace_us: int) -> None:
        """Send SIGTERM to the unit's group, and SIGKILL after the grace."""
        if grace_us <= 0:
            self.signal(signal.SIGKILL)
            return
        self.time.end_within(now_us(), grace_us)
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that is suspended gets no signal otherwise
        self.time.resume(now_us())

    def wake(self) -> None:
        """Let :meth:`wait` see what is due when now."""
        if self._scope is not None:
            self._scope.deadline = self._deadline()
        elif self._waits:
            trio.lowlevel.notify_closing(self.pidfd)

    def _deadline(self) -> float:
        due_us = self.time.due_us()
        return math.inf if due_us is None else trio.current_time() + (due_us - now_us()) / 1_000_000


def now_us() -> int:
    """Return the time by which units are measured, microseconds."""
    return time.monotonic_ns() // 1_000
