"""``meted ls`` and ``meted show``: the job table, and one job."""

from __future__ import annotations

import re
import shlex
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, TypedDict, cast

import click

from meted.core.decide.ledger import credits_text
from meted.core.limits import SECOND_US
from meted.core.state import CANCELLED, ENDED, FAILED, HELD, PENDING, RUNNING, SUCCEEDED

from .connect import DOMAIN, JOB_ID, PAGE_ROWS, connected, each_job, job_row, server_option
from .entitlements import amounts_text
from .options import json_option
from .tables import ago, is_terminal, moment, print_facts, print_json, print_table, size, span
from .values import KEY_VALUE, TIME

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..views import JobDetails, JobView

HEADINGS = ("job", "name", "user", "domain", "state", "units", "done", "failed", "age", "reason")
NUMBERS = ("job", "units", "done", "failed", "age")
SPARE = ("age", "user", "name", "domain", "done", "units")
"""Columns that a narrow terminal goes without, the one that is needed least first."""

NEXT_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z0-9])")
COUNTED_UNITS = re.compile(r"\d+ of \d+ units failed; (?=unit )")
"""What comes before how the first unit failed."""


def _compiled(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), short) for pattern, short in pairs)


SHORTER = _compiled(
    (r"^it ended with (exit code \d+)$", r"\1"),
    (r"^it was ended by (.+)$", r"\1"),
    (r"^it was killed from outside \((\w+)\).*$", r"\1 from outside"),
    (r"^it ran longer than its (time limit of .+)$", r"\1"),
    (r"^it used more processor time than its limit of (.+)$", r"cpu limit of \1"),
    (r"^its processes held .+ more than its limit of (.+)$", r"memory limit of \1"),
    (r"^it wrote a file larger than its limit of (.+)$", r"file limit of \1"),
)
"""What workers say of units that failed (:mod:`meted.adapters.executors.ends`), and the same in few words."""

WAITS = _compiled(
    (r"^It is only prepared; (.+)\.$", r"\1"),
    (r"^A unit needs (.+), but no worker has more than .+$", r"no worker has \1"),
    (r"^A unit needs (.+?): .+ free of .+$", r"no room for \1"),
)
"""What is said of what waits (:mod:`meted.core.explain`), and the same in few words that tell it even where cut."""

STATES = (HELD, PENDING, RUNNING, "suspended", SUCCEEDED, FAILED, CANCELLED)
"""Those that can be asked for; of work that is suspended there is none as long as nothing suspends it."""


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


def cells(row: JobView, now_us: int) -> tuple[str, ...]:
    """Return a job as a row below HEADINGS."""
    return (
        str(row["job"]),
        row["name"],
        row["user"],
        row["domain"],
        row["state"],
        str(row["count"]),
        progress(row),
        str(row["failed"] or ""),
        ago(row["submitted_us"], now_us),
        why(row),
    )


def why(row: JobView) -> str:
    """Return in few words why a job waits or failed.

    Of what waits this is the first sentence, which names what it waits for, on a terminal in fewer words still. Of
    what failed it is how the first unit did: other columns count the units.
    """
    reason = row["reason"] or ""
    if row["state"] not in ENDED:
        sentence = NEXT_SENTENCE.split(reason, maxsplit=1)[0]
        return _shorter(sentence, WAITS) if is_terminal() else sentence  # there it would be cut
    if (counted := COUNTED_UNITS.match(reason)) is None:
        return reason
    unit, _, how = reason[counted.end() :].partition(": ")
    how = _shorter(how.partition("; ")[0], SHORTER)
    return how if row["count"] == 1 else f"{unit}: {how}"


def _shorter(sentence: str, forms: Iterable[tuple[re.Pattern[str], str]]) -> str:
    """Return a sentence in few words, if there is a form for it."""
    for pattern, short in forms:
        sentence = pattern.sub(short, sentence)
    return sentence


def progress(row: JobView) -> str:
    """Return how much of a job is done, in per cent, rounded down."""
    return f"{100 * (row['succeeded'] + row['failed'] + row['cancelled']) // row['count']}%"


@click.command(
    "ls",
    short_help="Show the jobs.",
    epilog="""\b
Examples:
  meted ls
  meted ls --active --domain physics
  meted ls --tag run=nightly --state failed --json
  meted ls --since now-2h
  meted ls --since 2027-01-31 --until 2027-02-01
""",
)
@click.option("--active", "-a", is_flag=True, help="Only jobs that have not ended.")
@click.option("--domain", type=DOMAIN, metavar="D", help="Only jobs of this domain.")
@click.option("--user", metavar="NAME", help="Only jobs of this user.")
@click.option("--name", metavar="S", help="Only jobs of this name.")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--tag", "tags", type=KEY_VALUE, multiple=True, metavar="K=V", help="Only jobs with this tag.")
@click.option(
    "--since", type=TIME, metavar="TIME", help="Only jobs submitted at TIME or later: an ISO time, or now-2h."
)
@click.option("--until", type=TIME, metavar="TIME", help="Only jobs submitted before TIME.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the N latest of them.")
@json_option
@server_option
def ls(
    active: bool,
    domain: str | None,
    user: str | None,
    name: str | None,
    state: str | None,
    tags: tuple[tuple[str, str], ...],
    since: int | None,
    until: int | None,
    last: int | None,
    as_json: bool,
    server: str | None,
) -> None:
    """Show the jobs, the latest at the end.

    Jobs that have ended are shown for a week. The last column says why a job waits or how its first unit failed; meted
    explain and meted show say more.
    """
    if since is not None and until is not None and since > until:
        raise click.UsageError("--since is later than --until; give the earlier time to --since.")
    wanted = dict(tags)
    wanted |= {key: value for key, value in (("user", user), ("name", name)) if value is not None}
    with connected(server) as client:
        found = (
            row
            for row in each_job(client, active=active, tags=wanted, since_us=since, until_us=until)
            if domain in (None, row["domain"]) and state in (None, row["state"])
        )
        rows = deque(found, last)
    if as_json:
        print_json(list(rows))
    elif rows:
        now_us = time.time_ns() // 1000
        print_table(HEADINGS, [cells(row, now_us) for row in rows], NUMBERS, one_line=True, spare=SPARE)
    else:
        click.echo("There are no such jobs.", err=True)


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
    counts = ", ".join(
        f"{row[state]} {state}" for state in ("pending", "running", "succeeded", "failed", "cancelled") if row[state]
    )
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


UNIT_HEADINGS = ("unit", "state", "exit", "run time", "cpu time", "peak memory", "tries", "worker", "ended")
UNIT_NUMBERS = ("unit", "exit", "run time", "cpu time", "peak memory", "tries", "worker")


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
    if code >= 0:
        return str(code)
    import signal

    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
