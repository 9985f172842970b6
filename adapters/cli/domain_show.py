"""``meted domain ls`` and ``show``: the tree of domains, and one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import click

from .connect import DOMAIN, connected, each_row, server_option
from .credits import bare
from .entitlements import amounts_text, lent_text
from .loan_show import each_loan
from .options import json_option
from .tables import compact_span, moment, print_facts, print_json, print_table

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..domain_views import AmountsView, DomainView
    from ..loan_views import LoanView

HEADINGS = ("domain", "share", "jobs", "service", "usage", "lag (bound)", "credit", "guarantee, cap")
NUMBERS = ("jobs", "service", "usage", "lag (bound)", "credit")

LAG_SHOWN_US = 50
"""Less cpu time than this would be shown as 0 ms, and is owed to nobody who could notice."""

INDENT = "  "
"""What a domain is set in by, below its parent."""


def each_domain(client: BlockingClient) -> Iterator[DomainView]:
    """Return the rows of all domains by name, as they come page after page."""
    return each_row(client, "domains", "domain", "")


@click.command("ls", short_help="Show the tree of domains.")
@json_option
@server_option
def list_domains(as_json: bool, server: str | None) -> None:
    """Show the tree of domains: what each is entitled to, what it got, and what it is owed.

    After an arrow is what loans make of a share or a guarantee, and in brackets the part of its parent that the share
    is. Service is all cpu time that a domain was ever given, usage what of it counts now. Lag is what it is owed, or is
    ahead if negative; who could be served since it waits is owed no more than the bound. Credit is what it may spend.
    """
    with connected(server) as client:
        rows = list(each_domain(client))
    if as_json:
        print_json(rows)
    else:
        shares: Counter[str] = Counter()
        for row in rows:
            shares[row["parent"]] += row["share"]
        cells = [_cells(row, shares[row["parent"]]) for row in _in_tree(rows)]
        print_table(HEADINGS, cells, NUMBERS, optional=("credit",))


def _in_tree(rows: Iterable[DomainView]) -> Iterator[DomainView]:
    """Yield each domain after its parent, in the order of their names."""
    inside: dict[str, list[DomainView]] = {}
    for row in rows:
        inside.setdefault(row["parent"], []).append(row)
    ahead = inside.pop("", [])[::-1]
    while ahead:
        row = ahead.pop()
        yield row
        ahead.extend(inside.pop(row["domain"], [])[::-1])


def _cells(row: DomainView, shares: int) -> tuple[str, ...]:
    """Return a domain as a row below HEADINGS; ``shares`` is the sum of those beside it and its own."""
    return (
        INDENT * (row["depth"] - 1) + row["domain"] + (f" ({row['closed']})" if row["closed"] else ""),
        f"{_share_text(row)} ({100 * row['effective_share'] / shares:.3g}%)",
        str(row["jobs"]) if not row["children"] else "",
        compact_span(row["service_cpu_us"]),
        compact_span(row["usage_cpu_us"]),
        lag_text(row),
        credit_text(row),
        "; ".join(filter(None, (_changed(row["guarantee"], row["effective_guarantee"]), cap_text(row["cap"])))),
    )


def _share_text(row: DomainView) -> str:
    """Return a share, and after an arrow what loans make of it."""
    changed = row["effective_share"] != row["share"]
    return f"{row['share']} → {row['effective_share']}" if changed else str(row["share"])


def credit_text(row: DomainView) -> str:
    """Return what a domain may spend; nothing where it has no account."""
    return "" if row["credit_mc"] is None else "unlimited" if row["credit_unlimited"] else bare(row["credit_mc"])


def lag_text(row: DomainView) -> str:
    """Return what a domain is owed, and its bound: ``+1.5 s (20 s)``."""
    lag_us, bound_us = row["lag_cpu_us"], row["lag_bound_cpu_us"]
    if abs(lag_us) < LAG_SHOWN_US:
        lag_us = 0
    sign = "-" if lag_us < 0 else "+" if lag_us else ""
    return f"{sign}{compact_span(abs(lag_us))} ({compact_span(bound_us)})" if bound_us else ""


def _changed(base: AmountsView, effective: AmountsView) -> str:
    """Return a guarantee, and after an arrow what loans make of it."""
    if base == effective:
        return amounts_text(base)
    return f"{amounts_text(base) or 'nothing'} → {amounts_text(effective) or 'nothing'}"


def cap_text(cap: AmountsView | None) -> str:
    """Return a cap as people write it; no cap is no text."""
    return "" if cap is None else f"at most {amounts_text(cap) or 'nothing'}"


@click.command("show", short_help="Show one domain.")
@click.argument("name", type=DOMAIN)
@json_option
@server_option
def show_domain(name: str, as_json: bool, server: str | None) -> None:
    """Show one domain: what it is entitled to, what loans make of it, what it got, and what it is owed."""
    with connected(server) as client:
        row = cast("DomainView", client.call("domain", domain=name))
        loans = [] if as_json else list(each_loan(client, name))
    if as_json:
        print_json(row)
        return
    has_floor = row["floor_share"] > 1 or amounts_text(row["floor"])
    floor = f"share {row['floor_share']}" + (f", {amounts_text(row['floor'])}" if amounts_text(row["floor"]) else "")
    print_facts(
        {
            "domain": row["domain"],
            "parent": row["parent"],
            "closed": row["closed"] or "",
            "expires": moment(row["expires_us"]),
            "share": _share_text(row),
            "guarantee": _changed(row["guarantee"], row["effective_guarantee"]),
            "cap": cap_text(row["cap"]),
            "floor of lending": floor if has_floor else "",
            "lends": _loans_text(loan for loan in loans if loan["lender"] == name),
            "borrows": _loans_text(loan for loan in loans if loan["borrower"] == name),
            "sub-domains": str(row["children"] or ""),
            "jobs": "" if row["children"] else f"{row['jobs']}, {row['waiting_jobs']} of them with units that wait",
            "service": f"{compact_span(row['service_cpu_us'])} of cpu time",
            "usage now": f"{compact_span(row['usage_cpu_us'])} of cpu time",
            "lag (bound)": lag_text(row),
            "credit": credit_text(row) and f"{credit_text(row)} (see: meted credit show)",
            "cpu asked for": compact_span(row["cpu_requested_us"]) if row["cpu_requested_us"] else "",
            "cpu used": f"{compact_span(row['cpu_used_us'])}, doubled for each step of priority"
            if row["cpu_used_us"]
            else "",
        }
    )


def _loans_text(loans: Iterable[LoanView]) -> str:
    return ", ".join(
        f"{lent_text(loan['resource'], loan['amount'])} (loan {loan['loan']}, {loan['state']})" for loan in loans
    )
