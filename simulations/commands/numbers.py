"""Factors, parts and windows of time as people write them on a command line."""

from __future__ import annotations

from typing import Final

from meted.adapters.cli.times import duration_us
from meted.adapters.cli.values import Reader, amount_milli

from ..factors import read_factor


def read_window(text: str) -> tuple[int, int | None]:
    """Return the microseconds of ``START..END``, ``START..`` or ``..END``, two times from the start of the log.

    Raises:
        ValueError: It is no such window.
    """
    start, dots, end = text.partition("..")
    if not dots or not (start.strip() or end.strip()):
        raise ValueError(f"{text[:40]!r} is no window; write it like 30d..60d, 90.. or ..12h.")
    window = (duration_us(start) if start.strip() else 0, duration_us(end) if end.strip() else None)
    if window[1] is not None and window[1] <= window[0]:
        raise ValueError(f"{text[:40]!r} ends before it has begun; the earlier time comes first.")
    return window


def part_milli(text: str) -> int:
    """Return thousandths of a part: ``0.5`` is 500.

    Raises:
        ValueError: It is no number from 0 to 1.
    """
    milli = amount_milli(text)
    if milli > 1_000:
        raise ValueError(f"{text!r} is no part of a share; write one from 0 to 1, like 0.5.")
    return milli


FACTOR: Final = Reader("factor", read_factor)
"""Gives a Fraction."""

PART: Final = Reader("part", part_milli)
"""Gives thousandths."""

WINDOW: Final = Reader("window", read_window)
"""Gives two times in microseconds; the second may be None."""
