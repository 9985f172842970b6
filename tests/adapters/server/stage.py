"""A server in this very process: memory streams, a log in memory, no threads; and callers that speak the wire."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
import trio.testing

from meted.adapters.log import Log, LogDamaged, LogIOError, MemoryLog, Result
from meted.adapters.recovery import read_state
from meted.adapters.server.app import Server
from meted.adapters.server.runner import in_place
from meted.adapters.server.secret_store import MemorySecrets
from meted.adapters.server.session import Peer
from meted.adapters.wire.connection import Connection
from meted.adapters.wire.messages import NEED_DATA, ConnectionClosed, Message, Notification, Request, Response
from meted.core.batch import Batch
from meted.core.engine import Engine
from meted.core.invariants import check_engine
from meted.core.policy.registry import POLICIES
from meted.core.reducers import fold
from meted.core.schema import decode_events, state_digest
from meted.core.state import State

FRIEND = Peer("friend", "ada", True)
STRANGER = Peer("stranger", "", False)
TOKEN = "the token"
START_US = 1_700_000_000_000_000


class FailingLog(MemoryLog):
    """A log in memory that fails as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False

    def append(self, batch: Batch, *rest: Any, **named: Any) -> int:
        """Append, unless the disk is full."""
        if self.is_full:
            raise LogIOError("No space is left on the disk; make some.")
        return super().append(batch, *rest, **named)


class Caller:
    """One connection to the server, as a client or a worker has it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.told: list[Notification] = []
        self._wire = Connection()
        self._numbers = itertools.count(1)
        self._answers: dict[int, Response] = {}
        self._news = trio.Event()
        self.is_over = False

    async def listen(self) -> None:
        """Take what comes until the server closes."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while not self.is_over:
                self._wire.receive_data(bytes(await self.stream.receive_some(65536)))
                while (event := self._wire.next_event()) is not NEED_DATA and not self.is_over:
                    match event:
                        case Response():
                            self._answers[event.msgid] = event
                        case Notification():
                            self.told.append(event)
                        case ConnectionClosed():
                            self.is_over = True
                        case _:
                            raise AssertionError(f"the server asks nothing: {event}")
                self._wake()
        self.is_over = True
        self._wake()

    async def call(self, method: str, **params: object) -> Any:
        """Call a method and return its answer; raises its ``CallError``."""
        return await self.answer(await self.ask(method, **params))

    async def ask(self, method: str, **params: object) -> int:
        """Send a request and return its number."""
        number = next(self._numbers)
        await self.say(Request(number, method, params))
        return number

    async def say(self, message: Message) -> None:
        """Send a message."""
        await self.stream.send_all(self._wire.send(message))

    async def answer(self, number: int) -> Any:
        """Return the answer to a request; raises its ``CallError``."""
        await self.until(lambda: number in self._answers)
        answer = self._answers.pop(number)
        if answer.error is not None:
            raise answer.error
        return answer.result

    async def tells(self, method: str) -> Notification:
        """Return the next notification of a method, and forget it."""
        await self.until(lambda: any(note.method == method for note in self.told))
        found = next(note for note in self.told if note.method == method)
        self.told.remove(found)
        return found

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at whenever something comes."""
        with trio.fail_after(60):
            while not is_so():
                assert not self.is_over, "the server has closed the connection"
                self._news = trio.Event()
                await self._news.wait()

    async def join(self, name: str = "w", cpus: int = 1, instance: str = "one", **more: object) -> int:
        """Join as a worker and return its id."""
        answer = await self.call("worker.join", name=name, instance=instance, cpu_milli=1000 * cpus, **more)
        worker: int = answer["worker"]
        return worker

    async def finish(self, worker: int, lease: dict[str, Any], **more: object) -> None:
        """Report a lease as done."""
        count = lease["count"]
        done = [(lease["first"], count)]
        await self.call("worker.finish", worker=worker, lease=lease["lease"], done=done, run_us=[1000] * count, **more)

    def _wake(self) -> None:
        self._news.set()


class Stage:
    """A server and its log."""

    def __init__(self, nursery: trio.Nursery, log: Log, policy: str = "meted") -> None:
        self.log = log
        self._nursery = nursery
        chosen = POLICIES[policy]()
        found = read_state(log, chosen, to_damage=True)
        self.damage = found.damage
        self.server = Server(
            log,
            Engine(chosen, found.state, found.chain, memory=found.memory),
            found.snapshot_seq,
            clock=lambda: START_US + int(trio.current_time() * 1e6),
            secrets=MemorySecrets(lambda: "5ec7e7" * 4),
            instance="instance",
            damage=found.damage,
            token=TOKEN,
            runner=in_place,
        )

    async def connect(self, peer: Peer = FRIEND, *, gate: trio.Event | None = None) -> Caller:
        """Return a new connection; with ``gate`` it takes nothing of what is sent until that is open."""
        pair = trio.testing.memory_stream_pair if gate is None else trio.testing.lockstep_stream_pair
        ours, theirs = pair()
        self._nursery.start_soon(self.server.serve, theirs, peer)
        caller = Caller(ours)

        async def listen() -> None:
            if gate is not None:
                await gate.wait()
            await caller.listen()

        self._nursery.start_soon(listen)
        return caller

    def check(self) -> None:
        """What is true of a server at rest: its state is the fold of its log, and no invariant is broken.

        Of a log that is damaged it is the fold of what is good of it; ``Stage.damage`` says where that ends.
        """
        state = State()
        with contextlib.nullcontext() if self.damage is None else pytest.raises(LogDamaged):
            for batch in self.log.read():
                state = fold(state, decode_events(batch.body))
        assert state_digest(state) == state_digest(self.server.desk.state)
        check_engine(self.server.desk.engine)


@contextlib.asynccontextmanager
async def stage(log: Log | None = None, policy: str = "meted") -> AsyncIterator[Stage]:
    """Run a server; at the end it stops in good order, and its log is checked."""
    async with trio.open_nursery() as nursery:
        running = Stage(nursery, MemoryLog() if log is None else log, policy)
        ended = trio.Event()

        async def run(task_status: trio.TaskStatus[None]) -> None:
            await running.server.run(task_status=task_status)
            ended.set()

        await nursery.start(run)
        yield running
        running.server.stop()
        await ended.wait()
        running.check()
        nursery.cancel_scope.cancel()


def play(scenario: Callable[[Stage], Any], log: Log | None = None, policy: str = "meted") -> None:
    """Run a scenario on a stage, on a virtual clock."""

    async def main() -> None:
        async with stage(log, policy) as running:
            await scenario(running)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


__all__ = ["FRIEND", "STRANGER", "TOKEN", "Caller", "FailingLog", "Result", "Stage", "play", "stage"]
