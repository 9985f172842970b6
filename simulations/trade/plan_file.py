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

from collections.abc import Collection, Mapping
from typing import Final

from meted.adapters.cli.credits import not_below_zero_mc, points
from meted.adapters.cli.times import duration_us, long_duration
from meted.adapters.cli.values import NONE, amount_milli
from meted.core.credit.state import CreditRules
from meted.core.decide.credit import DONORS, INCOMES
from meted.core.limits import CREDIT_PERIOD_MIN_US, PRIORITY_STEPS_MAX
from meted.core.record import replaced

from ..procs import PROCS_MAX
from .plan import CreditPlan, Trade
from .toml_file import NUMBER_MAX, Read, Table, TomlReader, read_toml
from .words import SHOWN, excerpt

TRADES_MAX: Final = 1_000
"""Entries of who trades that it may have."""

SPAN: Final = long_duration(CREDIT_PERIOD_MIN_US)
"""How a period and a half-life are written; gives microseconds."""


def read_plan(path: str) -> CreditPlan:
    """Read a file of ``--credit``.

    Raises:
        SimulationError: It cannot be read, or something in it is not understood; the sentence says what.
    """
    name, sha256, said = read_toml(path)
    return replaced(_Reader(name).plan(said), sha256=sha256)


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
            raise ValueError(f"{text[:SHOWN]!r} is none; give {' or '.join(words)}.")
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
            raise ValueError(f"{text[:SHOWN]!r} is no whole number from {least} to {most:,}.")
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


class _Reader(TomlReader):
    """Reads what a file says."""

    def plan(self, said: Table) -> CreditPlan:
        self.check_keys("", said, ("rules", "accounts", "trade"))
        rules = self.table("[rules]", said.get("rules", {}))
        found = self.values("[rules]", rules, _RULES)
        default = CreditRules()
        accounts = self.table("[accounts]", said.get("accounts", {}))
        self.check_keys("[accounts]", accounts, _ACCOUNTS)
        begin = self.table("[accounts] begin", accounts.get("begin", {}))
        without, unlimited = (self._names("[accounts]", accounts, key) for key in ("without", "unlimited"))
        for name in without:
            if name in begin or name in unlimited:
                other = "begin" if name in begin else "unlimited"
                raise self.refusal(
                    "[accounts]", f"{excerpt(name)} is in without and in {other}; name it in one of them"
                )
        price_mc = found.get("price", default.price_mc)
        return CreditPlan(
            self.name,
            CreditRules(
                found.get("grant", default.grant_mc),
                found.get("period", default.period_us),
                found.get("cap", default.cap_mc),
                found.get("half-life", default.half_life_us),
                default.price_mc if price_mc is None else price_mc,
                found.get("income", default.income),
                found.get("donors", default.donors),
            ),
            self.value("[accounts]", "each", accounts.get("each", 0), not_below_zero_mc),
            tuple((name, self.value("[accounts] begin", name, mc, not_below_zero_mc)) for name, mc in begin.items()),
            without,
            unlimited,
            self._trades(said.get("trade", [])),
            price_mc is None,
        )

    def _trades(self, given: object) -> tuple[Trade, ...]:
        if not isinstance(given, list) or not given:
            raise self.refusal("", "nobody trades by it; say who does in an entry that begins with [[trade]]")
        if len(given) > TRADES_MAX:
            raise self.refusal(
                "", f"it has {len(given):,} entries [[trade]], and at most {TRADES_MAX:,} are read; leave some out"
            )
        return tuple(self._trade(f"[[trade]] {place}", one) for place, one in enumerate(given, 1))

    def _trade(self, place: str, given: object) -> Trade:
        entry = self.table(place, given)
        lists = {key: value for key, value in entry.items() if key in _LISTS}
        found = self.values(place, {key: value for key, value in entry.items() if key not in lists}, _TRADE, _LISTS)
        if "points" not in found:
            raise self.refusal(place, "it does not say how many points; give some like points = 2")
        users = self._names(place, lists, "users")
        trade = Trade(
            found["points"],
            self._names(place, lists, "domains"),
            tuple(self.value(place, "users", user, _number(0, NUMBER_MAX)) for user in users),
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
                raise self.refusal(place, f"{word}-min is above {word}-max, so no job fits; turn them round")
        return trade

    def _names(self, place: str, table: Table, key: str) -> tuple[str, ...]:
        given = table.get(key, [])
        if not isinstance(given, list) or not all(map(_is_name, given)):
            raise self.refusal(place, f'{key} has to be a list of names, like {key} = ["3", "12"]')
        names = tuple(map(str, given))
        if key in table and not names and place.startswith("[[trade]]"):
            raise self.refusal(place, f"{key} is empty, so it is nobody's; leave it out for all")
        if len(set(names)) < len(names):
            raise self.refusal(place, f"{key} names something twice; name each once")
        return names
