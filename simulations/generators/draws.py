"""Random variates that are the same on every machine for the same seed.

All of them rest on ``random.Random.random``, whose sequence Python promises never to change, and on :mod:`.exact_math`.
The other methods of ``random.Random`` (``expovariate``, ``gammavariate``, ``choices`` ...) are not used: they may
change with the version of Python, and they call the C library.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from math import sqrt
from random import Random
from typing import Final

from .exact_math import exp, log, power

_THIRD: Final = 1.0 / 3.0


class Draws:
    """A stream of variates. Streams with other names are independent of it, and taking from one leaves others alone."""

    def __init__(self, seed: int, stream: str) -> None:
        """Begin the stream of that name under a seed."""
        self._random = Random(int.from_bytes(sha256(f"{seed}/{stream}".encode()).digest(), "big")).random

    def uniform(self) -> float:
        """Return a number from 0 to below 1."""
        return self._random()

    def below(self, count: int) -> int:
        """Return a whole number from 0 to below ``count``."""
        return int(self._random() * count)

    def exponential(self, mean: float) -> float:
        """Return an exponential variate, by inversion."""
        return -mean * log(1.0 - self._random())

    def normal(self) -> float:
        """Return a standard normal variate, by the polar method (Marsaglia and Bray, SIAM Review 6(3), 1964)."""
        while True:
            x, y = 2.0 * self._random() - 1.0, 2.0 * self._random() - 1.0
            square = x * x + y * y
            if 0.0 < square < 1.0:
                return x * sqrt(-2.0 * log(square) / square)

    def lognormal(self, median: float, sigma: float) -> float:
        """Return a variate whose logarithm is normal, with standard deviation ``sigma``."""
        return median * exp(sigma * self.normal())

    def pareto(self, least: float, alpha: float) -> float:
        """Return a Pareto variate: above x with probability (least / x)^alpha."""
        return least * power(1.0 - self._random(), -1.0 / alpha)

    def gamma(self, alpha: float, beta: float) -> float:
        """Return a gamma variate with shape ``alpha`` of at least 1 and scale ``beta``: its mean is their product.

        Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26(3), 2000.
        """
        d = alpha - _THIRD
        c = _THIRD / sqrt(d)
        while True:
            x = self.normal()
            v = 1.0 + c * x
            if v <= 0.0:
                continue
            v = v * v * v
            u = 1.0 - self._random()
            if log(u) < 0.5 * x * x + d - d * v + d * log(v):
                return d * v * beta


class Weighted:
    """Places of a list, each drawn as often as its weight says."""

    def __init__(self, weights: Sequence[float]) -> None:
        """Take the weights, all above zero."""
        self._sums = list(accumulate(weights))

    def draw(self, draws: Draws) -> int:
        """Return a place, from 0 on."""
        return min(bisect_right(self._sums, draws.uniform() * self._sums[-1]), len(self._sums) - 1)
