"""A policy that remembers runs live: what it knows is there again after a restart, wherever that begins."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from meted.adapters import forecaster
from meted.adapters.embedded import Done, Pool
from meted.adapters.forecasts import unpack_forecast
from meted.adapters.log import MemoryLog, SQLiteLog
from meted.adapters.recovery import read_state
from meted.adapters.server.app import Server
from meted.adapters.server.forecasts import in_process
from meted.adapters.server.run import serve
from meted.adapters.wire.address import Address, UnixAddress
from meted.core.forecast import forecast
from meted.core.limits import FORECAST_HORIZON_US
from meted.core.limits import SECOND_US as S
from meted.core.policy.base import Policy
from meted.core.policy.memory import Remembering
from meted.core.policy.meted import Meted
from meted.core.policy.registry import POLICIES
from meted.core.snapshots import encode_snapshot

REMEMBERING = sorted(name for name, policy in POLICIES.items() if issubclass(policy, Remembering))


def clock() -> int:
    """Return the time, which stands still; units take as long as they are said to."""
    return 1_700_000_000 * S


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name, as that of a socket must be."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def begin(pool: Pool) -> None:
    """Have two domains, of which b has had one long unit beside short ones of a, and nothing waits."""
    for name in "ab":
        pool.domain(name)
    pool.submit("a", count=10, user="x", time_request_us=S)
    pool.submit("b", user="x", time_request_us=8 * S)
    serve_units(pool, 11)


def serve_units(pool: Pool, count: int) -> str:
    """Run so many leases of a unit, each as long as was asked for, and return whose they were."""
    served = ""
    worker = pool.join("w")
    for _ in range(count):
        (lease,) = pool.work(worker)
        state = pool.state
        terms = state.jobs.jobs[lease.job_id].terms
        served += state.domains.domains[terms.domain_id].name
        pool.finish(lease, Done(lease.first, terms.time_request_us or 0))
    pool.leave(worker)
    return served


def ask_again(pool: Pool) -> str:
    """Let both have work, and return who is served."""
    for name in "ab":
        pool.submit(name, count=4, user="y", time_request_us=S)
    return serve_units(pool, 8)


@pytest.mark.parametrize("policy", REMEMBERING)
@pytest.mark.parametrize("snapshots", [(), ("stride",), ("meted",), ("stride", "meted"), ("sfq", "meted", "sfq")])
def test_a_pool_that_was_closed_goes_on_as_one_that_was_not(policy: str, snapshots: tuple[str, ...]) -> None:
    log = MemoryLog()
    with Pool(log, policy, clock=clock) as pool:
        begin(pool)
        pool.snapshot()
        copy = log.copy()
        served, memory = ask_again(pool), pool._engine.memory
    for other in snapshots:
        with Pool(copy, other, clock=clock) as pool:
            pool.snapshot()
            copy = copy.copy()
    with Pool(copy, policy, clock=clock) as pool:
        assert ask_again(pool) == served
        assert pool._engine.memory == memory


def test_a_debt_is_known_to_stride_and_cleared_by_idling_under_sfq() -> None:
    log = MemoryLog()
    with Pool(log, "stride", clock=clock) as pool:
        begin(pool)
        copy = log.copy()
        assert ask_again(pool) == "aaaabbbb"
    with Pool(copy, "sfq", clock=clock) as pool:
        assert ask_again(pool) == "abababab"


def test_what_takes_longer_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with Pool.open(tmp_path / "data", "meted", clock=clock) as pool:
        begin(pool)
        pool.snapshot()
        seq = pool.state.seq
        ask_again(pool)
    with SQLiteLog.open(tmp_path / "data") as log:
        assert read_state(log, Meted(), tell=said.append).memory is None
        assert not said
        found = read_state(log, POLICIES["stride"](), tell=said.append)
        assert said == [
            "The policy 'stride' goes by more than the last snapshot holds, as that was made under another: the whole "
            f"log is read, {found.state.seq} events."
        ]
        assert found.state.seq > seq
        assert found.snapshot_seq == 0
        assert found.memory == read_state(log, POLICIES["stride"](), from_snapshot=False).memory
    with Pool.open(tmp_path / "data", "stride", clock=clock) as pool:
        pool.snapshot()
    with SQLiteLog.open(tmp_path / "data") as log:
        again = read_state(log, POLICIES["stride"](), tell=said.append)
        assert len(said) == 1
        assert again.snapshot_seq > 0
        assert again.memory == read_state(log, POLICIES["stride"](), from_snapshot=False).memory


@pytest.mark.parametrize("policy", REMEMBERING)
def test_where_what_was_before_cannot_be_read_every_start_begins_anew_there(policy: str, tmp_path: Path) -> None:
    said: list[str] = []
    with Pool.open(tmp_path / "data", "meted", clock=clock) as pool:
        begin(pool)
        pool.snapshot()
        seq = pool.state.seq
        pool.submit("b", count=2)
    with contextlib.closing(sqlite3.connect(tmp_path / "data/log.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE batches SET body = x'90' WHERE first_seq = 1")
    with SQLiteLog.open(tmp_path / "data") as log:
        chosen = POLICIES[policy]()
        found = [read_state(log, chosen, tell=said.append) for _ in range(2)]
        assert found[0] == found[1]
        assert found[0].snapshot_seq == seq
        assert said[1] == said[3]
        assert said[1] == (
            f"The log is damaged before its last snapshot, at event {seq}; so the policy '{policy}' knows nothing of "
            "what was before that."
        )


@pytest.mark.parametrize("policy", REMEMBERING)
def test_a_server_goes_on_with_it(policy: str, place: Path) -> None:
    said: list[str] = []
    with Pool.open(place / "data", policy) as pool:
        begin(pool)
    seen: list[object] = []

    def ready(_: list[Address], server: Server) -> None:
        seen.append(server.desk.engine.committed_memory)
        server.stop()

    for name in (policy, policy, "meted", policy):
        serve(place / "data", [UnixAddress(str(place / "s"))], name, ready, partial(read_state, tell=said.append))
    with SQLiteLog.open(place / "data") as log:
        whole = read_state(log, POLICIES[policy](), from_snapshot=False).memory
    assert seen == [pool._engine.memory, pool._engine.memory, None, whole]
    assert len(said) == 0  # nothing has happened since the last snapshot, so none was made under the default


@pytest.mark.parametrize("policy", REMEMBERING)
def test_another_process_foresees_with_it(policy: str) -> None:
    with Pool(MemoryLog(), policy, clock=clock) as pool:
        begin(pool)
        pool.join("w")
        for name in "ab":
            pool.submit(name, count=3, user="y", time_request_us=S)
        engine, at_us = pool._engine, clock()
        body = encode_snapshot(engine.committed, engine.policy, engine.committed_memory)
        request = forecaster.pack_request(policy, at_us, FORECAST_HORIZON_US, body)
        found = unpack_forecast(trio.run(in_process, request))
        chosen: Policy = POLICIES[policy]()
        assert found == forecast(engine.committed, chosen, at_us, memory=engine.committed_memory)
        anew = forecast(engine.committed, chosen, at_us)
        assert policy != "stride" or anew != found
