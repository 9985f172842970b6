"""``meted explain --eta``: when what waits should start."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from meted.core.decide.ledger import credits_text
from meted.core.limits import SECOND_US

from ..wording import counted
from .tables import moment, print_json, print_table, span

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..forecasts import ForecastView, JobForecastView, PointsView

HEADINGS = ("job", "waiting", "next start", "in about", "last start", "ends", "time of a unit", "by")
NUMBERS = ("job", "waiting")

BASES = {
    "measured": "units of the job so far",
    "requested": "what was asked for",
    "domain": "units of the domain so far",
    "unknown": "nothing known",
}
"""By what the time of a unit was estimated, as people are told."""

FEW_SECONDS_US = 10 * SECOND_US
"""Below this a time ahead is a few seconds."""


def ahead(time_us: int) -> str:
    """Return when that is, as said in a sentence: ``in a few seconds``, ``in about 20 min``."""
    return f"in {about(time_us)}" if time_us < FEW_SECONDS_US else f"in about {about(time_us)}"


def about(time_us: int) -> str:
    """Return a time ahead in one rounded unit: ``a few seconds``, ``40 s``, ``20 min``, ``3 h``, ``5 days``."""
    if time_us < FEW_SECONDS_US:
        return "a few seconds"
    seconds = time_us / SECOND_US
    for unit_s, below_s, unit, step in ((1, 100, "s", 10), (60, 100 * 60, "min", 1), (3_600, 48 * 3_600, "h", 1)):
        if seconds < below_s:
            return f"{max(1, round(seconds / unit_s / step)) * step} {unit}"
    return f"{round(seconds / 86_400)} days"


def why_none(client: BlockingClient, found: ForecastView) -> list[str]:
    """Return what keeps a single job of which no start is foreseen from starting, in sentences."""
    rows = found["jobs"]
    if len(rows) != 1 or rows[0]["first_us"] is not None:
        return []
    return cast("list[str]", client.call("explain", job=rows[0]["job"]))


def fetch(client: BlockingClient, job: int | None) -> ForecastView:
    """Return the forecast of one job, or of all that have something waiting.

    Raises:
        CallError: There is none.
    """
    if job is not None:
        return cast("ForecastView", client.call("forecast", job=job, points=1))
    found = page = cast("ForecastView", client.call("forecast"))
    rows = list(page["jobs"])
    while page["jobs"]:
        page = cast("ForecastView", client.call("forecast", after=rows[-1]["job"]))
        rows += page["jobs"]
    return {**found, "jobs": rows}


def show(found: ForecastView, job: int | None, why: list[str], now_us: int, *, as_json: bool) -> None:
    """Print a forecast, as of now, and why there is no start where that was asked."""
    if as_json:
        print_json(found)
        return
    if not found["jobs"]:
        click.echo("Nothing waits." if job is None else f"No unit of job {job} waits.")
        return
    if job is None:
        print_table(HEADINGS, [_cells(row, now_us) for row in found["jobs"]], NUMBERS)
        if never := [row["job"] for row in found["jobs"] if row["first_us"] is None]:
            click.echo(f"No start is foreseen of {counted(len(never), 'job')}; `meted explain {never[0]}` says why.")
    else:
        row = found["jobs"][0]
        for sentence in (*_sentences(row, now_us), *why, *of_points(row, found["with_points"])):
            click.echo(sentence)
    click.echo(_basis(found))


def _cells(row: JobForecastView, now_us: int) -> tuple[str, ...]:
    first_us = row["first_us"]
    return (
        str(row["job"]),
        str(row["waiting"]),
        moment(first_us) or "not foreseen",
        "" if first_us is None else about(first_us - now_us),
        moment(row["last_us"]),
        moment(row["ends_us"]),
        span(row["estimate_us"]),
        BASES[row["basis"]],
    )


def _sentences(row: JobForecastView, now_us: int) -> list[str]:
    first_us, last_us, waiting = row["first_us"], row["last_us"], row["waiting"]
    if first_us is None:
        return [row["reason"] or ""]
    which = "The unit that waits" if waiting == 1 else f"The next of {waiting:,} units that wait"
    said = [f"{which} should start at {moment(first_us)}, {ahead(first_us - now_us)}."]
    if last_us is None:
        said.append(f"How far that can be foreseen, {row['started']:,} of them start.")
    elif waiting > 1:
        said.append(f"The last should start at {moment(last_us)}, {ahead(last_us - now_us)}.")
    ends_us = row["ends_us"]
    if ends_us is not None:
        said.append(f"All of the job should have ended by {moment(ends_us)}, {ahead(ends_us - now_us)}.")
    said.append(f"A unit of it is taken to run for {span(row['estimate_us'])}, by {BASES[row['basis']]}.")
    return said


def of_points(row: JobForecastView, raised: PointsView | None) -> list[str]:
    """Return what some more points for a job would cost and bring, in sentences; nothing where that is not known."""
    if raised is None:
        return []
    points = raised["points"]
    which = "One more point (+1)" if points == 1 else f"{points} more points (+{points})"
    cost_mc = raised["cost_mc"]
    cost = f"cost {credits_text(cost_mc)}" if cost_mc else "cost no credit, as its domain pays for nothing,"
    return [f"{which} would {cost} and {_earlier(row, raised)}."]


def _earlier(row: JobForecastView, raised: PointsView) -> str:
    if row["first_us"] is None:
        if raised["first_us"] is None:
            return "make no difference, as far as is foreseen"
        return f"let it start at {moment(raised['first_us'])}"
    said = [
        f"{what} about {about(abs(sooner_us))} {'earlier' if sooner_us > 0 else 'later'}"
        for what, sooner_us in (
            ("start it", _sooner_us(row["first_us"], raised["first_us"])),
            ("start the last of it", _sooner_us(row["last_us"], raised["last_us"])),
        )
        if abs(sooner_us) >= FEW_SECONDS_US
    ]
    if row["waiting"] == 1 or (len(said) == 2 and said[0][len("start it") :] == said[1][len("start the last of it") :]):
        said = said[:1]
    return " and ".join(said) if said else "make no difference to when it starts"


def _sooner_us(as_it_is_us: int | None, raised_us: int | None) -> int:
    return 0 if as_it_is_us is None or raised_us is None else as_it_is_us - raised_us


def _basis(found: ForecastView) -> str:
    units = found["units"]
    waiting = sum(units.values())
    known = waiting - units["unknown"]
    parts = [
        f"Foreseen from event {found['seq']:,} at {moment(found['at_us'])}, as if nobody submitted any more and "
        "everything took as long as estimated.",
        f"Of {waiting:,} units that wait, something is known of the time of {known:,} ({_percent(known, waiting)}).",
    ]
    if found["overrun"]:
        leases = counted(found["overrun"], "lease is", "leases are")
        parts.append(f"{leases} over their estimate, and taken to go on for as long again as they are over.")
    return " ".join(parts)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part // whole} %" if whole else "none"
