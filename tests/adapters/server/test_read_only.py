"""A server on a log that is damaged where no snapshot helps: it shows what is good, takes nothing, writes nothing."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import assume, given
from hypothesis import strategies as st

from meted.adapters.embedded import Pool
from meted.adapters.log import LogDamaged, LogUnsafe, MemoryLog, SQLiteLog
from meted.adapters.log.repair import repair
from meted.adapters.recovery import note_repair, read_state
from meted.adapters.server.app import Server
from meted.adapters.server.run import serve
from meted.adapters.units import Done
from meted.adapters.wire.address import Address, UnixAddress
from meted.adapters.wire.describe import describe_param, meanings
from meted.adapters.wire.errors import CallError, Code
from meted.adapters.wire.methods import METHODS, Method
from meted.core.batch import Batch
from meted.core.commands import CreateDomain
from meted.core.engine import Engine
from meted.core.errors import SchemaError
from meted.core.policy.registry import POLICIES
from meted.core.reducers import fold
from meted.core.schema import decode_events, state_digest
from meted.core.state import State

from ..log.helper import batch_after, flipped, sql
from ..log.test_repair import corrupt_page_of, has_dbstat
from .stage import Stage, play, stage
from .test_run import place

__all__ = ["place"]

HOUR_US = 3_600_000_000

Factory = pytest.TempPathFactory


def make_history(data: Path, *, snapshot: bool = False) -> None:
    """Have jobs, results, credit and a loan happen in a pool; with a snapshot in the middle of it or without one."""
    with Pool.open(data) as pool:
        for name in ("default", "other"):
            pool.domain(name, share=2)
        pool.credit_grant("default", 9_000)
        pool.loan_offer("default", "other", "share", 1)
        job = pool.submit("default", count=3, time_request_us=HOUR_US)
        worker = pool.join("w")
        (lease,) = pool.work(worker)
        pool.finish(lease, Done(0, 1_000, b"first"))
        if snapshot:
            pool.snapshot()
        (lease,) = pool.work(worker)
        pool.finish(lease, Done(1, 1_000, b"second"))
        pool.credit_grant("default", 500)
        pool.submit("other", hold=True)
        pool.cancel(job)


def batches_of(data: Path) -> list[Batch]:
    """Return the batches of a good log."""
    with SQLiteLog.open(data, read_only=True) as log:
        return list(log.read(1))


def states_of(batches: list[Batch]) -> dict[int, State]:
    """Return the state before each batch, by the seq at which that starts."""
    state, found = State(), {}
    for batch in batches:
        found[batch.first_seq] = state
        state = fold(state, decode_events(batch.body))
    return found


def state_after(batches: list[Batch]) -> State:
    """Return the state after the last of them."""
    return fold(states_of(batches)[batches[-1].first_seq], decode_events(batches[-1].body))


def contents(data: Path) -> list[str]:
    """Return all that is in the database of a log, as SQL."""
    with contextlib.closing(sqlite3.connect(data / "log.sqlite3")) as connection:
        return list(connection.iterdump())


async def refused(call: Any) -> CallError:
    """Return the error that a call is answered with."""
    with pytest.raises(CallError) as found:
        await call
    return found.value


@pytest.fixture(scope="module", params=[False, True], ids=["no snapshot", "a snapshot"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: Factory) -> Path:
    """A log in a closed file, without a snapshot and with one."""
    data = tmp_path_factory.mktemp("whole") / "data"
    make_history(data, snapshot=request.param)
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A log without a snapshot for a test to damage."""
    make_history(tmp_path / "data")
    return tmp_path / "data"


def cut_behind(data: Path, tag: str) -> int:
    """Damage the first batch with an event of that tag, and return the seq at which it starts."""
    for batch in batches_of(data):
        if any(event.tag == tag for event in decode_events(batch.body)):
            sql(data, "UPDATE batches SET body = x'90' WHERE first_seq = ?", [batch.first_seq])
            return batch.first_seq
    raise AssertionError(f"the log holds no {tag}")


