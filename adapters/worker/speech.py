"""What a worker's mind wants said, as calls to the server; and the server's answers, as stimuli for the mind."""

from __future__ import annotations

from collections.abc import Callable

from ..wire.errors import CallError, Code
from ..wire.params_pool import Drain
from ..wire.params_workers import WorkerFinish, WorkerGiveBack, WorkerLeave, WorkerLost, WorkerStarted
from . import stimuli as s
from .link import Answer, Link, now_us

GONE_REASONS = frozenset({"unknown_lease", "wrong_worker"})
"""Refusals that say: this lease is over, drop it. Any other is a disagreement, which connecting again settles."""

UNKNOWN_WORKER = "unknown_worker"
"""Refusal that says: the server has given this worker up."""


class Speech:
    """Speaks for one worker on one connection, on which the server has taken it in.

    Args:
        link: The connection.
        worker_id, instance: The number and the word by which the server knows the worker.
        feel: Lets the mind know of answers.
        disowned: Called when the server says that it does not know the worker any more.
        left: Called when the server has answered that the worker leaves.
    """

    def __init__(
        self,
        link: Link,
        worker_id: int,
        instance: str,
        feel: Callable[[s.Stimulus], None],
        disowned: Callable[[Link], None],
        left: Answer,
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._instance = instance
        self._feel = feel
        self._disowned = disowned
        self._left = left

    def say(self, said: s.Report | s.GiveBack | s.SendStarted | s.AskForNoMore | s.Leave) -> None:
        """Tell the server what the mind wants it to know."""
        match said:
            case s.Report():
                done, lease_id = (said.done,), said.lease_id
                costs = (said.exits, said.cpu_us, said.peak_bytes, said.results)
                report = WorkerFinish(self._worker_id, lease_id, done, said.run_us, *costs)
                self._link.request("worker.finish", report, self._heard_of(lease_id, was_report=True))
            case s.GiveBack(lease_id=lease_id, units=units):
                back = WorkerGiveBack(self._worker_id, lease_id, (units,))
                self._link.request("worker.give_back", back, self._heard_of(lease_id, was_report=False))
            case s.SendStarted(lease_ids=lease_ids):
                self._link.notify("worker.started", WorkerStarted(self._worker_id, lease_ids))
            case s.AskForNoMore():
                self._link.request("drain", Drain(self._worker_id))
            case s.Leave(struck=()):
                self._link.request("worker.leave", WorkerLeave(self._worker_id, self._instance), self._left)
            case s.Leave(struck=struck):
                lost = WorkerLost(self._worker_id, self._instance, "the worker was told to quit", struck)
                self._link.request("worker.lost", lost, self._left)

    def _heard_of(self, lease_id: int, *, was_report: bool) -> Answer:
        def heard(error: CallError | None, _result: object) -> None:
            if error is None:
                self._feel((s.Reported if was_report else s.GaveBack)(now_us(), lease_id))
            elif error.code in (Code.FAILED, Code.BUSY):
                self._feel(s.Failed(now_us(), lease_id, was_report))
            elif error.reason == UNKNOWN_WORKER:
                self._disowned(self._link)
            else:
                self._feel(s.Refused(now_us(), lease_id))
                if error.reason not in GONE_REASONS:
                    self._link.hang_up(f"the server refused what was said of lease {lease_id}: {error.sentence}")

        return heard
