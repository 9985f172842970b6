"""``meted loan``: what domains lend to each other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from .connect import DOMAIN, LOAN_ID, WAIT_US, connected, each_row, server_option
from .entitlements import LOAN_AMOUNT, MOMENT, lent_text
from .options import json_option
from .tables import compact_span, moment, print_json, print_table, shown
from .values import DURATION, TIME

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..domain_changes import LoansGiven
    from ..domain_views import LoanView, StatementLine
    from ..loan_news import LoanNews

HEADINGS = ("loan", "lender", "borrower", "lent", "state", "from", "until", "notice")
STATEMENT_HEADINGS = ("", "loan", "with", "amount", "balance", "when")

AGAIN_S = 1.0
"""A server that is out of reach is tried for again after so long."""


@click.group("loan")
def loan() -> None:
    """Lend what a domain is entitled to, and take it back.

    What is lent counts for the borrower at once and comes back to the last bit. What was borrowed cannot be lent again.
    """


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


def each_loan(client: BlockingClient, domain: str | None) -> Iterator[LoanView]:
    """Return the rows of the loans of a domain, or of all, as they come page after page."""
    return each_row(client, "loans", "loan", 0, domain=domain)


@loan.command("ls", short_help="Show the loans.")
@click.option("--domain", type=DOMAIN, metavar="D", help="Only what this domain lends or borrows.")
@json_option
@server_option
def list_loans(domain: str | None, as_json: bool, server: str | None) -> None:
    """Show the loans; those that have not started yet are waiting."""
    with connected(server) as client:
        rows = list(each_loan(client, domain))
    if as_json:
        print_json(rows)
    elif rows:
        cells = [_cells(row) for row in rows]
        columns = len(HEADINGS) if any(row[-1] for row in cells) else len(HEADINGS) - 1
        print_table(HEADINGS[:columns], [row[:columns] for row in cells], ("loan",))
    else:
        click.echo("There are no loans; make one with: meted loan offer", err=True)


def minute(at_us: int | None) -> str:
    """Return a time without its seconds, for narrow columns; None is nothing."""
    return moment(at_us)[:16]


def _cells(row: LoanView) -> tuple[str, ...]:
    return (
        str(row["loan"]),
        row["lender"],
        row["borrower"],
        lent_text(row["resource"], row["amount"]),
        row["state"],
        minute(row["start_us"]),
        minute(row["expiry_us"] if row["ends_us"] is None else row["ends_us"]) or "recall",
        compact_span(row["notice_us"]) if row["notice_us"] else "",
    )


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


@loan.command("statement", short_help="Show what loans make of what a domain is entitled to.")
@click.argument("domain", type=DOMAIN)
@json_option
@server_option
def statement(domain: str, as_json: bool, server: str | None) -> None:
    """Show what loans make of what a domain is entitled to: each balance is the one above it plus the amount."""
    with connected(server) as client:
        lines = cast("list[StatementLine]", client.call("loan.statement", domain=domain))
    if as_json:
        print_json(lines)
    else:
        print_table(STATEMENT_HEADINGS, map(_statement_cells, lines), ("loan", "amount", "balance"))


def _statement_cells(line: StatementLine) -> tuple[str, ...]:
    resource, what = line["resource"], line["what"]
    return (
        f"{resource}: {what}" if what in ("base", "effective") else f"  {what}",
        str(line["loan"] or ""),
        line["other"] or "",
        "" if what in ("base", "effective") else _signed(resource, line["amount"]),
        "" if what == "waiting" else _figure(resource, line["balance"]),
        _when(line),
    )


def _when(line: StatementLine) -> str:
    start, until = minute(line["start_us"]), minute(line["until_us"])
    if line["what"] == "waiting":
        return f"from {start}" + (f" until {until}" if until else "")
    return f"until {until}" if until else ""


def _figure(resource: str, amount: int) -> str:
    return str(amount) if resource == "share" else lent_text(resource, amount)


def _signed(resource: str, amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{_figure(resource, amount)}"


@loan.command("watch", short_help="Watch what becomes of loans.")
@click.option("--domain", type=DOMAIN, metavar="D", help="Only what this domain lends or borrows.")
@json_option
@server_option
def watch(domain: str | None, as_json: bool, server: str | None) -> None:
    """Watch what becomes of loans, until Ctrl-C: a line for each, then one for each change, with why.

    With --json it prints the loans as they are now, and ends.
    """
    from ..wire.errors import Unreachable

    with connected(server) as client:
        if as_json:
            print_json({"loans": list(each_loan(client, domain))})
            return
        seq, reached = 0, True
        try:
            while True:
                try:
                    answer = client.call("loan.changes", since_seq=seq, domain=domain, wait_us=WAIT_US)
                except Unreachable:
                    if reached:
                        click.echo("The server is out of reach; trying again.", err=True)
                    reached = False
                    time.sleep(AGAIN_S)
                    continue
                reached, seq = True, answer["seq"]
                rows = each_loan(client, domain) if answer["reset"] else ()
                for row in rows:
                    click.echo(f"{time.strftime('%H:%M:%S')}  {line_of(row)}")
                for news in cast("Sequence[LoanNews]", answer["news"]):
                    click.echo(f"{moment(news['told_us'])[11:]}  {news_of(news)}")
        except KeyboardInterrupt:
            return


def line_of(row: LoanView) -> str:
    """Return a loan as a line of text."""
    number = f"loan {row['loan']}" if row["loan"] else "no loan"
    lent = lent_text(row["resource"], row["amount"])
    line = f"{number}  {shown(row['lender'])} → {shown(row['borrower'])}  {shown(lent)}  {row['state']}"
    until_us = row["expiry_us"] if row["ends_us"] is None else row["ends_us"]
    if row["state"] == "waiting":
        line += f" to start at {moment(row['start_us'])}"
    elif row["state"] in ("running", "recalled") and until_us is not None:
        line += f" until {moment(until_us)}"
    return line


def news_of(news: LoanNews) -> str:
    """Return what became of a loan as a line of text."""
    return line_of(news) + (f": {shown(news['sentence'] or news['reason'] or '')}" if news["reason"] else "")
