"""What the last two runs of each user took, in the order in which they ended: the next one is predicted from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meted.core.ids import DomainId, LeaseId
from meted.core.limits import SECOND_US

COUNTED: Final = 2
"""How many runs a prediction is the mean of."""

User = tuple[DomainId, str]


class _Line:
    """One user: run times that count at any time, and those of the last instant, which count only after it."""

    __slots__ = ("at_us", "fresh", "settled")

    def __init__(self) -> None:
        self.settled: list[int] = []
        self.fresh: list[tuple[LeaseId, Sequence[int]]] = []
        self.at_us = 0

    def times_us(self) -> list[int]:
        """Return the last run times, those of the last instant in the order in which the runs were started."""
        found = list(self.settled)
        for _, run_us in sorted(self.fresh):
            found += run_us
        return found[-COUNTED:]


class RunHistory:
    """The last runs of all users."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self._lines: dict[User, _Line] = {}

    def learn(self, user: User, lease_id: LeaseId, run_us: Sequence[int], at_us: int) -> None:
        """Units of a user have ended, after so many microseconds each."""
        line = self._lines.setdefault(user, _Line())
        if at_us > line.at_us:
            self._settle(line)
            line.at_us = at_us
        line.fresh.append((lease_id, run_us[-COUNTED:]))

    def mean_us(self, user: User, before_us: int) -> int | None:
        """Return the mean of the last two run times in whole seconds, rounded down, but at least one second.

        Args:
            user: Whose runs.
            before_us: Only what ended earlier counts; it is no earlier than the last run that is known.

        Returns:
            The mean in microseconds; None if fewer than two runs have ended.
        """
        line = self._lines.get(user)
        if line is None:
            return None
        if line.at_us < before_us:
            self._settle(line)
        times_us = line.settled
        if len(times_us) < COUNTED:
            return None
        return max(1, sum(times_us) // (COUNTED * SECOND_US)) * SECOND_US

    @staticmethod
    def _settle(line: _Line) -> None:
        line.settled = line.times_us()
        line.fresh.clear()
