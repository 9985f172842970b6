"""The tables that one peer follows: a header with the whole table, a marker, then every change in order (rows P29-P31).

Pages are made only when the peer has room for them. What piles up meanwhile is bounded: a reader that is too slow is
told so and cut off, and can resume from where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from meted.core.credit.alarms import ALARMS
from meted.core.ids import JobId, LoanId, WorkerId
from meted.core.state import State

from ..credit_alarms import alarm_views
from ..loan_news import OVER, news_of
from ..loan_views import loan_ids_of, loan_view
from ..wire.limits import PAGE_ROWS_MAX
from .paging import pages
from .tables import Change, Rows, Tables

WAITING_ROWS_MAX = 10_000
"""Rows that may wait for one subscription before it is cut."""

SUBSCRIPTIONS_MAX = 64
"""Tables that one peer may follow at a time."""

Send = Callable[[dict[str, object]], None]


class Subscription:
    """One table that a peer follows."""

    def __init__(self, number: int, table: str, job_id: JobId | None, domain: str | None = None) -> None:
        """Follow ``jobs``, ``workers``, the one ``job``, ``alarms``, or ``loans``, of one domain or of all."""
        self.number = number
        self.sent_seq = 0
        self._put_seq = 0
        self._table = table
        self._job_id = job_id
        self._domain = domain
        self._messages: deque[dict[str, object]] = deque()
        self._header: deque[Sequence[int]] = deque()
        self._waiting_rows = 0
        self._tables: Tables | None = None
        self._state = State()  # what the header shows: older than every change that follows it

    @property
    def is_too_slow(self) -> bool:
        """Whether more rows wait for the peer than are allowed to."""
        return self._waiting_rows > WAITING_ROWS_MAX

    def begin(self, tables: Tables, since_seq: int | None) -> None:
        """Start with the whole table, or with what changed since a position where that is still known."""
        change = None if since_seq is None else tables.since(since_seq)
        if change is not None:
            self.sent_seq = self._put_seq = since_seq or 0
            self.tell(change, tables.rows(change))
        else:
            self._tables, self._state = tables, tables.state
            self._header.extend(self._pages(tables))
        self._put("caught_up", tables.state.seq, (), ())

    def tell(self, change: Change, rows: Rows) -> None:
        """Take a change as it is told."""
        found, gone = self._mine(rows)
        if found or gone:
            self._put("changes", change.seq, found, gone)

    def pop(self) -> dict[str, object] | None:
        """Return the next message, or None."""
        if self._header:
            assert self._tables is not None, "a header is made of tables"
            ids = self._header.popleft()
            rows = self._header_rows(self._tables, ids)
            page = next(pages(rows))
            if len(page) < len(rows):
                self._header.appendleft(ids[len(page) :])
            if not self._header:  # who is cut before that has to begin anew
                self.sent_seq = self._state.seq
            return self._message("header", self._state.seq, page, ())
        self._state = State()
        if not self._messages:
            return None
        message = self._messages.popleft()
        self.sent_seq = cast(int, message["seq"])
        self._waiting_rows -= len(cast(Sequence[object], message["rows"]))
        return message

    def cut(self) -> dict[str, object]:
        """Return the message that this subscription has ended."""
        return self._message("cut", self.sent_seq, (), ())

    def _header_rows(self, tables: Tables, ids: Sequence[int]) -> Sequence[Mapping[str, object]]:
        if self._table == "workers":
            return tables.worker_rows(map(WorkerId, ids), self._state)
        if self._table == "loans":
            loans = self._state.domains.loans
            return [loan_view(self._state, loans[LoanId(number)]) for number in ids]
        if self._table == "alarms":
            return alarm_views(self._state)
        return tables.job_rows(map(JobId, ids), self._state)

    def _pages(self, tables: Tables) -> list[Sequence[int]]:
        """Return the ids of the table in pages; the rows of a page are made when it is sent."""
        if self._table == "workers":
            ids: Sequence[int] = sorted(tables.state.workers.workers)
        elif self._table == "loans":
            ids = loan_ids_of(tables.state, self._domain)
        elif self._table == "alarms":
            ids = range(1, len(ALARMS) + 1)
        elif self._job_id is not None:
            ids = [self._job_id]
        else:
            ids = sorted(tables.state.jobs.jobs)
        # Of an empty table there is a page as well: without a header a peer that resumes would keep the rows it has.
        return [ids[start : start + PAGE_ROWS_MAX] for start in range(0, max(len(ids), 1), PAGE_ROWS_MAX)]

    def _mine(self, rows: Rows) -> tuple[Sequence[Mapping[str, object]], Sequence[int]]:
        if self._table == "workers":
            return rows.workers, rows.gone_workers
        if self._table == "loans":
            loans = news_of(rows.loans, self._domain)
            return loans, [news["loan"] for news in loans if news["state"] in OVER]
        if self._table == "alarms":
            return rows.alarms, ()
        if self._job_id is None:
            return rows.jobs, rows.gone_jobs
        return [row for row in rows.jobs if row["job"] == self._job_id], [
            job_id for job_id in rows.gone_jobs if job_id == self._job_id
        ]

    def _put(self, kind: str, seq: int, rows: Sequence[Mapping[str, object]], gone: Sequence[int]) -> None:
        """Let a message wait, or several if the rows do not fit into one; only the last of them has come to ``seq``."""
        *parts, last = pages(rows)
        for part in parts:
            self._messages.append(self._message(kind, self._put_seq, part, ()))
        self._messages.append(self._message(kind, seq, last, gone))
        self._put_seq = seq
        self._waiting_rows += len(rows)

    def _message(self, kind: str, seq: int, rows: Sequence[object], gone: Sequence[int]) -> dict[str, object]:
        return {"subscription": self.number, "kind": kind, "seq": seq, "rows": rows, "gone": gone}


class Subscriptions:
    """All tables that one peer follows."""

    def __init__(self, send: Send) -> None:
        """Send messages with ``send``."""
        self._send = send
        self._all: dict[int, Subscription] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._all)

    def add(self, table: str, job_id: JobId | None, domain: str | None = None) -> Subscription:
        """Return a new subscription, which has to begin."""
        subscription = Subscription(self._next, table, job_id, domain)
        self._all[self._next] = subscription
        self._next += 1
        return subscription

    def remove(self, number: int) -> None:
        """End one; an unknown one is no error."""
        self._all.pop(number, None)

    def tell(self, change: Change, rows: Rows) -> None:
        """Take a change for all of them, and cut those that wait for too long."""
        for subscription in list(self._all.values()):
            subscription.tell(change, rows)
            if subscription.is_too_slow:
                self.remove(subscription.number)
                self._send(subscription.cut())

    def pump(self, is_full: Callable[[], bool]) -> None:
        """Send what waits, in turns, as long as the peer has room."""
        going = True
        while going and not is_full():
            going = False
            for subscription in list(self._all.values()):
                message = subscription.pop()
                if message is not None:
                    self._send(message)
                    going = True
