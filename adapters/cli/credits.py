"""How people write amounts of credit, points and costs, and how these are shown."""

from __future__ import annotations

import re
from fractions import Fraction

from meted.core.credit.fees import HOUR_CPU_US
from meted.core.decide.ledger import credits_text
from meted.core.limits import CREDIT_MAX_MC, PRIORITY_STEPS_MAX, TIME_MAX_US

from ..wording import pluralized
from .times import duration_us
from .values import NUMBER, TEXT_CHARACTERS_MAX, Reader

_AMOUNT = re.compile(rf"[+-]?({NUMBER})", re.ASCII)
_POINTS = re.compile(r"[+-]?\d{1,6}", re.ASCII)
_HOURS = re.compile(NUMBER, re.ASCII)

POINTS_MAX = 2 * PRIORITY_STEPS_MAX
"""From as many sold to as many bought as there may be."""


def amount_mc(text: str) -> int:
    """Return thousandths of a credit, which may be below zero: ``12.5`` is 12500.

    Raises:
        ValueError: It is no such amount, or finer than a thousandth, or out of range.
    """
    given = text.strip()
    if len(given) > TEXT_CHARACTERS_MAX or not _AMOUNT.fullmatch(given):
        raise ValueError(f"{given[:TEXT_CHARACTERS_MAX]!r} is no amount of credit; write it like 12 or 12.5.")
    thousandths = Fraction(given) * 1000
    if thousandths.denominator != 1:
        raise ValueError(f"{text!r} is too fine; credit is counted in thousandths.")
    if abs(thousandths) > CREDIT_MAX_MC:
        raise ValueError(f"{text!r} is out of range; at most {credits_text(CREDIT_MAX_MC)} move at once.")
    return thousandths.numerator


def some_mc(text: str) -> int:
    """Return thousandths of a credit, at least one.

    Raises:
        ValueError: It is no such amount, or nothing.
    """
    found_mc = amount_mc(text)
    if found_mc < 1:
        raise ValueError(f"{text!r} is nothing; give an amount above 0.")
    return found_mc


def not_below_zero_mc(text: str) -> int:
    """Return thousandths of a credit, which may be none.

    Raises:
        ValueError: It is no such amount, or below zero.
    """
    found_mc = amount_mc(text)
    if found_mc < 0:
        raise ValueError(f"{text!r} is below 0; give 0 or more.")
    return found_mc


def points(text: str) -> int:
    """Return a number of points: ``+2`` and ``2`` to buy, ``-2`` to give back or to sell.

    Raises:
        ValueError: It is none.
    """
    given = text.strip()
    if not _POINTS.fullmatch(given) or not 0 < abs(int(given)) <= POINTS_MAX:
        shown = given[:TEXT_CHARACTERS_MAX]
        raise ValueError(f"{shown!r} is no number of points; write it like +2 or -1, at most {POINTS_MAX} at once.")
    return int(given)


def points_to_pay(text: str) -> int:
    """Return a number of points that can be bought.

    Raises:
        ValueError: It is none.
    """
    found = points(text)
    if not 0 < found <= PRIORITY_STEPS_MAX:
        raise ValueError(f"{text!r} points cannot be bought; a job has at most {PRIORITY_STEPS_MAX}, and at least 1.")
    return found


def cost_us(text: str) -> int:
    """Return cpu-microseconds: ``3`` and ``3h`` are three cpu-hours, ``90m`` and ``1.5`` one and a half.

    Raises:
        ValueError: It is no such cost, or nothing.
    """
    given = text.strip()
    if len(given) <= TEXT_CHARACTERS_MAX and _HOURS.fullmatch(given):
        found_us = int(Fraction(given) * HOUR_CPU_US)
    else:
        try:
            found_us = duration_us(given)
        except ValueError:
            shown = given[:TEXT_CHARACTERS_MAX]
            raise ValueError(f"{shown!r} is no cost; write cpu-hours like 3, or cpu time like 3h or 90m.") from None
    if not 0 < found_us <= TIME_MAX_US:
        raise ValueError(
            f"{text!r} is out of range; give more than 0, and at most {TIME_MAX_US // HOUR_CPU_US:,} hours."
        )
    return found_us


CREDITS = Reader("credits", some_mc)
"""Gives thousandths of a credit, at least one."""

SIGNED_CREDITS = Reader("credits", amount_mc)
"""Gives thousandths of a credit."""

CREDITS_OR_ZERO = Reader("credits", not_below_zero_mc)
"""Gives thousandths of a credit, zero or more."""

POINTS = Reader("points", points)
"""Gives a number that is not zero."""

POINTS_TO_PAY = Reader("points", points_to_pay)
"""Gives a number above zero."""

COST = Reader("cost", cost_us)
"""Gives cpu-microseconds."""


def bare(mc: int) -> str:
    """Return an amount of credit for a column: ``12.5``."""
    return credits_text(mc).partition(" ")[0]


def signed(mc: int) -> str:
    """Return what comes or goes: ``+12.5``, ``-3``."""
    return f"{'+' if mc > 0 else ''}{bare(mc)}"


def signed_points(number: int) -> str:
    """Return points as people write them: ``+2 points``, ``-1 point``."""
    return f"{number:+} {pluralized(abs(number), 'point')}"


def cpu_hours(cpu_us: int) -> str:
    """Return cpu time in hours, to a hundredth, rounded down: ``6.25 cpu-hours``."""
    hours, rest = divmod(cpu_us * 100 // HOUR_CPU_US, 100)
    number = f"{hours:,}" + (f".{rest:02d}".rstrip("0") if rest else "")
    return f"{number} {'cpu-hour' if number == '1' else 'cpu-hours'}"
