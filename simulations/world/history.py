"""A log, read once from its start: what became of every try of every unit, and whether mirrors showed the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from meted.adapters.credit_views import credit_view
from meted.adapters.domain_views import domain_views
from meted.adapters.lag_bound import LagBound
from meted.adapters.loan_views import loan_view
from meted.adapters.log import Log
from meted.adapters.server.rows import job_row, worker_rows
from meted.core.events import Event, UnitsFinished, UnitsLeased, UnitsReturned, WorkerLost
from meted.core.offers import largest_offers
from meted.core.reducers import evolve
from meted.core.schema import decode_events
from meted.core.service import run_size
from meted.core.spans import indices
from meted.core.state import PENDING, RUNNING, State

from .bookkeeping import Books
from .deadlines import missed
from .estates import Estates
from .witness import Sample

FINISHED, RETURNED, LOST = "finished", "returned", "lost"

Row = Mapping[str, object]


class History:
    """What a log says.

    Attributes:
        state: The state at its end.
        events: All of them.
        leases: Lease -> the event that gave it.
        ends: (lease, index) -> how that try of the unit ended: finished, returned, or lost with its worker.
        exits: (lease, index) -> exit code of those that finished.
        lost: Workers that count as lost, with the reason.
        books, estates: What the events of credit, and those of domains and loans, come to.
        wrong: What is wrong with the log by itself, or with what a mirror showed; one sentence each.
    """

    def __init__(self, log: Log, samples: list[Sample]) -> None:
        """Read ``log``, and compare with it what mirrors showed on the way."""
        self.state = State()
        self.events: list[Event] = []
        self.leases: dict[int, UnitsLeased] = {}
        self.ends: dict[tuple[int, int], str] = {}
        self.exits: dict[tuple[int, int], int] = {}
        self.lost: dict[int, str] = {}
        self.wrong: list[str] = []
        self.books = Books()
        self.estates = Estates()
        waiting: dict[int, list[Sample]] = {}
        for sample in samples:
            waiting.setdefault(sample.seq, []).append(sample)
        self._compare(waiting.pop(0, []))
        for batch in log.read():
            events = decode_events(batch.body)
            for position, event in enumerate(events):
                self._take(event, events[position:])
                self.books.take(event, batch.first_seq + position)
                self.estates.take(event, events[position:])
                self.state = evolve(self.state, event)
            self.events += events
            self._compare_state()
            self._compare(waiting.pop(self.state.seq, []))
        self.wrong += [f"A mirror showed position {seq}, where no batch ends." for seq in waiting]

    def worker_of(self, lease_id: int) -> int:
        """Return the worker that a lease was given to, 0 if there was none."""
        return self.leases[lease_id].worker_id if lease_id in self.leases else 0

    def _take(self, event: Event, rest: list[Event]) -> None:
        match event:
            case UnitsLeased():
                if event.lease_id <= max(self.leases, default=0):
                    self.wrong.append(f"Lease {event.lease_id} was given although a later one was given before.")
                self.leases[event.lease_id] = event
            case UnitsFinished():
                exits = dict(event.exits)
                for index in indices(event.done):
                    self._end(event.lease_id, index, FINISHED)
                    self.exits[event.lease_id, index] = exits.get(index, 0)
            case UnitsReturned():
                worker_id = self.worker_of(event.lease_id)
                lost = any(isinstance(one, WorkerLost) and one.worker_id == worker_id for one in rest)
                for index in indices(event.spans):
                    self._end(event.lease_id, index, LOST if lost else RETURNED)
            case WorkerLost():
                self.lost[event.worker_id] = event.reason
            case _:
                pass

    def _compare_state(self) -> None:
        """Compare the state at the end of a batch with what was reckoned from outside; the first difference is told."""
        if not self.wrong:
            self.wrong += [*self.books.compare(self.state), *self.estates.compare(self.state), *missed(self.state)]

    def _end(self, lease_id: int, index: int, how: str) -> None:
        if (lease_id, index) in self.ends:
            self.wrong.append(f"Unit {index} of lease {lease_id} has ended twice: {self.ends[lease_id, index]}, {how}.")
        self.ends[lease_id, index] = how

    def _compare(self, samples: list[Sample]) -> None:
        for sample in samples:
            for difference in differences(self.state, sample.table, sample.rows):
                self.wrong.append(f"A mirror of {sample.node} was wrong at {sample.seq}: {difference}")


def differences(state: State, table: str, shown: Mapping[int | str, Row]) -> Iterator[str]:
    """Yield in which rows a mirror differs from a state, but for what no log says.

    That is which units have started, how often a worker changed over since the server started, and what depends on
    when it was asked.
    """
    expected: dict[int | str, Row]
    if table in ("domains", "loans", "credit.accounts"):
        expected = _expected(state, table)
        shown = {key: _timeless(row) for key, row in shown.items()}
        shown = {key: _with_bound(state, row, expected.get(key, row)) for key, row in shown.items()}
    elif table == "workers":
        found = worker_rows(state, state.workers.workers, lambda _: 0)
        expected = {row["worker"]: cast(Row, row) for row in found}
        shown = {worker_id: {**row, "switches": 0} for worker_id, row in shown.items()}
    else:
        jobs = sorted(state.jobs.jobs.items())
        offers = largest_offers(state)
        expected = {job_id: _lasting(cast(Row, job_row(state, job, 0, offers))) for job_id, job in jobs}
        shown = {job_id: _lasting(row) for job_id, row in shown.items()}
    for row_id in sorted({*expected, *shown}, key=str):
        if expected.get(row_id) != shown.get(row_id):
            yield f"{table} {row_id} is {expected.get(row_id)}, but {shown.get(row_id)} was shown."


def _expected(state: State, table: str) -> dict[int | str, Row]:
    """Return the rows of a table of domains, loans or accounts."""
    domains, ledger, at_us = state.domains, state.ledger, state.at_us
    if table == "domains":
        found = [cast(Row, view) for view in domain_views(state, domains.domains.values(), at_us, LagBound())]
    elif table == "loans":
        return {loan_id: cast(Row, loan_view(state, loan)) for loan_id, loan in domains.loans.items()}
    else:
        accounts = [ledger.accounts[account_id] for account_id in ledger.of_domain.values()]
        found = [cast(Row, credit_view(state, account, at_us)) for account in accounts]
    return {cast(str, row["domain"]): _timeless(row) for row in found}


OF_TIME = ("usage_cpu_us", "credit_mc", "accrued_mc", "free_mc", "next_mc", "next_us")
"""What of a row depends on when it was asked."""


def _timeless(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in OF_TIME}


def _with_bound(state: State, row: Row, expected: Row) -> Row:
    """Return a row with the bound that is expected, unless its own is too small.

    A server may know of jobs that are gone, and of others what they were estimated to take when it looked at them. So
    it has to be no less than what was leased and than what jobs take by what they say themselves.
    """
    if "lag_bound_cpu_us" not in row:
        return row
    said = [run_size(state, job) for job in state.jobs.jobs.values() if job.terms.time_request_us is not None]
    is_enough = cast(int, row["lag_bound_cpu_us"]) >= max(state.jobs.largest_size, *said, 0) // 1000
    return {**row, "lag_bound_cpu_us": expected["lag_bound_cpu_us"]} if is_enough else row


def _lasting(row: Row) -> Row:
    lasting = dict(row)
    lasting["pending"] = cast(int, lasting["pending"]) + cast(int, lasting.pop("running"))
    if lasting["state"] == RUNNING:
        lasting["state"] = PENDING
    return lasting
