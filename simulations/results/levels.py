"""Levels over time (how much waits, how much runs), in at most ``BINS_MAX`` bins of equal width.

The first bins are a second wide. When time runs beyond the last, bins are joined two by two and all are twice as wide;
so from then on there are between half of ``BINS_MAX`` and ``BINS_MAX``, however long it takes, and nothing has to be
known of it in advance. Levels are integrated exactly, as integers; a mean is an integral over the width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BINS_MAX: Final = 256
"""Bins of a series."""

_FIRST_WIDTH_US: Final = 1_000_000


class Levels:
    """Some levels over time: their integrals and the largest values, in each bin.

    Attributes:
        width_us: The width of a bin.
        now_us: Up to when it is filled, from the beginning.
    """

    def __init__(self, levels: int, closed: Callable[[], None]) -> None:
        """Start at time 0.

        Args:
            levels: How many there are; all are 0 now.
            closed: Called whenever a bin is full, with ``now_us`` at its end. Between two calls the width doubles at
                most once.
        """
        self.width_us = _FIRST_WIDTH_US
        self.now_us = 0
        self._closed = closed
        self._values = [0] * levels
        self._sums: list[list[int]] = [[0] for _ in range(levels)]
        self._largest: list[list[int]] = [[0] for _ in range(levels)]

    def advance(self, at_us: int) -> None:
        """Go on to a time with the levels as they are."""
        while self.now_us < at_us:
            place = self.now_us // self.width_us
            if place == BINS_MAX:
                self._double()
                continue
            bin_end_us = (place + 1) * self.width_us
            end_us = min(at_us, bin_end_us)
            for level, value in enumerate(self._values):
                self._sums[level][-1] += value * (end_us - self.now_us)
                self.note(level, value)
            self.now_us = end_us
            if end_us == bin_end_us:
                self._closed()
                for sums, largest in zip(self._sums, self._largest, strict=True):
                    sums.append(0)
                    largest.append(0)

    def change(self, level: int, by: int) -> None:
        """Change a level from now on."""
        self._values[level] += by

    def note(self, level: int, value: int) -> None:
        """Note a value that a level has now, if only for an instant."""
        largest = self._largest[level]
        if value > largest[-1]:
            largest[-1] = value

    def means(self, level: int) -> list[float]:
        """Return the mean of a level in each bin that has begun; the last bin may be narrower."""
        full, rest = divmod(self.now_us, self.width_us)
        widths = [self.width_us] * full + ([rest] if rest else [])
        return [total / width for total, width in zip(self._sums[level], widths, strict=False)]

    def largest(self, level: int) -> list[int]:
        """Return the largest value of a level in each bin that has begun."""
        return self._largest[level][: -(-self.now_us // self.width_us)]

    def ends_us(self) -> list[int]:
        """Return the end of each bin that has begun."""
        full, rest = divmod(self.now_us, self.width_us)
        return [self.width_us * place for place in range(1, full + 1)] + ([self.now_us] if rest else [])

    def _double(self) -> None:
        """Join the bins two by two; the last, in which nothing has happened yet, stays."""
        self.width_us *= 2
        self._sums = [[*map(int.__add__, sums[:-1:2], sums[1::2]), sums[-1]] for sums in self._sums]
        self._largest = [[*map(max, found[:-1:2], found[1::2]), found[-1]] for found in self._largest]
