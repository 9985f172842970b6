"""``meted rules``: by which rules the pool is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text
from meted.core.limits import HALF_LIFE_MIN_US

from .connect import connected, server_option
from .credits import CREDITS_OR_ZERO
from .options import json_option
from .tables import amount, compact_span, print_facts, print_json
from .times import long_duration
from .values import Reader, amount_milli, or_none

if TYPE_CHECKING:
    from ..domain_views import RulesView

ALPHA_MILLI_MAX = 1000


def alpha_milli(text: str) -> int:
    """Return thousandths of a part of the pool.

    Raises:
        ValueError: It is no such part.
    """
    milli = amount_milli(text)
    if not 1 <= milli <= ALPHA_MILLI_MAX:
        raise ValueError(f"{text!r} is no part of the pool; write one from 0.001 to 1, like 0.75.")
    return milli


ALPHA = Reader("part", alpha_milli)
LONG = long_duration(HALF_LIFE_MIN_US)
LONG_OR_NONE = or_none(LONG, 0)
"""Gives microseconds; 0 for none."""


@click.group("rules", invoke_without_command=True)
@json_option
@server_option
@click.pass_context
def rules(ctx: click.Context, as_json: bool, server: str | None) -> None:
    """Show and set the rules by which the pool is shared."""
    if ctx.invoked_subcommand is not None:
        return
    with connected(server) as client:
        found = cast("RulesView", client.call("rules"))
    if as_json:
        print_json(found)
        return
    aging_us = found["aging_us"]
    pools = {
        "decay": "by usage that fades (decay)",
        "fifo": "first come, first served (fifo)",
        "karma": "to the richest first, who pay for it (karma)",
    }
    usages = {"all": "all service (all)", "pool": "only what came from the pool (pool)"}
    print_facts(
        {
            "alpha": f"{amount(found['alpha_milli'])}: this part of the pool is given out by share",
            "pool": f"the rest is given out {pools[found['pool']]}",
            "usage": f"what counts as usage: {usages[found['usage']]}",
            "half-life": f"{compact_span(found['half_life_us'])}: after this long usage counts half",
            "aging": "none: waiting counts nothing"
            if aging_us is None
            else f"{compact_span(aging_us)}: waiting this long counts as much as half the usage",
            "start": f"{credits_text(found['start_mc'])} for each unit of share: what a domain begins with under karma",
        }
    )


@rules.command(
    "set",
    short_help="Change rules.",
    epilog="""\b
Examples:
  meted rules set --alpha 0.5
  meted rules set --half-life 7d --aging none
  meted rules set --pool karma --start 50000
""",
)
@click.option("--alpha", type=ALPHA, metavar="PART", help="The part of the pool that is given out by share.")
@click.option("--half-life", type=LONG, metavar="DUR", help="After this long usage counts half.")
@click.option("--aging", type=LONG_OR_NONE, metavar="DUR|none", help="Waiting this long counts as half the usage.")
@click.option("--pool", type=click.Choice(("decay", "fifo", "karma")), help="By what the rest is given out.")
@click.option("--usage", type=click.Choice(("all", "pool")), help="What counts as usage.")
@click.option("--start", type=CREDITS_OR_ZERO, metavar="CREDITS", help="Under karma, what a unit of share begins with.")
@server_option
def set_rules(
    alpha: int | None,
    half_life: int | None,
    aging: int | None,
    pool: str | None,
    usage: str | None,
    start: int | None,
    server: str | None,
) -> None:
    """Change rules for the whole pool; what is not named stays as it is."""
    if (alpha, half_life, aging, pool, usage, start) == (None,) * 6:
        raise click.UsageError(
            "Say which rule is to change: --alpha, --half-life, --aging, --pool, --usage or --start."
        )
    with connected(server) as client:
        client.call(
            "rules.set",
            alpha_milli=alpha,
            half_life_us=half_life,
            aging_us=aging or None,
            no_aging=aging == 0,
            pool=pool,
            usage=usage,
            start_mc=start,
        )
