"""Small tables beside a trace, as comma-separated values with a line of names: who belongs where, shares, loans."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from meted.adapters.wording import counted

from ..errors import TraceError
from .source import open_source

SIDE_FILE_BYTES_MAX: Final = 64 * 2**20
"""Size of the largest table that is read."""

_CELL_SHOWN: Final = 40


@attrs.frozen
class Row:
    """One row of a table.

    Attributes:
        place: Where it stands, for sentences: ``shares.csv, line 3``.
        cells: What it says, by column; an empty text where there is nothing.
    """

    place: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """Return what stands in a column, or an empty text."""
        return self.cells.get(column, "")

    def number(self, column: str, least: int, most: int, default: int | None = None) -> int:
        """Return the whole number in a column.

        Raises:
            TraceError: It is none or not within these bounds, or it is empty and there is no default.
        """
        found = self.text(column)
        if not found and default is not None:
            return default
        if not (found.isascii() and found.lstrip("-").isdigit() and len(found) <= 20 and least <= int(found) <= most):
            raise self.refusal(
                f"{column} is {found[:_CELL_SHOWN]!r}, and has to be a whole number from {least} to {most:,}"
            )
        return int(found)

    def refusal(self, what: str) -> TraceError:
        """Return an error that says what is wrong with this row."""
        return TraceError(f"{self.place}: {what}.")


@attrs.frozen
class Table:
    """A table as it was read, with the digest of its bytes."""

    rows: tuple[Row, ...]
    sha256: str


def read_table(path: str, columns: Sequence[str], required: int) -> Table:
    """Read a table.

    Args:
        path: The file, in UTF-8; its first line names its columns, in any order.
        columns: The names that there may be.
        required: How many of these, from the first on, there have to be.

    Raises:
        TraceError: It cannot be read or is no such table; the sentence says where.
    """
    try:
        with open_source(path) as file:
            data = file.read(SIDE_FILE_BYTES_MAX + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is no text in UTF-8").lower()
        raise TraceError(f"{path} cannot be read ({reason}); check the path.") from None
    if len(data) > SIDE_FILE_BYTES_MAX:
        raise TraceError(f"{path} has more than {SIDE_FILE_BYTES_MAX:,} bytes; give a smaller table.")
    return Table(tuple(_rows(path, text, columns, required)), hashlib.sha256(data).hexdigest())


def _rows(path: str, text: str, columns: Sequence[str], required: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    named: list[str] | None = None
    try:
        for cells in reader:
            found = [cell.strip() for cell in cells]
            place = f"{path}, line {reader.line_num}"
            if not any(found) or found[0].startswith("#"):
                continue
            if named is None:
                named = found
                wrong = [name for name in named if name not in columns]
                lacking = [name for name in columns[:required] if name not in named]
                if wrong or lacking or len(set(named)) < len(named):
                    raise TraceError(
                        f"{place}: the first line has to name the columns: {', '.join(columns[:required])}"
                        + (f", and where wanted {', '.join(columns[required:])}." if columns[required:] else ".")
                    )
            elif len(found) > len(named):
                raise TraceError(
                    f"{place}: it has {counted(len(found), 'column')}, and the first line names {len(named)}."
                )
            else:
                yield Row(place, dict(zip(named, found, strict=False)))
    except csv.Error as error:
        raise TraceError(f"{path}, line {reader.line_num}: {error}.") from None
    if named is None:
        raise TraceError(f"{path} is empty; its first line has to name the columns: {', '.join(columns[:required])}.")


def row_of(place: str, text: str, columns: Sequence[str]) -> Row:
    """Return the row that a text holds, all of whose columns stand in their order; those at its end may be absent.

    Raises:
        TraceError: It has too many.
    """
    cells = [cell.strip() for cell in text.split(",")]
    if len(cells) > len(columns):
        raise TraceError(f"{place}: it has {counted(len(cells), 'column')} where there are {len(columns)}.")
    return Row(place, dict(zip(columns, cells, strict=False)))
