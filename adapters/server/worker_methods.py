"""The methods by which workers and their keepers speak: join, rejoin, finish, give back, leave, lost.

One life of a worker is one worker, however often and over whichever connection it asks to join (row N29).
"""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.commands import FinishUnits, JoinWorker, LoseWorker, RejoinWorker, ReturnUnits
from meted.core.decide.workers import find_worker
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import Event, WorkerBack, WorkerJoined
from meted.core.ids import LeaseId, WorkerId
from meted.core.limits import LABELS_MAX
from meted.core.resources import Resources
from meted.core.state import State, Worker

from ..wire.errors import CallError, Code
from ..wire.params_workers import (
    WorkerFinish,
    WorkerGiveBack,
    WorkerJoin,
    WorkerLeave,
    WorkerLost,
    WorkerRejoin,
    WorkerStarted,
)
from .commit_loop import Decide
from .crew import INSTANCE
from .desk import Commit, Desk, Handler, Outcome
from .session import Session

INSTANCE_BYTES_MAX = 64

LABELS_BYTES_MAX = 2_048
"""Bytes of all labels of a worker, so that the table of a thousand workers fits into a message."""


class WorkerMethods:
    """Answers ``worker.*`` but for output."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "worker.join": self.join,
            "worker.rejoin": self.rejoin,
            "worker.finish": self.finish,
            "worker.give_back": self.give_back,
            "worker.leave": self.leave,
            "worker.lost": self.lost,
        }

    def join(self, session: Session, params: WorkerJoin) -> Outcome:
        """Take in a new worker; the same life of a worker joins once, however often it asks."""
        told = sum(len(name.encode()) + len(value.encode()) for name, value in params.labels.items())
        few = len(params.labels) < LABELS_MAX and told <= LABELS_BYTES_MAX
        if not (few and 1 <= len(params.instance.encode()) <= INSTANCE_BYTES_MAX):
            raise CallError(
                Code.REFUSED,
                Reason.OUT_OF_RANGE,
                f"instance must be 1 to {INSTANCE_BYTES_MAX} bytes, and labels fewer than {LABELS_MAX}, of "
                f"{LABELS_BYTES_MAX} bytes together.",
            )
        labels = tuple(sorted({**params.labels, INSTANCE: params.instance}.items()))
        capacity = Resources.of(params.cpu_milli, params.mem_bytes, params.generic)

        def join(engine: Engine, at_us: int) -> object:
            self._desk.crew.see_dial(params.instance, params.dial)
            worker_id = _by_instance(engine.state, params.instance)
            if worker_id is None:
                came = engine.handle(
                    JoinWorker(
                        at_us,
                        params.name,
                        capacity,
                        labels,
                        params.until_us,
                        params.prefetch,
                        params.owner,
                        params.restricted,
                    )
                )
            else:
                came = engine.handle(RejoinWorker(at_us, worker_id, ()))
            return {"worker": self._expect(session, engine, came)}

        return Commit(self._as_one_life(session, params.instance, join))

    def rejoin(self, session: Session, params: WorkerRejoin) -> Outcome:
        """Take back a worker that was out of touch, with what it holds."""
        held = tuple((LeaseId(lease), spans) for lease, spans in params.held)

        def rejoin(engine: Engine, at_us: int) -> object:
            worker = _mine(engine.state, params.worker, params.instance)
            self._desk.crew.see_dial(params.instance, params.dial)
            self._expect(session, engine, engine.handle(RejoinWorker(at_us, worker.worker_id, held)))
            return {}

        return Commit(self._as_one_life(session, params.instance, rejoin))

    def _as_one_life(self, session: Session, instance: str, decide: Decide) -> Decide:
        """Return ``decide`` for one life of a worker; where it is refused, another may come over the connection."""

        def decide_as_one(engine: Engine, at_us: int) -> object:
            try:
                self._desk.crew.claim(session, instance)
                return decide(engine, at_us)
            except (CallError, Refused):
                self._desk.crew.release(session)
                raise

        return decide_as_one

    def _expect(self, session: Session, engine: Engine, events: Sequence[Event]) -> WorkerId:
        """Await the durability of ``events``, the last that were decided, by which a worker has come; return which."""
        first_seq = engine.state.seq - len(events) + 1
        for seq, event in enumerate(events, first_seq):
            if isinstance(event, WorkerJoined | WorkerBack):
                self._desk.crew.expect(event.worker_id, session, seq)
                return event.worker_id
        raise AssertionError("who joins or comes back does so by an event")

    def finish(self, session: Session, params: WorkerFinish) -> Outcome:
        """Take a report of units that have run to their end."""

        def finish(engine: Engine, at_us: int) -> object:
            _see_who_speaks(session, params.worker)
            engine.handle(
                FinishUnits(
                    at_us,
                    WorkerId(params.worker),
                    LeaseId(params.lease),
                    params.done,
                    params.run_us,
                    params.exits,
                    params.results,
                    params.cpu_us,
                    params.peak_bytes,
                )
            )
            return {}

        return Commit(finish)

    def give_back(self, session: Session, params: WorkerGiveBack) -> Outcome:
        """Take back units that were not started."""

        def give_back(engine: Engine, at_us: int) -> object:
            _see_who_speaks(session, params.worker)
            engine.handle(ReturnUnits(at_us, WorkerId(params.worker), LeaseId(params.lease), params.spans))
            return {}

        return Commit(give_back)

    def leave(self, _: Session, params: WorkerLeave) -> Outcome:
        """Let a worker go; what it still holds counts as not started."""

        def leave(engine: Engine, at_us: int) -> object:
            if WorkerId(params.worker) in engine.state.workers.workers:
                worker = _mine(engine.state, params.worker, params.instance)
                engine.handle(LoseWorker(at_us, worker.worker_id, "left", ()))
            return {}

        return Commit(leave)

    def lost(self, _: Session, params: WorkerLost) -> Outcome:
        """Believe a keeper that its worker is dead, so that its units run elsewhere at once."""
        told = params.started

        def lost(engine: Engine, at_us: int) -> object:
            if WorkerId(params.worker) not in engine.state.workers.workers:
                return {}
            worker = _mine(engine.state, params.worker, params.instance)
            if told is None:
                started = self._desk.crew.started_of(engine.state, worker.worker_id)
            else:
                started = tuple((LeaseId(lease), spans) for lease, spans in told)
            engine.handle(LoseWorker(at_us, worker.worker_id, params.reason, started))
            return {}

        return Commit(lost)

    def started(self, session: Session, params: WorkerStarted) -> None:
        """Note which leases have a unit running, for the tables."""
        if session.worker_id != params.worker:
            return
        news = self._desk.crew.start(session.worker_id, params.leases)
        if news:
            self._desk.tables.started(news)


def _see_who_speaks(session: Session, worker_id: int) -> None:
    """Refuse a report about a worker that has not joined, or come back, over this very connection."""
    if session.worker_id != worker_id:
        raise Refused(
            Reason.UNKNOWN_WORKER, f"Worker {worker_id} does not speak over this connection; join or rejoin here first."
        )


def _mine(state: State, worker_id: int, instance: str) -> Worker:
    """Return a worker, if it is this life of it that speaks."""
    worker = find_worker(state, worker_id)
    if dict(worker.labels).get(INSTANCE) != instance:
        raise Refused(
            Reason.UNKNOWN_WORKER, f"Worker {worker_id} is another worker's number; join anew to get one of your own."
        )
    return worker


def _by_instance(state: State, instance: str) -> WorkerId | None:
    for worker_id, worker in sorted(state.workers.workers.items()):
        if dict(worker.labels).get(INSTANCE) == instance:
            return worker_id
    return None