@given(
    row=st.integers(0, 2**16),
    column=st.sampled_from(["first_seq", "last_seq", "at_us", "body", "chain"]),
    place=st.integers(0, 2**16),
    mask=st.integers(1, 255),
)
def test_whatever_byte_is_flipped_what_is_shown_is_the_good_prefix_or_the_whole(
    whole: Path, tmp_path_factory: Factory, row: int, column: str, place: int, mask: int
) -> None:
    data = tmp_path_factory.mktemp("flip") / "data"
    shutil.copytree(whole, data)
    try:
        batches = batches_of(whole)
        start = batches[row % len(batches)].first_seq
        value = sql(data, f"SELECT {column} FROM batches WHERE first_seq = ?", [start])[0][0]
        try:
            sql(data, f"UPDATE batches SET {column} = ? WHERE first_seq = ?", [flipped(value, place, mask), start])
        except sqlite3.IntegrityError:
            assume(False)  # two rows cannot have one key
        snapshot_seq = next((seq for (seq,) in sql(data, "SELECT seq FROM snapshots")), 0)
        assert isinstance(snapshot_seq, int)
        is_bridged = start <= snapshot_seq
        expected = state_after(batches) if is_bridged else states_of(batches)[start]
        with SQLiteLog.open(data) as log:
            found = read_state(log, to_damage=True)
            assert found.state == expected
            assert found.snapshot_seq == snapshot_seq
            if found.damage is None:
                assert is_bridged
                assert read_state(log).state == expected
                return
            # A row that has moved behind the snapshot is in the way there, though nothing is lost by it.
            assert found.damage.seq == expected.seq + 1
            assert not is_bridged or column == "first_seq"
            with pytest.raises(LogDamaged):
                read_state(log)
            before = contents(data)
            if not is_bridged:  # else the stage cannot check the state by the whole log
                play(lambda running: shows_and_takes_nothing(running, expected), log)
        assert contents(data) == before
    finally:
        shutil.rmtree(data.parent)


async def shows_and_takes_nothing(running: Stage, expected: State) -> None:
    """What is shown is a state, and it cannot be changed."""
    client = await running.connect()
    assert await client.call("state") == {"seq": expected.seq, "digest": state_digest(expected)}
    assert [row["job"] for row in await client.call("jobs")] == sorted(expected.jobs.jobs)
    error = await refused(client.call("submit", argv=["true"]))
    assert (error.code, error.reason) == (Code.FAILED, "read_only")
    assert f"as it was at seq {expected.seq}, " in error.sentence or not expected.seq


