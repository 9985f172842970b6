"""What a worker will have free, and when: a step function of time over several resources, in integers.

Amounts of several resources are packed into one integer, a field each with a guard bit above it. So whether a request
fits is one subtraction however many resources there are: a guard bit is lost where a field is too small.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

from ...limits import MEM_BYTES_MAX
from ...resources import Resources

_FIELD_BITS: Final = MEM_BYTES_MAX.bit_length()
_GUARD: Final = 1 << _FIELD_BITS


class Layout:
    """Which field is which resource.

    Attributes:
        guards: The guard bits of all fields.
    """

    def __init__(self, capacities: Iterable[Resources]) -> None:
        """Make a field for every resource that one of some workers has."""
        names = dict.fromkeys(name for capacity in capacities for name, _ in capacity.items())
        self._shifts = {name: at * (_FIELD_BITS + 1) for at, name in enumerate(names)}
        self.guards = sum(_GUARD << shift for shift in self._shifts.values())

    def pack(self, amount: Resources) -> int | None:
        """Return an amount as one integer without guard bits, or None if nobody has one of its resources at all."""
        packed = 0
        for name, value in amount.items():
            shift = self._shifts.get(name)
            if shift is None:
                return None
            packed |= value << shift
        return packed


class Profile:
    """What is free on one worker from now on.

    Between two times what is free is constant, and after the last the whole worker is free. Every operation costs
    O(k), k being the number of steps: at most two for each lease and reservation, fewer where some end and begin
    together. A search ends at the first place that it finds.
    """

    __slots__ = ("frees", "guards", "times", "whole")

    def __init__(self, whole: int, guards: int, now_us: int) -> None:
        """Begin with a worker that is free.

        Args:
            whole: All that it has, packed.
            guards: The guard bits of the layout.
            now_us: Now.
        """
        self.guards = guards
        self.whole = whole | guards
        self.times = [now_us]
        self.frees = [self.whole]

    def could_hold(self, need: int) -> bool:
        """Whether the worker is large enough."""
        return (self.whole - need) & self.guards == self.guards

    def forget(self, now_us: int) -> None:
        """Drop what is over."""
        over = bisect_right(self.times, now_us) - 1
        if over > 0:
            del self.times[:over], self.frees[:over]

    def earliest(self, need: int, length_us: int, from_us: int) -> int:
        """Return the first time from ``from_us`` on at which ``need`` is free for ``length_us``; it must fit at all."""
        times, frees, guards = self.times, self.frees, self.guards
        last = len(times) - 1
        at = bisect_right(times, from_us) - 1
        start_us = -1
        while at < last:
            if (frees[at] - need) & guards != guards:
                start_us = -1
            else:
                if start_us < 0:
                    start_us = max(times[at], from_us)
                if times[at + 1] - start_us >= length_us:
                    return start_us
            at += 1
        return start_us if start_us >= 0 else max(times[last], from_us)

    def earlier(self, need: int, length_us: int, from_us: int, held_us: int) -> int | None:
        """Return such a time before ``held_us`` for what has its place there, or None.

        Its own place need not be given up for the search: from ``held_us`` on, as long as it needs, it has what it
        needs. So only what lies before is looked at.
        """
        times, frees, guards = self.times, self.frees, self.guards
        start_us: int | None = None
        for at in range(bisect_right(times, from_us) - 1, bisect_left(times, held_us)):
            if (frees[at] - need) & guards != guards:
                start_us = None
                continue
            if start_us is None:
                start_us = times[at] if times[at] > from_us else from_us
            if at + 1 < len(times) and times[at + 1] - start_us >= length_us:
                return start_us
        return start_us

    def take(self, need: int, start_us: int, end_us: int) -> None:
        """``need`` is no longer free from ``start_us`` until before ``end_us``."""
        self._add(-need, start_us, end_us)

    def give(self, need: int, start_us: int, end_us: int) -> None:
        """``need`` is free again in that time, as far as it is not over."""
        self._add(need, start_us, end_us)

    def _add(self, amount: int, start_us: int, end_us: int) -> None:
        times, frees = self.times, self.frees
        start_us = max(start_us, times[0])
        if end_us <= start_us:
            return
        first, last = self._cut(start_us), self._cut(end_us)
        # Cutting the end moves nothing before it, so ``first`` stays where it is.
        for at in range(first, last):
            frees[at] += amount
        for at in (last, first):
            if at and frees[at] == frees[at - 1]:
                del times[at], frees[at]

    def _cut(self, time_us: int) -> int:
        """Return the step that begins at ``time_us``, made where there is none."""
        at = bisect_left(self.times, time_us)
        if at == len(self.times) or self.times[at] != time_us:
            self.times.insert(at, time_us)
            self.frees.insert(at, self.frees[at - 1])
        return at
