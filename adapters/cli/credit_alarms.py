"""``meted credit alarms``: whether there is too much credit, or too little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text

from .connect import connected, server_option
from .options import json_option
from .tables import moment, print_facts, print_json

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..credit_alarms import AlarmView


def raised(client: BlockingClient) -> list[AlarmView]:
    """Return the alarms that are raised."""
    rows = cast("Sequence[AlarmView]", client.call("credit.alarms"))
    return [row for row in rows if row["raised"]]


@click.command("alarms", short_help="Show whether there is too much credit, or too little.")
@json_option
@server_option
def show_alarms(as_json: bool, server: str | None) -> None:
    """Show the alarms of credit: crash (too much of it) and starvation (too little), and what they go by.

    Each is raised after two windows of an hour that give reason to, and cleared after two that do not; docs/credit.md
    says what to do.
    """
    with connected(server) as client:
        rows = cast("Sequence[AlarmView]", client.call("credit.alarms"))
    if as_json:
        print_json(list(rows))
        return
    last = rows[0]
    facts = {row["alarm"]: f"raised at {moment(row['since_us'])}" if row["raised"] else "not raised" for row in rows}
    if last["until_us"]:
        facts |= {
            "last window": f"until {moment(last['until_us'])}",
            "paid for priority": credits_text(last["paid_mc"]),
            "to who made room": credits_text(last["income_mc"]),
            "jobs that lost points": str(last["lapsed"]),
            "at their cap": f"{last['at_cap']} of {last['looked']} accounts looked at",
        }
    print_facts(facts)
    for row in rows:
        if row["raised"]:
            click.echo(row["sentence"])
