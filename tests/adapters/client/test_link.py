"""The connection of an async client, against a server that the test plays over memory streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import trio
from trio.testing import MockClock, memory_stream_pair

from meted.adapters.client.client import Client
from meted.adapters.client.mirror import Mirror
from meted.adapters.wire.connection import Connection
from meted.adapters.wire.messages import NEED_DATA, Message, Notification, Request, Response

from .fake_server import HELLO


class LingeringStream(trio.abc.Stream):
    """A stream that takes a second to close."""

    def __init__(self, inner: trio.abc.Stream, closing: trio.Event) -> None:
        self._inner = inner
        self._closing = closing

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self._closing.set()
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        await self._inner.aclose()


class Peer:
    """The server's end of one connection; ``instance`` is the word of that life of the server."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.wire = Connection()

    async def hello(self, instance: str = "a") -> None:
        assert (await self.expect("hello")).msgid == 0
        await self.send(Response(0, None, {**HELLO, "instance": instance}))

    async def expect(self, method: str) -> Request:
        while (event := self.wire.next_event()) is NEED_DATA:
            self.wire.receive_data(bytes(await self.stream.receive_some(65_536)))
        assert isinstance(event, Request), event
        assert event.method == method, event
        return event

    async def send(self, *messages: Message) -> None:
        await self.stream.send_all(b"".join(self.wire.send(message) for message in messages))

    async def answer(self, method: str, result: object) -> Request:
        request = await self.expect(method)
        await self.send(Response(request.msgid, None, result))
        return request

    async def table(self, number: int, kind: str, seq: int, *running: int) -> None:
        """Tell of jobs 1, 2, ..., of which so many units run."""
        rows = [{"job": job, "running": count} for job, count in enumerate(running, 1)]
        told = {"subscription": number, "kind": kind, "seq": seq, "rows": rows, "gone": []}
        await self.send(Notification("table", told))

    async def cut(self) -> None:
        await trio.aclose_forcefully(self.stream)


class Stage:
    """The server's ends of the connections that a client makes."""

    def __init__(self) -> None:
        self._dialled, self._dials = trio.open_memory_channel[Peer](100)
        self.closing = trio.Event()

    async def dial(self) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._dialled.send_nowait(Peer(theirs))
        return LingeringStream(ours, self.closing)

    async def peer(self, instance: str = "a") -> Peer:
        """The next connection that the client makes, greeted."""
        peer = await self._dials.receive()
        await peer.hello(instance)
        return peer


def play(server: Callable[[Stage], Awaitable[None]], user: Callable[[Stage, Client], Awaitable[None]]) -> None:
    """Play both ends, in no time at all, until both are done."""

    async def main() -> None:
        stage = Stage()
        with trio.fail_after(1_000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server, stage)
                async with Client.over(stage.dial, {}) as client:
                    await user(stage, client)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def running(mirror: Mirror) -> list[int]:
    return [cast(int, mirror.rows[key]["running"]) for key in sorted(mirror.rows)]


def test_a_call_in_the_moment_a_server_dies_in_mid_frame_is_made_again() -> None:
    async def server(stage: Stage) -> None:
        peer = await stage.peer()
        await peer.answer("ping", {"n": 1})
        await peer.stream.send_all(b"\x94\x01")  # the beginning of a message
        await peer.cut()
        again = await stage.peer()
        await again.answer("ping", {"n": 2})

    async def user(stage: Stage, client: Client) -> None:
        assert await client.call("ping") == {"n": 1}
        await stage.closing.wait()
        assert await client.call("ping") == {"n": 2}

    play(server, user)


def test_a_mirror_begins_anew_with_another_life_of_the_server() -> None:
    asked: list[object] = []

    async def server(stage: Stage) -> None:
        peer = await stage.peer("a")
        asked.append((await peer.answer("subscribe", {"subscription": 1})).params["since_seq"])
        await peer.table(1, "header", 5, 1)
        await peer.table(1, "caught_up", 5)
        await trio.sleep(10)
        await peer.cut()
        peer = await stage.peer("a")  # the same life knows all that has changed meanwhile
        asked.append((await peer.answer("subscribe", {"subscription": 1})).params["since_seq"])
        await peer.table(1, "caught_up", 5)
        await trio.sleep(10)
        await peer.cut()
        peer = await stage.peer("b")  # another one has heard of no unit that runs
        asked.append((await peer.answer("subscribe", {"subscription": 1})).params["since_seq"])
        await peer.table(1, "caught_up", 5)
        assert (await peer.answer("unsubscribe", {})).params["subscription"] == 1
        asked.append((await peer.answer("subscribe", {"subscription": 2})).params["since_seq"])
        await peer.table(2, "header", 5, 0, 0)
        await peer.table(2, "caught_up", 5)
        await trio.sleep(10)
        await peer.table(2, "changes", 6, 1)

    async def user(stage: Stage, client: Client) -> None:
        mirror = client.mirror("jobs")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mirror.run)
            await trio.sleep(20)
            assert (running(mirror), asked) == ([1], [None, 5])
            await mirror.until(lambda rows: len(rows) == 2)
            assert (running(mirror), asked) == ([0, 0], [None, 5, 5, None])
            await mirror.until(lambda rows: rows[1]["running"] == 1)
            nursery.cancel_scope.cancel()

    play(server, user)


def test_what_was_to_be_ended_on_a_broken_connection_is_not_ended_on_the_next() -> None:
    async def server(stage: Stage) -> None:
        peer = await stage.peer("a")
        await peer.answer("subscribe", {"subscription": 1})
        await peer.table(1, "caught_up", 5)
        await peer.expect("unsubscribe")
        await peer.cut()
        peer = await stage.peer("a")
        await peer.answer("ping", {})  # number 1 might be anybody's here

    async def user(stage: Stage, client: Client) -> None:
        subscription = client.subscribe("jobs")
        assert (await anext(subscription)).kind == "caught_up"
        await subscription.aclose()
        await client.call("ping")

    play(server, user)
