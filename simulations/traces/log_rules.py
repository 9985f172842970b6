"""The parameters of fairness that held while a log was written, each from its time on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from meted.core.commands import SetRules
from meted.core.events import RulesChanged
from meted.core.limits import SECOND_US
from meted.core.record import fields_of, record
from meted.core.state import Rules

from .log_commands import Asked


@record
class HeldRules:
    """Parameters that held from a time on.

    Attributes:
        at_us: The time, of the log; 0 where they held from the beginning.
        order: The place of the change among the events of the log.
        rules: The parameters.
    """

    at_us: int
    order: int
    rules: Rules


NEW_POOL: Final = (HeldRules(0, 0, Rules()),)
"""What holds in a log before somebody sets something else."""


def rules_of(event: RulesChanged) -> Rules:
    """Return the parameters that an event says."""
    return Rules(event.alpha_milli, event.half_life_us, event.aging_us, event.pool, event.usage, event.start_mc)


def rules_commands(held: Sequence[HeldRules]) -> Iterator[Asked]:
    """Yield what sets parameters when they were set."""
    for one in held:
        it = one.rules
        command = SetRules(one.at_us, it.alpha_milli, it.half_life_us, it.aging_us, it.pool, it.usage, it.start_mc)
        yield Asked(one.order, command)


def held_from(held: Sequence[HeldRules], first_us: int) -> tuple[Rules, list[HeldRules]]:
    """Return the parameters that held at a time, and what they were changed to after it.

    Args:
        held: In the order of time; the first holds from the beginning.
        first_us: The time, of the log.
    """
    began = [one for one in held if one.at_us <= first_us]
    return began[-1].rules, [*held[len(began) :]]


def changes_of(held: Sequence[HeldRules], first_us: int) -> Mapping[str, int | float | str | None]:
    """Return what was changed after a time, by when (seconds from that time) and what.

    ``3600.0 alpha_milli`` to 500 is an alpha of a half from an hour on.
    """
    last, later = held_from(held, first_us)
    found: dict[str, int | float | str | None] = {}
    for one in later:
        before = fields_of(last)
        for name, value in fields_of(one.rules).items():
            if value != before[name]:
                assert isinstance(value, int | str | None)
                found[f"{(one.at_us - first_us) / SECOND_US} {name}"] = value
        last = one.rules
    return found
