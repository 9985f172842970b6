"""The parameters of fairness as options of the commands that replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final

import attrs
import click

from meted.adapters.cli.credits import CREDITS_OR_ZERO
from meted.adapters.cli.rules import ALPHA, LONG, LONG_OR_NONE
from meted.core.decide.rules import POOLS, USAGES
from meted.core.record import replaced
from meted.core.state import Rules

from ..ruled import RULED_POLICY
from ..traces.log_rules import HeldRules

Command = Callable[..., None]

RULE_NAMES: Final = ("alpha", "half_life", "aging", "pool", "usage", "start")
"""The parameters that the options give."""


@attrs.frozen
class NamedRules:
    """The rules that options name, None where they name none.

    Attributes:
        alpha: Thousandths.
        half_life: Microseconds.
        aging: Microseconds; 0 is none.
        pool, usage: As in :class:`meted.core.state.Rules`.
        start: Thousandths of a credit.
    """

    alpha: int | None = None
    half_life: int | None = None
    aging: int | None = None
    pool: str | None = None
    usage: str | None = None
    start: int | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The options that name something, as they are written."""
        return tuple(f"--{name.replace('_', '-')}" for name in RULE_NAMES if getattr(self, name) is not None)

    def of(self, policy: str, default: Rules = Rules()) -> Rules | None:  # noqa: B008
        """Return what is named, the others by default; None if none is named.

        Args:
            policy: The policy that they are for.
            default: What is not named; by default as a new pool has it.

        Raises:
            click.UsageError: Something is named and the policy does not go by it.
        """
        given = self.given
        if not given:
            return None
        if policy != RULED_POLICY:
            raise click.UsageError(
                f"{given[0]} is a rule of the policy {RULED_POLICY}, and {policy} does not go by it; "
                f"leave it out, or take --policy {RULED_POLICY}."
            )
        return Rules(
            default.alpha_milli if self.alpha is None else self.alpha,
            default.half_life_us if self.half_life is None else self.half_life,
            default.aging_us if self.aging is None else self.aging or None,
            self.pool or default.pool,
            self.usage or default.usage,
            default.start_mc if self.start is None else self.start,
        )

    def over(self, policy: str, logged: Sequence[HeldRules]) -> tuple[HeldRules, ...]:
        """Return the rules of a log with what is named throughout, and without changes that then change nothing.

        Args:
            policy: The policy that they are for.
            logged: What held from when on, in the order of time.

        Raises:
            click.UsageError: Something is named and the policy does not go by it.
        """
        found: list[HeldRules] = []
        for one in logged:
            rules = self.of(policy, one.rules) or one.rules
            if not found or rules != found[-1].rules:
                found.append(replaced(one, rules=rules))
        return tuple(found)


def named_rules(given: Mapping[str, Any]) -> NamedRules:
    """Return the rules among the values of options, by the names of their parameters; others do not matter."""
    return NamedRules(**{name: given[name] for name in RULE_NAMES})


def rules_options(command: Command) -> Command:
    """Give a command that replays a trace the options of the rules, as ``rules``; the default is a new pool's."""
    return rules_parameters(_called_with_rules(command))


def rules_parameters(command: Command) -> Command:
    """Give a command the same options; it is called with each by its name, for :func:`named_rules`."""
    default = Rules()
    return _options(command, "0.75", "1d", "1d", default.pool, default.usage, "1000000")


def logged_rules_options(command: Command) -> Command:
    """Give a command that replays a log the same options, as ``rules``; what is not named is as in the log."""
    return _options(_called_with_rules(command), *["as in the log"] * 6)


def _called_with_rules(command: Command) -> Command:
    @wraps(command)
    def called(**given: Any) -> None:
        others = {name: value for name, value in given.items() if name not in RULE_NAMES}
        command(rules=named_rules(given), **others)

    return called


def _options(command: Command, alpha: str, half_life: str, aging: str, pool: str, usage: str, start: str) -> Command:
    """Give a command the options ``--alpha``, ``--half-life``, ``--aging``, ``--pool``, ``--usage`` and ``--start``."""
    options = (
        click.option(
            "--alpha",
            type=ALPHA,
            metavar="PART",
            help=f"The part that goes by share, 0.001 to 1.  [default: {alpha}]",
        ),
        click.option(
            "--half-life", type=LONG, metavar="DUR", help=f"After this long usage counts half.  [default: {half_life}]"
        ),
        click.option(
            "--aging",
            type=LONG_OR_NONE,
            metavar="DUR|none",
            help=f"Waiting this long counts as half the usage.  [default: {aging}]",
        ),
        click.option("--pool", type=click.Choice(POOLS), help=f"How the rest goes.  [default: {pool}]"),
        click.option("--usage", type=click.Choice(USAGES), help=f"What counts as usage.  [default: {usage}]"),
        click.option(
            "--start",
            type=CREDITS_OR_ZERO,
            metavar="CREDITS",
            help=f"With --pool karma, what a unit of share begins with.  [default: {start}]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
