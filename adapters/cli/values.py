"""How people write amounts, sizes, durations and times on a command line, and the parameter types that read them.

Everything is read exactly, as fractions of decimal numbers, and becomes an integer of the unit that its name ends in.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction

import click

from meted.core.limits import GENERIC_MILLI_MAX, JOB_UNITS_MAX, MEM_BYTES_MAX, SECOND_US, TIME_MAX_US

from .tables import compact_span

SIZES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
"""Bytes of each suffix, in lower case."""

DURATIONS_US = {
    "ms": 1_000,
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3_600 * SECOND_US,
    "d": 86_400 * SECOND_US,
    "w": 7 * 86_400 * SECOND_US,
}
"""Microseconds of each unit of time."""

NONE = "none"
"""What stands for no amount at all: no cap, no guarantee, no fading."""

OWN_OPTIONS = {"cpu": "--cpus", "mem": "--mem"}
"""Resources that are not given as NAME=AMOUNT, and how they are."""

TEXT_CHARACTERS_MAX = 64
"""What is longer than this is no number that anybody meant."""

NUMBER = r"\d+(?:\.\d*)?|\.\d+"
"""A number that may have decimals, as a pattern."""

Pairs = tuple[tuple[str, object], ...]
"""What an option comes to that takes NAME=VALUE and may be given several times."""

_SIZE = re.compile(rf"({NUMBER})\s*([kmgt]?i?)b?", re.IGNORECASE | re.ASCII)
_PART = re.compile(rf"({NUMBER})\s*(ms|s|m|h|d|w)", re.ASCII)
_AMOUNT = re.compile(NUMBER, re.ASCII)
_RANGE = re.compile(r"(\d+)-(\d+)(?::(\d+))?", re.ASCII)


def size_bytes(text: str) -> int:
    """Return the bytes of a size: ``512``, ``256M``, ``4G`` (decimal), ``1.5Gi`` (binary); a part of a byte counts.

    Raises:
        ValueError: It is no size, or more than MEM_BYTES_MAX; the sentence says how one is written.
    """
    found = _SIZE.fullmatch(_given(text))
    if found is None or found[2].lower() not in SIZES:
        raise ValueError(f"{text!r} is no size; write it like 512M, 4G or 1.5Gi.")
    return _bounded(-(-Fraction(found[1]) * SIZES[found[2].lower()] // 1), MEM_BYTES_MAX, text)


def duration_us(text: str) -> int:
    """Return the microseconds of a duration: ``90`` or ``90s``, ``250ms``, ``15m``, ``2h``, ``7d``, ``1w``, ``1h30m``.

    Raises:
        ValueError: It is no duration, or more than TIME_MAX_US; the sentence says how one is written.
    """
    given = _given(text)
    if _AMOUNT.fullmatch(given):
        return _bounded(Fraction(given) * SECOND_US // 1, TIME_MAX_US, text)
    parts = _PART.findall(given)
    if not parts or _PART.sub("", given).strip():
        raise ValueError(f"{text!r} is no duration; write it like 90s, 15m, 2h, 7d or 1h30m.")
    return _bounded(sum(Fraction(number) * DURATIONS_US[unit] for number, unit in parts) // 1, TIME_MAX_US, text)


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
    given = _given(text)
    if given == "now":
        return now_us
    if given[:4] in {"now+", "now-"}:
        by_us = duration_us(given[4:])
        return _bounded(now_us + by_us if given[3] == "+" else now_us - by_us, TIME_MAX_US, text)
    try:
        moment = datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write it like 2027-01-31T18:00, or now+15m.") from None
    return _bounded(int(moment.timestamp()) * SECOND_US + moment.microsecond, TIME_MAX_US, text)


def amount_milli(text: str) -> int:
    """Return thousandths of an amount that may have decimals: ``2`` is 2000, ``0.5`` is 500.

    Raises:
        ValueError: It is no such amount, or finer than a thousandth, or out of range.
    """
    given = _given(text)
    if not _AMOUNT.fullmatch(given):
        raise ValueError(f"{text!r} is no amount; write it like 2 or 0.5.")
    thousandths = Fraction(given) * 1000
    if thousandths.denominator != 1:
        raise ValueError(f"{text!r} is too fine; amounts are counted in thousandths.")
    return _bounded(thousandths.numerator, GENERIC_MILLI_MAX, text)


def index_range(text: str) -> range:
    """Return the indices of ``FIRST-LAST`` or ``FIRST-LAST:STEP``; LAST is included where the steps meet it.

    Raises:
        ValueError: It is no such range, or has more than JOB_UNITS_MAX indices.
    """
    found = _RANGE.fullmatch(_given(text))
    if found is None:
        raise ValueError(f"{text!r} is no range; write it like 0-99, or 0-99:10 for every tenth.")
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if last < first or not step or last >= 2**53:
        raise ValueError(f"{text!r} is no range: the first index comes first, and the step is at least 1.")
    indices = range(first, last + 1, step)
    _bounded(len(indices), JOB_UNITS_MAX, text)
    return indices


def key_value(text: str) -> tuple[str, str]:
    """Return ``(name, value)`` of ``NAME=VALUE``; the value may be empty and may hold further ``=``.

    Raises:
        ValueError: There is no ``=``, or no name before it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is no pair; write it like NAME=VALUE.")
    return name, value


