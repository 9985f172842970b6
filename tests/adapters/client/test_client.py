"""The async client: many calls at once, tables that stay equal, and nothing done twice when connections break."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import pytest
import trio

from meted.adapters.client.client import Client
from meted.adapters.client.mirror import Mirror, job_id_of
from meted.adapters.client.subscription import Row, Told
from meted.adapters.wire.errors import CallError, Unreachable
from meted.adapters.wire.messages import Request, Response
from meted.core.errors import Refused

from ..live import HandWorker, LiveServer, live_server
from .fake_server import FakeServer, Reply


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with the domain ``lab``."""
    with live_server() as made:
        yield made


def with_client(address: str, scenario: Callable[[Client], Awaitable[None]]) -> None:
    """Run a scenario with a client, for at most 30 s."""

    async def main() -> None:
        with trio.fail_after(30):
            async with Client.connect(address) as client:
                await scenario(client)

    trio.run(main)


async def equal(client: Client, mirror: Mirror, table: str) -> None:
    """Wait until the mirror equals the server's table."""
    with trio.fail_after(10):
        while True:
            rows = await (client.call("workers") if table == "workers" else client.jobs())
            if [mirror.rows[key] for key in sorted(mirror.rows)] == as_told(rows):
                return
            with trio.move_on_after(0.1):
                await mirror.changed()


