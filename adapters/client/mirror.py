"""A copy of one of the server's tables, kept equal to it (row P31)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import trio

from .subscription import Row, Subscription, Told


class Mirror:
    """The rows of a table by id, as of ``seq``; :meth:`run` keeps them up to date.

    While the whole table is sent anew the old rows stay, and are exchanged when it is complete: readers never see half
    a table.

    Attributes:
        rows: The rows by id.
        seq: Position of the log that they are of; None while nothing is known.
    """

    def __init__(self, subscription: Subscription, id_of: Callable[[Row], int]) -> None:
        """Mirror the table of a subscription.

        Args:
            subscription: Where the rows come from.
            id_of: Returns the id of a row.
        """
        self.rows: dict[int, Row] = {}
        self.seq: int | None = None
        self._subscription = subscription
        self._id_of = id_of
        self._header: dict[int, Row] | None = None
        self._changed = trio.Event()

    async def run(self) -> None:
        """Follow the table, for ever.

        Raises:
            Unreachable: No server answers any more; run it again when one does.
            Refused: There is no such job.
        """
        async for told in self._subscription:
            self.apply(told)

    def apply(self, told: Told) -> None:
        """Take one thing that was told of the table."""
        if told.restart:
            self._header = {}
        rows = self.rows if self._header is None else self._header
        for row in told.rows:
            rows[self._id_of(row)] = row
        for row_id in told.gone:
            rows.pop(row_id, None)
        if told.kind == "caught_up" and self._header is not None:
            self.rows, self._header = self._header, None
        if self._header is None:
            self.seq = told.seq
            changed, self._changed = self._changed, trio.Event()
            changed.set()

    async def changed(self) -> None:
        """Wait until something has changed."""
        await self._changed.wait()

    async def until(self, is_so: Callable[[Mapping[int, Row]], bool]) -> None:
        """Wait until the table is as it should be.

        Args:
            is_so: Whether the rows are as wanted.
        """
        while self.seq is None or not is_so(self.rows):
            await self.changed()


def job_id_of(row: Row) -> int:
    """Return the id of a job's row."""
    return cast(int, row["job"])


def worker_id_of(row: Row) -> int:
    """Return the id of a worker's row."""
    return cast(int, row["worker"])


def alarm_id_of(row: Row) -> int:
    """Return the number of an alarm's row."""
    return cast(int, row["number"])


def loan_id_of(row: Row) -> int:
    """Return the id of a loan's row; 0 for one that was refused."""
    return cast(int, row["loan"])
