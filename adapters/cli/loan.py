"""``meted loan``: what domains lend to each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from .connect import DOMAIN, LOAN_ID, connected, server_option
from .entitlements import LOAN_AMOUNT, lent_text
from .loan_show import list_loans, statement, watch
from .options import json_option
from .tables import moment, print_json, shown
from .times import DURATION, MOMENT, TIME

if TYPE_CHECKING:
    from ..domain_changes import LoansGiven


@click.group("loan")
def loan() -> None:
    """Lend what a domain is entitled to, and take it back.

    What is lent counts for the borrower at once and comes back to the last bit. What was borrowed cannot be lent again.
    """


loan.add_command(list_loans)
loan.add_command(statement)
loan.add_command(watch)


@loan.command(
    "offer",
    short_help="Lend a part of a share or of a guarantee.",
    epilog="""\b
Examples:
  meted loan offer physics biology share=2
  meted loan offer physics biology cpu=4 --until 2h --notice 10m
  meted loan offer lab guests gpu=1 --start 2027-01-31T18:00 --until 2027-02-01T08:00
""",
)
@click.argument("lender", type=DOMAIN)
@click.argument("borrower", type=DOMAIN)
@click.argument("lent", type=LOAN_AMOUNT, metavar="RESOURCE=AMOUNT")
@click.option("--start", type=TIME, metavar="TIME", help="When it starts; until then it is set aside.  [default: now]")
@click.option("--until", type=MOMENT, metavar="TIME|DUR", help="When it ends by itself.  [default: when recalled]")
@click.option("--notice", type=DURATION, default="0", metavar="DUR", help="How long it stays after a recall.")
@server_option
def offer(
    lender: str,
    borrower: str,
    lent: tuple[str, int],
    start: int | None,
    until: int | None,
    notice: int,
    server: str | None,
) -> None:
    """Lend a part of a share or of a guarantee, and print the number of the loan.

    RESOURCE is share, cpu, mem, or what else LENDER is guaranteed. A share can be lent beside the same parent only.
    """
    resource, amount = lent
    if until is not None and until <= max(start or 0, time.time_ns() // 1000):
        raise click.UsageError("--until is over before the loan starts; give a later one, or none.")
    with connected(server) as client:
        answer = client.call(
            "loan.offer",
            lender=lender,
            borrower=borrower,
            resource=resource,
            amount=amount,
            start_us=start,
            expiry_us=until,
            notice_us=notice,
        )
    click.echo(str(cast("dict[str, int]", answer)["loan"]))


@loan.command("recall", short_help="Take a loan back.")
@click.argument("number", type=LOAN_ID, metavar="LOAN")
@server_option
def recall(number: int, server: str | None) -> None:
    """Take a loan back: at once, or after the notice that was promised. LOAN is its number in meted loan ls."""
    with connected(server) as client:
        ends_us = cast("dict[str, int | None]", client.call("loan.recall", loan=number))["ends_us"]
    click.echo(f"Loan {number} is over." if ends_us is None else f"Loan {number} ends at {moment(ends_us)}.")


@loan.command(
    "set",
    short_help="Replace all loans of a domain by those in a file.",
    epilog="""\b
A file:
  [{"borrower": "biology", "resource": "cpu", "amount": 4, "until": "2h"},
   {"borrower": "guests", "resource": "mem", "amount": "8G", "notice": "10m"}]
Also: start. An empty list takes all loans back.
""",
)
@click.argument("lender", type=DOMAIN)
@click.argument("file", type=click.File("rb"), metavar="FILE")
@json_option
@server_option
def set_loans(lender: str, file: BinaryIO, as_json: bool, server: str | None) -> None:
    """Replace all loans of LENDER by those in FILE (- is standard input), a list in JSON, judged in its order.

    What is the same in both goes on. An entry that does not fit is refused, and makes the exit code 1.
    """
    from .records import read_loans  # only here: most commands need none of it

    loans = read_loans(file)
    with connected(server) as client:
        given = cast("LoansGiven", client.call("loans.set", lender=lender, loans=loans))
    if as_json:
        print_json(given)
    else:
        made = ": ".join(filter(None, (f"{len(given['made'])} made", ", ".join(map(str, given["made"])))))
        click.echo(f"{made}; {len(given['refused'])} refused")
        for one in given["refused"]:
            lent = lent_text(one["resource"], one["amount"])
            click.echo(f"Refused {shown(lent)} to {shown(one['borrower'])}: {shown(one['sentence'])}", err=True)
    if given["refused"]:
        raise click.exceptions.Exit(1)
