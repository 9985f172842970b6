"""The committer of a server: durable before answered, two batches deep and no deeper, and what a failure undoes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar

import pytest
import trio
import trio.testing

from meted.adapters.log import MemoryLog
from meted.adapters.server.commit_loop import AFTER_FAILURE_S, CommitLoop, Published
from meted.adapters.wire.errors import CallError, Code
from meted.core.commands import CreateDomain
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.policy.registry import POLICIES

from .stage import FailingLog

Answer = TypeVar("Answer")

pytestmark = pytest.mark.trio


class Desk:
    """A loop over a disk that takes as long as the test wants."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.engine = Engine(POLICIES["fcfs"]())
        self.gate: trio.Event | None = None
        self.published: list[Published] = []
        self.answers: list[tuple[str, object]] = []
        self.loop = CommitLoop(log, self.engine, lambda: 1_000, self.published.append, 0, self._disk)

    async def _disk(self, function: Callable[[], Answer]) -> Answer:
        await trio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        return function()

    def make(self, name: str) -> None:
        """Call for a domain to be made."""

        def decide(engine: Engine, at_us: int) -> object:
            engine.handle(CreateDomain(at_us, name))
            return name

        self.loop.call(decide, lambda answer: self.answers.append((name, answer)))

    @property
    def decided(self) -> list[str]:
        """The domains that were decided on, durable or not."""
        return sorted(self.engine.state.domains.by_name)


@asynccontextmanager
async def desk(log: MemoryLog | None = None) -> AsyncIterator[Desk]:
    running = Desk(MemoryLog() if log is None else log)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(running.loop.run)
        yield running
        if running.gate is not None:
            running.gate.set()
        running.loop.close()


async def test_nothing_is_answered_before_it_is_durable_and_two_batches_are_under_way_at_most(
    autojump_clock: Any,
) -> None:
    async with desk() as stage:
        stage.gate = trio.Event()
        for name in ("a", "b", "c"):
            stage.make(name)
            await trio.testing.wait_all_tasks_blocked()
        assert stage.decided == ["a", "b"], "a is being written, b is decided, c waits"
        assert (stage.answers, stage.log.head.seq, stage.engine.committed.seq) == ([], 0, 0)
        stage.make("d")
        stage.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert stage.answers == [(name, name) for name in "abcd"]
        assert [len(one.sealed.events) for one in stage.published] == [1, 1, 2], "what has waited shares a batch"
        assert [one.before.seq for one in stage.published] == [0, 1, 2]


async def test_a_failure_undoes_both_batches_and_is_told_to_both(autojump_clock: Any) -> None:
    log = FailingLog()
    async with desk(log) as stage:
        stage.make("kept")
        await trio.testing.wait_all_tasks_blocked()
        log.is_full = True
        stage.gate = trio.Event()
        stage.make("a")
        await trio.testing.wait_all_tasks_blocked()
        stage.make("b")
        await trio.testing.wait_all_tasks_blocked()
        stage.make("later")
        stage.gate.set()
        await trio.sleep(AFTER_FAILURE_S / 2)
        assert stage.decided == ["kept"]
        failed = [answer for _, answer in stage.answers[1:]]
        assert [type(one) for one in failed] == [CallError, CallError]
        assert {one.code for one in failed if isinstance(one, CallError)} == {Code.FAILED}
        assert stage.loop.stats.failures == 1
        log.is_full = False
        await trio.sleep(AFTER_FAILURE_S)
        assert stage.answers[-1] == ("later", "later")
        assert stage.loop.failure is None
        assert [batch.last_seq for batch in log.read()] == [1, 2]


async def test_a_refusal_changes_nothing_and_stops_nobody(autojump_clock: Any) -> None:
    async with desk() as stage:

        def refuse(engine: Engine, at_us: int) -> object:
            raise Refused(Reason.TOO_MANY, "There are too many.")

        with pytest.raises(CallError, match="There are too many"):
            await stage.loop.ask(refuse)
        assert await stage.loop.ask(lambda engine, at_us: 7) == 7, "what decides nothing needs no batch"
        assert stage.log.head.seq == 0


async def test_what_waits_at_the_end_is_answered_and_a_snapshot_is_kept(autojump_clock: Any) -> None:
    log = MemoryLog()
    async with desk(log) as stage:
        for number in range(5):
            stage.make(f"domain {number}")
    assert len(stage.answers) == 5
    assert next(log.snapshots()).seq == 5


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_calls_at_any_time_is_answered_at_once(seed: int, autojump_clock: Any) -> None:
    """Nobody is woken who is awake; so here calls come in every order, also while one is decided or answered."""
    random, log, late_s = Random(seed), FailingLog(), list[float]()
    async with desk(log) as stage:

        def call(depth: int) -> None:
            began_s = trio.current_time()

            def resolve(_: object) -> None:
                late_s.append(trio.current_time() - began_s)
                if depth:
                    call(depth - 1)

            def decide(engine: Engine, at_us: int) -> object:
                if depth > 1 and random.random() < 0.5:
                    call(0)
                if random.random() < 0.5:
                    engine.handle(CreateDomain(at_us, f"domain {engine.state.seq}"))
                return None

            stage.loop.call(decide, resolve)

        async def caller() -> None:
            for _ in range(20):
                for _ in range(random.choice((0, 1, 3))):
                    await trio.lowlevel.checkpoint()
                if random.random() < 0.3:
                    await trio.sleep(random.random())
                if random.random() < 0.2:
                    stage.loop.wake()
                log.is_full = random.random() < 0.1
                call(random.randrange(3))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(caller)
        log.is_full = False
        await trio.sleep(5)
        assert len(late_s) >= 80
        assert not stage.loop._calls
        assert max(late_s) <= 4 * AFTER_FAILURE_S
