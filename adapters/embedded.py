"""The embedded library: the engine and a log inside another program. No server, no socket, no thread (row P18).

A :class:`Pool` is called and returns; it does nothing by itself. What a call changes is durable when the call returns,
or, if the call raises, did not happen. One thread at a time may use it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self, assert_never

from meted.core.commands import ONE_CPU, Command, FinishUnits, JoinWorker, LoseWorker, ReturnUnits
from meted.core.decide.workers import find_worker
from meted.core.effects import AskBack, Effect, KeepLeases, RunUnits, StopUnits, TellLoan, TellOwner
from meted.core.events import WorkerJoined
from meted.core.ids import WorkerId
from meted.core.limits import RETENTION_US
from meted.core.policy.base import Policy
from meted.core.resources import Resources
from meted.core.spans import runs_of
from meted.core.spec import unpack_spec

from .arguments import named, one
from .committer import SNAPSHOT_EVENTS
from .handout import Handout
from .local_service import LocalService, wall_clock_us
from .log import Log, LogError, SQLiteLog
from .run_here import run_here
from .units import Done, LeasedUnits, PoolError, Unit, UnitFailed, failed

__all__ = ["Done", "LeasedUnits", "Pool", "PoolError", "Unit", "UnitFailed", "failed"]


_A_LEASE = "a lease that work() has returned"
_A_REPORT = "Done(index, run_us) for each unit"


def _index(unit: Done) -> int:
    return one(unit.index, int, "the index of a unit")


class Pool(LocalService):
    """Jobs, domains and workers of one program, kept in one log.

    Opening recovers what the log holds. The workers of the program's last life ended with it: each is noted as lost,
    and the units that they held run again. A unit that was on more than ``max_losses`` lost workers fails, so that one
    which takes the whole program down does not do so for ever.
    """

    def __init__(
        self,
        log: Log,
        policy: str | Policy = "meted",
        *,
        clock: Callable[[], int] = wall_clock_us,
        on_effect: Callable[[Effect], None] | None = None,
        snapshot_events: int = SNAPSHOT_EVENTS,
        retention_us: int = RETENTION_US,
    ) -> None:
        """Recover what ``log`` holds and go on; see ``LocalService``."""
        self._handout = Handout()
        self._closed = False
        super().__init__(
            log,
            policy,
            clock=clock,
            on_effect=on_effect,
            snapshot_events=snapshot_events,
            retention_us=retention_us,
        )
        try:
            with self.batch():
                for worker_id in sorted(self.state.workers.workers):
                    self._do(LoseWorker(clock(), worker_id, "the program ended"))
        except BaseException:
            log.close()
            raise

    @classmethod
    def open(
        cls, data_dir: str | Path, policy: str | Policy = "meted", *, clock: Callable[[], int] = wall_clock_us
    ) -> Self:
        """Open the pool in a directory, which is made if need be; one process at a time.

        Raises:
            LogHeld: Another process has it open.
            LogError: It cannot be opened; the sentence says why.
            UnknownPolicy, SchemaError: As for ``Pool``.
        """
        return cls(SQLiteLog.open(data_dir), policy, clock=clock)

    def join(
        self,
        name: str,
        capacity: Resources = ONE_CPU,
        labels: Mapping[str, str] | None = None,
        until_us: int | None = None,
    ) -> WorkerId:
        """Add a worker and return its id.

        Args:
            name: For people.
            capacity: What it offers.
            labels: Names and values that describe it.
            until_us: When it will be gone, microseconds since the Unix epoch; it gets no unit expected to run longer.

        Raises:
            Refused: Something is of a wrong type or beyond a limit.
        """
        joined = self._do(JoinWorker(self.clock(), name, capacity, named(labels, "labels"), until_us))[-1]
        assert isinstance(joined, WorkerJoined)
        return joined.worker_id

    def work(self, worker_id: WorkerId) -> list[LeasedUnits]:
        """Decide who is next wherever there is room, and return what this worker is to run now; each lease once.

        Raises:
            PoolError: It was called inside a batch.
            Refused: The worker is not known.
            LogError: It could not be written; nothing was leased.
        """
        if self._committer.in_batch:
            raise PoolError("work() makes its leases durable, so it cannot be inside a batch; call it after the batch.")
        find_worker(self.state, worker_id)
        more = True
        while more:
            with self.batch():
                now_us = self.clock()
                self._engine.run_timers(now_us)  # a job whose time has come may be next
                self._engine.run_pass(now_us)
            more = self._engine.more and not self._handout.has(worker_id)
        return self._handout.take(worker_id)

    def is_wanted(self, lease: LeasedUnits) -> bool:
        """Whether the rest of a lease should still be run: it is held, not asked back, and its job not stopped."""
        held = self.state.jobs.leases.get(one(lease, LeasedUnits, _A_LEASE).lease_id)
        return held is not None and not held.recalled and self.state.jobs.jobs[held.job_id].stopped is None

    def finish(self, lease: LeasedUnits, *done: Done) -> None:
        """Report units of a lease as run to their end; a unit that was reported before is passed over (row P35).

        Raises:
            Refused: They are no units of that lease, or a run time or result is out of range.
            LogError: It could not be written; report them again.
        """
        reports = sorted((one(unit, Done, _A_REPORT) for unit in done), key=_index)
        self._do(
            FinishUnits(
                self.clock(),
                one(lease, LeasedUnits, _A_LEASE).worker_id,
                lease.lease_id,
                runs_of(unit.index for unit in reports),
                tuple(unit.run_us for unit in reports),
                tuple((unit.index, unit.exit_code) for unit in reports if unit.exit_code),
                tuple((unit.index, unit.result) for unit in reports if unit.result is not None),
            )
        )

    def give_back(self, lease: LeasedUnits) -> None:
        """Give back all units of a lease that were not reported; they run again elsewhere, and nothing is charged.

        Raises:
            Refused: It is no lease of this pool.
            LogError: It could not be written; try again.
        """
        lease = one(lease, LeasedUnits, _A_LEASE)
        self._do(ReturnUnits(self.clock(), lease.worker_id, lease.lease_id, ((lease.first, lease.count),)))

    def leave(self, worker_id: WorkerId) -> None:
        """Take a worker away; what it was given and has not reported runs again elsewhere.

        Raises:
            Refused: The worker is not known.
            LogError: It could not be written; try again.
        """
        self._do(LoseWorker(self.clock(), worker_id, "left", started=()))
        self._handout.drop(worker_id)

    def run(
        self,
        worker_id: WorkerId,
        call: Callable[[Unit], bytes | None],
        units_max: int | None = None,
        *,
        wait: bool = False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> int:
        """Run units here, in the calling thread, until nothing can be leased now; return how many were run.

        ``call`` is given one unit at a time and returns its result. If it raises (``SystemExit`` too) or returns what
        can be no result, the unit has failed, and the trace or a sentence is its error. Reports are made once a lease.
        Only ``KeyboardInterrupt`` goes through: what was done is reported and the rest given back first; the unit that
        was interrupted is given back with it.

        Units in back-off, and jobs whose time has not come, cannot be leased now. Without ``wait`` this returns while
        there are some, and :meth:`next_retry_us` says when to call it again (docs/embedded.md has the loop).

        Args:
            worker_id: Whose capacity is used.
            call: What a unit is.
            units_max: Stop after so many units and give the rest back; None is no limit.
            wait: Sleep until these are due, and go on with them.
            sleep: How to sleep, given seconds; where the pool's clock is not the time of day, it must move that clock.

        Raises:
            Refused: The worker is not known.
            LogError: Reports could not be written; their units run again.
        """
        return run_here(self, worker_id, call, units_max, sleep if wait else None)

    def close(self) -> None:
        """Let the workers leave and let go of the log; a second time does nothing.

        What was handed out and not reported runs again. Where the log cannot be written the workers are noted as lost
        when the pool is opened again.
        """
        try:
            if not self._closed:
                self._closed = True
                with contextlib.suppress(LogError), self.batch():
                    for worker_id in sorted(self.state.workers.workers):
                        self.leave(worker_id)
        finally:
            super().close()

    def _follow(self, effect: Effect) -> Command | None:
        """See to one effect of a committed batch; return what is to be decided because of it."""
        super()._follow(effect)
        match effect:
            case RunUnits():
                if effect.lease_id in self.state.jobs.leases:  # an interruption may have kept this effect waiting
                    spec = unpack_spec(self.state.jobs.specs[effect.spec_digest].body)
                    self._handout.put(effect, spec)
            case StopUnits() | AskBack():
                lease = self._handout.withdraw(effect.worker_id, effect.lease_id)
                if lease is not None:
                    whole = ((lease.first, lease.count),)
                    return ReturnUnits(self.clock(), lease.worker_id, lease.lease_id, whole)
            case TellOwner() | TellLoan() | KeepLeases():
                pass
            case _:
                assert_never(effect)
        return None
