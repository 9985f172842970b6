"""How unequal a list of amounts is, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def jain(amounts: Sequence[int]) -> Fraction:
    """Return Jain's fairness index, ``(sum x)^2 / (n * sum x^2)``: 1 when all are equal, 1/n when one has all.

    Source: Jain, Chiu and Hawe, "A Quantitative Measure of Fairness and Discrimination", DEC-TR-301, 1984.
    No amounts, or nothing but zeros, are equal.
    """
    squares = sum(amount * amount for amount in amounts)
    return Fraction(sum(amounts) ** 2, len(amounts) * squares) if squares else Fraction(1)


def gini(amounts: Sequence[int]) -> Fraction:
    """Return the Gini coefficient of amounts at or above zero: 0 when all are equal, (n - 1)/n when one has all."""
    total = sum(amounts)
    if not total:
        return Fraction(0)
    ranked = sum(rank * amount for rank, amount in enumerate(sorted(amounts), 1))
    return Fraction(2 * ranked, len(amounts) * total) - Fraction(len(amounts) + 1, len(amounts))
