"""``meted wait``, and what ``meted submit --wait`` does after it has submitted."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from meted.core.state import ENDED

from .connect import JOB_ID, OUT_OF_REACH, WAIT_US, connected, job_row, server_option
from .options import json_option
from .progress import ProgressBar
from .tables import print_json
from .times import DURATION

if TYPE_CHECKING:
    from ..client.blocking import BlockingClient
    from ..views import JobView

BAR_US = 200_000
"""A progress bar is moved at least so often."""

AGAIN_S = 600
"""A server that was there is tried for again for so long: it may be restarted while somebody waits."""


def wait_for(client: BlockingClient, job_ids: Sequence[int], timeout_us: int | None = None) -> list[JobView]:
    """Wait until all of the jobs have ended and return their rows; show a progress bar on a terminal.

    Ctrl-C leaves the jobs running, and says so.

    Args:
        client: The connection.
        job_ids: Which jobs.
        timeout_us: Give up after so many microseconds; None waits for ever.

    Raises:
        click.ClickException: The time is over.
        CallError: One of them is not known.
        Unreachable: The server has gone and did not come back.
    """
    rows: dict[int, JobView] = {job_id: job_row(client, job_id) for job_id in dict.fromkeys(job_ids)}
    deadline_s = None if timeout_us is None else time.monotonic() + timeout_us / 1_000_000
    step_us = BAR_US if sys.stderr.isatty() else WAIT_US
    try:
        with ProgressBar(f"Job {job_ids[0]}" if len(rows) == 1 else f"{len(rows)} jobs") as bar:
            while waiting := [row for row in rows.values() if row["state"] not in ENDED]:
                bar(sum(map(_done, rows.values())), sum(row["count"] for row in rows.values()))
                left_us = step_us if deadline_s is None else int((deadline_s - time.monotonic()) * 1_000_000)
                if left_us <= 0:
                    raise click.ClickException(f"The time is over; {_named(waiting)} on.")
                job_id = waiting[0]["job"]
                rows[job_id] = _wait(client, job_id, min(step_us, left_us))
                for row in waiting[1:] if step_us == BAR_US else ():
                    rows[row["job"]] = job_row(client, row["job"])
    except KeyboardInterrupt:
        waiting = [row for row in rows.values() if row["state"] not in ENDED]
        click.echo(f"\n{_named(waiting).capitalize()} on; `meted cancel` stops what `meted wait` waits for.", err=True)
        raise
    return list(rows.values())


def tell_failed(rows: Sequence[JobView]) -> None:
    """Say of each job that has not succeeded how it ended."""
    for row in rows:
        if row["state"] != "succeeded":
            click.echo(f"Job {row['job']}: {row['state']}. {row['reason'] or ''}".rstrip(), err=True)


def _wait(client: BlockingClient, job_id: int, wait_us: int) -> JobView:
    """Return the job's row when it has ended or the time is over; a server that restarts meanwhile is waited for."""
    from ..wire.errors import Unreachable

    give_up_s = time.monotonic() + AGAIN_S
    told = False
    while True:
        try:
            return cast("JobView", client.call("wait", job=job_id, wait_us=wait_us))
        except Unreachable:
            if time.monotonic() > give_up_s:
                raise
            if not told:
                click.echo(OUT_OF_REACH, err=True)
                told = True
            time.sleep(1)


def _done(row: JobView) -> int:
    return row["succeeded"] + row["failed"] + row["cancelled"]


def _named(rows: Sequence[JobView]) -> str:
    """Return ``job 7 goes``, ``jobs 7, 8 go`` or ``12 jobs go``."""
    if len(rows) == 1:
        return f"job {rows[0]['job']} goes"
    if len(rows) <= 5:
        return f"jobs {', '.join(str(row['job']) for row in rows)} go"
    return f"{len(rows)} jobs go"


EPILOG = """\b
Examples:
  meted wait 7
  meted wait --timeout 1h 7 8 9 && echo all is well

Exit codes: 0 all units succeeded, 1 a unit failed or was cancelled, or the time is over, 3 no server answers.
"""


@click.command("wait", short_help="Wait until jobs have ended.", epilog=EPILOG)
@click.argument("jobs", type=JOB_ID, nargs=-1, required=True, metavar="JOB...")
@click.option("--timeout", type=DURATION, metavar="DUR", help="Give up after this long.")
@json_option
@server_option
@click.pass_context
def wait(ctx: click.Context, jobs: tuple[int, ...], timeout: int | None, as_json: bool, server: str | None) -> None:
    """Wait until jobs have ended.

    On a terminal a progress bar shows how far they are. A server that is restarted meanwhile is waited for. Ctrl-C
    leaves the jobs running.
    """
    with connected(server) as client:
        rows = wait_for(client, jobs, timeout)
    if as_json:
        print_json(rows)
    else:
        tell_failed(rows)
    ctx.exit(0 if all(row["state"] == "succeeded" for row in rows) else 1)
