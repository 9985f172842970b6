"""``meted domain``: who is charged, and what they are entitled to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from .connect import DOMAIN, connected, each_row, server_option
from .credits import bare
from .entitlements import AMOUNTS, SHARE, amounts_text, lent_text, on_wire
from .loan import each_loan
from .options import json_option
from .tables import compact_span, moment, print_facts, print_json, print_table, shown
from .values import TIME

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..domain_changes import Delivered
    from ..domain_views import AmountsView, DomainView, LoanView

HEADINGS = ("domain", "share", "jobs", "service", "usage", "lag (bound)", "credit", "guarantee, cap")
NUMBERS = ("jobs", "service", "usage", "lag (bound)", "credit")
CREDIT = 6
"""The place of the column of credit, which is shown where there is any account."""

LAG_SHOWN_US = 50
"""Less cpu time than this would be shown as 0 ms, and is owed to nobody who could notice."""

COUNTED = ("created", "changed", "unchanged", "opened", "closed", "removed")
"""What may have become of domains whose records were delivered."""

INDENT = "  "
"""What a domain is set in by, below its parent."""


@click.group("domain")
def domain() -> None:
    """Show and set domains: who is charged, and what they are entitled to.

    Domains form a tree. A share is a weight among the domains of one parent, a guarantee what a domain may always hold
    at once, a cap the most that it may. Only domains without sub-domains take jobs.
    """


def each_domain(client: BlockingClient) -> Iterator[DomainView]:
    """Return the rows of all domains by name, as they come page after page."""
    return each_row(client, "domains", "domain", "")


@domain.command("ls", short_help="Show the tree of domains.")
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
        with_credit = any(row["credit_mc"] is not None for row in rows)
        shown = [n for n in range(len(HEADINGS)) if with_credit or n != CREDIT]
        cells = [_cells(row, shares[row["parent"]]) for row in _in_tree(rows)]
        print_table([HEADINGS[n] for n in shown], [[row[n] for n in shown] for row in cells], NUMBERS)


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


@domain.command("show", short_help="Show one domain.")
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


@domain.command(
    "create",
    short_help="Make a domain.",
    epilog="""\b
Examples:
  meted domain create physics --share 3
  meted domain create optics --parent physics --guarantee cpu=4,mem=8G,gpu=2
  meted domain create guests --cap cpu=8,mem=16G
  meted domain create lab --guarantee cpu=16 --floor cpu=4 --floor-share 1
""",
)
@click.argument("name", type=DOMAIN)
@click.option("--parent", type=DOMAIN, default="", metavar="P", help="The domain that it is a part of, for ever.")
@click.option("--share", type=SHARE, default="1", show_default=True, metavar="N", help="Its weight beside the others.")
@click.option("--guarantee", type=AMOUNTS, default="none", metavar="AMOUNTS", help="It may always hold so much.")
@click.option("--cap", type=AMOUNTS, default="none", metavar="AMOUNTS", help="It may never hold more than this.")
@click.option("--floor-share", type=SHARE, default="1", metavar="N", help="Lending must leave it this share.")
@click.option("--floor", type=AMOUNTS, default="none", metavar="AMOUNTS", help="Lending must leave it this guarantee.")
@server_option
def create_domain(
    name: str,
    parent: str,
    share: int,
    guarantee: dict[str, int],
    cap: dict[str, int],
    floor_share: int,
    floor: dict[str, int],
    server: str | None,
) -> None:
    """Make a domain; one that is there already with all of this is left alone.

    AMOUNTS are like cpu=4,mem=8G,gpu=2, or none. A cap that does not name a resource caps it at nothing.
    """
    with connected(server) as client:
        client.call(
            "domain.create",
            name=name,
            parent=parent,
            share=share,
            guarantee=on_wire(guarantee),
            cap=on_wire(cap) if cap else None,
            floor_share=floor_share,
            floor=on_wire(floor),
        )


@domain.command(
    "set",
    short_help="Change a domain, or make one at the top.",
    epilog="""\b
Examples:
  meted domain set physics --share 3
  meted domain set guests --share 1 --cap cpu=8,mem=16G
  meted domain set guests --cap mem=32G      keeps the cap on cpus
  meted domain set guests --cap none
