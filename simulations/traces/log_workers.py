"""Which workers a pool had when: read from the events of its log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from meted.core.events import Event, WorkerAway, WorkerBack, WorkerDrained, WorkerJoined, WorkerLost
from meted.core.ids import WorkerId
from meted.core.record import record
from meted.core.resources import NOTHING, Resources

Change = Literal["joined", "paused", "resumed", "left"]
"""A worker came; was out of touch or drained, and took no more work; took work again; or was gone for good."""

OF_WORKERS: Final = (WorkerJoined, WorkerAway, WorkerBack, WorkerDrained, WorkerLost)


@record
class WorkerChange:
    """What became of a worker.

    Attributes:
        at_us: When, by the clock of the log.
        order: Its place among the events of the log.
        worker_id: The worker, by its number in the log.
        change: What.
        offer: What it offers, where it came.
    """

    at_us: int
    order: int
    worker_id: WorkerId
    change: Change
    offer: Resources = NOTHING


class WorkerReader:
    """Follows the events of workers.

    Attributes:
        changes: What became of them, in the order of the log.
        largest: What each worker offered when the pool was largest, counted in cpus.
    """

    def __init__(self) -> None:
        """Begin with no worker."""
        self.changes: list[WorkerChange] = []
        self.largest: tuple[Resources, ...] = ()
        self._offers: dict[WorkerId, Resources] = {}
        self._away: set[WorkerId] = set()
        self._draining: set[WorkerId] = set()

    def take(self, event: Event, order: int) -> None:
        """Take the next event of :data:`OF_WORKERS`; one of a worker that is not known is passed over."""
        if isinstance(event, WorkerJoined):
            self._offers[event.worker_id] = event.capacity
            if cpu_milli(self._offers.values()) > cpu_milli(self.largest):
                self.largest = tuple(self._offers.values())
            self.changes.append(WorkerChange(event.at_us, order, event.worker_id, "joined", event.capacity))
        elif isinstance(event, OF_WORKERS) and event.worker_id in self._offers:
            worker_id, took_work = event.worker_id, self._takes_work(event.worker_id)
            match event:
                case WorkerAway():
                    self._away.add(worker_id)
                case WorkerBack():
                    self._away.discard(worker_id)
                case WorkerDrained():
                    (self._draining.add if event.draining else self._draining.discard)(worker_id)
                case WorkerLost():
                    del self._offers[worker_id]
                    self._away.discard(worker_id)
                    self._draining.discard(worker_id)
                    self.changes.append(WorkerChange(event.at_us, order, worker_id, "left"))
                    return
            if (takes_work := self._takes_work(worker_id)) != took_work:
                change: Change = "resumed" if takes_work else "paused"
                self.changes.append(WorkerChange(event.at_us, order, worker_id, change))

    def until(self, last: int) -> tuple[WorkerChange, ...]:
        """Return what became of them up to a place in the log: behind the last of the work nobody is missed."""
        return tuple(change for change in self.changes if change.order <= last)

    def _takes_work(self, worker_id: WorkerId) -> bool:
        return worker_id not in self._away and worker_id not in self._draining


def cpu_milli(offers: Iterable[Resources]) -> int:
    """Return the cpus of some workers together, in thousandths."""
    return sum(offer.cpu_milli for offer in offers)
