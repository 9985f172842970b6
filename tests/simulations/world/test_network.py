"""Connections are as TCP's: in order and whole up to where they break, late, in pieces, or silent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import pytest
import trio
import trio.testing

from meted.simulations.world.network import Network
from meted.simulations.world.options import FAULTS, Options, draw
from meted.simulations.world.stream import WINDOW_BYTES, SimulatedStream

Scene = Callable[[Network, SimulatedStream, SimulatedStream], Awaitable[None]]
DATA = bytes(range(256)) * 40


def options(*faults: str) -> Options:
    """Return options with these faults alone."""
    return draw(1).without(FAULTS).having(*faults)


def play(scene: Scene, *faults: str) -> None:
    """Play a scene between a ``client`` and a ``server`` that are connected."""

    async def main() -> None:
        network = Network(Random(7), options(*faults))
        listener = network.listen("server")
        here = await network.connect("client", "server")
        with trio.fail_after(1_000):
            await scene(network, here, await listener.accept())

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def read_all(stream: SimulatedStream) -> tuple[bytes, int]:
    """Return all that comes until the end, and in how many pieces."""
    data, pieces = b"", 0
    while piece := await stream.receive_some():
        data, pieces = data + piece, pieces + 1
    return data, pieces


@pytest.mark.parametrize("faults", [(), ("torn_writes",), ("slow_links",), ("slow_links", "torn_writes")])
def test_what_is_sent_arrives_in_order(faults: tuple[str, ...]) -> None:
    async def scene(_: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        for start in range(0, len(DATA), 1_000):
            await here.send_all(DATA[start : start + 1_000])
        await here.aclose()
        data, pieces = await read_all(there)
        assert data == DATA
        assert pieces > 11 or "torn_writes" not in faults

    play(scene, *faults)


def test_more_than_the_window_waits_for_the_reader() -> None:
    async def scene(_: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        for _number in range(WINDOW_BYTES // len(DATA) + 1):
            await here.send_all(DATA)
        with trio.move_on_after(60) as patience:
            await here.send_all(DATA)
        assert patience.cancelled_caught
        await there.receive_some()
        await there.receive_some()
        await here.wait_send_all_might_not_block()

    play(scene)


def test_a_closed_end_refuses_what_comes() -> None:
    async def scene(_: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        await there.aclose()
        assert await here.receive_some() == b""
        with pytest.raises(trio.BrokenResourceError):
            await here.send_all(b"hello")
        await here.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await here.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await here.send_all(b"hello")

    play(scene)


def test_half_a_connection_can_end() -> None:
    async def scene(_: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        await here.send_eof()
        assert await there.receive_some() == b""
        await there.send_all(b"answer")
        assert await here.receive_some(3) == b"ans"
        assert await here.receive_some() == b"wer"

    play(scene)


def test_who_is_cut_off_gets_it_later() -> None:
    async def scene(network: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        network.cut_off("server")
        await here.send_all(b"hello")
        with trio.move_on_after(60) as patience:
            await there.receive_some()
        assert patience.cancelled_caught
        with trio.move_on_after(60) as patience:
            await network.connect("client", "server")
        assert patience.cancelled_caught
        network.mend("server")
        assert await there.receive_some() == b"hello"
        await network.connect("client", "server")

    play(scene)


def test_a_link_that_is_half_dead_says_nothing_in_one_direction() -> None:
    async def scene(network: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        network.freeze_link()
        ends = {here: there, there: here}
        frozen = max(ends, key=lambda end: end.pipes[0].frozen_until_s)
        await frozen.send_all(b"unheard")
        await ends[frozen].send_all(b"heard")
        assert await frozen.receive_some() == b"heard"
        with trio.move_on_at(frozen.pipes[0].frozen_until_s - 0.01), trio.move_on_after(60):
            pytest.fail(f"it heard {await ends[frozen].receive_some()!r}")
        frozen.pipes[0].frozen_until_s = trio.current_time() + 1
        assert await ends[frozen].receive_some() == b"unheard"

    play(scene)


def test_a_reset_is_seen_by_both() -> None:
    async def scene(network: Network, here: SimulatedStream, there: SimulatedStream) -> None:
        assert network.break_link() == "client to server"
        for end in (here, there):
            with pytest.raises(trio.BrokenResourceError):
                await end.receive_some()
            with pytest.raises(trio.BrokenResourceError):
                await end.send_all(b"hello")

    play(scene)


def test_nobody_listens_where_nobody_is() -> None:
    async def scene(network: Network, here: SimulatedStream, _: SimulatedStream) -> None:
        network.crash("server")
        with pytest.raises(ConnectionRefusedError):
            await network.connect("client", "server")
        assert here.pipes[0].is_broken
        with pytest.raises(trio.BrokenResourceError):
            await here.send_all(b"hello")

    play(scene)


def test_a_silent_crash_is_noticed_when_the_node_lives_again() -> None:
    async def scene(network: Network, here: SimulatedStream, _: SimulatedStream) -> None:
        while here.pipes[1].frozen_until_s < 0:  # every second crash is silent
            network.crash("server")
        network.revive("server")
        with pytest.raises(trio.BrokenResourceError):
            await here.receive_some()

    play(scene, "silent_crashes")
