"""Strategic users: what one gains by asking for more or for less than it can use.

The gain of a report is the useful slices with it, divided by those with the truth, all else equal. Useful is what could
be used: in each quantum the smaller of the allocation and the *true* demand. Under Karma, asking for less now can pay
later, by at most a half (arXiv 2109.12401). Asking for more does not pay, says the theory; in whole slices there is a
rare exception where nothing is shared but donations (alpha 1); the tests keep one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Final

from meted.core.record import record

from .allocators import Allocator

Rows = Sequence[Sequence[int]]

STRATEGIES: Final[Mapping[str, Callable[[int, int, int], int]]] = {
    "double": lambda demand, _part, _slices: 2 * demand,
    "hoard": lambda demand, part, _slices: max(demand, part),
    "all": lambda _demand, _part, slices: slices,
    "half": lambda demand, _part, _slices: demand // 2,
    "modest": lambda demand, part, _slices: min(demand, part),
}
"""What a user asks for who does not tell the truth, from its demand, its fair share and the slices of the pool: twice
as much; never less than its fair share (the paper's non-conformant users); always everything; half as much; never more
than its fair share."""


@record
class Found:
    """The best report that was found.

    Attributes:
        truthful: Useful slices of the user when it tells the truth.
        useful: Useful slices with the best report, no fewer.
        reports: That report, one number a quantum.
        tried: Reports that were tried.
    """

    truthful: int
    useful: int
    reports: tuple[int, ...]
    tried: int

    @property
    def gain(self) -> Fraction:
        """The second divided by the first, at least 1; for a user that gets nothing with the truth, the second."""
        return Fraction(max(self.useful, 1), max(self.truthful, 1))


def useful_of(allocator: Allocator, rows: Rows, user: int, reports: Iterable[int]) -> int:
    """Return the useful slices of a user.

    Args:
        allocator: A new one.
        rows: The true demands of all users, quantum by quantum.
        user: Which one.
        reports: What it asks for in each quantum instead.
    """
    useful = 0
    for truth, reported in zip(rows, reports, strict=True):
        asked = list(truth)
        asked[user] = reported
        useful += min(allocator.allocate(asked)[user], truth[user])
    return useful


class Search:
    """Looks for a report that pays, in a matrix that is too long to try all: a lower bound of what can be gained.

    Each step takes the best report so far and lies in a window of it, drawn by seeded dice: one of ``STRATEGIES``, no
    demand at all, or the truth again. What raises the useful slices is kept.
    """

    def __init__(
        self, make: Callable[[], Allocator], rows: Rows, user: int, part: int, slices: int, seed: int = 0
    ) -> None:
        """Begin with the truth.

        Args:
            make: Returns a new allocator.
            rows: The true demands of all users, quantum by quantum.
            user: Who reports.
            part: Its fair share, in slices.
            slices: Slices of the pool.
            seed: Of the dice.
        """
        self._make, self._rows, self._user, self._part, self._slices = make, rows, user, part, slices
        self._dice = Random(seed)
        self._truth = tuple(demands[user] for demands in rows)
        truthful = useful_of(make(), rows, user, self._truth)
        self.found = Found(truthful, truthful, self._truth, 0)

    def step(self) -> None:
        """Try one more report; ``found`` is the best so far."""
        dice, best = self._dice, self.found
        length = max(1, int(len(self._truth) * 2 ** dice.uniform(-12, 0)))
        start = dice.randrange(len(self._truth) - length + 1)
        lie = dice.choice([*STRATEGIES.values(), lambda *_: 0, lambda demand, *_: demand])
        window = [lie(demand, self._part, self._slices) for demand in self._truth[start : start + length]]
        reports = (*best.reports[:start], *window, *best.reports[start + length :])
        useful = useful_of(self._make(), self._rows, self._user, reports)
        if useful > best.useful:
            self.found = Found(best.truthful, useful, reports, best.tried + 1)
        else:
            self.found = Found(best.truthful, best.useful, best.reports, best.tried + 1)
