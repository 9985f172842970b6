"""``meted nice``: points of priority for credit."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text

from .connect import JOB_ID, connected, server_option
from .credits import COST, POINTS, signed_points
from .options import BELOW_ZERO, json_option
from .tables import print_json

if TYPE_CHECKING:
    from ..credit_changes import Niced


@click.command(
    "nice",
    short_help="Buy or sell points of priority for a job.",
    context_settings=BELOW_ZERO,
    epilog="""\b
Examples:
  meted nice 7 +2
  meted nice 7 +2 --cost 3       three cpu-hours, as with --cost 3h
  meted nice 7 -1                gives one back, or sells one
""",
)
@click.argument("job", type=JOB_ID)
@click.argument("points", type=POINTS, metavar="+P|-P")
@click.option(
    "--cost", type=COST, metavar="H", help="What the rest of it takes, in cpu-hours.  [default: as estimated]"
)
@json_option
@server_option
def nice(job: int, points: int, cost: int | None, as_json: bool, server: str | None) -> None:
    """Buy points of priority for a job (+2), or give back or sell some (-2).

    A point costs credit for each cpu-hour of the job: meted credit rules. What is bought is set aside in the job's
    purse, paid as its units end, and what is left comes back. A job whose points were sold waits for the pool.
    """
    with connected(server) as client:
        done = cast("Niced", client.call("job.nice", job=job, points=points, cost_us=cost))
    if as_json:
        print_json(done)
    else:
        click.echo(_said(job, done))


def _said(job: int, done: Niced) -> str:
    if not done["pays"]:
        return f"Job {job} has priority {done['priority']}. Its domain pays no credit for it, so it counts as usage."
    charged_mc, points = done["charged_mc"], done["points"]
    has = f"Job {job} has {signed_points(points)} and priority {done['priority']}."
    if charged_mc > 0:
        return f"{has} Charged: {credits_text(charged_mc)}."
    if charged_mc < 0:  # below zero points both what was in the purse and what is paid for those that were sold
        gained = credits_text(-charged_mc)
        return f"{has} Paid back: {gained}." if points >= 0 else f"{has} Its domain has {gained} more."
    if points < 0:
        return f"{has} It waits for the pool, and its domain is paid as others pay for the room."
    return f"{has} Nothing was charged."