""",
)
@click.argument("name", type=DOMAIN)
@click.option(
    "--share", type=SHARE, metavar="N", help="Its weight beside the others.  [default: as it is; 1 for a new one]"
)
@click.option("--guarantee", type=AMOUNTS, metavar="AMOUNTS", help="It may always hold so much; none is nothing.")
@click.option("--cap", type=AMOUNTS, metavar="AMOUNTS", help="It may never hold more than this; none is no cap.")
@click.option("--floor-share", type=SHARE, metavar="N", help="Lending must leave it this share.")
@click.option("--floor", type=AMOUNTS, metavar="AMOUNTS", help="Lending must leave it this guarantee.")
@server_option
def set_domain(
    name: str,
    share: int | None,
    guarantee: dict[str, int] | None,
    cap: dict[str, int] | None,
    floor_share: int | None,
    floor: dict[str, int] | None,
    server: str | None,
) -> None:
    """Change a domain, or make it at the top; what is not named stays as it is, resource by resource.

    Shares count in proportion: 1 and 3 are as good as 10 and 30. What a domain does not use the others get. A cap holds
    even where the pool is idle; what it has never named is capped at nothing, so name all that the domain's units need.
    Where it then lends more than it can, its newest loans end.
    """
    from ..wire.errors import CallError

    with connected(server) as client:
        known: DomainView | None = None
        try:
            known = cast("DomainView", client.call("domain", domain=name))
        except CallError as error:
            if error.reason != "unknown_domain":
                raise
        wanted: dict[str, object] = {"share": share, "floor_share": floor_share}
        if guarantee is not None:
            wanted["guarantee"] = on_wire(guarantee, known["guarantee"] if known and guarantee else None)
        if floor is not None:
            wanted["floor"] = on_wire(floor, known["floor"] if known and floor else None)
        if cap is not None:
            wanted |= {"cap": on_wire(cap, known["cap"] if known else None)} if cap else {"uncapped": True}
        client.call("domain.set", name=name, **wanted)


@domain.command("rm", short_help="Remove a domain that has no jobs.")
@click.argument("name", type=DOMAIN)
@server_option
def remove_domain(name: str, server: str | None) -> None:
    """Remove a domain that has no jobs, sub-domains or loans."""
    with connected(server) as client:
        client.call("domain.remove", name=name)


@domain.command(
    "apply",
    short_help="Let domains be as a file says.",
    epilog="""\b
A file:
  [{"name": "physics", "share": 3, "guarantee": {"cpu": 16, "mem": "64G"}},
   {"name": "optics", "parent": "physics", "share": 2, "cap": {"cpu": 8},
    "loans": [{"borrower": "heat", "resource": "share", "amount": 1}]},
   {"name": "heat", "parent": "physics"},
   {"name": "guests", "absent": true}]
Also: floor, floor_share. What a domain does not name is as at first, but for
loans, which are left alone. The members of a loan are those of meted loan set.
""",
)
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
@server_option
def apply_domains(file: BinaryIO, dry_run: bool, as_json: bool, server: str | None) -> None:
    """Let domains be as FILE says (- is standard input), a list in JSON.

    What is missing is made, what differs is changed, what is to be absent is removed, and all else is left alone: a
    second time nothing happens. Domains that the file does not name stay as they are. Each is judged by itself: one
    that cannot be so keeps no other from being so, and makes the exit code 1.
    """
    from .domain_apply import apply  # only here: it needs this module

    if not apply(file, dry_run, as_json, server):
        raise click.exceptions.Exit(1)


@domain.command(
    "import",
    short_help="Take the records of domains in a file.",
    epilog="""\b
A file:
  [{"name": "physics", "share": 3, "guarantee": {"cpu": 16, "mem": "64G"}},
   {"name": "optics", "parent": "physics", "expires": "2027-01-31T18:00"}]
Also: cap, floor, floor_share, and stamp, which says when a record was written.
""",
)
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--full", is_flag=True, help="These are all: domains of older records close.")
@click.option("--stamp", type=TIME, metavar="TIME", help="When the file was written.  [default: now]")
@json_option
@server_option
def import_domains(file: BinaryIO, full: bool, stamp: int | None, as_json: bool, server: str | None) -> None:
    """Take the records of domains in FILE (- is standard input), a list in JSON; newest wins.

    Each record is judged by itself: one that is refused keeps no other from being taken, and makes the exit code 1.
    Domains that were made by hand are closed by no file.
    """
    from .records import read_records  # only here: most commands need none of it

    stamp_us, records, wrong = read_records(file, stamp, full)
    with connected(server) as client:
        done = cast("Delivered", client.call("domain.records", stamp_us=stamp_us, records=records, full=full))
    refused = [*wrong, *done["refused"]]
    if as_json:
        print_json({**done, "refused": refused})
    else:
        counts = [f"{len(done[what])} {what}" for what in COUNTED]  # type: ignore[literal-required]
        click.echo(", ".join([*counts, f"{len(refused)} refused"]))
        for one in refused:
            click.echo(f"Refused {shown(one['name']) or 'a record'}: {shown(one['sentence'])}", err=True)
    if refused:
        raise click.exceptions.Exit(1)
