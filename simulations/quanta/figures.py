"""How users fared in a demand matrix: what they could use of what they got."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import fsum
from operator import add
from statistics import median

from meted.core.record import record

from ..results.inequality import jain


@record
class Figures:
    """The figures of one run. All ratios but the mean are exact.

    A user's *useful* slices are those that it got and could use: in each quantum the smaller of its allocation and its
    true demand. Its *welfare* is their part of all that it demanded, from 0 to 1. Users who never demanded anything are
    in none of the figures.

    Attributes:
        useful: Useful slices of all users together, over all quanta.
        idle: Slices that nobody could use.
        utilisation: Useful slices of all that there were.
        least_useful, most_useful: Useful slices of the user with the fewest, and the most.
        min_max_useful: The first divided by the second, 1 when all had as many; the paper's measure of fairness.
        jain_useful: Jain's index of the users' useful slices.
        least_welfare, mean_welfare: The smallest welfare of a user, and the mean of all.
        disparity: The median welfare divided by the least; None when somebody got nothing.
    """

    useful: int
    idle: int
    utilisation: Fraction
    least_useful: int
    most_useful: int
    min_max_useful: Fraction
    jain_useful: Fraction
    least_welfare: Fraction
    mean_welfare: float
    disparity: Fraction | None


def figures(useful: Sequence[int], demanded: Sequence[int], capacity: int) -> Figures:
    """Return the figures of a run.

    Args:
        useful: Useful slices of each user, over all quanta.
        demanded: Slices that each user truly demanded.
        capacity: Slices of the pool, over all quanta.
    """
    counted = [(used, demand) for used, demand in zip(useful, demanded, strict=True) if demand]
    used = [count for count, _ in counted] or [0]
    welfare = [Fraction(count, demand) for count, demand in counted] or [Fraction(1)]
    least, most, total = min(used), max(used), sum(used)
    return Figures(
        total,
        capacity - total,
        Fraction(total, capacity) if capacity else Fraction(0),
        least,
        most,
        Fraction(least, most) if most else Fraction(1),
        jain(used),
        min(welfare),
        fsum(welfare) / len(welfare),
        median(welfare) / min(welfare) if min(welfare) else None,
    )


class Tally:
    """Adds up the useful slices of each user, quantum by quantum, in memory that does not grow with their number."""

    def __init__(self, users: int) -> None:
        """Begin with nothing."""
        self.useful = [0] * users

    def add(self, allocation: Sequence[int], truth: Sequence[int]) -> None:
        """Count one quantum: what each user got, and what it could use."""
        self.useful = list(map(add, self.useful, map(min, allocation, truth)))
