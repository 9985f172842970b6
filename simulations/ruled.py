"""The parameters that a run went by, of fairness and others: for whom there are some, and how figures tell them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meted.adapters.cli.tables import amount, compact_span
from meted.adapters.policy_parameters import text_of, written
from meted.adapters.wording import counted
from meted.core.commands import SetRules
from meted.core.decide.ledger import credits_text
from meted.core.limits import SECOND_US
from meted.core.record import fields_of
from meted.core.state import Rules

from .errors import SimulationError

RULES_SHOWN_MAX: Final = 10
"""Changes of the rules that a table for people shows."""

RULED_POLICY: Final = "meted"
"""The only policy that goes by these parameters."""

_POOL: Final = {
    "decay": "by usage that fades",
    "fifo": "first come, first served",
    "karma": "to the richest first, who pay for it",
}
_USAGE: Final = {"all": "all service", "pool": "what came from the pool alone"}


def set_rules(rules: Rules) -> SetRules:
    """Return the command that sets the parameters, at time 0."""
    return SetRules(0, rules.alpha_milli, rules.half_life_us, rules.aging_us, rules.pool, rules.usage, rules.start_mc)


def check_rules(policy: str, rules: Rules | None) -> None:
    """Refuse parameters for a policy that does not go by them.

    Raises:
        SimulationError: There are some.
    """
    if rules is not None and policy != RULED_POLICY:
        raise SimulationError(f"the policy {policy} has no rules of fairness; give them to {RULED_POLICY} alone.")


def rules_figures(policy: str, rules: Rules | None) -> dict[str, int | str | None]:
    """Return the parameters that a run went by, by name; empty for a policy that has none."""
    if policy != RULED_POLICY:
        return {}
    return {name: value for name, value in fields_of(rules or Rules()).items() if isinstance(value, int | str | None)}


def rules_rows(figures: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what stands under ``rules`` and ``policy_parameters``, as rows of a table; nothing where there is none."""
    parameters = figures.get("policy_parameters")
    if parameters and isinstance(parameters, Mapping):
        yield "parameters", ", ".join(f"{written(name)}={text_of(name, value)}" for name, value in parameters.items())
    rules = figures.get("rules")
    if not rules or not isinstance(rules, Mapping):
        return
    yield "rules", _in_words(rules)


def changed_rules_rows(figures: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what the parameters were changed to when, and which an option held, as rows; nothing where neither was."""
    changed, rules = figures.get("rules_changed"), figures.get("rules")
    if changed and isinstance(changed, Mapping) and isinstance(rules, Mapping):
        held, by_time = dict(rules), dict[str, dict[str, object]]()
        for key, value in changed.items():
            at_s, name = key.split()
            by_time.setdefault(at_s, {})[name] = value
        for at_s, values in [*by_time.items()][:RULES_SHOWN_MAX]:
            held |= values
            yield "rules", f"from {compact_span(round(float(at_s) * SECOND_US))} on: {_in_words(held)}"
        if len(by_time) > RULES_SHOWN_MAX:
            yield "rules", f"and {counted(len(by_time) - RULES_SHOWN_MAX, 'change')} more; --json has all"
    if given := figures.get("rules_throughout"):
        yield "rules", f"as given throughout, whatever the log says: {given}"


def _in_words(rules: Mapping[str, Any]) -> str:
    aging_us = rules["aging_us"]
    aging = "waiting counts nothing" if aging_us is None else f"aging {compact_span(aging_us)}"
    rest = f"the rest {_POOL[rules['pool']]} (half-life {compact_span(rules['half_life_us'])}, {aging})"
    if rules["pool"] == "fifo":
        rest = f"the rest {_POOL[rules['pool']]}"
    elif rules["pool"] == "karma":
        rest = f"the rest {_POOL[rules['pool']]} (start {credits_text(rules['start_mc'])} a unit of share)"
    return f"{amount(rules['alpha_milli'])} of the pool by share; {rest}; usage is {_USAGE[rules['usage']]}"
