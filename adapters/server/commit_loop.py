"""The one committer of a server: decide what waits, append, sync, and only then publish, answer and act (law 9).

While one batch syncs, the next is decided on the tentative state; never more than these two are under way. So an
answer means durable, and the disk is never waited for by those who could go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import attrs
import trio

from meted.core.effects import Effect
from meted.core.engine import Engine, Sealed
from meted.core.errors import Refused
from meted.core.limits import CALLS_PER_COMMAND_MAX
from meted.core.record import record
from meted.core.state import State

from ..log import Log, LogError, Result
from ..postings import postings_of
from ..unit_records import report_rows
from ..wire.errors import CallError, Code
from .faults import note_fault
from .runner import Runner, in_thread
from .snapshots import SNAPSHOT_EVENTS, Snapshots
from .stats import Stats

Decide = Callable[[Engine, int], object]
"""Handles commands on an engine at a time (microseconds); returns the answer or raises ``Refused``, ``CallError``."""

Resolve = Callable[[object], None]
"""Takes the answer when it is durable, or the ``CallError`` that came instead."""

BATCH_CALLS_MAX = CALLS_PER_COMMAND_MAX
"""Calls decided in one batch, whose answers one command keeps; the others go into the next."""

AFTER_FAILURE_S = 0.5
"""After a failed append nothing is decided for so long: a full disk is not asked again at once."""

IDLE_MAX_S = 60.0
"""Longest sleep with nothing to do; the wall clock may have been set."""


@record
class Published:
    """A batch that has just become durable.

    Attributes:
        sealed: The batch, its events and the state after it.
        before: The state before it.
        effects: What the outside world must now do.
    """

    sealed: Sealed
    before: State
    effects: tuple[Effect, ...]


class _Call(NamedTuple):
    decide: Decide
    resolve: Resolve


@attrs.frozen
class _Decided:
    """What one turn of the loop decided: a batch, unless nothing changed, and who is to be answered after it."""

    life: int
    sealed: Sealed | None
    answers: list[tuple[Resolve, object]]


class CommitLoop:
    """Calls go in at :meth:`call`; :meth:`run` decides them in that order and answers them in that order.

    Attributes:
        engine: What decides. Others only read it.
        failure: Why the last append failed, or None if it did not.
        read_only: Why nothing is taken, one sentence, or None where it is (:mod:`.read_only`).
        stats: What it has measured of itself.
        snapshots: Keeps one now and then.
        before_answers: Writes what is to be on disk before the answers of a batch go out, beside the batch.
        abandoned: Called when what was decided could not be written and is thrown away, before anything that is due.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        clock: Callable[[], int],
        published: Callable[[Published], None],
        snapshot_seq: int,
        runner: Runner = in_thread,
        snapshot_events: int = SNAPSHOT_EVENTS,
        judged: Callable[[Engine, int], None] = lambda _engine, _at_us: None,
    ) -> None:
        """Go on with an engine that was recovered from ``log``.

        Args:
            log: Open for writing.
            engine: Recovered from it.
            clock: Gives the time, microseconds.
            published: Told of every batch once it is durable, after its callers were answered.
            snapshot_seq: Position of the last snapshot.
            runner: How the disk is waited for.
            snapshot_events: Take another snapshot after so many events.
            judged: Adds to a batch what goes with its calls, once all of them were judged, at a time (microseconds).
        """
        self.engine = engine
        self.failure: LogError | None = None
        self.read_only: str | None = None
        self.stats = Stats()
        self.before_answers: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint_if_cancelled
        self.abandoned: Callable[[], None] = lambda: None
        self._log = log
        self._clock = clock
        self._published = published
        self._runner = runner
        self._judged = judged
        self._calls: deque[_Call] = deque()
        self._wake = trio.Event()
        self._log_lock = trio.Lock()
        self.snapshots = Snapshots(log, self._log_lock, runner, snapshot_seq, snapshot_events)
        self._life = 0  # moves on when what was decided and not written is thrown away
        self._closing = False

    def call(self, decide: Decide, resolve: Resolve) -> None:
        """Let ``decide`` be run in a batch, and ``resolve`` be given its answer once that is durable."""
        if not self._calls:  # else it has been woken, and looks at all that wait
            self._wake.set()
        self._calls.append(_Call(decide, resolve))

    async def ask(self, decide: Decide) -> object:
        """Let ``decide`` be run in a batch, and return its answer once that is durable.

        Raises:
            CallError: It was refused, or could not be written.
        """
        done = trio.Event()
        answers: list[object] = []

        def resolve(answer: object) -> None:
            answers.append(answer)
            done.set()

        self.call(decide, resolve)
        await done.wait()
        if isinstance(answers[0], CallError):
            raise answers[0]
        return answers[0]

    async def between_batches(self, write: Callable[[], None]) -> None:
        """Let ``write`` write to the log while no batch is.

        Raises:
            LogError: As ``write`` does.
        """
        async with self._log_lock:
            await self._runner(write)

    def wake(self) -> None:
        """Look again whether something is to be decided."""
        self._wake.set()

    def close(self) -> None:
        """Let :meth:`run` return when everything that waits has been answered."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Serve calls until :meth:`close`; the last thing is a snapshot, so that the next start is quick."""
        async with trio.open_nursery() as nursery:
            # No room in the channel: one batch is being written, one is decided and waits here, and that is all.
            decided, to_write = trio.open_memory_channel[_Decided](0)
            nursery.start_soon(self._write_all, to_write, nursery)
            async with decided:
                await self._decide_all(decided)
        if self.failure is None and self.engine.committed.seq > self.snapshots.seq:
            engine = self.engine
            await self.snapshots.keep(engine.committed, engine.policy, engine.committed_memory, self._log.head.chain)

    async def _decide_all(self, decided: trio.MemorySendChannel[_Decided]) -> None:
        while self._calls or not self._closing:
            await self._something_to_do()
            turn = self._decide()
            if turn.sealed is not None or turn.answers:
                await decided.send(turn)

    async def _something_to_do(self) -> None:
        if self.failure is not None:
            await trio.sleep(AFTER_FAILURE_S)
        if self._calls or self.engine.more or self._closing:
            return
        due_us = self.engine.next_wake_us()
        idle_s = IDLE_MAX_S if due_us is None else min(max(due_us - self._clock(), 0) / 1e6, IDLE_MAX_S)
        with trio.move_on_after(idle_s):
            await self._wake.wait()
        self._wake = trio.Event()

    def _decide(self) -> _Decided:
        engine, at_us = self.engine, self._clock()
        answers: list[tuple[Resolve, object]] = []
        engine.run_timers(at_us)
        for _ in range(min(len(self._calls), BATCH_CALLS_MAX)):
            call = self._calls.popleft()
            answers.append((call.resolve, self._judge(call.decide, at_us)))
        self._judged(engine, at_us)
        began_s = time.perf_counter()
        engine.run_pass(at_us)
        self.stats.passed(time.perf_counter() - began_s)
        self.stats.calls += len(answers)
        return _Decided(self._life, engine.seal(), answers)

    def _judge(self, decide: Decide, at_us: int) -> object:
        try:
            return decide(self.engine, at_us)
        except Refused as refusal:
            return CallError(Code.REFUSED, refusal.reason.value, refusal.sentence)
        except CallError as error:
            return error
        except Exception as error:  # a fault of the program in one call is no reason to stop the others
            return note_fault(error)

    async def _write_all(self, to_write: trio.MemoryReceiveChannel[_Decided], nursery: trio.Nursery) -> None:
        async for turn in to_write:
            if turn.life == self._life:
                await self._write(turn)
            else:
                assert self.failure is not None, "what was decided is thrown away only after a failure"
                _fail(turn, self.failure)
            engine = self.engine
            if self.snapshots.is_due(engine.committed):
                self.snapshots.seq = engine.committed.seq
                what = engine.committed, engine.policy, engine.committed_memory, self._log.head.chain
                nursery.start_soon(self.snapshots.keep, *what)

    async def _write(self, turn: _Decided) -> None:
        sealed, before = turn.sealed, self.engine.committed
        if sealed is None:
            await self.before_answers()
            _answer(turn)
            return
        try:
            await self._append(sealed, before)
        except LogError as error:
            self.failure = error
            self.stats.failures += 1
            self._life += 1
            self.engine.abandon()
            self.abandoned()
            _fail(turn, error)
            self._wake.set()
            return
        self.failure = None
        await self.before_answers()
        effects = self.engine.publish(sealed)
        _answer(turn)
        try:
            self._published(Published(sealed, before, effects))
        except Exception as error:  # it is durable and answered; whatever follows from it is no reason to stop
            note_fault(error)

    async def _append(self, sealed: Sealed, before: State) -> None:
        results = [Result(row.job_id, row.index, row.attempt, row.body) for row in sealed.results]
        began_s = time.perf_counter()
        async with self._log_lock:
            await self._runner(
                lambda: self._log.append(
                    sealed.batch, results, sealed.forget, report_rows(sealed), postings_of(sealed, before)
                )
            )
        self.stats.appended(time.perf_counter() - began_s)


def _answer(turn: _Decided) -> None:
    for resolve, answer in turn.answers:
        resolve(answer)


def _fail(turn: _Decided, error: LogError) -> None:
    failed = CallError(Code.FAILED, "not_written", f"It could not be written, so it did not happen: {error}")
    for resolve, _ in turn.answers:
        resolve(failed)  # refusals too: they were judged by what did not happen
