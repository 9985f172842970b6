"""``meted credit``: what buys priority: the accounts of domains, and what moves between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text

from .connect import DOMAIN, connected, each_row, server_option
from .credit_alarms import raised, show_alarms
from .credit_holds import hold, list_holds, post, void
from .credit_loans import lend, list_loans, repay
from .credit_rules import credit_rules
from .credit_statement import show_forecast, statement
from .credits import CREDITS, SIGNED_CREDITS, bare, signed
from .options import BELOW_ZERO, json_option
from .tables import compact_span, moment, print_facts, print_json, print_table

if TYPE_CHECKING:
    from ..credit_views import CreditDetails, CreditView

HEADINGS = ("domain", "balance", "accrued", "held", "free", "next period")
NUMBERS = ("balance", "accrued", "held", "free", "next period")


@click.group("credit")
def credit() -> None:
    """Show, grant and move credit, which buys priority.

    Without an account a domain pays for nothing and is owed its share all the same; docs/credit.md says more.
    """


credit.add_command(credit_rules)
credit.add_command(statement)
credit.add_command(show_forecast)
credit.add_command(show_alarms)
for each in (hold, post, void, list_holds, lend, repay, list_loans):
    credit.add_command(each)


@credit.command("ls", short_help="Show the accounts of domains.")
@json_option
@server_option
def list_accounts(as_json: bool, server: str | None) -> None:
    """Show the accounts of domains.

    What has accrued (grants, less what fades) is posted when an account is next used. Free is what may be spent.
    """
    with connected(server) as client:
        rows: list[CreditView] = list(each_row(client, "credit.accounts", "domain", ""))
        alarms = [] if as_json else raised(client)
    if as_json:
        print_json(rows)
    elif rows:
        now_us = time.time_ns() // 1000
        print_table(HEADINGS, [_cells(row, now_us) for row in rows], NUMBERS, optional=HEADINGS)
        for alarm in alarms:
            click.echo(alarm["sentence"])
    else:
        click.echo("No domain has an account of credit; open one with: meted credit grant DOMAIN AMOUNT", err=True)


def _cells(row: CreditView, now_us: int) -> tuple[str, ...]:
    return (
        row["domain"],
        bare(row["balance_mc"]),
        signed(row["accrued_mc"]) if row["accrued_mc"] else "",
        bare(row["held_mc"]) if row["held_mc"] else "",
        "unlimited" if row["unlimited"] else bare(row["free_mc"]),
        f"{signed(row['next_mc'])} in {compact_span(max(row['next_us'] - now_us, 0))}" if row["next_mc"] else "",
    )


@credit.command("show", short_help="Show the account of a domain.")
@click.argument("domain", type=DOMAIN)
@json_option
@server_option
def show_account(domain: str, as_json: bool, server: str | None) -> None:
    """Show the account of a domain, and what it has in purses of jobs and in loans of credit."""
    with connected(server) as client:
        row = cast("CreditDetails", client.call("credit.account", domain=domain))
    if as_json:
        print_json(row)
        return

    def text(key: str, value_mc: int) -> str:
        return f"{credits_text(value_mc)}{key}" if value_mc else ""

    coming = f"{signed(row['next_mc'])} at {moment(row['next_us'])}" if row["next_mc"] else ""
    print_facts(
        {
            "domain": row["domain"],
            "account": str(row["account"]),
            "balance": credits_text(row["balance_mc"]),
            "accrued": text(", posted when the account is next used", row["accrued_mc"]),
            "held": text(" (see: meted credit holds)", row["held_mc"]),
            "free": "unlimited: it pays for nothing" if row["unlimited"] else credits_text(row["free_mc"]),
            "next period": coming,
            "in purses of jobs": text("", row["purses_mc"]),
            "lent": text("", row["lent_mc"]),
            "borrowed": text("", row["borrowed_mc"]),
        }
    )


@credit.command("open", short_help="Give a domain an account.")
@click.argument("domain", type=DOMAIN)
@click.option("--unlimited/--limited", default=None, help="Whether it pays for nothing.  [default: as it is; limited]")
@server_option
def open_account(domain: str, unlimited: bool | None, server: str | None) -> None:
    """Give a domain an account, and print its number; one that it has is left alone, but for --unlimited.

    From then on the points of its jobs cost credit. The points of a domain that is unlimited, or has no account, cost
    nothing and count as usage, like any priority.
    """
    with connected(server) as client:
        answer = client.call("credit.open", domain=domain, unlimited=unlimited)
    click.echo(str(cast("dict[str, int]", answer)["account"]))


@credit.command("close", short_help="Close the account of a domain.")
@click.argument("domain", type=DOMAIN)
@server_option
def close_account(domain: str, server: str | None) -> None:
    """Close the account of a domain; what is in it is gone.

    Not while something of it is held, lent, borrowed, or in purses of jobs.
    """
    with connected(server) as client:
        client.call("credit.close", domain=domain)


@credit.command(
    "grant",
    short_help="Grant a domain credit, or take some back.",
    context_settings=BELOW_ZERO,
    epilog="""\b
Examples:
  meted credit grant physics 100
  meted credit grant physics -2.5 --note "granted twice"
""",
)
@click.argument("domain", type=DOMAIN)
@click.argument("amount", type=SIGNED_CREDITS)
@click.option("--note", default="", metavar="TEXT", help="What for, for its statement.")
@server_option
def grant(domain: str, amount: int, note: str, server: str | None) -> None:
    """Grant a domain credit, or take some back (below zero); it gets an account if it has none.

    AMOUNT has up to three decimals. What all domains are granted each period is set with meted credit rules set.
    """
    with connected(server) as client:
        client.call("credit.grant", domain=domain, amount_mc=amount, note=note)


@credit.command("transfer", short_help="Send credit to another domain.", context_settings=BELOW_ZERO)
@click.argument("payer", type=DOMAIN)
@click.argument("payee", type=DOMAIN)
@click.argument("amount", type=CREDITS)
@click.option("--note", default="", metavar="TEXT", help="What for, for both statements.")
@server_option
def transfer(payer: str, payee: str, amount: int, note: str, server: str | None) -> None:
    """Send credit from PAYER to PAYEE, which gets an account if it has none."""
    with connected(server) as client:
        client.call("credit.transfer", payer=payer, payee=payee, amount_mc=amount, note=note)
