"""``meted ls``: the job table."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from meted.core.state import CANCELLED, ENDED, FAILED, HELD, PENDING, RUNNING, SUCCEEDED

from .connect import DOMAIN, connected, each_job, server_option
from .options import json_option
from .tables import ago, is_terminal, print_json, print_table
from .times import TIME
from .values import KEY_VALUE

if TYPE_CHECKING:
    from ..views import JobView

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
    (r"^A unit needs (.+), but no worker(?: that would take it now)? has (?:more than|any) .+$", r"no worker has \1"),
    (r"^A unit needs (.+?): .+ free of .+$", r"no room for \1"),
)
"""What is said of what waits (:mod:`meted.core.explain`), and the same in few words that tell it even where cut."""

STATES = (HELD, PENDING, RUNNING, "suspended", SUCCEEDED, FAILED, CANCELLED)
"""Those that can be asked for; of work that is suspended there is none as long as nothing suspends it."""


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


def unit_counts(row: JobView) -> list[str]:
    """Return how many units of a job are in each state, of those that any is in: ``3 running``."""
    return [
        f"{row[state]} {state}" for state in ("pending", "running", "succeeded", "failed", "cancelled") if row[state]
    ]


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
