"""Inserting rows, several a statement: few statements, as each waits for Python's global lock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from .driver import Connection, Value

_SIZES = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""How many rows a statement inserts: a few sizes, as each statement stays prepared, that add up to any number."""


def insert_rows(connection: Connection, into: str, columns: int, values: Sequence[Value], conflict: str) -> None:
    """Write rows within the transaction that is open.

    Args:
        connection: Where to.
        into: The table, with the names of the columns unless all are given.
        columns: How many values a row has.
        values: Those of all rows, one row after the other.
        conflict: What is done with a row that is there already, as SQL says it.
    """
    done = 0
    for size in _SIZES:
        while len(values) - done >= size * columns:
            list(connection.execute(_statement(into, columns, size, conflict), values[done : done + size * columns]))
            done += size * columns


@lru_cache(maxsize=64)
def _statement(into: str, columns: int, rows: int, conflict: str) -> str:
    marks = "(" + ",".join("?" * columns) + ")"
    return f"INSERT INTO {into} VALUES {','.join([marks] * rows)} {conflict}"
