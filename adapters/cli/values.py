"""How people write amounts, sizes and ranges on a command line, and the parameter types that read them.

Everything is read exactly, as fractions of decimal numbers, and becomes an integer of the unit that its name ends in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

import click

from meted.core.limits import GENERIC_MILLI_MAX, JOB_UNITS_MAX, MEM_BYTES_MAX

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

NONE = "none"
"""What stands for no amount at all: no cap, no guarantee, no fading."""

OWN_OPTIONS = {"cpu": "--cpus", "mem": "--mem"}
"""Resources that are not given as NAME=AMOUNT, and how they are."""

TEXT_CHARACTERS_MAX = 64
"""What is longer than this is no number that anybody meant."""

NUMBER = r"\d+(?:\.\d*)?|\.\d+"
"""A number that may have decimals, as a pattern."""

Command = TypeVar("Command", bound=Callable[..., object])

Pairs = tuple[tuple[str, object], ...]
"""What an option comes to that takes NAME=VALUE and may be given several times."""

_SIZE = re.compile(rf"({NUMBER})\s*([kmgt]?i?)b?", re.IGNORECASE | re.ASCII)
_AMOUNT = re.compile(NUMBER, re.ASCII)
_RANGE = re.compile(r"(\d+)-(\d+)(?::(\d+))?", re.ASCII)


def size_bytes(text: str) -> int:
    """Return the bytes of a size: ``512``, ``256M``, ``4G`` (decimal), ``1.5Gi`` (binary); a part of a byte counts.

    Raises:
        ValueError: It is no size, or more than MEM_BYTES_MAX; the sentence says how one is written.
    """
    found = _SIZE.fullmatch(stripped(text))
    if found is None or found[2].lower() not in SIZES:
        raise ValueError(f"{text!r} is no size; write it like 512M, 4G or 1.5Gi.")
    return bounded(-(-Fraction(found[1]) * SIZES[found[2].lower()] // 1), MEM_BYTES_MAX, text)


def amount_milli(text: str) -> int:
    """Return thousandths of an amount that may have decimals: ``2`` is 2000, ``0.5`` is 500.

    Raises:
        ValueError: It is no such amount, or finer than a thousandth, or out of range.
    """
    given = stripped(text)
    if not _AMOUNT.fullmatch(given):
        raise ValueError(f"{text!r} is no amount; write it like 2 or 0.5.")
    thousandths = Fraction(given) * 1000
    if thousandths.denominator != 1:
        raise ValueError(f"{text!r} is too fine; amounts are counted in thousandths.")
    return bounded(thousandths.numerator, GENERIC_MILLI_MAX, text)


def index_range(text: str) -> range:
    """Return the indices of ``FIRST-LAST`` or ``FIRST-LAST:STEP``; LAST is included where the steps meet it.

    Raises:
        ValueError: It is no such range, or has more than JOB_UNITS_MAX indices.
    """
    found = _RANGE.fullmatch(stripped(text))
    if found is None:
        raise ValueError(f"{text!r} is no range; write it like 0-99, or 0-99:10 for every tenth.")
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if last < first or not step or last >= 2**53:
        raise ValueError(f"{text!r} is no range: the first index comes first, and the step is at least 1.")
    indices = range(first, last + 1, step)
    bounded(len(indices), JOB_UNITS_MAX, text)
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


def pairs_option(*names: str, of: Reader, metavar: str, help: str) -> Callable[[Command], Command]:
    """Return an option that takes NAME=VALUE, several times but each name once."""
    return click.option(*names, type=of, multiple=True, callback=_once, metavar=metavar, help=help)


def _once(_: click.Context, __: click.Parameter, pairs: Pairs) -> Pairs:
    """Return the pairs of an option, as a callback of it: each name once.

    Raises:
        click.BadParameter: A name is given twice, so that one of its values would count for nothing.
    """
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.BadParameter(f"{twice!r} is given twice; give each name once.")
    return pairs


def stripped(text: str) -> str:
    """Return a text without the blanks around it.

    Raises:
        ValueError: It is too long to be a number.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"{text[:TEXT_CHARACTERS_MAX]!r}... is too long to be a number.")
    return text.strip()


def bounded(value: int, largest: int, text: str) -> int:
    """Return what a text comes to.

    Raises:
        ValueError: It is below 0, or more than ``largest``.
    """
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


def or_none(reader: Reader, none: int) -> Reader:
    """Return a parameter type that takes ``none`` as well, and gives the number ``none`` for it."""

    def read(text: str) -> object:
        return none if text.strip().lower() == NONE else reader.read(text)

    return Reader(f"{reader.name} or none", read)


SIZE = Reader("size", size_bytes)
"""Gives bytes."""

AMOUNT = Reader("amount", amount_milli)
"""Gives thousandths."""

INDEX_RANGE = Reader("range", index_range)
"""Gives a ``range``."""

KEY_VALUE = Reader("name=value", key_value)
"""Gives (name, value)."""

RESOURCE = Reader("name=amount", resource)
"""Gives (name, thousandths)."""
