"""Factors and windows of time as people write them on a command line."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import click

from meted.adapters.cli.values import duration_us

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


class FactorType(click.ParamType[Fraction]):
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


class WindowType(click.ParamType[tuple[int, int | None]]):
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
