"""``meted credit lend``, ``repay`` and ``loans``: credit that is lent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text

from .connect import DOMAIN, connected, each_row, server_option
from .credits import CREDITS, bare
from .options import BELOW_ZERO, json_option
from .tables import moment, print_json, print_table
from .times import MOMENT, check_later

if TYPE_CHECKING:
    from ..credit_views import CreditLoanView


@click.command("lend", short_help="Lend credit to another domain.", context_settings=BELOW_ZERO)
@click.argument("lender", type=DOMAIN)
@click.argument("borrower", type=DOMAIN)
@click.argument("amount", type=CREDITS)
@click.option("--due", type=MOMENT, required=True, metavar="TIME|DUR", help="When it comes back.")
@server_option
def lend(lender: str, borrower: str, amount: int, due: int, server: str | None) -> None:
    """Lend credit, and print the number of the loan.

    When it is due it goes back as far as BORROWER has it then; of what comes in later the loan is paid first.
    """
    check_later(due, "--due")
    with connected(server) as client:
        answer = client.call("credit.lend", lender=lender, borrower=borrower, amount_mc=amount, due_us=due)
    click.echo(str(cast("dict[str, int]", answer)["loan"]))


@click.command("repay", short_help="Pay a loan of credit back.")
@click.argument("number", type=click.IntRange(min=1), metavar="LOAN")
@server_option
def repay(number: int, server: str | None) -> None:
    """Pay a loan of credit back, as far as the borrower can. LOAN is its number in meted credit loans."""
    with connected(server) as client:
        left_mc = cast("dict[str, int]", client.call("credit.repay", loan=number))["left_mc"]
    said = f"Of loan {number}, {credits_text(left_mc)} are still to be paid." if left_mc else f"Loan {number} is over."
    click.echo(said)


@click.command("loans", short_help="Show the loans of credit.")
@click.option("--domain", type=DOMAIN, metavar="D", help="Only what this domain lends or borrows.")
@json_option
@server_option
def list_loans(domain: str | None, as_json: bool, server: str | None) -> None:
    """Show the loans of credit that are not paid back."""
    with connected(server) as client:
        rows: list[CreditLoanView] = list(each_row(client, "credit.loans", "loan", 0, domain=domain))
    if as_json:
        print_json(rows)
    elif rows:
        cells = [
            (
                str(it["loan"]),
                it["lender"],
                it["borrower"],
                bare(it["left_mc"]),
                moment(it["due_us"]) + (" (overdue)" if it["overdue"] else ""),
            )
            for it in rows
        ]
        print_table(("loan", "lender", "borrower", "left", "due"), cells, ("loan", "left"))
    else:
        click.echo("There are no loans of credit.", err=True)