def as_told(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Return the rows of a table as subscriptions give them: without why a job waits."""
    return [{**row, **({"reason": None} if row.get("state") in {"pending", "held", "running"} else {})} for row in rows]


def test_calls_are_pipelined(server: LiveServer) -> None:
    async def scenario(client: Client) -> None:
        await client.domain("lab")
        ids: list[int] = []

        async def submit() -> None:
            ids.append(await client.submit("lab", hold=True, name="piped"))

        async with trio.open_nursery() as nursery:
            for _ in range(3_000):  # more than may be under way at once
                nursery.start_soon(submit)
        assert len(set(ids)) == 3_000
        assert [row["job"] for row in await client.jobs(name="piped")] == sorted(ids)
        for start in range(0, 3_000, 500):
            await client.cancel(*ids[start : start + 500])

    with_client(server.address, scenario)


def test_a_mirror_equals_the_table_after_every_change(server: LiveServer) -> None:
    """Row P31."""

    async def scenario(client: Client) -> None:
        await client.domain("lab")
        jobs, workers = client.mirror("jobs"), client.mirror("workers")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(jobs.run)
            nursery.start_soon(workers.run)
            await equal(client, jobs, "jobs")
            first = await client.submit("lab", count=5)
            await equal(client, jobs, "jobs")
            hand = await trio.to_thread.run_sync(HandWorker, server.address)
            await equal(client, workers, "workers")
            await trio.to_thread.run_sync(hand.work, lambda job_id, index: b"done")
            await equal(client, jobs, "jobs")
            assert jobs.rows[first]["state"] == "succeeded"
            held = await client.submit("lab", hold=True)
            await client.delete(held)
            await equal(client, jobs, "jobs")
            assert held not in jobs.rows
            await trio.to_thread.run_sync(hand.leave)
            await equal(client, workers, "workers")
            assert workers.rows == {}
            nursery.cancel_scope.cancel()

    with_client(server.address, scenario)


def test_one_job_can_be_followed(server: LiveServer) -> None:
    async def scenario(client: Client) -> None:
        await client.domain("lab")
        other, mine = await client.submit("lab", hold=True), await client.submit("lab", hold=True)
        told: list[Told] = []
        async for piece in client.subscribe("job", mine):
            told.append(piece)
            if piece.kind == "caught_up":
                await client.cancel(other, mine)
            if any(row["state"] == "cancelled" for row in piece.rows):
                break
        kinds = [piece.kind for piece in told]  # what had only just happened may come once more, as a change
        assert (kinds[:2], set(kinds[2:])) == (["header", "caught_up"], {"changes"})
        assert {row["job"] for piece in told for row in piece.rows} == {mine}
        with pytest.raises(Refused):
            await anext(client.subscribe("job", 999_999))

    with_client(server.address, scenario)


def test_a_mirror_of_one_job_and_the_loans_of_one_domain(server: LiveServer) -> None:
    async def scenario(client: Client) -> None:
        for name in ("lab", "guest", "other"):
            await client.domain(name, 10)
        mine, _ = await client.submit("lab", hold=True), await client.submit("lab", hold=True)
        mirror = client.mirror("job", mine)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mirror.run)
            await mirror.until(lambda rows: set(rows) == {mine})
            nursery.cancel_scope.cancel()
        await client.loan_offer("lab", "other", "share", 1)
        loan = await client.loan_offer("lab", "guest", "share", 2)
        lent: list[object] = []
        async for piece in client.subscribe("loans", domain="guest"):
            if piece.kind == "caught_up":
                break
            lent += [row["loan"] for row in piece.rows]
        assert lent == [loan]

    with_client(server.address, scenario)


def test_a_table_resumes_where_it_was(server: LiveServer) -> None:
    """Row P29."""

    async def scenario(client: Client) -> None:
        await client.domain("lab")
        await client.submit("lab", hold=True)
        first = client.subscribe("jobs")
        async for piece in first:
            if piece.kind == "caught_up":
                break
        await first.aclose()
        job_id = await client.submit("lab", hold=True)
        again = client.subscribe("jobs", since_seq=first.seq)
        changes = await anext(again)
        assert changes.kind == "changes"
        assert not changes.restart
        assert job_id in {row["job"] for row in changes.rows}
        assert (await anext(again)).kind == "caught_up"

    with_client(server.address, scenario)


def test_a_mirror_outlives_a_server() -> None:
    async def scenario(address: str, server: LiveServer) -> None:
        async with Client.connect(address) as client, trio.open_nursery() as nursery:
            await client.domain("lab")
            mirror = client.mirror("jobs")
            nursery.start_soon(mirror.run)
            first = await client.submit("lab", hold=True)
            await equal(client, mirror, "jobs")
            await trio.to_thread.run_sync(server.kill)
            await trio.to_thread.run_sync(server.start)
            second = await client.submit("lab", hold=True)
            await equal(client, mirror, "jobs")
            assert sorted(mirror.rows) == [first, second]
            nursery.cancel_scope.cancel()

    async def main(server: LiveServer) -> None:
        with trio.fail_after(60):
            await scenario(server.address, server)

    with live_server() as server:
        trio.run(main, server)


def test_a_lost_answer_is_asked_for_with_the_same_key(tmp_path: Path) -> None:
    lost: list[object] = []

    def handler(request: Request) -> Iterator[Reply]:
        if not lost:
            lost.append(request.params["key"])
            yield None
        yield Response(request.msgid, None, {"job": 7})

    async def scenario(client: Client) -> None:
        assert await client.submit("lab") == 7

    with FakeServer(tmp_path / "s", handler) as fake:
        with_client(fake.address, scenario)
        assert [request.params["key"] for request in fake.requests] == [lost[0], lost[0]]


def test_what_may_not_be_repeated_fails(tmp_path: Path) -> None:
    def handler(_: Request) -> Iterator[Reply]:
        yield None

    async def scenario(client: Client) -> None:
        with pytest.raises(Unreachable, match="The connection broke before the answer came"):
            await client.call("shutdown")

    with FakeServer(tmp_path / "s", handler) as fake:
        with_client(fake.address, scenario)
        assert len(fake.requests) == 1


def test_where_no_server_is_there_is_a_sentence(tmp_path: Path) -> None:
    async def scenario(_: Client) -> None:
        raise AssertionError("there is no server")

    with pytest.raises(Unreachable, match=r"^The server cannot be reached .*\.$"):
        with_client(f"unix:{tmp_path}/none", scenario)


def test_an_error_of_the_block_comes_out_as_it_is(server: LiveServer) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(CallError) as error:
            await client.call("nonsense")
        assert error.value.code == 100
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with_client(server.address, scenario)


@pytest.mark.parametrize("seed", range(3))
def test_readers_that_come_and_go_at_random_miss_nothing(server: LiveServer, seed: int) -> None:
    """Row P30: whoever reads, from whenever on, and resumed as often as it likes, ends with the server's table."""
    dice = random.Random(seed)

    async def read(client: Client, mirrors: list[Mirror]) -> None:
        rows: dict[int, Row] = {}
        seq: int | None = None
        for _ in range(dice.randrange(1, 4)):
            subscription = client.subscribe("jobs", since_seq=seq)
            mirror = Mirror(subscription, job_id_of)
            mirror.rows = rows
            with trio.move_on_after(dice.uniform(0.02, 0.2)):
                await mirror.run()
            rows, seq = mirror.rows, subscription.seq
            await subscription.aclose()
        last = Mirror(client.subscribe("jobs", since_seq=seq), job_id_of)
        last.rows = rows
        mirrors.append(last)
        await last.run()

    async def scenario(client: Client) -> None:
        await client.domain("lab")
        mirrors: list[Mirror] = []
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(read, client, mirrors)
            ids: list[int] = []
            for _ in range(60):
                ids.append(await client.submit("lab", hold=True))
                if dice.random() < 0.5:
                    await client.cancel(dice.choice(ids))
                if dice.random() < 0.2:
                    await client.delete(ids.pop(dice.randrange(len(ids))))
                await trio.sleep(dice.uniform(0, 0.02))
            while len(mirrors) < 4:
                await trio.sleep(0.05)
            for mirror in mirrors:
                await equal(client, mirror, "jobs")
            nursery.cancel_scope.cancel()

    with_client(server.address, scenario)