def test_the_sentence_says_since_when_what_is_wrong_and_what_to_do(data: Path) -> None:
    last = cut_behind(data, "worker_joined") - 1

    async def scenario(running: Stage) -> None:
        client = await running.connect()
        sentence = running.server.read_only
        assert sentence is not None
        at = running.server.desk.state.at_us
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            (moment,) = connection.execute("SELECT datetime(?, 'unixepoch')", [at // 1_000_000]).fetchone()
        assert sentence == (
            f"The pool is read-only, as its log is damaged at seq {last + 1} (a batch is not what was written, as its "
            f"chain hash does not fit), and is shown as it was at seq {last}, {moment} UTC; to change anything, stop "
            "the server and run `meted log repair`, or put a backup in its place, and `meted log verify` says what is "
            "lost."
        )
        hello = await client.call("hello", program="test", version="0", protocol_min=1, protocol_max=1)
        assert hello["read_only"] == sentence
        assert (await refused(client.call("cancel", jobs=[1]))).sentence == sentence

    with SQLiteLog.open(data) as log:
        play(scenario, log)


def test_a_pool_that_is_well_says_so() -> None:
    async def scenario(running: Stage) -> None:
        client = await running.connect()
        hello = await client.call("hello", program="test", version="0", protocol_min=1, protocol_max=1)
        assert hello["read_only"] is running.server.read_only is None

    play(scenario)


def test_of_a_log_damaged_from_its_first_batch_on_there_is_nothing(data: Path) -> None:
    sql(data, "UPDATE batches SET body = x'90' WHERE first_seq = 1")
    before = contents(data)

    async def scenario(running: Stage) -> None:
        client = await running.connect()
        assert await client.call("state") == {"seq": 0, "digest": state_digest(State())}
        assert await client.call("domains") == await client.call("jobs") == await client.call("workers") == ()
        assert "as it was before anything had happened; " in str(running.server.read_only)
        await shows_and_takes_nothing(running, State())

    with SQLiteLog.open(data) as log:
        play(scenario, log)
    assert contents(data) == before


def damaged_page(data: Path) -> None:
    """Make a page of the batches malformed."""
    corrupt_page_of(data, "batches", 0.99)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a batch that is missing": lambda data: sql(data, "DELETE FROM batches WHERE first_seq = 5"),
    "a chain value": lambda data: sql(data, "UPDATE batches SET chain = x'00' WHERE first_seq = 5"),
    "a body": lambda data: sql(data, "UPDATE batches SET body = x'c1' WHERE first_seq = 5"),
    "no bytes": lambda data: sql(data, "UPDATE batches SET body = 'text' WHERE first_seq = 5"),
    "the note of the end": lambda data: sql(data, "DELETE FROM head"),
    "the last batch": lambda data: sql(data, "DELETE FROM batches WHERE last_seq = (SELECT seq FROM head)"),
    "a page": damaged_page,
}


def long_history(data: Path) -> list[Batch]:
    """Make a log of several pages."""
    with Pool.open(data) as pool:
        pool.domain("default")
        for number in range(60):
            pool.submit("default", name=f"{number}-{'x' * 200}", hold=True)
    return batches_of(data)


@pytest.mark.parametrize("name", DAMAGES)
def test_whatever_is_damaged_all_before_it_is_shown_and_a_repair_makes_it_a_pool_again(
    tmp_path: Path, name: str
) -> None:
    if name == "a page" and not has_dbstat():
        pytest.skip("this SQLite does not tell which table a page belongs to")
    data = tmp_path / "data"
    batches = long_history(data)
    DAMAGES[name](data)
    with SQLiteLog.open(data) as log:
        found = read_state(log, to_damage=True)
        assert found.damage is not None
        known = states_of(batches) | {batches[-1].last_seq + 1: state_after(batches)}
        assert found.state == known[found.damage.seq]
        assert found.state.seq == found.damage.seq - 1 >= (4 if name != "a page" else 0)
        play(lambda running: shows_and_takes_nothing(running, found.state), log)
    report = repair(data, note=lambda log, first, last: note_repair(log, first, last, 2 * HOUR_US))
    assert report.head.seq - (report.lost_last_seq is not None) == found.state.seq

    async def goes_on(running: Stage) -> None:
        client = await running.connect()
        assert running.server.read_only is None
        assert (await client.call("submit", argv=["true"]))["job"] > len(found.state.jobs.jobs)

    with SQLiteLog.open(data) as log:
        play(goes_on, log)


WORTH = {"int": 1, "str": "default", "bool": True, "bin": b""}


def asked(method: Method) -> dict[str, object]:
    """Return the least that a method asks for."""
    params = {name: describe_param(method, name) for name in meanings(method.params)}
    return {name: WORTH.get(str(param["type"]), ()) for name, param in params.items() if param["required"]}


MUTATING = [method for method in METHODS.values() if method.mutates and method.name != "shutdown"]


def test_every_method_that_changes_something_is_refused_and_nothing_is_written(data: Path) -> None:
    cut_behind(data, "job_stopped")
    before = contents(data)

    async def scenario(running: Stage) -> None:
        client = await running.connect()
        digest = await client.call("state")
        for method in MUTATING:
            error = await refused(client.call(method.name, **asked(method)))
            assert (method.name, error.code, error.reason) == (method.name, Code.FAILED, "read_only")
            assert error.sentence == running.server.read_only
        secret = {"argv": ["true"], "env": {"A_SECRET": "1"}}
        assert (await refused(client.call("submit", **secret))).reason == "read_only"
        assert await client.call("state") == digest
        await trio.sleep(3 * HOUR_US / 1e6)  # no timer runs, no grant is due, nobody counts as lost
        assert await client.call("state") == digest
        assert (await client.call("submit", argv=["true"], dry_run=True))["accepted"]

    with SQLiteLog.open(data) as log:
        play(scenario, log)
    assert contents(data) == before


READS: dict[str, dict[str, object]] = {
    "help": {},
    "ping": {},
    "jobs": {},
    "job": {"job": 1},
    "explain": {"job": 1},
    "units": {"job": 1},
    "result": {"job": 1},
    "error": {"job": 1},
    "output": {"job": 1, "index": 0},
    "wait": {"job": 1, "wait_us": 1_000},
    "changes": {"since_seq": 0},
    "workers": {},
    "domains": {},
    "domain": {"domain": "default"},
    "loans": {},
    "loan.statement": {"domain": "default"},
    "loan.changes": {"since_seq": 0},
    "rules": {},
    "credit.accounts": {},
    "credit.account": {"domain": "default"},
    "credit.holds": {},
    "credit.loans": {},
    "credit.statement": {"domain": "default"},
    "credit.alarms": {},
    "credit.rules": {},
    "state": {},
    "stats": {},
    "worker.output": {"request": 1, "data": b"", "next": 0, "ended": True, "whole": True},
}


def test_all_that_only_reads_is_answered_as_of_the_last_good_point(data: Path) -> None:
    """The end of the second unit and the second grant are behind it, in batches that are whole, and told of nowhere."""
    second = [batch for batch in batches_of(data) if has(batch, "units_leased")][1]
    sql(data, "UPDATE batches SET at_us = at_us + 1 WHERE first_seq = ?", [second.first_seq])
    others = {"hello", "subscribe", "unsubscribe", "forecast"}
    assert READS.keys() | others == {method.name for method in METHODS.values() if not method.mutates}

    async def scenario(running: Stage) -> None:
        client = await running.connect()
        told = {name: await client.call(name, **params) for name, params in READS.items()}
        assert told["result"] == {"ended": True, "body": b"first"}
        assert told["output"]["data"] == b"first"
        assert (told["job"]["succeeded"], told["job"]["pending"]) == (1, 2)
        assert [row["run_us"] for row in told["units"]] == [1_000, None, None]
        assert [line["amount_mc"] for line in told["credit.statement"]] == [9_000]
        assert told["credit.account"]["balance_mc"] == 9_000
        assert [row["state"] for row in told["workers"]] == ["away"]
        assert told["stats"]["workers"] == 0

    with SQLiteLog.open(data) as log:
        play(scenario, log)


def has(batch: Batch, tag: str) -> bool:
    """Whether a batch holds an event of that tag."""
    return any(event.tag == tag for event in decode_events(batch.body))


def test_a_table_is_sent_and_then_nothing_more(data: Path) -> None:
    cut_behind(data, "job_stopped")

    async def scenario(running: Stage) -> None:
        client = await running.connect()
        for number, table in enumerate(("jobs", "workers", "loans", "alarms"), 1):
            assert await client.call("subscribe", table=table) == {"subscription": number}
        await trio.sleep(60)
        kinds = [str(note.params["kind"]) for note in client.told]
        assert sorted(kinds) == ["caught_up"] * 4 + ["header"] * 4
        since = running.server.desk.state.seq
        found = await client.call("changes", since_seq=since, wait_us=5_000_000)
        assert (found["seq"], found["reset"], found["jobs"]) == (since, False, ())

    with SQLiteLog.open(data) as log:
        play(scenario, log)


def test_a_worker_is_told_and_keeps_what_it_has(data: Path) -> None:
    """It is no refusal: that would end a worker that joins, and one that comes back would forget what it ran."""
    cut_behind(data, "job_stopped")

    async def scenario(running: Stage) -> None:
        worker = await running.connect()
        told = [
            await refused(worker.join()),
            await refused(worker.call("worker.rejoin", worker=1, instance="one", held=[[1, [[0, 1]]]])),
            await refused(worker.finish(1, {"lease": 1, "first": 0, "count": 1})),
            await refused(worker.call("worker.lost", worker=1, instance="one", reason="died")),
        ]
        assert {(error.code, error.reason) for error in told} == {(Code.FAILED, "read_only")}
        await worker.call("ping")

    with SQLiteLog.open(data) as log:
        play(scenario, log)


def test_a_log_in_memory_that_is_damaged_is_read_as_far_as_it_goes() -> None:
    log = MemoryLog()

    async def fill(running: Stage) -> None:
        client = await running.connect()
        for _ in range(3):
            await client.call("submit", argv=["true"])

    play(fill, log)
    log._snapshots.clear()
    batch = log._batches[2]
    log._batches[2] = Batch(batch.first_seq, batch.last_seq, batch.at_us, b"\x90", batch.chain)
    kept = log.copy()

    async def look(running: Stage) -> None:
        assert len(await (await running.connect()).call("jobs")) == 1

    play(look, log)
    assert (log._batches, log._snapshots) == (kept._batches, kept._snapshots)


def test_a_server_that_stops_answers_what_waits() -> None:
    log = damaged_in_memory()

    async def main() -> None:
        async with stage(log) as running:
            client = await running.connect()
            await client.call("shutdown")
            assert (await refused(client.call("submit", argv=["true"]))).reason == "stopping"

    trio.run(main)


def damaged_in_memory() -> MemoryLog:
    """Return a log whose first batch is damaged."""
    log, engine = MemoryLog(), Engine(POLICIES["meted"]())
    engine.handle(CreateDomain(1, "default"))
    sealed = engine.seal()
    assert sealed is not None
    log.append(sealed.batch)
    log._batches[0] = Batch(1, 1, 1, b"\x90", sealed.batch.chain)
    return log


def test_what_cannot_be_read_is_no_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()

    async def scenario(running: Stage) -> None:
        client, worker = await running.connect(), await running.connect()
        number = await worker.join()
        await client.call("submit", argv=["true"])
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        await worker.finish(number, lease, results=[(0, b"result")])

        def fail(*_: object) -> None:
            raise LogDamaged(3, "a page is malformed")

        monkeypatch.setattr(log, "result", fail)
        error = await refused(client.call("result", job=1))
        assert (error.code, error.reason) == (Code.FAILED, "not_read")
        assert "The log is damaged at seq 3: a page is malformed;" in error.sentence

    play(scenario, log)


# The server as a process has it: its files, and what it is not for


def serve_once(place: Path) -> list[str | None]:
    """Serve the pool in ``place/data`` for a moment; return why it was read-only."""
    said: list[str | None] = []

    def ready(_: list[Address], server: Server) -> None:
        said.append(server.read_only)
        server.stop()

    serve(place / "data", [UnixAddress(str(place / "s"))], "meted", ready)
    return said


def files(data: Path) -> dict[str, bytes]:
    """Return what is in a data directory, but for who held it."""
    return {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file() and path.name != "lock"}


def test_a_life_of_a_read_only_server_leaves_every_file_as_it_was(place: Path) -> None:
    data = place / "data"
    make_history(data)
    (data / "secrets").mkdir(mode=0o700)
    (data / "secrets" / ("0" * 32)).write_bytes(b"of a job that is behind the damage")
    cut_behind(data, "job_submitted")
    before = files(data)
    (sentence,) = serve_once(place)
    assert "read-only" in str(sentence)
    assert files(data) == before


def test_postings_of_a_damaged_log_are_not_made_anew(place: Path) -> None:
    data = place / "data"
    make_history(data)
    sql(data, "DELETE FROM posted")
    sql(data, "UPDATE batches SET body = x'90' WHERE first_seq = 1")
    before = contents(data)
    (sentence,) = serve_once(place)
    assert sentence is not None
    assert contents(data) == before


def test_an_event_from_the_future_is_no_damage(place: Path) -> None:
    data = place / "data"
    make_history(data)
    with SQLiteLog.open(data) as log:
        log.append(batch_after(log.head, 1, "from_the_future"))
    before = files(data)
    with pytest.raises(SchemaError, match="a newer one"):
        serve_once(place)
    assert files(data) == before


@pytest.mark.parametrize(("content", "error"), [(b"garbage" * 1_000, LogDamaged), (b"", LogUnsafe)])
def test_what_is_no_database_is_not_served(place: Path, content: bytes, error: type[Exception]) -> None:
    data = place / "data"
    make_history(data)
    (data / "log.sqlite3").write_bytes(content)
    (data / "results").mkdir(exist_ok=True)
    (data / "results" / "left").write_bytes(b"of the log that was there")
    with pytest.raises(error):
        serve_once(place)
    assert (data / "log.sqlite3").read_bytes() == content


@pytest.mark.parametrize("policy", ["meted", "stride"])
def test_a_policy_that_remembers_something_is_no_hindrance(tmp_path: Path, policy: str) -> None:
    data, said = tmp_path / "data", list[str]()
    make_history(data, snapshot=True)
    cut_behind(data, "job_stopped")
    with SQLiteLog.open(data) as log:
        found = read_state(log, POLICIES[policy](), to_damage=True, tell=said.append)
        assert found.damage is not None
        assert found.state.seq == found.damage.seq - 1
        assert found.state == read_state(log, POLICIES["meted"](), to_damage=True).state
    assert not any("knows nothing" in sentence for sentence in said)
