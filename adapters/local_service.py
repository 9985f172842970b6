"""The domains and jobs of one log, served in this process: opened, made durable, told of and closed (rows P18, P20)."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from meted.core.commands import Command
from meted.core.decide.jobs import find_job
from meted.core.effects import Effect, TellOwner
from meted.core.engine import Engine
from meted.core.limits import RETENTION_US
from meted.core.policy.base import Policy

from .committer import SNAPSHOT_EVENTS, Committer
from .live_policies import live_policy
from .local_jobs import LocalJobs
from .log import Log, LogError
from .postings import keep_postings
from .recovery import read_state


def wall_clock_us() -> int:
    """Return the time of day in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class LocalService(LocalJobs):
    """Domains and jobs, kept in one log. A call is durable when it returns; if it raises, it did not happen."""

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
        """Recover what ``log`` holds and go on. The pool owns the log from here on and closes it.

        Args:
            log: A ``MemoryLog`` or an ``SQLiteLog``, open for writing.
            policy: Who is next: a text for :func:`~meted.adapters.live_policies.live_policy`, or an object of your own
                (docs/adding-a-policy.md).
            clock: Gives the time in microseconds since the Unix epoch.
            on_effect: Called with every effect of what was committed, in order, before the call that caused it returns.
                It is told; it must not call the pool.
            snapshot_events: Take a snapshot after so many events.
            retention_us: How long jobs that have ended stay in the pool.

        Raises:
            UnknownPolicy: There is no such policy.
            LogDamaged: The log is not what was written; ``meted log repair`` makes it usable again.
            SchemaError: The log was written by a newer version of meted.
        """
        self._on_effect = on_effect
        self._callbacks: dict[int, list[Callable[[int, str], None]]] = {}
        self._ended: deque[tuple[int, str]] = deque()
        self._errors: list[Exception] = []
        try:
            chosen = live_policy(policy)
            found = read_state(log, chosen)
            keep_postings(log)
            engine = Engine(chosen, found.state, found.chain, retention_us=retention_us, memory=found.memory)
            super().__init__(log, engine, clock)
            self._committer = Committer(log, engine, clock, self._follow, found.snapshot_seq, snapshot_events)
        except BaseException:
            log.close()
            raise

    @property
    def snapshot_error(self) -> LogError | None:
        """Why the last snapshot could not be kept, or None; nothing is lost by it, and another is tried later."""
        return self._committer.snapshot_error

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Make all calls inside durable together, with one sync; if the block raises, none of them happened.

        Ids that calls inside have returned are final when the block has ended. Batches may be nested: the outermost
        counts.

        Raises:
            LogError: The batch could not be written; nothing of it happened, and it can be tried again.
        """
        try:
            with self._committer.batch():
                yield
        except BaseException:
            if not self._committer.in_batch:  # jobs that were not accepted: their ids will be given to others
                known = self.state.jobs.jobs
                self._callbacks = {job_id: calls for job_id, calls in self._callbacks.items() if job_id in known}
            raise
        if not self._committer.in_batch:
            self._call_back()

    def after(self, job_id: int, callback: Callable[[int, str], None]) -> None:
        """Call ``callback(job_id, outcome)`` once when the job has ended, at once if it has (row P20).

        It is called by whichever call of the pool ends the job, after that is durable, and may call the pool itself.
        What it raises comes out of that call in an ``ExceptionGroup``. Callbacks are not kept in the log: register
        them again after a restart.

        Raises:
            Refused: The job is not known.
        """
        job = find_job(self.state, job_id)
        self._callbacks.setdefault(job_id, []).append(callback)
        ended = self._engine.committed.jobs.jobs.get(job.job_id)
        if ended is not None and ended.outcome is not None:
            self._ended.append((job_id, ended.outcome))
            if not self._committer.in_batch:
                self._call_back()

    def tick(self) -> None:
        """Do what has fallen due by now: jobs past their retention leave. Every call that writes does it as well."""
        with self.batch():
            pass

    def next_due_us(self, after_us: int | None = None) -> int | None:
        """Return when something falls due next without anybody asking, in microseconds, or None.

        That is the end of a back-off (then :meth:`next_retry_us` is as early): ask for work again; or of a job's
        retention: call :meth:`tick`.

        Args:
            after_us: As for :meth:`next_retry_us`.
        """
        due_us = [due for due in (self._engine.next_due_us(), self.next_retry_us(after_us)) if due is not None]
        return min(due_us, default=None)

    def snapshot(self) -> None:
        """Keep a snapshot now, so that opening the pool again is quick.

        Raises:
            LogError: It could not be kept; nothing is lost.
        """
        self._committer.snapshot()

    def close(self) -> None:
        """Let go of the log; a second time does nothing. What was handed out and not reported runs again."""
        self.log.close()

    def __enter__(self) -> Self:
        """Use the pool as a context manager; it is closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool."""
        self.close()

    def _follow(self, effect: Effect) -> Command | None:
        """See to one effect of a committed batch; return what is to be decided because of it."""
        if self._on_effect is not None:
            try:
                self._on_effect(effect)
            except Exception as error:
                self._errors.append(error)
        if isinstance(effect, TellOwner):
            self._ended.append((effect.job_id, effect.outcome))
        return None

    def _call_back(self) -> None:
        while self._ended:
            job_id, outcome = self._ended.popleft()
            for callback in self._callbacks.pop(job_id, ()):
                try:
                    callback(job_id, outcome)
                except Exception as error:
                    self._errors.append(error)
        if self._errors:
            errors, self._errors = self._errors, []
            raise ExceptionGroup("What was done is durable, but functions given to the pool have failed", errors)
