"""Tables and amounts for people: ruled on a terminal, plain aligned columns elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from meted.core.limits import SECOND_US

from ..wording import json_text
from .columns import GAP, fitted, kept

if TYPE_CHECKING:
    from rich.table import Table


COLOURS = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "held": "magenta",
    "ready": "green",
    "away": "red",
    "draining": "yellow",
}
"""How states are coloured on a terminal."""


def shown(text: str) -> str:
    """Return a text with what would break a line or command a terminal as escapes: a name may hold anything."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def is_terminal() -> bool:
    """Whether a person looks at what is printed."""
    return sys.stdout.isatty()


def print_json(document: object) -> None:
    """Print one JSON document."""
    click.echo(json_text(document, indent=2))


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[str] = (),
    *,
    optional: Collection[str] = (),
    one_line: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Print rows below headings.

    Args:
        headings: One a column. Where a terminal is too narrow, words are broken into lines, and numbers stay whole.
        rows: The cells.
        right: Headings of the columns of numbers, which stand on the right.
        optional: Headings of columns that are left out where no row has anything in them.
        one_line: Cut words on a terminal where they are too long, the last column first, so that each row is one line.
        spare: Headings of columns that a terminal which is too narrow even so goes without, and is told so.
    """
    numbers = set(right)
    if optional:
        rows = list(rows)
        filled = [n for n, name in enumerate(headings) if name not in optional or any(row[n] for row in rows)]
        headings, rows = [headings[n] for n in filled], [[row[n] for n in filled] for row in rows]
        spare = [name for name in spare if name in headings]
    if is_terminal():
        from rich.console import Console  # only here: it takes longer to load than the rest

        console = Console()
        headings, rows, lost = narrowed(headings, rows, numbers, room=console.width, one_line=one_line, spare=spare)
        table = rich_table(headings, rows, numbers, room=console.width, one_line=one_line)
        # What is too wide even so is for the terminal to break: better than numbers without their ends.
        needed = sum(column.width or 0 for column in table.columns) + GAP * (len(headings) - 1)
        console.width = max(console.width, needed)
        console.print("", table, "", sep="\n")
        if lost:
            click.secho(lost, dim=True, err=True)
        return
    lines = [list(headings), *(list(map(shown, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (
            cell.rjust(width) if heading in numbers else cell.ljust(width)
            for heading, cell, width in zip(headings, line, widths, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def narrowed(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[str],
    *,
    room: int,
    one_line: bool,
    spare: Sequence[str],
) -> tuple[list[str], list[list[str]], str]:
    """Return the headings and rows that a terminal has room for, and a sentence on what is left out, or nothing.

    Args:
        headings, rows, right, room, one_line: As for :func:`rich_table`.
        spare: Headings of columns that may be left out, the one that is needed least first.
    """
    from rich.cells import cell_len

    cells = [list(map(shown, row)) for row in rows]
    places = kept(headings, cells, set(right), room, spare, cut=one_line, wide=cell_len)
    gone = [headings[n] for n in range(len(headings)) if n not in places and any(row[n] for row in cells)]
    lost = f"Left out for want of room: {', '.join(gone)}." if gone else ""
    return [headings[n] for n in places], [[row[n] for n in places] for row in cells], lost


def rich_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = (), *, room: int, one_line: bool
) -> Table:
    """Return the table for a terminal.

    Args:
        headings: One a column.
        rows: The cells.
        right: Headings of the columns of numbers.
        room: Columns of the terminal.
        one_line: Whether what is too long is cut, so that each row is one line; else it is broken into lines.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    numbers = set(right)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    cells = [tuple(map(shown, row)) for row in rows]
    widths = fitted(headings, cells, numbers, room, cut=one_line, wide=cell_len)
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(
            heading,
            justify="right" if heading in numbers else "left",
            no_wrap=one_line,
            overflow="ellipsis" if one_line else "fold",
            width=width,
        )
    for row in cells:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    return table


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and what they stand for, one a line; what is empty is left out."""
    said = {name: text for name, text in facts.items() if text}
    width = max(map(len, said), default=0)
    for name, text in said.items():
        label = f"{name:<{width}}"
        click.echo(f"{click.style(label, bold=True)}  {shown(text)}")


def moment(at_us: int | None) -> str:
    """Return a time in microseconds since the Unix epoch as local time, to the second; None is nothing."""
    if at_us is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_us // SECOND_US))


def ago(at_us: int, now_us: int) -> str:
    """Return how long ago a moment was, both in microseconds, in one unit: ``now``, ``40 s``, ``12 min``, ``3 d``."""
    seconds = (now_us - at_us) // SECOND_US
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s" if seconds > 0 else "now"


def span(time_us: int | None) -> str:
    """Return a duration of so many microseconds: ``1.25 s``, ``3 min 05 s``, ``2 h 10 min``; None is nothing."""
    if time_us is None:
        return ""
    if time_us < 60 * SECOND_US:
        return f"{_short(time_us / SECOND_US)} s" if time_us >= 100_000 else f"{_short(time_us / 1_000)} ms"
    minutes, seconds = divmod(time_us // SECOND_US, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def compact_span(time_us: int) -> str:
    """Return a duration of so many microseconds in one unit: ``0``, ``12 ms``, ``1.5 s``, ``2.2 h``."""
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if time_us >= unit_s * SECOND_US:
            return f"{_short(time_us / SECOND_US / unit_s)} {unit}"
    return f"{_short(time_us / 1_000)} ms" if time_us else "0"


def size(count_bytes: int | None) -> str:
    """Return bytes with a decimal unit: ``512 B``, ``1.5 GB``; None is nothing."""
    if count_bytes is None:
        return ""
    for unit_bytes, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count_bytes >= unit_bytes:
            return f"{_short(count_bytes / unit_bytes)} {unit}"
    return f"{count_bytes} B"


def amount(milli: int) -> str:
    """Return an amount that is counted in thousandths: ``4``, ``0.5``."""
    return f"{milli / 1000:g}"


def _short(number: float) -> str:
    """Return a number with one decimal where that says something."""
    return f"{number:.1f}".removesuffix(".0") if number < 100 else f"{number:.0f}"
