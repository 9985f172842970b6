"""The parameters of fairness as options of the commands that replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from meted.adapters.cli.credits import CREDITS_OR_ZERO
from meted.adapters.cli.rules import ALPHA, LONG, LONG_OR_NONE
from meted.core.decide.rules import POOLS, USAGES
from meted.core.state import Rules

from ..ruled import RULED_POLICY

P = ParamSpec("P")
R = TypeVar("R")


def rules_options(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command that replays a trace the options of the rules; what is not named is as in a new pool."""
    default = Rules()
    return _options(command, "0.75", "1d", "1d", default.pool, default.usage, "1000000")


def logged_rules_options(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command that replays a log the same options; what is not named is as in the log."""
    return _options(command, *["as in the log"] * 6)


def _options(
    command: Callable[P, R], alpha: str, half_life: str, aging: str, pool: str, usage: str, start: str
) -> Callable[P, R]:
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


def rules_of(
    policy: str,
    alpha: int | None,
    half_life: int | None,
    aging: int | None,
    pool: str | None,
    usage: str | None,
    start: int | None,
    default: Rules = Rules(),  # noqa: B008
) -> Rules | None:
    """Return the parameters that the options name, the others by default; None if none is named.

    Args:
        policy: The policy that they are for.
        alpha: Thousandths.
        half_life: Microseconds.
        aging: Microseconds; 0 is none.
        pool, usage: As in :class:`meted.core.state.Rules`.
        start: Thousandths of a credit.
        default: What is not named; by default as a new pool has it.

    Raises:
        click.UsageError: Something is named and the policy does not go by it.
    """
    named = {
        **{"--alpha": alpha, "--half-life": half_life, "--aging": aging},
        **{"--pool": pool, "--usage": usage, "--start": start},
    }
    given = [name for name, value in named.items() if value is not None]
    if not given:
        return None
    if policy != RULED_POLICY:
        raise click.UsageError(
            f"{given[0]} is a rule of the policy {RULED_POLICY}, and {policy} does not go by it; "
            f"leave it out, or take --policy {RULED_POLICY}."
        )
    return Rules(
        default.alpha_milli if alpha is None else alpha,
        default.half_life_us if half_life is None else half_life,
        default.aging_us if aging is None else aging or None,
        pool or default.pool,
        usage or default.usage,
        default.start_mc if start is None else start,
    )
