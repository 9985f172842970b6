"""``meted credit statement`` and ``forecast``: what moved on an account, and what it would pay for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import starmap
from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text

from .connect import DOMAIN, PAGE_ROWS, connected, each_row, server_option
from .credits import POINTS_TO_PAY, bare, cpu_hours, signed, signed_points
from .options import json_option
from .tables import compact_span, moment, print_json, print_table

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..credit_statement import CreditLine
    from ..credit_views import CreditDetails, CreditRulesView, Forecast

LINES = ("time", "what", "debit", "credit", "amount", "balance", "note")
NUMBERS = ("amount", "balance")

NUMBERED = {"hold": "hold {}", "loan": "loan {}", "repayment": "repayment of loan {}"}
"""The kinds of transfers whose reference is a number that people know, and how they are told."""

SMALL = ("income", "fee", "unclaimed", "slice")
"""The kinds of transfers of which there may be one a second, and which are told together."""

NUMBER = click.IntRange(min=1)


@click.command(
    "statement",
    short_help="Show what moved on an account.",
    epilog="""\b
Examples:
  meted credit statement physics --last 20
  meted credit statement --account 1         the treasury, which makes credit; 2 is escrow
""",
)
@click.argument("domain", type=DOMAIN, required=False)
@click.option("--account", type=NUMBER, metavar="N", help="The account of this number, also a closed one or a purse.")
@click.option("--last", type=NUMBER, metavar="N", help="Only the N latest lines.")
@click.option("--each", is_flag=True, help="Each of the many small payments on a line of its own.")
@json_option
@server_option
def statement(
    domain: str | None, account: int | None, last: int | None, each: bool, as_json: bool, server: str | None
) -> None:
    """Show what moved on an account, the latest at the end: each balance is the one above it plus the amount.

    Each line names the account that has less for it (debit) and the one that has more (credit). Small payments that
    follow each other, of fees and of income, are one line; --json has each of them.
    """
    if (domain is None) == (account is None):
        raise click.UsageError("Say whose statement it is: give a domain, or --account.")
    with connected(server) as client:
        found = _each_line(client, domain, account)
        lines = deque(((line, 1) for line in found) if each or as_json else together(found), last)
        row = cast("CreditDetails", client.call("credit.account", domain=domain)) if domain is not None else None
    if as_json:
        print_json([line for line, _ in lines])
        return
    if lines:
        print_table(LINES, starmap(_line_cells, lines), NUMBERS, optional=("note",))
    else:
        click.echo("Nothing has moved on this account yet.", err=True)
    if row is not None and row["accrued_mc"]:
        click.echo(f"Accrued since, and posted when the account is next used: {signed(row['accrued_mc'])}")


def _each_line(client: BlockingClient, domain: str | None, account: int | None) -> Iterator[CreditLine]:
    given = {"domain": domain, "account": account, "limit": PAGE_ROWS}
    return each_row(client, "credit.statement", "seq", 0, **given)


def _sides(line: CreditLine) -> tuple[str, int, int]:
    return line["kind"], line["debit_account"], line["credit_account"]


def together(lines: Iterable[CreditLine]) -> Iterator[tuple[CreditLine, int]]:
    """Yield lines, with those of small transfers that follow each other as one, and of how many each is made."""
    last: CreditLine | None = None
    count = 0
    for line in lines:
        if last is not None and line["kind"] in SMALL and _sides(line) == _sides(last):
            last = cast("CreditLine", {**line, "amount_mc": last["amount_mc"] + line["amount_mc"]})
            count += 1
            continue
        if last is not None:
            yield last, count
        last, count = line, 1
    if last is not None:
        yield last, count


def _line_cells(line: CreditLine, count: int) -> tuple[str, ...]:
    return (
        moment(line["at_us"]),
        _what(line) + (f" x {count}" if count > 1 else ""),
        line["debit"],
        line["credit"],
        signed(line["amount_mc"]),
        bare(line["balance_mc"]),
        line["note"],
    )


def _what(line: CreditLine) -> str:
    return NUMBERED.get(line["kind"], line["kind"].replace("_", " ")).format(line["reference"])


@click.command(
    "forecast",
    short_help="Show how much work a domain can pay for.",
    epilog="""\b
Example:
  meted credit forecast physics --points 2
""",
)
@click.argument("domain", type=DOMAIN)
@click.option("--points", type=POINTS_TO_PAY, default="1", show_default=True, metavar="P", help="So many points.")
@json_option
@server_option
def show_forecast(domain: str, points: int, as_json: bool, server: str | None) -> None:
    """Show how much work a domain can pay for with so many points of priority, now and with each grant."""
    from ..credit_views import forecast  # only here: most commands need none of it

    with connected(server) as client:
        row = cast("CreditDetails", client.call("credit.account", domain=domain))
        told = forecast(row, cast("CreditRulesView", client.call("credit.rules")), points)
    if as_json:
        print_json(told)
    else:
        click.echo(_told(told, row))


def _told(told: Forecast, row: CreditDetails) -> str:
    points = signed_points(told["points"])
    if told["now_cpu_us"] is None or told["period_cpu_us"] is None:
        why = "it is unlimited" if row["unlimited"] else "points cost nothing"
        return f"{told['domain']} can run any amount of work at {points}, as {why}."
    price = credits_text(told["points"] * told["price_mc"])
    said = (
        f"With {credits_text(told['free_mc'])} free, {told['domain']} can run {cpu_hours(told['now_cpu_us'])} "
        f"at {points} ({price} for a cpu-hour)."
    )
    if row["grant_mc"]:
        said += (
            f" Each {compact_span(told['period_us'])} it is granted {credits_text(row['grant_mc'])}, "
            f"enough for {cpu_hours(told['period_cpu_us'])} more."
        )
    return said
