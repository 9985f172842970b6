"""A table that an async client follows, as an async iterator; it resumes by itself where it was (rows P29-P31)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, cast

import trio

from meted.core.record import record

Row = Mapping[str, object]

UNREAD_ROWS_MAX = 10_000
"""Rows that may lie unread; with more the subscription begins again from where it was read to."""


@record
class Told:
    """One thing that was told of a table.

    Attributes:
        kind: ``header`` (a page of the whole table), ``caught_up`` or ``changes``.
        seq: Position of the log that it is of.
        rows: Rows that are new or changed.
        gone: Ids of rows that are there no longer.
        restart: Whether the whole table begins here: what was known before counts no more.
    """

    kind: str
    seq: int
    rows: Sequence[Row]
    gone: Sequence[int]
    restart: bool = False


class Subscriber(Protocol):
    """What a subscription needs of its client."""

    @property
    def server(self) -> Mapping[str, object]:
        """What the server has said of itself."""

    async def call(self, method: str, /, **params: object) -> Any:
        """Call a method and return its answer."""

    async def raw_call(self, method: str, params: dict[str, object], answered: Callable[[object], None]) -> object:
        """Call a method, and tell ``answered`` the answer before anything that came after it is looked at."""

    def know_subscription(self, number: int, subscription: Subscription) -> None:
        """Pass on what is told under this number."""

    def forget_subscription(self, number: int) -> None:
        """Pass on nothing more under this number."""


class Subscription:
    """Yields the whole table in pages, ``caught_up``, and then every change in order.

    After a broken connection, or when it was read too slowly, it goes on with the changes since what was read last, or
    with the whole table where the server no longer knows them. So it does with another life of the server: what workers
    had told it of their units is in no log, and starts again without any change of the log.

    Attributes:
        seq: Up to where the table has been read; None before the first ``caught_up``.
    """

    def __init__(
        self,
        client: Subscriber,
        table: str,
        job_id: int | None,
        since_seq: int | None = None,
        domain: str | None = None,
    ) -> None:
        """Follow ``jobs``, ``workers``, one ``job``, ``loans`` or ``alarms``; it asks when it is read."""
        self.seq = since_seq
        self._client = client
        self._table = table
        self._job_id = job_id
        self._domain = domain
        self._told: deque[Told] = deque()
        self._unread_rows = 0
        self._news = trio.Event()
        self._number: int | None = None
        self._stale: int | None = None
        self._begins = False
        self._instance = client.server.get("instance")

    def __aiter__(self) -> Self:
        """Iterate."""
        return self

    async def __anext__(self) -> Told:
        """Return the next thing that is told.

        Raises:
            Refused: There is no such table or job.
            Unreachable: No server answers.
        """
        while not self._told:
            if self._number is None:
                await self._subscribe()
            elif not self._told:
                self._news = trio.Event()
                await self._news.wait()
        told = self._told.popleft()
        self._unread_rows -= len(told.rows)
        if told.kind == "caught_up" or (told.kind == "changes" and self.seq is not None):
            self.seq = told.seq
        elif told.kind == "header":
            self.seq = None  # half a table is not worth resuming
        return told

    async def aclose(self) -> None:
        """Follow it no longer."""
        numbers = (self._number, self._stale)
        self._number = self._stale = None
        for number in numbers:
            if number is not None:
                self._client.forget_subscription(number)
                await self._client.call("unsubscribe", subscription=number)

    def take(self, message: Mapping[str, object]) -> None:
        """Take a notification ``table`` of this subscription."""
        if message["subscription"] != self._number:
            return  # it is being ended
        kind = cast(str, message["kind"])
        if kind == "cut":
            self.broken()
            return
        rows = cast("Sequence[Row]", message.get("rows", ()))
        gone = cast("Sequence[int]", message.get("gone", ()))
        # With no position to resume from, what comes first is the whole table, even where it has no rows.
        restart = self._begins and (kind == "header" or self.seq is None)
        self._begins = False
        self._told.append(Told(kind, cast(int, message["seq"]), rows, gone, restart))
        self._unread_rows += len(rows)
        if self._unread_rows > UNREAD_ROWS_MAX and kind == "changes":
            self._told.clear()
            self._unread_rows = 0
            self._stale, self._number = self._number, None
        self._news.set()

    def broken(self) -> None:
        """The server tells nothing more; what was told can still be read, and then it is asked again."""
        for number in (self._number, self._stale):
            if number is not None:
                self._client.forget_subscription(number)
        self._number = self._stale = None
        self._news.set()

    async def _subscribe(self) -> None:
        stale, self._stale = self._stale, None
        if stale is not None:
            self._client.forget_subscription(stale)
            await self._client.call("unsubscribe", subscription=stale)

        def answered(answer: object) -> None:
            number = cast("dict[str, int]", answer)["subscription"]
            before, self._instance = self._instance, self._client.server.get("instance")
            if self.seq is not None and before != self._instance:
                self.seq, self._stale = None, number  # the position is one of another life: ask anew for all of it
            else:
                self._number = number
                self._begins = True
            self._client.know_subscription(number, self)

        params: dict[str, object] = {
            "table": self._table,
            "job": self._job_id,
            "since_seq": self.seq,
        }
        if self._domain is not None:
            params["domain"] = self._domain
        await self._client.raw_call("subscribe", params, answered)
