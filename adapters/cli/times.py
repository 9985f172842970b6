"""How people write durations and moments on a command line, and the parameter types that read them."""

from __future__ import annotations

import re
import time
from datetime import datetime
from fractions import Fraction

import click

from meted.core.limits import SECOND_US, TIME_MAX_US

from .tables import compact_span
from .values import NUMBER, Reader, bounded, stripped

DURATIONS_US = {
    "ms": 1_000,
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3_600 * SECOND_US,
    "d": 86_400 * SECOND_US,
    "w": 7 * 86_400 * SECOND_US,
}
"""Microseconds of each unit of time."""

_SECONDS = re.compile(NUMBER, re.ASCII)
_PART = re.compile(rf"({NUMBER})\s*(ms|s|m|h|d|w)", re.ASCII)


def duration_us(text: str) -> int:
    """Return the microseconds of a duration: ``90`` or ``90s``, ``250ms``, ``15m``, ``2h``, ``7d``, ``1w``, ``1h30m``.

    Raises:
        ValueError: It is no duration, or more than TIME_MAX_US; the sentence says how one is written.
    """
    given = stripped(text)
    if _SECONDS.fullmatch(given):
        return bounded(Fraction(given) * SECOND_US // 1, TIME_MAX_US, text)
    parts = _PART.findall(given)
    if not parts or _PART.sub("", given).strip():
        raise ValueError(f"{text!r} is no duration; write it like 90s, 15m, 2h, 7d or 1h30m.")
    return bounded(sum(Fraction(number) * DURATIONS_US[unit] for number, unit in parts) // 1, TIME_MAX_US, text)


def positive_duration_us(text: str) -> int:
    """Return the microseconds of a duration that is not nothing.

    Raises:
        ValueError: It is nothing, or no duration.
    """
    found_us = duration_us(text)
    if not found_us:
        raise ValueError(f"{text!r} is no time at all; give a longer one, or leave the option out.")
    return found_us


def time_us(text: str, now_us: int) -> int:
    """Return a moment in microseconds since the Unix epoch: ISO 8601, ``now``, ``now+15m`` or ``now-2h``.

    Args:
        text: What was written; an ISO time without an offset is local time.
        now_us: What ``now`` is, microseconds since the Unix epoch.

    Raises:
        ValueError: It is no time, or out of range; the sentence says how one is written.
    """
    given = stripped(text)
    if given == "now":
        return now_us
    if given[:4] in {"now+", "now-"}:
        by_us = duration_us(given[4:])
        return bounded(now_us + by_us if given[3] == "+" else now_us - by_us, TIME_MAX_US, text)
    try:
        moment = datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write it like 2027-01-31T18:00, or now+15m.") from None
    return bounded(int(moment.timestamp()) * SECOND_US + moment.microsecond, TIME_MAX_US, text)


def moment_or_span_us(text: str) -> int:
    """Return a moment in microseconds since the Unix epoch: a time, or a duration from now on.

    Raises:
        ValueError: It is neither.
    """
    now_us = time.time_ns() // 1000
    try:
        return now_us + duration_us(text)
    except ValueError:
        pass
    try:
        return time_us(text, now_us)
    except ValueError as error:
        if "out of range" in str(error) or "too long" in str(error):
            raise
        raise ValueError(
            f"{text!r} is neither a time nor a duration; write it like 2027-01-31T18:00, now+15m or 2h."
        ) from None


def check_later(moment_us: int | None, option: str) -> None:
    """See whether a moment is ahead, in microseconds since the Unix epoch.

    Raises:
        click.UsageError: It is over; the sentence names the option.
    """
    if moment_us is not None and moment_us <= time.time_ns() // 1000:
        raise click.UsageError(f"{option} is over already; give a later one.")


def long_duration(least_us: int) -> Reader:
    """Return a parameter type of durations that last at least so many microseconds; it gives microseconds."""

    def read(text: str) -> int:
        found_us = duration_us(text)
        if found_us < least_us:
            raise ValueError(f"{text!r} is too short; give at least {compact_span(least_us)}.")
        return found_us

    return Reader("duration", read)


DURATION = Reader("duration", duration_us)
"""Gives microseconds."""

POSITIVE_DURATION = Reader("duration", positive_duration_us)
"""Gives microseconds, at least one."""

TIME = Reader("time", lambda text: time_us(text, time.time_ns() // 1000))
"""Gives microseconds since the Unix epoch."""

MOMENT = Reader("time or duration", moment_or_span_us)
"""Gives microseconds since the Unix epoch."""
