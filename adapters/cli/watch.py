"""``meted watch``: the job table, live; plain lines where there is no terminal."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import click

from meted.core.state import ENDED

from ..wording import pluralized
from .connect import JOB_ID, OUT_OF_REACH, connected, each_job, job_row, server_option
from .jobs import HEADINGS, NUMBERS, SPARE, cells, unit_counts
from .options import json_option
from .tables import amount, is_terminal, narrowed, print_json, rich_table, shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ..client.follow import Follower
    from ..server.rows import WorkerRow
    from ..views import JobView

POLL_US = 1_000_000
"""A live table is drawn again at least so often, so that ages go on."""

REDRAW_S = 0.1
"""And at most so often."""

OTHER_LINES = 7
"""Lines of a terminal that are not rows of the table."""

REASONS_S = 2.0
"""It is asked so often why jobs wait."""

FAILED_TOLD = 50
"""Of the latest so many that failed it is told how; a terminal has hardly more lines."""

AGAIN_S = 1.0
"""A server that is out of reach is tried for again after so long."""


@click.command(
    "watch",
    short_help="Watch the jobs as they go.",
    epilog="""\b
Examples:
  meted watch
  meted watch 7             ends when job 7 has ended
  meted watch | tee jobs.txt
""",
)
@click.argument("job", type=JOB_ID, required=False)
@json_option
@server_option
def watch(job: int | None, as_json: bool, server: str | None) -> None:
    """Watch the jobs as they go, until Ctrl-C; with JOB only that one, until it has ended.

    On a terminal this is a live table with those that have not ended first. Elsewhere each change is a line. With
    --json it prints the jobs and the workers as they are now, and ends.
    """
    from ..client.follow import Follower

    with connected(server) as client:
        known = None if job is None else job_row(client, job)  # an unknown one is refused at once
        if as_json:
            rows = list(each_job(client)) if known is None else [known]
            print_json({"jobs": rows, "workers": client.call("workers")})
            return
        follower = Follower(client)
        try:
            if is_terminal():
                _live(follower, job)
            else:
                _follow(follower, job, _print_lines())
        except KeyboardInterrupt:
            return


def _follow(follower: Follower, job_id: int | None, show: Callable[[Follower, bool, int | None], None]) -> None:
    """Show every change until the job has ended; a server that is out of reach is waited for."""
    from ..wire.errors import Unreachable

    while True:
        try:
            follower.poll(POLL_US)
        except Unreachable:
            show(follower, False, job_id)
            time.sleep(AGAIN_S)
            continue
        show(follower, True, job_id)
        if job_id is not None and (job_id not in follower.jobs or follower.jobs[job_id]["state"] in ENDED):
            return
        time.sleep(REDRAW_S)


def _print_lines() -> Callable[[Follower, bool, int | None], None]:
    """Return what prints a line for each job that has changed."""
    shown: dict[int, JobView] = {}
    reached = True

    def show(follower: Follower, reachable: bool, job_id: int | None) -> None:
        nonlocal reached, shown
        if reached and not reachable:
            click.echo(OUT_OF_REACH, err=True)
        reached = reachable
        now = {key: row for key, row in follower.jobs.items() if job_id in (None, key)}
        for key, row in now.items():
            if shown.get(key) != row:
                click.echo(line_of(row))
        for key in shown.keys() - now.keys():
            click.echo(f"{time.strftime('%H:%M:%S')}  job {key}  gone")
        shown = now

    return show


def line_of(row: JobView) -> str:
    """Return a job as a line of text, with the time of day."""
    counts = "  ".join(unit_counts(row))
    name = f" ({shown(row['name'])})" if row["name"] else ""
    return f"{time.strftime('%H:%M:%S')}  job {row['job']}{name}  {row['state']}:  {counts}"


def _live(follower: Follower, job_id: int | None) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    reasons = Reasons(follower.explained, follower.why)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def show(follower: Follower, reachable: bool, job_id: int | None) -> None:
            jobs = {key: row for key, row in follower.jobs.items() if job_id in (None, key)}
            told, is_read_only = reasons.told(jobs, reachable), follower.is_read_only
            live.update(picture(console, told, follower.workers, reachable, is_read_only), refresh=True)

        _follow(follower, job_id, show)


class Reasons:
    """Why jobs wait, asked for now and then, and how others failed: the rows that are followed do not say it."""

    def __init__(self, ask: Callable[[], Iterable[JobView]], why: Callable[[int], str | None]) -> None:
        """Know nothing yet; ``ask`` returns rows that say why jobs wait, ``why`` says of one job how it failed."""
        self._ask = ask
        self._why = why
        self._failed: dict[int, str | None] = {}
        self._known: dict[int, JobView] = {}
        self._next_s = 0.0

    def told(self, jobs: Mapping[int, JobView], reachable: bool) -> dict[int, JobView]:
        """Return rows of jobs with why those of them wait that do, and how those failed, as far as is known."""
        failed = [job_id for job_id, row in jobs.items() if row["state"] == "failed"][-FAILED_TOLD:]
        self._failed = {job_id: self._failed[job_id] for job_id in failed if job_id in self._failed}
        if reachable:
            self._ask_why([job_id for job_id in failed if job_id not in self._failed])
        if reachable and time.monotonic() >= self._next_s and any(row["pending"] for row in jobs.values()):
            from ..wire.errors import Unreachable

            with contextlib.suppress(Unreachable):  # the next poll notices, and says so
                self._known = {row["job"]: row for row in self._ask()}
            self._next_s = time.monotonic() + REASONS_S
        return {job_id: self._with_reason(row) for job_id, row in jobs.items()}

    def _ask_why(self, job_ids: Iterable[int]) -> None:
        from ..wire.errors import CallError, Unreachable

        with contextlib.suppress(Unreachable):  # the next poll notices, and says so
            for job_id in job_ids:
                with contextlib.suppress(CallError):  # it has been deleted; its row goes with the next poll
                    self._failed[job_id] = self._why(job_id)

    def _with_reason(self, row: JobView) -> JobView:
        if (why := self._failed.get(row["job"])) is not None:
            return {**row, "reason": why}
        known = self._known.get(row["job"])
        if known is None or not row["pending"] or row["reason"] is not None or known["reason"] is None:
            return row
        return {**row, "reason": known["reason"]}


def picture(
    console: Console,
    jobs: Mapping[int, JobView],
    workers: Mapping[int, WorkerRow],
    reachable: bool,
    is_read_only: bool,
) -> RenderableType:
    """Return what fits on the terminal: a line on the pool, the jobs that have not ended, the latest that have.

    Args:
        console: The terminal.
        jobs, workers: The tables.
        reachable: Whether the server answers.
        is_read_only: Whether it takes nothing, as its log is damaged.
    """
    from rich.console import Group
    from rich.text import Text

    room = max(console.height - OTHER_LINES, 1)
    active = [row for row in jobs.values() if row["state"] not in ENDED]
    ended = [row for row in jobs.values() if row["state"] in ENDED]
    # The oldest of what goes on, the latest of what has ended; in the order of their ids.
    chosen = sorted([*active[:room], *ended[-max(room - len(active), 0) :][:room]], key=lambda row: row["job"])
    chosen = chosen if len(active) < room else active[:room]
    now_us = time.time_ns() // 1000
    counts = Counter(row["state"] for row in jobs.values())
    parts = [f"{len(jobs)} {pluralized(len(jobs), 'job')}"]
    parts += [f"{counts[state]} {state}" for state in sorted(counts)]
    used = amount(sum(row["used_cpu_milli"] for row in workers.values()))
    whole = amount(sum(row["cpu_milli"] for row in workers.values()))
    pool = f"{len(workers)} {pluralized(len(workers), 'worker')}, {used} of {whole} cpus in use"
    pool += "; read-only" if is_read_only else ""
    lines: list[RenderableType] = [Text(f"{', '.join(parts)}; {pool}", style="bold")]
    if not reachable:
        lines.append(Text(OUT_OF_REACH, style="red"))
    every = [cells(row, now_us) for row in chosen]
    headings, rows, lost = narrowed(HEADINGS, every, NUMBERS, room=console.width, one_line=True, spare=SPARE)
    lines.append(rich_table(headings, rows, NUMBERS, room=console.width, one_line=True))
    if lost:
        lines.append(Text(lost, style="dim"))
    if (hidden := len(jobs) - len(chosen)) > 0:
        lines.append(Text(f"and {hidden} more; `meted ls` shows all.", style="dim"))
    return Group(*lines)
