"""Factors and windows of time as people write them on a command line."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

import click

from meted.adapters.cli.values import duration_us

_FACTOR: Final = re.compile(r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:/(\d{1,12}))?", re.ASCII)


def read_factor(text: str) -> Fraction:
    """Return a number such as ``2``, ``0.75`` or ``3/4``, exactly.

    Raises:
        ValueError: It is none.
    """
    found = _FACTOR.fullmatch(text.strip()[:80])
    if found is None or (found[2] is not None and not int(found[2])):
        raise ValueError(f"{text[:40]!r} is no number; write it like 2 or 0.75.")
    return Fraction(found[1]) / int(found[2] or 1)


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


class FactorType(click.ParamType):
    """A positive number, exact."""

    name = "factor"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Return the number."""
        if isinstance(value, Fraction):
            return value
        try:
            return read_factor(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class WindowType(click.ParamType):
    """A window of time."""

    name = "window"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        """Return its two ends in microseconds."""
        if isinstance(value, tuple):
            return value
        try:
            return read_window(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


FACTOR: Final = FactorType()
WINDOW: Final = WindowType()
