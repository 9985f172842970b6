"""Conservative backfilling on a server: who was promised a place has it after a restart as well."""

from __future__ import annotations

import pytest
import trio

from meted.adapters.log import MemoryLog
from meted.core.policy.rivals.place_memory import Places

from .stage import START_US, Stage, play


def places(stage: Stage) -> dict[int, tuple[int, int]]:
    """Return the worker of everybody's place, and when it begins, in seconds."""
    memory = stage.server.desk.engine.committed_memory
    assert isinstance(memory, Places)
    return {row[0]: (row[1], (row[2] - START_US) // 1_000_000) for row in memory.rows.values()}


def test_a_server_that_comes_back_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    log, held = MemoryLog(), []
    promised = {2: (1, 100), 3: (1, 150)}

    async def first(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join(cpus=2)
        for cpus, time_s in ((1, 100), (2, 50), (2, 50), (1, 90)):
            await client.call("submit", argv=["true"], cpu_milli=1000 * cpus, time_request_us=time_s * 1_000_000)
        for _ in range(2):
            held.append((await worker.tells("run")).params["leases"][0])  # type: ignore[index]
        assert [lease["job"] for lease in held] == [1, 4]
        assert places(stage) == promised
        (said,) = [text for text in await client.call("explain", job=3) if "place" in text]
        assert "It has a place on worker 1 in 150 s, and starts then at the latest" in said

    async def second(stage: Stage) -> None:
        client = await stage.connect()
        await client.call("state")
        assert [row["state"] for row in await client.call("workers")] == ["away"]
        await client.call("submit", argv=["true"], cpu_milli=2000, time_request_us=1_000_000)
        assert places(stage) == promised

    async def third(stage: Stage) -> None:
        worker = await stage.connect()
        mine = [(lease["lease"], [(0, 1)]) for lease in held]
        await worker.call("worker.rejoin", worker=1, instance="one", held=mine)
        await trio.sleep(1)
        assert places(stage) == {**promised, 5: (1, 200)}
        for lease in held:
            await worker.finish(1, lease)
        told = (await worker.tells("run")).params["leases"]
        assert [lease["job"] for lease in told] == [2]  # type: ignore[attr-defined]
        await trio.sleep(1)
        assert places(stage)[3] < (1, 100)

    for later_s, scenario in ((0, first), (10, second), (20, third)):
        monkeypatch.setattr("tests.adapters.server.stage.START_US", START_US + later_s * 1_000_000)
        play(scenario, log, "conservative")
