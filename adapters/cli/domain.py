"""``meted domain``: who is charged, and what they are entitled to."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

import click

from .connect import DOMAIN, connected, server_option
from .domain_apply import apply_domains
from .domain_show import list_domains, show_domain
from .entitlements import AMOUNTS, SHARE, on_wire
from .options import json_option
from .tables import print_json, shown
from .times import TIME

if TYPE_CHECKING:
    from ..domain_changes import Delivered
    from ..domain_views import DomainView


COUNTED = ("created", "changed", "unchanged", "opened", "closed", "removed")
"""What may have become of domains whose records were delivered."""


@click.group("domain")
def domain() -> None:
    """Show and set domains: who is charged, and what they are entitled to.

    Domains form a tree. A share is a weight among the domains of one parent, a guarantee what a domain may always hold
    at once, a cap the most that it may. Only domains without sub-domains take jobs.
    """


domain.add_command(list_domains)
domain.add_command(show_domain)
domain.add_command(apply_domains)


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
