"""Events for people: a line each for other programs, and tables that fit a terminal of 80 columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..log.show import Entry, iso_time, plain
from ..wording import json_text
from .tables import shown

TABLE_ROWS = 1_000
"""Rows of a table on a terminal; more events are more tables, so that none has to be held whole."""

TABLE_COLUMNS_MIN = 80
"""A terminal of fewer columns gets no table: most of it would be empty."""

SHOWN_BYTES = 6
"""So many bytes are shown of what is too long: 12 hexadecimal digits."""

LINE_BYTES = 32
"""Bytes that are not too long for a line, which has digests whole, so that they can be searched for."""

SHOWN_ITEMS = 16
"""Items of a list that are shown; there may be thousands of them, such as the times of all units of a lease."""


def line_of(entry: Entry) -> tuple[str, str, str, str]:
    """What an event says: seq, time, tag and version, all fields; of a very long value the beginning."""
    return (
        str(entry.seq),
        iso_time(entry.at_us) or str(entry.at_us),
        f"{shown(entry.tag)} v{entry.version}",
        _said(entry.fields, LINE_BYTES),
    )


def row_of(entry: Entry) -> tuple[str, str, str, str]:
    """An event as a row of a table: the time to the second and said once, digests by their first digits."""
    at_iso = iso_time(entry.at_us)
    time = at_iso[:19].replace("T", " ") if at_iso else str(entry.at_us)
    fields = {name: value for name, value in entry.fields.items() if (name, value) != ("at_us", entry.at_us)}
    return (
        str(entry.seq),
        time,
        f"{shown(entry.tag)} v{entry.version}",
        _said(fields, SHOWN_BYTES),
    )


def print_tables(wanted: Iterator[Entry]) -> None:
    """Print events as tables, as wide as the terminal; what is too long goes on in the next line.

    Where a terminal is too narrow for that, what an event says stands below it.
    """
    from rich.box import SIMPLE  # only here: it takes longer to load than the rest
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if console.width < TABLE_COLUMNS_MIN:
        for entry in wanted:
            *named, said = row_of(entry)
            console.print(Text("  ".join(named), style="bold"))
            console.print(Padding(Text(said, overflow="fold"), (0, 0, 0, 4)))
        return
    while rows := list(itertools.islice(wanted, TABLE_ROWS)):
        table = Table(box=SIMPLE, pad_edge=False)
        for heading in ("seq", "time (UTC)", "event"):
            table.add_column(heading, no_wrap=True)
        table.add_column("what it says", overflow="fold")
        for entry in rows:
            table.add_row(*map(Text, row_of(entry)))
        console.print(table)


def _said(fields: dict[str, object], bytes_max: int) -> str:
    return " ".join(f"{shown(name)}={json_text(plain(_short(value, bytes_max)))}" for name, value in fields.items())


def _short(value: object, bytes_max: int) -> object:
    """The value with only the first digits of longer bytes in it, and the first items of long lists."""
    match value:
        case bytes() if len(value) > bytes_max:
            return value[:SHOWN_BYTES].hex() + "…"
        case list() | tuple():
            more = [f"… and {len(value) - SHOWN_ITEMS} more"] if len(value) > SHOWN_ITEMS else []
            return [_short(item, bytes_max) for item in value[:SHOWN_ITEMS]] + more
        case dict():
            return {key: _short(item, bytes_max) for key, item in value.items()}
        case _:
            return value