def resource(text: str) -> tuple[str, int]:
    """Return ``(name, thousandths)`` of ``NAME=AMOUNT``: ``licence=1``, ``gpu=0.5``.

    Raises:
        ValueError: It is no such pair, or of cpus or memory, which have options of their own.
    """
    name, amount = key_value(text)
    if name in OWN_OPTIONS:
        raise ValueError(f"{name} has an option of its own; give it with {OWN_OPTIONS[name]}.")
    return name, amount_milli(amount)


def once(
    _: click.Context, __: click.Parameter, pairs: tuple[tuple[str, object], ...]
) -> tuple[tuple[str, object], ...]:
    """Return the pairs of an option that may be given several times, as a callback of it: each name once.

    Raises:
        click.BadParameter: A name is given twice, so that one of its values would count for nothing.
    """
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.BadParameter(f"{twice!r} is given twice; give each name once.")
    return pairs


def _given(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"{text[:TEXT_CHARACTERS_MAX]!r}... is too long to be a number.")
    return text.strip()


def _bounded(value: int, largest: int, text: str) -> int:
    if not 0 <= value <= largest:
        raise ValueError(f"{text!r} is out of range: it comes to {value:,}, and 0 to {largest:,} are possible.")
    return value


class Reader(click.ParamType[object]):
    """A parameter whose text one of the functions of this module reads; what it cannot read is misuse."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        """Make a parameter type.

        Args:
            name: What the help calls it.
            read: Returns what a text means, or raises ValueError with a sentence.
        """
        self.name = name
        self.read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return what the text means; what is no text was read before."""
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def long_duration(least_us: int) -> Reader:
    """Return a parameter type of durations that last at least so many microseconds; it gives microseconds."""

    def read(text: str) -> int:
        found_us = duration_us(text)
        if found_us < least_us:
            raise ValueError(f"{text!r} is too short; give at least {compact_span(least_us)}.")
        return found_us

    return Reader("duration", read)


def or_none(reader: Reader, none: int) -> Reader:
    """Return a parameter type that takes ``none`` as well, and gives the number ``none`` for it."""

    def read(text: str) -> object:
        return none if text.strip().lower() == NONE else reader.read(text)

    return Reader(f"{reader.name} or none", read)


SIZE = Reader("size", size_bytes)
"""Gives bytes."""

DURATION = Reader("duration", duration_us)
"""Gives microseconds."""

POSITIVE_DURATION = Reader("duration", positive_duration_us)
"""Gives microseconds, at least one."""

TIME = Reader("time", lambda text: time_us(text, time.time_ns() // 1000))
"""Gives microseconds since the Unix epoch."""

AMOUNT = Reader("amount", amount_milli)
"""Gives thousandths."""

CPUS = AMOUNT
INDEX_RANGE = Reader("range", index_range)
"""Gives a ``range``."""

KEY_VALUE = Reader("name=value", key_value)
"""Gives (name, value)."""

RESOURCE = Reader("name=amount", resource)
"""Gives (name, thousandths)."""
