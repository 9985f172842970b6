"""``meted domain``: who is charged, and what they are entitled to."""

from __future__ import annotations

from typing import TypedDict, cast

import click

from meted.core.limits import SHARE_MAX

from .connect import DOMAIN, connected, server_option
from .options import json_option
from .tables import amount, print_json, print_table, size
from .values import CPUS, RESOURCE, SIZE


class Amounts(TypedDict):
    """An amount of every resource, as on the wire."""

    cpu_milli: int
    mem_bytes: int
    generic: dict[str, int]


class DomainRow(TypedDict):
    """One domain as ``domain ls --json`` prints it."""

    domain: str
    share: int
    cap: Amounts | None
    jobs: int


@click.group("domain")
def domain() -> None:
    """Show and set domains: who is charged, and for which share."""


@domain.command("ls", short_help="Show the domains.")
@json_option
@server_option
def list_domains(as_json: bool, server: str | None) -> None:
    """Show the domains, with the part of the pool that each is entitled to while all want work."""
    with connected(server) as client:
        rows = cast("list[DomainRow]", client.call("domains"))
    if as_json:
        print_json(rows)
        return
    total = sum(row["share"] for row in rows)
    cells = [
        (row["domain"], str(row["share"]), f"{100 * row['share'] / total:.1f}%", str(row["jobs"]), cap_text(row["cap"]))
        for row in rows
    ]
    print_table(("domain", "share", "of the pool", "jobs", "cap"), cells, ("share", "of the pool", "jobs"))


@domain.command(
    "set",
    short_help="Make a domain, or change its share and cap.",
    epilog="""\b
Examples:
  meted domain set physics --share 3
  meted domain set guests --share 1 --cap-cpus 8 --cap-mem 16G
  meted domain set guests --no-cap
""",
)
@click.argument("name", type=DOMAIN)
@click.option(
    "--share",
    type=click.IntRange(1, SHARE_MAX),
    metavar="N",
    help="What it is entitled to, in proportion to the shares of the others.  [default: as it is; 1 for a new one]",
)
@click.option("--cap-cpus", type=CPUS, metavar="N", help="Its units hold at most so many cpus at once.")
@click.option("--cap-mem", type=SIZE, metavar="SIZE", help="And so much memory.")
@click.option("--cap-resource", type=RESOURCE, multiple=True, metavar="NAME=N", help="And so much of something else.")
@click.option("--no-cap", is_flag=True, help="It has no cap any more.")
@server_option
def set_domain(
    name: str,
    share: int | None,
    cap_cpus: int | None,
    cap_mem: int | None,
    cap_resource: tuple[tuple[str, int], ...],
    no_cap: bool,
    server: str | None,
) -> None:
    """Make a domain, or change its share and cap; what is not named stays as it is.

    Shares count in proportion: 1 and 3 are as good as 10 and 30. What a domain does not use the others get. A cap holds
    even where the pool is idle; what it has never named is capped at nothing, so name all that the domain's units need.
    """
    wanted: dict[str, object] = {}
    if cap_cpus is not None:
        wanted["cpu_milli"] = cap_cpus
    if cap_mem is not None:
        wanted["mem_bytes"] = cap_mem
    if no_cap and (wanted or cap_resource):
        raise click.UsageError("--no-cap goes with no other cap.")
    with connected(server) as client:
        rows = cast("list[DomainRow]", client.call("domains"))
        known = next((row for row in rows if row["domain"] == name), DomainRow(domain=name, share=1, cap=None, jobs=0))
        cap = known["cap"]
        if wanted or cap_resource:
            had = cap or Amounts(cpu_milli=0, mem_bytes=0, generic={})
            cap = cast("Amounts", {**had, **wanted, "generic": {**had["generic"], **dict(cap_resource)}})
        share = known["share"] if share is None else share
        client.call("domain.set", name=name, share=share, cap=None if no_cap else cap)


@domain.command("rm", short_help="Remove a domain that has no jobs.")
@click.argument("name", type=DOMAIN)
@server_option
def remove_domain(name: str, server: str | None) -> None:
    """Remove a domain that has no jobs."""
    with connected(server) as client:
        client.call("domain.remove", name=name)


def cap_text(cap: Amounts | None) -> str:
    """Return a cap as people write it."""
    if cap is None:
        return ""
    parts = [f"{amount(cap['cpu_milli'])} cpus", size(cap["mem_bytes"])]
    return ", ".join([*parts, *(f"{name}={amount(milli)}" for name, milli in sorted(cap["generic"].items()))])
