"""Factors and windows of time as people write them on a command line."""

from __future__ import annotations

from typing import Final

from meted.adapters.cli.times import duration_us
from meted.adapters.cli.values import Reader

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


FACTOR: Final = Reader("factor", read_factor)
"""Gives a Fraction."""

WINDOW: Final = Reader("window", read_window)
"""Gives two times in microseconds; the second may be None."""
