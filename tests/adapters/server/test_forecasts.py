"""Forecasts of a server: what is used again, what is refused, and the process that makes them."""

from __future__ import annotations

import sys
import time
from typing import Any

import attrs
import msgpack
import pytest
import trio
import trio.testing

from meted.adapters import forecaster
from meted.adapters.forecasts import forecast_view, pack_forecast, unpack_forecast
from meted.adapters.server import forecasts
from meted.adapters.server.forecasts import FRESH_S, SAME_S, Forecasts, in_process
from meted.adapters.server.runner import in_place
from meted.adapters.wire.errors import CallError
from meted.core.commands import CreateDomain, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.forecast import forecast
from meted.core.limits import FORECAST_HORIZON_US
from meted.core.limits import SECOND_US as S
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state

from .stage import Stage, play


def busy_engine(jobs: int = 3, policy: str = "meted") -> Engine:
    engine = Engine(POLICIES[policy]())
    engine.handle(CreateDomain(0, "a"))
    engine.handle(JoinWorker(0, "w", Resources(1000)))
    for _ in range(jobs):
        engine.handle(SubmitJob(0, "a", time_request_us=10 * S))
    engine.run_pass(0)
    engine.take()
    return engine


@attrs.define
class Maker:
    """Makes forecasts here, and counts them."""

    made: int = 0
    takes_s: float = 0.0

    async def __call__(self, request: bytes) -> bytes:
        self.made += 1
        await trio.sleep(self.takes_s)
        policy, at_us, horizon_us, body = msgpack.unpackb(request, use_list=False)
        return pack_forecast(forecast(decode_state(body), POLICIES[policy](), at_us, horizon_us))


def asked(engine: Engine, maker: Maker) -> Forecasts:
    made = Forecasts(engine, lambda: int(trio.current_time() * 1e6), in_place)
    made.make = maker
    return made


def on_virtual_time(scenario: Any) -> None:
    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_forecast_is_used_again_for_a_while() -> None:
    async def scenario() -> None:
        engine, maker = busy_engine(), Maker()
        made = asked(engine, maker)
        first = await made.latest()
        assert await made.latest(2) is first
        await trio.sleep(SAME_S - 1)
        assert await made.latest() is first  # nothing has happened
        engine.handle(SubmitJob(0, "a"))
        engine.take()
        assert (await made.latest(3)).seq > first.seq
        assert maker.made == 2
        engine.handle(SubmitJob(0, "a"))
        engine.take()
        await made.latest(4)
        assert maker.made == 2  # a little old, but it knows the job
        assert 5 in {job.job_id for job in (await made.latest(5)).jobs}
        assert maker.made == 3
        engine.handle(SubmitJob(0, "a"))
        engine.take()
        await trio.sleep(FRESH_S)
        await made.latest(5)
        assert maker.made == 4

    on_virtual_time(scenario)


def test_what_a_point_would_bring_is_foreseen_from_the_same_moment() -> None:
    async def scenario() -> None:
        engine, maker = busy_engine(), Maker()
        made = asked(engine, maker)
        found, raised = await made.compared(3, 1)
        assert maker.made == 2
        assert [job.first_us for job in found.jobs] == [10 * S, 20 * S]
        assert raised is not None
        assert (raised["first_us"], raised["cost_mc"]) == (10 * S, 0)  # it goes before the other of its user
        assert await made.compared(3, 1) == (found, raised)
        assert await made.latest(3) == found
        assert maker.made == 2  # both are used again
        assert await made.compared(3, 21) == (found, None)  # more than there may be

    on_virtual_time(scenario)


def test_callers_that_come_together_share_one() -> None:
    async def scenario() -> None:
        maker = Maker(takes_s=3)
        made = asked(busy_engine(), maker)
        async with trio.open_nursery() as nursery:
            for job in (0, 1, 2, 3):
                nursery.start_soon(made.latest, job)
        assert maker.made == 1

    on_virtual_time(scenario)


