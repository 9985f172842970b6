"""Rows of commands about credit that were refused (row P05): beside the batches and outside of their chain."""

from __future__ import annotations

from collections.abc import Sequence

from .contract import CREDIT_REFUSALS_MAX
from .driver import Connection
from .records import CreditRefusal

_COLUMNS = "at_us, who, method, params, reason, sentence, times"
_KINDS = (int, str, str, str, str, str, int)


def insert(connection: Connection, refusals: Sequence[CreditRefusal]) -> None:
    """Write rows behind those that there are, and let go of the oldest beyond ``CREDIT_REFUSALS_MAX``."""
    list(connection.execute("BEGIN IMMEDIATE"))
    for it in refusals:
        row = (it.at_us, it.who, it.method, it.params, it.reason, it.sentence, it.times)
        list(connection.execute(f"INSERT INTO credit_refusals ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row))
    last = "(SELECT max(id) FROM credit_refusals)"
    list(connection.execute(f"DELETE FROM credit_refusals WHERE id <= {last} - {CREDIT_REFUSALS_MAX}"))
    list(connection.execute("COMMIT"))


def newest(connection: Connection, limit: int) -> list[CreditRefusal]:
    """The newest rows, the oldest of them first; a damaged row is left out."""
    select = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'credit_refusals'"
    if not list(connection.execute(select)):  # a log of an older version that is open for reading only
        return []
    found = list(connection.execute(f"SELECT {_COLUMNS} FROM credit_refusals ORDER BY id DESC LIMIT ?", (limit,)))
    rows = (row for row in reversed(found) if tuple(map(type, row)) == _KINDS)
    return [CreditRefusal(*row) for row in rows]  # type: ignore[arg-type]  # each was looked at
