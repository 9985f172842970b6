"""What a plan of trade says, for documents and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from meted.adapters.cli.credit_rules import DONORS, INCOMES
from meted.adapters.cli.tables import compact_span, shown
from meted.adapters.wording import counted
from meted.core.decide.ledger import credits_text

from ..results.metrics import JsonValue
from .plan import CreditPlan, Trade

_NAMED_MAX: Final = 8
"""Domains that are named in one sentence; of more their number is told."""

SHOWN: Final = 40
"""Characters of a text from a file that stand in a sentence."""

_RULES: Final = ("price_mc", "grant_mc", "period_us", "cap_mc", "half_life_us", "income", "donors")


def excerpt(text: str) -> str:
    """Return so much of a text from a file as fits into a sentence, with nothing in it that commands a terminal."""
    return shown(text[:SHOWN])


def plan_figures(plan: CreditPlan) -> dict[str, JsonValue]:
    """Return what was asked for, under ``credit``: each rule, and the rest in words; no price where nobody trades."""
    said: dict[str, int | float | str | None] = {"file": plan.name}
    said |= {name: getattr(plan.rules, name) for name in _RULES}
    if plan.is_idle:
        said["price_mc"] = None
    said["accounts"] = _accounts(plan)
    said["sha256"] = plan.sha256
    said |= {f"trade {place}": _trade(trade) for place, trade in enumerate(plan.trades, 1)}
    return {"credit": said}


def plan_rows(figures: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what stands under ``credit`` as rows of a table; nothing where there is none."""
    said = figures.get("credit")
    if not isinstance(said, Mapping):
        return
    yield "credit", f"{said['file']}: {said['accounts']} (sha256 {str(said['sha256'])[:12]}...)"
    if said["price_mc"] is None:
        yield "price", "none: nobody trades, and who would is told from the others"
    else:
        yield "price", f"{credits_text(said['price_mc'])} for one point for a cpu-hour; {INCOMES[said['income']]}"
        if said["income"] == "funded":
            yield "donors", DONORS[said["donors"]]
    period = compact_span(said["period_us"])
    grant = f"{credits_text(said['grant_mc'])} for each unit of share, each {period}" if said["grant_mc"] else "none"
    cap = "no cap" if said["cap_mc"] is None else f"cap {credits_text(said['cap_mc'])} for each unit of share"
    half_us = said["half_life_us"]
    yield "grants", f"{grant}; {cap}; " + ("no fading" if half_us is None else f"half fades in {compact_span(half_us)}")
    yield from (("trade", str(text)) for key, text in said.items() if key.startswith("trade "))


def _accounts(plan: CreditPlan) -> str:
    parts = [f"each domain begins with {credits_text(plan.each_mc)}" if plan.each_mc else "accounts begin empty"]
    begins = [f"{name} with {credits_text(amount_mc)}" for name, amount_mc in plan.begins_mc]
    if begins:
        parts.append(_named(begins))
    if plan.unlimited:
        parts.append(f"{_named(plan.unlimited)} unlimited")
    if plan.without:
        parts.append(f"{_named(plan.without)} without an account")
    return "; ".join(parts)


def _trade(trade: Trade) -> str:
    is_one = len(trade.domains) == 1
    who = f"{'domain' if is_one else 'domains'} {_named(trade.domains)}" if trade.domains else "all domains"
    if trade.users:
        who += f" (users {_named([*map(str, trade.users)])})"
    does = ("buy" if trade.points > 0 else "sell") + "s" * is_one
    parts = [f"{who} {does} {counted(abs(trade.points), 'point')} for {'its' if is_one else 'their'} jobs"]
    parts += _bounds("time asked for", trade.time_min_us, trade.time_max_us, compact_span)
    parts += _bounds("processors", trade.procs_min, trade.procs_max, str)
    if trade.part_milli < 1000:
        parts.append(f"{trade.part_milli / 10:g} % of these")
    if trade.after_us:
        parts.append(f"once they have waited {compact_span(trade.after_us)}")
    return ", ".join(parts)


def _bounds(what: str, least: int | None, most: int | None, text: Callable[[int], str]) -> list[str]:
    found = [] if least is None else [f"at least {text(least)}"]
    found += [] if most is None else [f"at most {text(most)}"]
    return [f"{what} {' and '.join(found)}"] if found else []


def _named(names: Sequence[str]) -> str:
    if len(names) <= _NAMED_MAX:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED_MAX])} and {len(names) - _NAMED_MAX:,} more"
