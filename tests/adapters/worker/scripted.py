"""A server that says what a test tells it to say, over memory streams and trio's mock clock."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import trio
from trio.testing import MockClock, memory_stream_pair

from meted.adapters.executors.simulated import Behaviour, SimulatedExecutor
from meted.adapters.wire.connection import Connection
from meted.adapters.wire.convert import plain, read_params
from meted.adapters.wire.errors import CallError
from meted.adapters.wire.messages import NEED_DATA, Message, Notification, Request, Response
from meted.adapters.wire.methods import METHODS, SERVER_NOTIFICATIONS, WORKER_NOTIFICATIONS
from meted.adapters.wire.params_to_workers import GivenLease, Run
from meted.adapters.worker.offer import Offer
from meted.adapters.worker.shell import Worker
from meted.adapters.worker.worker_end import WorkerEnd
from meted.core.resources import Resources
from meted.core.spec import Spec, pack_spec, spec_digest

BODY = pack_spec(Spec(("true",)))
DIGEST = spec_digest(BODY)
HELLO = {"protocol": 1, "program": "test", "version": "0", "instance": "0" * 16, "now_us": 0, "heartbeat_us": 1_000_000}


class Call(NamedTuple):
    """A request that came, checked against the table of methods."""

    msgid: int
    params: Mapping[str, Any]


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.wire = Connection()
        self.beats = 0

    async def send(self, *messages: Message) -> None:
        await self.stream.send_all(b"".join(self.wire.send(message) for message in messages))

    async def tell(self, method: str, **params: object) -> None:
        """Send a notification that the table of methods knows."""
        read_params(SERVER_NOTIFICATIONS[method], {name: _tuples(value) for name, value in params.items()})
        await self.send(Notification(method, params))

    async def next(self) -> Message:
        """Return what comes next but beats and pings, which are answered; all of it is as the table says."""
        while True:
            while (event := self.wire.next_event()) is NEED_DATA:
                self.wire.receive_data(bytes(await self.stream.receive_some(65_536)))
            assert isinstance(event, Request | Notification), event
            method = METHODS[event.method] if isinstance(event, Request) else WORKER_NOTIFICATIONS[event.method]
            read_params(method, event.params)
            if isinstance(event, Request) and event.method == "ping":
                await self.send(Response(event.msgid, None, {}))
            elif event.method == "worker.beat":
                self.beats += 1
            else:
                return event

    async def expect(self, method: str) -> Call:
        """Return the next request, which must be this one; `worker.started` may come at any time."""
        while isinstance(message := await self.next(), Notification):
            assert message.method == "worker.started"
        assert isinstance(message, Request)
        assert message.method == method, message
        return Call(message.msgid, message.params)

    async def answer(self, method: str, result: object = None, error: CallError | None = None) -> Call:
        """Expect a request and answer it."""
        request = await self.expect(method)
        await self.send(Response(request.msgid, error, None if error else result or {}))
        return request

    async def join(self, worker: int = 7) -> Call:
        """Take the worker in as a new one."""
        await self.answer("hello", HELLO)
        return await self.answer("worker.join", {"worker": worker})

    async def rejoin(self, keep: tuple[int, ...]) -> Call:
        """Take the worker in again."""
        await self.answer("hello", HELLO)
        request = await self.answer("worker.rejoin")
        await self.tell("keep", leases=keep)
        return request

    async def run(self, *leases: GivenLease) -> None:
        """Give leases."""
        await self.send(Notification("run", plain(Run(leases, ((DIGEST, BODY),)))))

    async def quiet(self, for_s: float) -> None:
        """Nothing but beats comes for so long."""
        with trio.move_on_after(for_s):
            raise AssertionError(await self.next())

    async def until_closed(self) -> None:
        """Read on until the worker has hung up."""
        try:
            while data := await self.stream.receive_some(65_536):
                assert data
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def cut(self) -> None:
        """Break the connection."""
        await trio.aclose_forcefully(self.stream)


def lease(number: int, count: int = 1, *, job: int = 1, first: int = 0, cpu_milli: int = 1_000) -> GivenLease:
    """A lease of which the spec is told in :meth:`Peer.run`."""
    return GivenLease(number, job, first, count, 1, DIGEST, cpu_milli=cpu_milli, units=first + count)


class Stage:
    """A worker, and the server's ends of the connections that it makes."""

    def __init__(self, behave: Callable[[int, int, int], Behaviour], patience_s: float | None, stagger_us: int) -> None:
        self.told: list[str] = []
        self.joined: list[tuple[int, str]] = []
        self.down = False
        self._dialled, self._dials = trio.open_memory_channel[Peer](100)
        self.executor = SimulatedExecutor(behave)
        self.worker = Worker(
            self._connect,
            self.executor,
            Offer(Resources(2_000, 1_000), (("host", "here"),)),
            name="box",
            random=random.Random(1),
            instance="a" * 16,
            patience_s=patience_s,
            stagger_us=stagger_us,
            tell=self.told.append,
            joined=lambda worker, instance: self.joined.append((worker, instance)),
        )
        self.end: WorkerEnd | None = None

    async def _connect(self) -> trio.abc.Stream:
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        ours, theirs = memory_stream_pair()
        self._dialled.send_nowait(Peer(theirs))
        return ours

    async def peer(self) -> Peer:
        """The next connection that the worker makes."""
        return await self._dials.receive()

    def is_connected(self) -> bool:
        """Whether the server has taken the worker in."""
        return self.worker.contact.is_settled

    async def ended(self) -> WorkerEnd:
        """How the worker ended, which it must within an hour."""
        with trio.fail_after(3_600):
            while self.end is None:
                await trio.sleep(0.01)
        return self.end


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    run_us: int = 1_000_000,
    behave: Callable[[int, int, int], Behaviour] | None = None,
    patience_s: float | None = None,
    stagger_us: int = 0,
) -> Stage:
    """Play a scene with a worker whose units run ``run_us``, in no time at all."""

    async def main() -> Stage:
        stage = Stage(
            behave or (lambda _job, _index, _attempt: Behaviour(run_us, stdout=b"said")), patience_s, stagger_us
        )

        async def live() -> None:
            stage.end = await stage.worker.run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(live)
            with trio.fail_after(100_000):
                await scene(stage)
            nursery.cancel_scope.cancel()
        return stage

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def _tuples(value: object) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
