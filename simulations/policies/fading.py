"""Usage that follows what is held, with a half-life: an exponential mean, in floats.

A level moves towards what is held: over ``dt`` it becomes beta * level + (1 - beta) * held with beta = 0.5 ** (dt / h).
Solved like that, it does not matter in which steps time passes. It is HTCondor's real user priority as it stands, and
Slurm's decayed processor-seconds divided by h / ln 2, a factor that is the same for everybody.

Unlike a charge in advance, it grows only while work runs; so whoever starts much at once is ranked by it later.
"""

from __future__ import annotations

from typing import Final

from meted.core.ids import DomainId

DAY_US: Final = 86_400_000_000


def faded(level: float, held: float, elapsed_us: int, half_life_us: int) -> float:
    """Return a level after a time in which so much was held all along."""
    beta: float = 0.5 ** (elapsed_us / half_life_us)
    return beta * level + (1 - beta) * held


class _Line:
    """One domain: its level at a time, and what it holds since."""

    __slots__ = ("at_us", "held", "level")

    def __init__(self, level: float, at_us: int) -> None:
        self.level = level
        self.held = 0
        self.at_us = at_us


class UsageBook:
    """The levels of all domains."""

    def __init__(self, half_life_us: int, start: float = 0.0, least: float = 0.0) -> None:
        """Begin with nobody known.

        Args:
            half_life_us: After this long a level has come half the way to what is held.
            start: The level of who was never seen.
            least: No level is lower.
        """
        self._half_life_us = half_life_us
        self._start = start
        self._least = least
        self._lines: dict[DomainId, _Line] = {}

    def hold(self, who: DomainId, by_milli: int, at_us: int) -> None:
        """From a time on, a domain holds so many thousandths of a processor more, or less."""
        line = self._lines.get(who)
        if line is None:
            line = self._lines[who] = _Line(self._start, at_us)
        line.level, line.at_us = self.level(who, at_us), at_us
        line.held += by_milli

    def held_milli(self, who: DomainId) -> int:
        """Return how many thousandths of a processor a domain holds now."""
        line = self._lines.get(who)
        return 0 if line is None else line.held

    def level(self, who: DomainId, at_us: int) -> float:
        """Return the level of a domain, in processors, at a time that is not before its last change."""
        line = self._lines.get(who)
        if line is None:
            return self._start
        return max(self._least, faded(line.level, line.held / 1000, at_us - line.at_us, self._half_life_us))
