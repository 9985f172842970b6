"""``meted loan ls``, ``statement`` and ``watch``: what is lent, what it makes of a domain, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import click

from .connect import DOMAIN, OUT_OF_REACH, WAIT_US, connected, each_row, server_option
from .entitlements import lent_text
from .options import json_option
from .tables import compact_span, moment, print_json, print_table, shown

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..loan_news import LoanNews
    from ..loan_views import LoanView, StatementLine

HEADINGS = ("loan", "lender", "borrower", "lent", "state", "from", "until", "notice")
STATEMENT_HEADINGS = ("", "loan", "with", "amount", "balance", "when")

AGAIN_S = 1.0
"""A server that is out of reach is tried for again after so long."""


def each_loan(client: BlockingClient, domain: str | None) -> Iterator[LoanView]:
    """Return the rows of the loans of a domain, or of all, as they come page after page."""
    return each_row(client, "loans", "loan", 0, domain=domain)


@click.command("ls", short_help="Show the loans.")
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
        print_table(HEADINGS, map(_cells, rows), ("loan",), optional=("notice",))
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


@click.command("statement", short_help="Show what loans make of what a domain is entitled to.")
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


@click.command("watch", short_help="Watch what becomes of loans.")
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
                        click.echo(OUT_OF_REACH, err=True)
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
