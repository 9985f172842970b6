"""How amounts are distributed, in memory that does not grow with their number.

Up to ``EXACT_MAX`` amounts are kept as they are, and quantiles are exact. Beyond that they are counted in buckets, each
at most 1/128 as wide as its amounts are large (the layout of HdrHistogram, Tene 2012: a power of two, divided evenly);
a quantile is then the upper end of its bucket, so never too small, and at most 1/128 too large.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

EXACT_MAX: Final = 1_024
"""Amounts that are kept one by one."""

_BITS: Final = 7
_FINE: Final = 1 << _BITS
_MILLI: Final = 1_000


class Distribution:
    """Amounts, integers at or above zero, in any unit.

    Attributes:
        count: How many there are.
        largest: The largest of them; 0 if there is none.
    """

    __slots__ = ("_buckets", "_exact", "count", "largest")

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0
        self.largest = 0
        self._exact: list[int] = []
        self._buckets: dict[int, int] = {}

    def add(self, amount: int) -> None:
        """Count one more."""
        self.count += 1
        if amount > self.largest:
            self.largest = amount
        if self._buckets:
            bucket = _bucket(amount)
            self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
            return
        self._exact.append(amount)
        if self.count > EXACT_MAX:
            for one in self._exact:
                bucket = _bucket(one)
                self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
            self._exact.clear()

    def quantile(self, milli: int) -> int:
        """Return the least amount that at least so many thousandths of all are at most (the nearest rank); 0 of none.

        Raises:
            ValueError: ``milli`` is not from 1 to 1000.
        """
        if not 1 <= milli <= _MILLI:
            raise ValueError(f"a quantile is from 1 to 1000 thousandths, and this is {milli}.")
        rank = -(-self.count * milli // _MILLI)
        if self._exact:
            return sorted(self._exact)[rank - 1]
        return next((amount for amount, at_most in self.steps() if at_most >= rank), 0)

    def steps(self) -> Iterator[tuple[int, int]]:
        """Yield each amount (or the upper end of its bucket), rising, and how many are at most it."""
        found: dict[int, int] = {}
        if self._buckets:
            found = {_upper(bucket): count for bucket, count in self._buckets.items()}
        else:
            for amount in self._exact:
                found[amount] = found.get(amount, 0) + 1
        at_most = 0
        for amount in sorted(found):
            at_most += found[amount]
            yield min(amount, self.largest), at_most


def _bucket(amount: int) -> int:
    """Return the number of the bucket of an amount; larger amounts have larger numbers."""
    shift = max(0, amount.bit_length() - _BITS - 1)
    return (shift << _BITS) + (amount >> shift)


def _upper(bucket: int) -> int:
    """Return the largest amount of a bucket."""
    shift = max(0, (bucket >> _BITS) - 1)
    return ((bucket - (shift << _BITS) + 1) << shift) - 1
