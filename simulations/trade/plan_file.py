"""The file of ``--credit``: the rules of credit, what domains begin with, and who buys or sells points; TOML.

::

    [rules]                  # as in `meted credit rules set`; "none" as a price: nobody trades
    price = 0.5
    grant = 10
    period = "1d"
    cap = 100
    half-life = "none"
    income = "funded"
    donors = "all"

    [accounts]
    each = 50                # what every domain begins with
    begin = {"12" = 200}     # and single ones
    without = ["7"]
    unlimited = ["3"]

    [[trade]]
    domains = ["12", "14"]   # left out: all
    points = 2               # below zero: they are sold
    time-max = "1h"
    part = 0.5
    after = "10m"
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from meted.adapters.cli.credits import not_below_zero_mc, points
from meted.adapters.cli.times import duration_us, long_duration
from meted.adapters.cli.values import NONE, amount_milli
from meted.core.credit.state import CreditRules
from meted.core.decide.credit import DONORS, INCOMES
from meted.core.limits import CREDIT_PERIOD_MIN_US, PRIORITY_STEPS_MAX
from meted.core.record import replaced

from ..errors import SimulationError
from ..procs import PROCS_MAX
from ..traces.source import open_source, reason_of, source_name
from .plan import CreditPlan, Trade
from .words import excerpt

CREDIT_FILE_BYTES_MAX: Final = 2**20
"""Size of the largest file of ``--credit``."""

TRADES_MAX: Final = 1_000
"""Entries of who trades that it may have."""

SPAN: Final = long_duration(CREDIT_PERIOD_MIN_US)
"""How a period and a half-life are written; gives microseconds."""

NUMBER_MAX: Final = 2**63 - 1
"""Largest number in it, of either sign."""

_SHOWN: Final = 40
_REASON_MAX: Final = 200

Table = Mapping[str, Any]
Read = Callable[[str], Any]


def read_plan(path: str) -> CreditPlan:
    """Read a file of ``--credit``.

    Raises:
        SimulationError: It cannot be read, or something in it is not understood; the sentence says what.
    """
    name = source_name(path)
    try:
        with open_source(path) as file:
            body = file.read(CREDIT_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SimulationError(f"{name} cannot be read ({reason_of(error)}); check the path.") from None
    if len(body) > CREDIT_FILE_BYTES_MAX:
        raise SimulationError(f"{name} has more than {CREDIT_FILE_BYTES_MAX:,} bytes; give a smaller file.")
    try:
        said = tomllib.loads(body.decode("utf-8-sig"), parse_float=str)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said_so = str(error) if len(str(error)) <= _REASON_MAX else "it is written wrongly"
        raise SimulationError(
            f"{name} is no TOML in UTF-8 ({said_so}); see docs/simulation.md for an example."
        ) from None
    except (ValueError, RecursionError) as error:  # neither says of the file what is wrong with it
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is a number beyond {NUMBER_MAX:,}"
        raise SimulationError(f"{name}: something in it {why}; see docs/simulation.md for an example.") from None
    return replaced(_Reader(name).plan(said), sha256=hashlib.sha256(body).hexdigest())


def read_price(text: str) -> int | None:
    """Return the price of a point for a cpu-hour in thousandths of a credit; None (``none``): nobody trades.

    Raises:
        ValueError: It is no such price.
    """
    return None if text.strip().lower() == NONE else not_below_zero_mc(text)


def _is_name(given: object) -> bool:
    return (isinstance(given, str) and given != "") or (type(given) is int and 0 <= given <= NUMBER_MAX)


def _or_none(read: Read) -> Read:
    return lambda text: None if text.strip().lower() == NONE else read(text)


def _one_of(words: Collection[str]) -> Read:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text[:_SHOWN]!r} is none; give {' or '.join(words)}.")
        return text

    return read


def _points(text: str) -> int:
    found = points(text)
    if abs(found) > PRIORITY_STEPS_MAX:
        raise ValueError(f"{text!r} are too many; a job has at most {PRIORITY_STEPS_MAX} bought or sold.")
    return found


def _part(text: str) -> int:
    found = amount_milli(text)
    if not 0 < found <= 1000:
        raise ValueError(f"{text!r} is no part of their jobs; give one from 0.001 to 1.")
    return found


def _number(least: int, most: int) -> Read:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
            raise ValueError(f"{text[:_SHOWN]!r} is no whole number from {least} to {most:,}.")
        return int(text)

    return read


_RULES: Final[Mapping[str, Read]] = {
    "price": read_price,
    "grant": not_below_zero_mc,
    "period": SPAN.read,
    "cap": _or_none(not_below_zero_mc),
    "half-life": _or_none(SPAN.read),
    "income": _one_of(INCOMES),
    "donors": _one_of(DONORS),
}
_TRADE: Final[Mapping[str, Read]] = {
    "points": _points,
    "time-min": duration_us,
    "time-max": duration_us,
    "procs-min": _number(1, PROCS_MAX),
    "procs-max": _number(1, PROCS_MAX),
    "part": _part,
    "after": duration_us,
}
_ACCOUNTS: Final = ("each", "begin", "without", "unlimited")
_LISTS: Final = ("domains", "users")


class _Reader:
    """Reads what a file says; every refusal names the file and the place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def plan(self, said: Table) -> CreditPlan:
        self._check_keys("", said, ("rules", "accounts", "trade"))
        rules = self._table("[rules]", said.get("rules", {}))
        found = self._values("[rules]", rules, _RULES)
        default = CreditRules()
        accounts = self._table("[accounts]", said.get("accounts", {}))
        self._check_keys("[accounts]", accounts, _ACCOUNTS)
        begin = self._table("[accounts] begin", accounts.get("begin", {}))
        without, unlimited = (self._names("[accounts]", accounts, key) for key in ("without", "unlimited"))
        for name in without:
            if name in begin or name in unlimited:
                other = "begin" if name in begin else "unlimited"
                raise self._refusal(
                    "[accounts]", f"{excerpt(name)} is in without and in {other}; name it in one of them"
                )
        price_mc = found.get("price", default.price_mc)
        return CreditPlan(
            self._name,
            CreditRules(
                found.get("grant", default.grant_mc),
                found.get("period", default.period_us),
                found.get("cap", default.cap_mc),
                found.get("half-life", default.half_life_us),
                default.price_mc if price_mc is None else price_mc,
                found.get("income", default.income),
                found.get("donors", default.donors),
            ),
            self._value("[accounts]", "each", accounts.get("each", 0), not_below_zero_mc),
            tuple((name, self._value("[accounts] begin", name, mc, not_below_zero_mc)) for name, mc in begin.items()),
            without,
            unlimited,
            self._trades(said.get("trade", [])),
            price_mc is None,
        )

    def _trades(self, given: object) -> tuple[Trade, ...]:
        if not isinstance(given, list) or not given:
            raise self._refusal("", "nobody trades by it; say who does in an entry that begins with [[trade]]")
        if len(given) > TRADES_MAX:
            raise self._refusal(
                "", f"it has {len(given):,} entries [[trade]], and at most {TRADES_MAX:,} are read; leave some out"
            )
        return tuple(self._trade(f"[[trade]] {place}", one) for place, one in enumerate(given, 1))

    def _trade(self, place: str, given: object) -> Trade:
        entry = self._table(place, given)
        lists = {key: value for key, value in entry.items() if key in _LISTS}
        found = self._values(place, {key: value for key, value in entry.items() if key not in lists}, _TRADE, _LISTS)
        if "points" not in found:
            raise self._refusal(place, "it does not say how many points; give some like points = 2")
        users = self._names(place, lists, "users")
        trade = Trade(
            found["points"],
            self._names(place, lists, "domains"),
            tuple(self._value(place, "users", user, _number(0, NUMBER_MAX)) for user in users),
            found.get("time-min"),
            found.get("time-max"),
            found.get("procs-min"),
            found.get("procs-max"),
            found.get("part", 1000),
            found.get("after", 0),
        )
        for least, most, word in (
            (trade.time_min_us, trade.time_max_us, "time"),
            (trade.procs_min, trade.procs_max, "procs"),
        ):
            if least is not None and most is not None and least > most:
                raise self._refusal(place, f"{word}-min is above {word}-max, so no job fits; turn them round")
        return trade

    def _values(self, place: str, given: Table, known: Mapping[str, Read], more: tuple[str, ...] = ()) -> Table:
        self._check_keys(place, given, (*known, *more))
        return {key: self._value(place, key, value, known[key]) for key, value in given.items()}

    def _value(self, place: str, key: str, value: object, read: Read) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self._refusal(place, f"{excerpt(key)} has to be a number or a text in quotes")
        if isinstance(value, int) and abs(value) > NUMBER_MAX:
            raise self._refusal(place, f"{excerpt(key)} is a number beyond {NUMBER_MAX:,}; give a smaller one")
        try:
            return read(str(value))
        except ValueError as error:
            raise SimulationError(f"{self._at(place)}: {excerpt(key)}: {error}") from None

    def _names(self, place: str, table: Table, key: str) -> tuple[str, ...]:
        given = table.get(key, [])
        if not isinstance(given, list) or not all(map(_is_name, given)):
            raise self._refusal(place, f'{key} has to be a list of names, like {key} = ["3", "12"]')
        names = tuple(map(str, given))
        if key in table and not names and place.startswith("[[trade]]"):
            raise self._refusal(place, f"{key} is empty, so it is nobody's; leave it out for all")
        if len(set(names)) < len(names):
            raise self._refusal(place, f"{key} names something twice; name each once")
        return names

    def _table(self, place: str, given: object) -> Table:
        if not isinstance(given, dict):
            raise self._refusal("", f"{place} has to be a table")
        return given

    def _check_keys(self, place: str, table: Table, known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                raise self._refusal(place, f"{key[:_SHOWN]!r} is not known; use {', '.join(known)}")

    def _at(self, place: str) -> str:
        return f"{self._name}, {place}" if place else self._name

    def _refusal(self, place: str, what: str) -> SimulationError:
        return SimulationError(f"{self._at(place)}: {what}.")
