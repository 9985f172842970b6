"""A log, read once from its start: what became of every try of every unit, and whether mirrors showed the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from meted.adapters.log import Log
from meted.adapters.server.rows import job_row, worker_rows
from meted.core.events import Event, UnitsFinished, UnitsLeased, UnitsReturned, WorkerLost
from meted.core.reducers import evolve
from meted.core.schema import decode_events
from meted.core.spans import indices
from meted.core.state import PENDING, RUNNING, State

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
        waiting: dict[int, list[Sample]] = {}
        for sample in samples:
            waiting.setdefault(sample.seq, []).append(sample)
        self._compare(waiting.pop(0, []))
        for batch in log.read():
            events = decode_events(batch.body)
            for position, event in enumerate(events):
                self._take(event, events[position:])
                self.state = evolve(self.state, event)
            self.events += events
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

    def _end(self, lease_id: int, index: int, how: str) -> None:
        if (lease_id, index) in self.ends:
            self.wrong.append(f"Unit {index} of lease {lease_id} has ended twice: {self.ends[lease_id, index]}, {how}.")
        self.ends[lease_id, index] = how

    def _compare(self, samples: list[Sample]) -> None:
        for sample in samples:
            for difference in differences(self.state, sample.table, sample.rows):
                self.wrong.append(f"A mirror of {sample.node} was wrong at {sample.seq}: {difference}")


def differences(state: State, table: str, shown: Mapping[int, Row]) -> Iterator[str]:
    """Yield in which rows a mirror differs from a state, but for what no log says.

    That is which units have started, and how often a worker changed over since the server started.
    """
    if table == "workers":
        found = worker_rows(state, state.workers.workers, lambda _: 0)
        expected = {row["worker"]: cast(Row, row) for row in found}
        shown = {worker_id: {**row, "switches": 0} for worker_id, row in shown.items()}
    else:
        jobs = sorted(state.jobs.jobs.items())
        expected = {job_id: _lasting(cast(Row, job_row(state, job, 0))) for job_id, job in jobs}
        shown = {job_id: _lasting(row) for job_id, row in shown.items()}
    for row_id in sorted({*expected, *shown}):
        if expected.get(row_id) != shown.get(row_id):
            yield f"{table} {row_id} is {expected.get(row_id)}, but {shown.get(row_id)} was shown."


def _lasting(row: Row) -> Row:
    lasting = dict(row)
    lasting["pending"] = cast(int, lasting["pending"]) + cast(int, lasting.pop("running"))
    if lasting["state"] == RUNNING:
        lasting["state"] = PENDING
    return lasting
