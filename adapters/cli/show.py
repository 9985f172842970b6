"""``meted show``: one job, and its units."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, TypedDict, cast

import click

from meted.core.decide.ledger import credits_text
from meted.core.limits import SECOND_US

from ..wording import signal_name
from .connect import JOB_ID, PAGE_ROWS, connected, job_row, server_option
from .entitlements import amounts_text
from .jobs import unit_counts
from .options import json_option
from .tables import moment, print_facts, print_json, print_table, size, span

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..views import JobDetails

UNIT_HEADINGS = ("unit", "state", "exit", "run time", "cpu time", "peak memory", "tries", "worker", "ended")
UNIT_NUMBERS = ("unit", "exit", "run time", "cpu time", "peak memory", "tries", "worker")


class UnitRow(TypedDict):
    """One unit as ``show --units --json`` prints it."""

    unit: int
    state: str
    exit: int | None
    run_us: int | None
    cpu_us: int | None
    peak_bytes: int | None
    attempt: int
    worker: int | None
    ended_us: int | None


@click.command(
    "show",
    short_help="Show one job.",
    epilog="""\b
Examples:
  meted show 7
  meted show 7 --units
  meted show 7 --json | jq .state
""",
)
@click.argument("job", type=JOB_ID)
@click.option("--units", "with_units", is_flag=True, help="Show each unit: how it ended, what it used, where it ran.")
@json_option
@server_option
def show(job: int, with_units: bool, as_json: bool, server: str | None) -> None:
    """Show one job; with --units also the record of each of its units.

    Run time, cpu time and peak memory of a unit are measured by the worker's kernel. Units are counted from 0; with
    submit --array each has an index as well.
    """
    with connected(server) as client:
        row = job_row(client, job)
        units = list(each_unit(client, job)) if with_units else []
    if as_json:
        print_json({**row, "units": units} if with_units else row)
        return
    counts = ", ".join(unit_counts(row))
    print_facts(
        {
            "job": str(row["job"]),
            "name": row["name"],
            "domain": row["domain"],
            "user": row["user"],
            "state": row["state"],
            "reason": row["reason"] or "",
            "units": f"{row['count']}: {counts}",
            "command": shlex.join(row["argv"]),
            "runs in": row["cwd"] or "",
            "indices": indices_text(row),
            "each unit needs": amounts_text(row["request"]) or "nothing",
            "thought to take": span(row["time_request_us"]),
            "time limit": span(row["time_limit_us"]),
            "held to": ", ".join(starmap(_limit, sorted(row["limits"].items()))),
            "retries": _retries(row),
            "failures allowed": "" if row["max_failures"] is None else str(row["max_failures"]),
            "worker lost": "" if row["max_losses"] else "its units fail",
            "priority": str(row["priority"]),
            "points": _points(row),
            "after": ", ".join(f"job {job_id}" for job_id in row["after"]),
            "begins": moment(row["begin_us"]),
            "submitted": moment(row["submitted_us"]),
            "ended": moment(row["ended_us"]),
            "tags": " ".join(f"{key}={value}" for key, value in sorted(row["tags"].items())),
        }
    )
    if with_units:
        click.echo()
        if indices_text(row):
            indices = indices_of(row)
            table = [(str(indices[unit["unit"]]), *unit_cells(unit)) for unit in units]
            print_table(("index", *UNIT_HEADINGS), table, ("index", *UNIT_NUMBERS))
        else:
            print_table(UNIT_HEADINGS, map(unit_cells, units), UNIT_NUMBERS)


def indices_of(row: JobDetails) -> range:
    """Return what ``{index}`` stands for in each unit of a job, by the number of the unit."""
    first, step = row["first_index"], row["index_step"]
    return range(first, first + step * row["count"], step)


def indices_text(row: JobDetails) -> str:
    """Return which indices the units have, where they do not simply count from 0."""
    indices = indices_of(row)
    if indices == range(row["count"]):
        return ""
    return f"{indices[0]} to {indices[-1]}" + (f" by {indices.step}" if indices.step != 1 else "")


def _limit(name: str, value: int) -> str:
    """Return a limit of each unit, as it is named and for people."""
    return f"{name} {span(value * SECOND_US) if name == 'cpu_s' else size(value) if name.endswith('bytes') else value}"


def _retries(row: JobDetails) -> str:
    """Return how often what failed is tried again, and after how long."""
    if not row["retries"]:
        return ""
    return f"{row['retries']}" + (f", the first after {span(row['backoff_us'])}" if row["backoff_us"] else "")


def _points(row: JobDetails) -> str:
    """Return what of the priority was bought or sold, and what is left to pay for it."""
    if not row["points"]:
        return ""
    left = f", with {credits_text(row['purse_mc'])} in its purse" if row["purse_mc"] is not None else ""
    return f"{row['points']:+} of it {'bought' if row['points'] > 0 else 'sold'}{left}"


def each_unit(client: BlockingClient, job_id: int) -> Iterator[UnitRow]:
    """Yield the rows of a job's units by index, page after page."""
    first = 0
    while True:
        page = cast("Sequence[UnitRow]", client.call("units", job=job_id, first=first, limit=PAGE_ROWS))
        yield from page
        if len(page) < PAGE_ROWS:
            return
        first = page[-1]["unit"] + 1


def unit_cells(row: UnitRow) -> tuple[str, ...]:
    """Return a unit as a row below UNIT_HEADINGS."""
    return (
        str(row["unit"]),
        row["state"],
        exit_text(row["exit"]),
        span(row["run_us"]),
        span(row["cpu_us"]),
        size(row["peak_bytes"]),
        str(row["attempt"] or ""),
        str(row["worker"] or ""),
        moment(row["ended_us"]),
    )


def exit_text(code: int | None) -> str:
    """Return how a unit ended: its exit code, the name of the signal that killed it, or what stopped it."""
    if code is None:
        return ""
    own = {256: "time limit", 257: "not started", 258: "over a limit"}
    if code in own:
        return own[code]
    return str(code) if code >= 0 else signal_name(-code)
