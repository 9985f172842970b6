"""What is seen while the demo runs: a live table on a terminal, plain lines elsewhere, nothing where a script reads."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from meted.adapters.cli.tables import COLOURS, amount
from meted.adapters.server.rows import WorkerRow
from meted.adapters.views import JobView

from .play import Screen
from .work import SHARES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

BAR_CELLS: Final = 20
"""Width of a bar."""

COLOUR_OF: Final = {"bronze": "rgb(205,127,50)", "silver": "rgb(170,170,180)", "gold": "rgb(230,180,0)"}


@contextlib.contextmanager
def open_screen(units: int, silent: bool) -> Iterator[Screen]:
    """Give where the demo is seen.

    Args:
        units: How many units there are.
        silent: Nothing is to be seen.
    """
    if silent:
        yield _Nothing()
    elif not sys.stdout.isatty():
        yield _Lines(units)
    else:
        from rich.console import Console  # only where it is seen: it takes longer to load than the rest
        from rich.live import Live

        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield _Table(console, live)


class _Nothing:
    def show(self, rows: list[JobView], workers: list[WorkerRow]) -> None:
        """Show nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""


class _Lines:
    """Progress as plain lines: one for each tenth of the work."""

    def __init__(self, units: int) -> None:
        self._units = units
        self._tenths = 0
        self._began_s = time.monotonic()

    def show(self, rows: list[JobView], workers: list[WorkerRow]) -> None:
        """Print a line if another tenth is done."""
        done = succeeded(rows)
        tenths = 10 * sum(done.values()) // self._units
        if tenths > self._tenths:
            self._tenths = tenths
            each = ", ".join(f"{name} {count}" for name, count in done.items())
            self.say(f"{10 * tenths} % done: {each}")

    def say(self, sentence: str) -> None:
        """Print a line with the time."""
        click.echo(f"{time.monotonic() - self._began_s:6.1f} s  {sentence}")
        sys.stdout.flush()


class _Table:
    """A table that is drawn anew in its place; what is said goes above it."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live
        self._began_s = time.monotonic()

    def show(self, rows: list[JobView], workers: list[WorkerRow]) -> None:
        """Draw the table."""
        self._live.update(picture(rows, workers, time.monotonic() - self._began_s), refresh=True)

    def say(self, sentence: str) -> None:
        """Print a sentence above the table."""
        from rich.markup import escape
        from rich.padding import Padding
        from rich.table import Table

        line = Table.grid(padding=(0, 2))
        line.add_column(justify="right", width=8, style="dim")
        line.add_column(overflow="fold")
        line.add_row(f"{time.monotonic() - self._began_s:.1f} s", escape(sentence))
        self._console.print(Padding(line, 0))


def succeeded(rows: list[JobView]) -> dict[str, int]:
    """Return how many units of each domain have succeeded."""
    return {name: sum(row["succeeded"] for row in rows if row["domain"] == name) for name in SHARES}


def picture(rows: list[JobView], workers: list[WorkerRow], seconds: float) -> RenderableType:
    """Return the table: a row for each domain, and a line on the workers.

    Args:
        rows: The jobs.
        workers: The workers.
        seconds: How long it has been going on.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("domain")
    table.add_column("share", justify="right")
    table.add_column("done", width=BAR_CELLS)
    for heading in ("units", "running", "of all done"):
        table.add_column(heading, justify="right")
    done = succeeded(rows)
    all_done = max(sum(done.values()), 1)
    for name, share in SHARES.items():
        mine = [row for row in rows if row["domain"] == name]
        count = sum(row["count"] for row in mine)
        bar = ProgressBar(
            max(count, 1), done[name], BAR_CELLS, complete_style=COLOUR_OF[name], finished_style=COLOUR_OF[name]
        )
        running = str(sum(row["running"] for row in mine))
        of_all = f"{100 * done[name] / all_done:.1f} %"
        table.add_row(Text(name, COLOUR_OF[name]), str(share), bar, f"{done[name]} of {count}", running, of_all)
    line = Text(f"{seconds:6.1f} s  ", "dim")
    for row in sorted(workers, key=lambda row: row["name"]):
        line.append("● ", COLOURS.get(row["state"], ""))
        line.append(f"{row['name']} {amount(row['used_cpu_milli'])} of {amount(row['cpu_milli'])} cpus in use   ")
    return Group(table, line)
