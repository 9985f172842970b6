"""Answers in pages: how many rows are asked for, and how many fit into one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from meted.core.errors import Reason, Refused

from ..wire.limits import FRAME_BYTES_MAX, PAGE_ROWS_MAX

Row = TypeVar("Row", bound=Mapping[str, object])

PAGE_CHARS_MAX = FRAME_BYTES_MAX // 8
"""Characters of the rows of one message: each may take four bytes, and half of the message remains for all else."""

ROW_CHARS = 300
"""Room for the names and numbers of a row."""


def page_limit(limit: int) -> int:
    """Return the number of rows asked for.

    Raises:
        Refused: It is no number of rows that one answer may have.
    """
    if not 1 <= limit <= PAGE_ROWS_MAX:
        raise Refused(Reason.OUT_OF_RANGE, f"limit must be from 1 to {PAGE_ROWS_MAX}; ask again for the rest.")
    return limit


def pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in pages that fit into a message: tags and labels may be long. There is always a first."""
    page: list[Row] = []
    room = PAGE_CHARS_MAX
    for row in rows:
        size = _chars(row)
        if page and size > room:
            yield page
            page, room = [], PAGE_CHARS_MAX
        page.append(row)
        room -= size
    yield page


def _chars(row: Mapping[str, object]) -> int:
    size = ROW_CHARS
    for value in row.values():
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict):
            size += sum(len(name) + 8 + (len(item) if isinstance(item, str) else 9) for name, item in value.items())
    return size
