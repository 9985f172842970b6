"""The shell of the loop for a program without tasks: decide, append, sync, publish, see to the effects, in one call."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from meted.core.commands import Command
from meted.core.effects import Effect
from meted.core.engine import Engine

from .log import Log, LogError, Result
from .postings import postings_of
from .recovery import take_snapshot
from .unit_records import report_rows

SNAPSHOT_EVENTS = 20_000
"""After so many events a snapshot is taken: as many as are folded in less than half a second."""


class Committer:
    """Makes what the engine has decided durable, and only then lets it take effect.

    Attributes:
        log: Where batches are appended.
        engine: What decides.
        in_batch: Whether a batch is open; what is decided now becomes durable when it ends.
        snapshot_error: Why the last snapshot could not be kept, or None.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        clock: Callable[[], int],
        follow: Callable[[Effect], Command | None],
        snapshot_seq: int,
        snapshot_events: int = SNAPSHOT_EVENTS,
    ) -> None:
        """Go on with an engine that was recovered from ``log``.

        Args:
            log: Open for writing.
            engine: Recovered from it.
            clock: Gives the time, microseconds.
            follow: Sees to an effect of a committed batch, and returns the command that follows from it, if any.
            snapshot_seq: Position of the last snapshot.
            snapshot_events: Take another after so many events.
        """
        self.log = log
        self.engine = engine
        self.in_batch = False
        self.snapshot_error: LogError | None = None
        self._clock = clock
        self._follow = follow
        self._snapshot_seq = snapshot_seq
        self._snapshot_events = snapshot_events
        # Both outlive an interruption: an effect stays until it was seen to, what follows from one until it is durable.
        self._effects: deque[Effect] = deque()
        self._owed: list[Command] = []

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Commit what the block decides, in one append; if the block raises, forget it. The outermost block counts."""
        if self.in_batch:
            yield
            return
        self.in_batch = True
        try:
            yield
        except BaseException:
            self._forget()
            raise
        finally:
            self.in_batch = False
        self._commit()

    def snapshot(self) -> None:
        """Keep a snapshot of the committed state.

        Raises:
            LogError: It could not be kept.
        """
        self._snapshot_seq = self.engine.committed.seq  # where it fails, another is due after as many events again
        take_snapshot(self.log, self.engine)
        self.snapshot_error = None

    def _forget(self) -> None:
        if self.engine.state is not self.engine.committed:
            self.engine.abandon()

    def _commit(self) -> None:
        """Append what was decided and see to its effects, until nothing more follows from them."""
        while self._append():
            while self._effects:
                command = self._follow(self._effects[0])
                self._effects.popleft()
                if command is not None:
                    self._owed.append(command)
        self._snapshot_if_due()

    def _append(self) -> bool:
        """Make durable what was decided and what is owed, and return whether there was anything."""
        engine = self.engine
        try:
            engine.run_timers(self._clock())
            for command in self._owed:
                engine.handle(command)
            sealed = engine.seal()
            if sealed is not None:
                rows = [Result(row.job_id, row.index, row.attempt, row.body) for row in sealed.results]
                postings = postings_of(sealed, engine.committed)
                self.log.append(sealed.batch, rows, sealed.forget, report_rows(sealed), postings)
        except BaseException:
            self._forget()
            raise
        self._owed.clear()
        if sealed is not None:
            self._effects.extend(engine.publish(sealed))
        return sealed is not None or bool(self._effects)

    def _snapshot_if_due(self) -> None:
        # A snapshot costs as much as the state is large; so a large one waits for as many events as it has jobs.
        due = max(self._snapshot_events, len(self.engine.committed.jobs.jobs))
        if self.engine.committed.seq - self._snapshot_seq >= due:
            try:
                self.snapshot()
            except LogError as error:
                self.snapshot_error = error
