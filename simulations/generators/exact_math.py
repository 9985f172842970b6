"""Logarithm, exponential and power that give the same bits on every machine.

The functions of a C library differ from one to the next in the last bit, and what is drawn with them differs with it.
Here are only sums, products, quotients and powers of two of IEEE 754 doubles, each of which is rounded correctly and so
the same everywhere. The results are right to about 1 part in 10^15.
"""

from __future__ import annotations

from math import frexp, ldexp
from typing import Final

LN_2: Final = 0.6931471805599453

_LN_2_HIGH: Final = 0.6931471803691238  # the upper bits; times a small whole number it is exact
_LN_2_LOW: Final = 1.9082149292705877e-10
_ROOT_HALF: Final = 0.7071067811865476
_LOG_TERMS: Final = tuple(1.0 / n for n in range(23, 1, -2))
_EXP_TERMS: Final = 14


def _inverse_factorials() -> tuple[float, ...]:
    made, factorial = [], 1
    for n in range(1, _EXP_TERMS + 1):
        factorial *= n
        made.append(1.0 / factorial)
    return tuple(reversed(made))


_INVERSE_FACTORIALS: Final = _inverse_factorials()


def log(x: float) -> float:
    """Return the natural logarithm of a finite number above zero.

    x = m 2^e with m from the root of one half to the root of two; then ln m = 2 artanh((m - 1) / (m + 1)).
    """
    m, e = frexp(x)
    if m < _ROOT_HALF:
        m, e = m + m, e - 1
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    total = 0.0
    for term in _LOG_TERMS:
        total = (total + term) * square
    return e * _LN_2_HIGH + ((s + s) * (1.0 + total) + e * _LN_2_LOW)


def exp(x: float) -> float:
    """Return e to the power of a number from -700 to 700: 2^k times the Taylor series of what is left."""
    k = round(x / LN_2)
    rest = (x - k * _LN_2_HIGH) - k * _LN_2_LOW
    total = 0.0
    for term in _INVERSE_FACTORIALS:
        total = (total + term) * rest
    return ldexp(1.0 + total, k)


def power(x: float, y: float) -> float:
    """Return x to the power of y, for x above zero."""
    return exp(y * log(x))
