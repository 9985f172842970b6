"""``meted log refusals``: who asked what of credit, and why it was not done."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from ..log import CREDIT_REFUSALS_MAX, CreditRefusal
from ..log.reading import open_log
from .options import json_option, log_argument
from .tables import moment, print_json, print_table

SHOWN = 100
"""So many are shown if it is not said how many."""


@click.command("refusals", short_help="Show who was refused what of credit, and why.")
@log_argument
@click.option(
    "--limit",
    type=click.IntRange(1, CREDIT_REFUSALS_MAX),
    default=SHOWN,
    show_default=True,
    metavar="N",
    help="The newest N.",
)
@json_option
def refusals(data: Path, limit: int, as_json: bool) -> None:
    """Show what was asked of credit and refused: who asked what, when, and what the answer was.

    A refusal changes nothing, so these lines are no part of the chain. A server keeps the newest 10,000, and of each
    peer at most 60 an hour; a line that names no method tells how many more there were.
    """
    with open_log(data) as source:
        found = list(source.credit_refusals(limit))
    if as_json:
        print_json([attrs.asdict(it) for it in found])
    elif not found:
        click.echo("No refusal of anything that was asked of credit is kept here.", err=True)
    else:
        print_table(("at", "who", "asked", "with", "times", "answer"), map(_cells, found), right=("times",))


def _cells(it: CreditRefusal) -> tuple[str, ...]:
    return moment(it.at_us), it.who, it.method, it.params, str(it.times), it.sentence