def test_that_there_is_none_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        engine = busy_engine()
        made = Forecasts(engine, lambda: 0, in_place)
        calls = 0

        async def fail(_: bytes) -> bytes:
            nonlocal calls
            calls += 1
            raise CallError(-1, "no_forecast", "It cannot be.")

        made.make = fail
        for _ in range(3):
            with pytest.raises(CallError, match="It cannot be"):
                await made.latest()
        assert calls == 1

    on_virtual_time(scenario)


@pytest.mark.parametrize(
    ("name", "jobs_max", "said"), [("own", 100, "known to this server alone"), ("meted", 3, "up to 3")]
)
def test_what_is_not_forecast_is_said(monkeypatch: pytest.MonkeyPatch, name: str, jobs_max: int, said: str) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(forecasts, "FORECAST_JOBS_MAX", jobs_max)
        engine = busy_engine()
        monkeypatch.setattr(type(engine.policy), "name", name)
        with pytest.raises(CallError, match=said):
            await asked(engine, Maker()).latest()

    on_virtual_time(scenario)


def test_another_process_foresees_the_same() -> None:
    state = busy_engine().state
    request = forecaster.pack_request("meted", 4 * S, FORECAST_HORIZON_US, encode_state(state))
    found = unpack_forecast(trio.run(in_process, request))
    assert found == forecast(state, POLICIES["meted"](), 4 * S)
    assert [job.first_us for job in found.jobs] == [10 * S, 20 * S]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ((sys.executable, "-c", "import time; time.sleep(60)"), "taken longer than 0.3 s"),
        ((sys.executable, "-c", "raise SystemExit(1)"), "has failed"),
        (("/nowhere/at/all",), "No process could be started"),
    ],
)
def test_a_process_that_fails_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, program: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(forecasts, "PROGRAM", program)
    monkeypatch.setattr(forecasts, "FORECAST_S", 0.3)
    began_s = time.monotonic()
    with pytest.raises(CallError, match=said) as caught:
        trio.run(in_process, b"")
    assert caught.value.sentence.endswith(".")
    assert time.monotonic() - began_s < 10  # it was killed


def test_a_process_without_memory_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the process's own: here it is set below what it has already."""
    few = (
        "import sys, meted.adapters.forecaster as f;"
        "f.FORECAST_MEM_BYTES_MAX = 2**20; f.pack_forecast = lambda found: b'x' * 2**28; sys.exit(f.main())"
    )
    monkeypatch.setattr(forecasts, "PROGRAM", (sys.executable, "-c", few))
    request = forecaster.pack_request("meted", 0, FORECAST_HORIZON_US, encode_state(busy_engine().state))
    with pytest.raises(CallError, match="want of memory"):
        trio.run(in_process, request)


def test_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "in_process", Maker())

    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join()
        jobs = [(await client.call("submit", argv=["true"], time_request_us=10 * S))["job"] for _ in range(4)]
        await worker.tells("run")
        found = await client.call("forecast")
        assert [row["job"] for row in found["jobs"]] == jobs[1:]
        state = stage.server.desk.state
        assert found["seq"] == state.seq
        assert found["units"] == {"measured": 0, "requested": 3, "domain": 0, "unknown": 0}
        expected = forecast_view(forecast(state, POLICIES["meted"](), found["at_us"]))
        assert {**found, "jobs": list(found["jobs"])} == expected
        gaps = {b["first_us"] - a["first_us"] for a, b in zip(found["jobs"], found["jobs"][1:], strict=False)}
        assert gaps == {10 * S}
        page = await client.call("forecast", after=jobs[1], limit=1)
        assert [row["job"] for row in page["jobs"]] == [jobs[2]]
        (row,) = (await client.call("forecast", job=jobs[3]))["jobs"]
        assert row == found["jobs"][2]
        assert not (await client.call("forecast", job=jobs[0]))["jobs"]  # it runs
        for wrong in ({"job": 99}, {"limit": 0}):
            with pytest.raises(CallError):
                await client.call("forecast", **wrong)

    play(scenario)
