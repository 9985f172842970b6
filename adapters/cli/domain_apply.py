"""``meted domain apply``: what a file says domains should be, and what is different in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from ..wording import pluralized
from .connect import connected, server_option
from .domain_show import cap_text, each_domain
from .entitlements import amounts_text
from .options import json_option
from .tables import print_json, shown

if TYPE_CHECKING:
    from ..domain_apply import Applied
    from ..domain_views import AmountsView, DomainView

DONE = {"created": "created", "changed": "changed", "removed": "removed"}
WOULD = {"created": "would be created", "changed": "would be changed", "removed": "would be removed"}


@click.command(
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
    if not apply(file, dry_run, as_json, server):
        raise click.exceptions.Exit(1)


def apply(file: BinaryIO, dry_run: bool, as_json: bool, server: str | None) -> bool:
    """Let domains be as a file says, tell what was done, and return whether all of it could be.

    Raises:
        click.ClickException: It is no such file; nothing was done.
    """
    from .records import read_wanted  # only here: most commands need none of it

    wanted = read_wanted(file)
    with connected(server) as client:
        before = {} if as_json else {row["domain"]: row for row in each_domain(client)}
        done = cast("Applied", client.call("domain.apply", domains=wanted, dry_run=dry_run))
    if as_json:
        print_json(done)
        return not done["refused"]
    by_name = {str(one["name"]): one for one in wanted}
    for what, said in (WOULD if dry_run else DONE).items():
        for name in done[what]:  # type: ignore[literal-required]
            more = ", ".join(differences(before[name], by_name[name])) if what == "changed" and name in before else ""
            click.echo(f"{shown(name)} {said}" + (f": {more}" if more else ""))
    same = len(done["unchanged"])
    if same or not any(done.values()):
        click.echo(f"{same} {pluralized(same, 'is', 'are')} so already")
    for one in done["refused"]:
        click.echo(f"Refused {shown(one['name'])}: {shown(one['sentence'])}", err=True)
    return not done["refused"]


def differences(row: DomainView, wanted: Mapping[str, object]) -> Iterator[str]:
    """Yield what of a domain is to be otherwise: ``share 1 → 3``."""
    for name in ("share", "floor_share"):
        old, new = row[name], wanted.get(name, 1)
        if old != new:
            yield f"{name.replace('floor_share', 'floor of its share')} {old} → {new}"
    for name, said in (("guarantee", "guarantee"), ("floor", "floor of its guarantee")):
        old, new = row[name], _amounts(wanted.get(name))  # type: ignore[literal-required]
        if old != new:
            yield f"{said} {amounts_text(old) or 'nothing'} → {amounts_text(new) or 'nothing'}"
    cap = None if wanted.get("cap") is None else _amounts(wanted["cap"])
    if row["cap"] != cap:
        yield f"{cap_text(row['cap']) or 'no cap'} → {cap_text(cap) or 'no cap'}"
    if wanted.get("loans") is not None:
        yield "its loans as listed"


def _amounts(given: object) -> AmountsView:
    found = cast("Mapping[str, object]", given or {})
    generic = cast("Mapping[str, int]", found.get("generic", {}))
    return {
        "cpu_milli": cast(int, found.get("cpu_milli", 0)),
        "mem_bytes": cast(int, found.get("mem_bytes", 0)),
        "generic": {name: amount for name, amount in generic.items() if amount},
    }
