"""``meted credit rules``: how credit is made and what it buys."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text
from meted.core.limits import CREDIT_PERIOD_MIN_US

from .connect import connected, server_option
from .credits import CREDITS_OR_ZERO
from .options import json_option
from .tables import compact_span, print_facts, print_json
from .times import long_duration
from .values import or_none

if TYPE_CHECKING:
    from ..credit_views import CreditRulesView

LONG = long_duration(CREDIT_PERIOD_MIN_US)
LONG_OR_NONE = or_none(LONG, 0)
"""Gives microseconds; 0 for none."""

CAP = or_none(CREDITS_OR_ZERO, -1)
"""Gives thousandths of a credit; -1 for none."""

INCOMES = {
    "funded": "those who made room are paid, from what others pay (funded)",
    "treasury": "whoever sells points is paid at once, by the treasury (treasury)",
}


DONORS = {
    "all": "all who made room, the idle as well (all)",
    "nice": "only who has work under way of which it sold points (nice)",
}


@click.group("rules", invoke_without_command=True)
@json_option
@server_option
@click.pass_context
def credit_rules(ctx: click.Context, as_json: bool, server: str | None) -> None:
    """Show and set how credit is made and what it buys."""
    if ctx.invoked_subcommand is not None:
        return
    with connected(server) as client:
        found = cast("CreditRulesView", client.call("credit.rules"))
    if as_json:
        print_json(found)
        return
    cap_mc, half_life_us = found["cap_mc"], found["half_life_us"]
    period = compact_span(found["period_us"])
    print_facts(
        {
            "price": f"{credits_text(found['price_mc'])} for one point for a cpu-hour",
            "grant": f"{credits_text(found['grant_mc'])} for each unit of share, each {period}"
            if found["grant_mc"]
            else "none: credit comes from meted credit grant alone",
            "cap": "none" if cap_mc is None else f"{credits_text(cap_mc)} for each unit of share",
            "half-life": "none: credit does not fade"
            if half_life_us is None
            else f"{compact_span(half_life_us)}: after this long half of what lies unused is gone",
            "income": INCOMES[found["income"]],
            "donors": DONORS[found["donors"]] if found["income"] == "funded" else "none: the treasury pays",
        }
    )


@credit_rules.command(
    "set",
    short_help="Change rules of credit.",
    epilog="""\b
Examples:
  meted credit rules set --grant 10 --period 1d --cap 100
  meted credit rules set --price 0.5 --half-life 30d
""",
)
@click.option("--grant", type=CREDITS_OR_ZERO, metavar="CREDITS", help="What a domain with an account gets.")
@click.option("--period", type=LONG, metavar="DUR", help="How often.")
@click.option("--cap", type=CAP, metavar="CREDITS|none", help="What a domain may have at most.")
@click.option("--half-life", type=LONG_OR_NONE, metavar="DUR|none", help="After so long half of it is gone.")
@click.option("--price", type=CREDITS_OR_ZERO, metavar="CREDITS", help="Of one point for a cpu-hour of work.")
@click.option("--income", type=click.Choice(tuple(INCOMES)), help="Who is paid.")
@click.option("--donors", type=click.Choice(tuple(DONORS)), help="Who of those who made room is paid.")
@server_option
def set_rules(
    grant: int | None,
    period: int | None,
    cap: int | None,
    half_life: int | None,
    price: int | None,
    income: str | None,
    donors: str | None,
    server: str | None,
) -> None:
    """Change how credit is made and what it buys, for the whole pool; what is not named stays as it is.

    A grant and a cap are for each unit of a domain's effective share: with --grant 10 a domain of share 3 gets 30.
    """
    if (grant, period, cap, half_life, price, income, donors) == (None,) * 7:
        raise click.UsageError(
            "Say which rule is to change: --grant, --period, --cap, --half-life, --price, --income or --donors."
        )
    with connected(server) as client:
        client.call(
            "credit.rules.set",
            grant_mc=grant,
            period_us=period,
            cap_mc=None if cap == -1 else cap,
            uncapped=cap == -1,
            half_life_us=half_life or None,
            no_demurrage=half_life == 0,
            price_mc=price,
            income=income,
            donors=donors,
        )
