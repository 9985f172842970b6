"""How fast a worker fills up: what starts at once on an empty machine starts a little apart instead (row N36).

A hundred units that start in the same second read the same files, ask the same licence server and fill the same caches
in that second. So units that are to run beside those that run already start at least a certain time apart. A unit that
takes the place of one that has just ended waits for nothing: how many run at once grows slowly, and work goes on at its
own speed.
"""

from __future__ import annotations

from collections import deque


class Ramp:
    """When the next unit may start beside those that run.

    Args:
        stagger_us: Time between two such starts; 0 is none.

    Attributes:
        next_us: When a unit may start that takes nobody's place.
    """

    def __init__(self, stagger_us: int) -> None:
        self.next_us = 0
        self._stagger_us = stagger_us
        self._ends_us: deque[int] = deque()

    def try_start(self, now_us: int) -> bool:
        """Return whether a unit may start now, and count it if it may."""
        if not self._stagger_us:
            return True
        while self._ends_us and self._ends_us[0] + self._stagger_us <= now_us:
            self._ends_us.popleft()
        if self._ends_us:
            self._ends_us.popleft()
            return True
        if now_us < self.next_us:
            return False
        self.next_us = now_us + self._stagger_us
        return True

    def ended(self, now_us: int) -> None:
        """A unit has ended, and nothing of its own follows it: for a while another may have its place."""
        if self._stagger_us:
            self._ends_us.append(now_us)
