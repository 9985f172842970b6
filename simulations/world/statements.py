"""Answers about domains, loans and credit, as clients saw them: each adds up, and all were true where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from .bookkeeping import Books
from .witness import Page, Witness

Row = Mapping[str, object]


def wrong_answer(method: str, answer: object) -> Iterator[str]:
    """Yield where a statement does not add up, line by line."""
    if method == "loan.statement":
        yield from _wrong_loan_lines(cast("Sequence[Row]", answer))
    elif method == "credit.statement":
        lines = [(cast(int, row["amount_mc"]), cast(int, row["balance_mc"])) for row in cast("Sequence[Row]", answer)]
        for (_, before_mc), (amount_mc, after_mc) in zip([(0, 0), *lines], lines, strict=False):
            if before_mc + amount_mc != after_mc:
                yield f"{before_mc} and {amount_mc} are not {after_mc}: {answer}."


def _wrong_loan_lines(rows: Sequence[Row]) -> Iterator[str]:
    balances: dict[object, int] = {}
    for row in rows:
        resource, amount, balance = row["resource"], cast(int, row["amount"]), cast(int, row["balance"])
        if row["what"] != "waiting":
            balances[resource] = balances.get(resource, 0) + amount
        if balances.get(resource) != balance:
            yield f"The lines of {resource} come to {balances.get(resource)}, and not {balance}: {rows}."


def page_of(params: Mapping[str, object], answer: object) -> Page | None:
    """Return a statement as it was shown, if it was asked for by the number of an account."""
    if "account" not in params:
        return None
    rows = cast("Sequence[Row]", answer)
    lines = [tuple(cast(int, row[name]) for name in ("seq", "amount_mc", "balance_mc")) for row in rows]
    return Page(cast(int, params["account"]), lines)


def wrong_pages(books: Books, witness: Witness) -> Iterator[str]:
    """Yield which first pages of statements were not what had moved."""
    for page in witness.pages:
        if page.lines != books.lines[page.account_id][: len(page.lines)]:
            yield f"Of account {page.account_id} {page.lines} was shown, but {books.lines[page.account_id]} moved."
