"""Numbers that are read exactly, as quotients of whole numbers."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_FACTOR: Final = re.compile(r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:/(\d{1,12}))?", re.ASCII)


def read_factor(text: str) -> Fraction:
    """Return a number such as ``2``, ``0.75`` or ``3/4``.

    Raises:
        ValueError: It is none.
    """
    found = _FACTOR.fullmatch(text.strip()[:80])
    if found is None or (found[2] is not None and not int(found[2])):
        raise ValueError(f"{text[:40]!r} is no number; write it like 2 or 0.75.")
    return Fraction(found[1]) / int(found[2] or 1)


def write_factor(value: Fraction) -> str:
    """Return a number as :func:`read_factor` reads it: as a decimal where it has one, else as a quotient."""
    digits, scaled = 0, value
    while scaled.denominator != 1 and digits < 12:
        digits, scaled = digits + 1, scaled * 10
    if scaled.denominator != 1:
        return str(value)
    whole = str(int(scaled)).rjust(digits + 1, "0")
    return f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole
