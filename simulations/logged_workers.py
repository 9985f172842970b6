"""The workers of a pool in a replay of its log: they come and go when they did.

Nobody is cut short who goes: it takes nothing more, and is gone when what it runs has ended, as what really ended with
it is not replayed. Where the log is at its end and work is left, as another policy may have it, the pool is as it was
when it was largest.
"""

from __future__ import annotations

from meted.core.commands import DrainWorker, JoinWorker, LoseWorker
from meted.core.engine import Engine
from meted.core.events import WorkerJoined
from meted.core.ids import WorkerId
from meted.core.resources import Resources

from .traces.log_workers import WorkerChange


class LoggedWorkers:
    """The workers of one replay."""

    def __init__(self) -> None:
        """Begin with none."""
        self._joined = 0
        self._here: dict[WorkerId, WorkerId] = {}  # by their numbers in the log
        self._leaving: set[WorkerId] = set()

    def do(self, engine: Engine, change: WorkerChange) -> None:
        """Have happen what happened to a worker."""
        if change.change == "joined":
            self._here[change.worker_id] = self._join(engine, change.at_us, change.offer)
            return
        worker_id = self._here[change.worker_id]
        if change.change == "left":
            del self._here[change.worker_id]
            self._leaving.add(worker_id)
        engine.handle(DrainWorker(change.at_us, worker_id, change.change != "resumed"))
        self.ended(engine, worker_id)

    def ended(self, engine: Engine, worker_id: WorkerId) -> None:
        """Something that a worker ran may have ended: if it was about to go, and this was the last, it is gone."""
        if worker_id in self._leaving and not any(
            lease.worker_id == worker_id for lease in engine.state.jobs.leases.values()
        ):
            self._leaving.discard(worker_id)
            engine.handle(LoseWorker(engine.now_us, worker_id, "it left"))

    def complete(self, engine: Engine, offers: tuple[Resources, ...]) -> None:
        """Let the whole pool be there, as it was when it was largest, in place of whoever is left of it."""
        for worker_id in self._here.values():
            engine.handle(LoseWorker(engine.now_us, worker_id, "the log ends"))
        self._here.clear()
        for offer in offers:
            self._join(engine, engine.now_us, offer)

    def _join(self, engine: Engine, at_us: int, offer: Resources) -> WorkerId:
        self._joined += 1
        joined, *_ = engine.handle(JoinWorker(at_us, f"worker {self._joined}", offer))
        assert type(joined) is WorkerJoined
        return joined.worker_id
