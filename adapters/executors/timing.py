"""The time of one running unit: how long it has run, and what is due next. Pure: the time is given with every call."""

from __future__ import annotations


class UnitTime:
    """Counts a unit's running time without the time it was suspended (row G14), its time limit and its grace.

    Attributes:
        over_limit: The time limit has passed.
        suspended: Its clock stands still.
    """

    __slots__ = ("_began_us", "_force_us", "_limit_us", "_stood_us", "over_limit", "suspended")

    def __init__(self, now_us: int, limit_us: int | None) -> None:
        """Begin at ``now_us``; ``limit_us`` is the time limit or None."""
        self._began_us = now_us
        self._limit_us = limit_us
        self._stood_us = 0  # when it was suspended
        self._force_us: int | None = None
        self.over_limit = False
        self.suspended = False

    def run_us(self, now_us: int) -> int:
        """Return how long it has run."""
        return (self._stood_us if self.suspended else now_us) - self._began_us

    def suspend(self, now_us: int) -> None:
        """Stop the clock, unless it stands."""
        if not self.suspended:
            self.suspended = True
            self._stood_us = now_us

    def resume(self, now_us: int) -> None:
        """Let the clock go on: the time it stood is as if it had not been."""
        if self.suspended:
            self.suspended = False
            self._began_us += now_us - self._stood_us

    def end_within(self, now_us: int, grace_us: int) -> None:
        """Have force used after a grace; the earliest of several counts."""
        at_us = now_us + grace_us
        if self._force_us is None or at_us < self._force_us:
            self._force_us = at_us

    def due_us(self) -> int | None:
        """Return when to call :meth:`expire`, or None if nothing is to be waited for."""
        if self._limit_us is None or self.over_limit or self.suspended:
            return self._force_us
        limit_us = self._began_us + self._limit_us
        return limit_us if self._force_us is None else min(limit_us, self._force_us)

    def expire(self, now_us: int, grace_us: int) -> bool:
        """Note what is due; return whether force must be used now.

        The first time that the limit is over, ``over_limit`` becomes true and a grace begins.
        """
        if self._force_us is not None and now_us >= self._force_us:
            self._force_us = None
            return True
        if self._limit_us is not None and not self.over_limit and self.run_us(now_us) >= self._limit_us:
            self.over_limit = True
            self.end_within(now_us, grace_us)
        return False
