"""Subscriptions: header, marker, changes in order; a copy equals the table; the slow resume (rows P29-P31)."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from meted.adapters.log import MemoryLog
from meted.adapters.server import subscriptions
from meted.adapters.server.read_methods import REASONS_MAX
from meted.adapters.server.tables import TELL_S, UNHEARD_S, Change, Tables
from meted.adapters.wire.errors import CallError
from meted.adapters.wire.limits import PAGE_ROWS_MAX
from meted.core.ids import JobId
from meted.core.state import State

from .stage import START_US, Caller, Stage, play


class Copy:
    """What a reader makes of one subscription."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.rows: dict[int, dict[str, Any]] = {}
        self.seq = -1
        self.kinds: list[str] = []

    def take(self, params: Any) -> None:
        assert params["seq"] >= self.seq, "positions never go back"
        self.seq = params["seq"]
        self.kinds.append(params["kind"])
        for row in params["rows"]:
            self.rows[row[self.key]] = row
        for gone in params["gone"]:
            self.rows.pop(gone, None)

    async def read(self, caller: Caller, subscription: int) -> None:
        """Take everything that has come for a subscription."""
        await trio.sleep(1)
        for note in [note for note in caller.told if note.method == "table"]:
            if note.params["subscription"] == subscription:
                caller.told.remove(note)
                self.take(note.params)


def plain(rows: Any) -> dict[int, dict[str, Any]]:
    """Rows by job, without why they wait, which tables do not say."""
    return {row["job"]: {**row, "reason": None} for row in rows}


def test_a_copy_equals_the_table_after_every_change() -> None:
    """Rows P30 and P31."""

    async def scenario(stage: Stage) -> None:
        client, reader, worker = [await stage.connect() for _ in range(3)]
        for _ in range(3):
            await client.call("submit", argv=["true"], time_request_us=1_000_000)
        await trio.sleep(1)  # what has just changed would come as a change as well
        number = (await reader.call("subscribe", table="jobs"))["subscription"]
        workers = (await reader.call("subscribe", table="workers"))["subscription"]
        jobs_copy, workers_copy = Copy("job"), Copy("worker")

        async def compare() -> None:
            await jobs_copy.read(reader, number)
            await workers_copy.read(reader, workers)
            assert jobs_copy.rows == plain(await client.call("jobs"))
            assert list(workers_copy.rows.values()) == list(await client.call("workers"))

        await compare()
        assert jobs_copy.kinds == ["header", "caught_up"]
        worker_id = await worker.join()
        for _ in range(3):
            lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
            await compare()
            await worker.finish(worker_id, lease)
            await compare()
        await client.call("delete", job=2)
        await client.call("drain", worker=worker_id)
        await compare()
        assert sorted(jobs_copy.rows) == [1, 3]
        assert jobs_copy.kinds.count("header") == 1
        await reader.call("unsubscribe", subscription=number)
        await client.call("submit", argv=["true"])
        await trio.sleep(1)
        assert not any(note.params.get("subscription") == number for note in reader.told)

    play(scenario)


def test_what_no_worker_could_hold_is_held_in_every_table() -> None:
    """One word for it everywhere, however many wait before it, and as workers come and go."""

    async def scenario(stage: Stage) -> None:
        client, reader, poller = [await stage.connect() for _ in range(3)]
        for _ in range(REASONS_MAX + 20):
            await client.call("submit", argv=["true"], cpu_milli=4_000, time_request_us=3_600_000_000)
        await client.call("submit", argv=["true"], cpu_milli=1_000, hold=True)
        number = (await reader.call("subscribe", table="jobs"))["subscription"]
        copy, known = Copy("job"), await poller.call("changes", since_seq=0)
        polled = {row["job"]: row for row in known["jobs"]}

        async def compare(state: str) -> None:
            nonlocal known
            await copy.read(reader, number)
            known = await poller.call("changes", since_seq=known["seq"], since_status=known["status"])
            polled.update({row["job"]: row for row in known["jobs"]})
            table = plain(await client.call("jobs"))
            assert {row["state"] for row in table.values() if row["job"] <= REASONS_MAX + 20} == {state}
            assert copy.rows == table == polled
            assert (await client.call("job", job=REASONS_MAX + 20))["state"] == state

        await compare("pending")  # no worker at all: one may be on its way
        small, large = [await stage.connect() for _ in range(2)]
        await small.join("small", 1)
        await compare("held")
        worker_id = await large.join("large", 4, "two", until_us=START_US + 600_000_000)
        await compare("pending")  # it leaves too soon to be given anything
        await client.call("drain", worker=worker_id)
        await compare("held")
        await client.call("drain", worker=worker_id, draining=False)
        await compare("pending")
        await large.call("worker.leave", worker=worker_id, instance="two")
        await compare("held")

    play(scenario)


def test_an_empty_table_has_a_header_too() -> None:
    async def scenario(stage: Stage) -> None:
        reader = await stage.connect()
        number = (await reader.call("subscribe", table="workers"))["subscription"]
        copy = Copy("worker")
        await copy.read(reader, number)
        assert copy.kinds == ["header", "caught_up"], "who resumes drops the rows that are gone by the header"

    play(scenario)


def test_a_large_table_comes_in_pages() -> None:
    async def scenario(stage: Stage) -> None:
        client, reader = await stage.connect(), await stage.connect()
        for number in [await client.ask("submit", argv=["true"]) for _ in range(2 * PAGE_ROWS_MAX + 1)]:
            await client.answer(number)
        await trio.sleep(1)
        number = (await reader.call("subscribe", table="jobs"))["subscription"]
        copy = Copy("job")
        await copy.read(reader, number)
        assert copy.kinds == ["header"] * 3 + ["caught_up"]
        assert len(copy.rows) == 2 * PAGE_ROWS_MAX + 1

    play(scenario)


def test_who_comes_back_is_told_only_what_has_changed() -> None:
    """Row P29."""
    log = MemoryLog()

    async def scenario(stage: Stage) -> None:
        client, reader = await stage.connect(), await stage.connect()
        for _ in range(3):
            await client.call("submit", argv=["true"])
            await trio.sleep(1)
        number = (await reader.call("subscribe", table="jobs"))["subscription"]
        copy = Copy("job")
        await copy.read(reader, number)
        await reader.stream.aclose()
        await client.call("cancel", jobs=[2])
        again = await stage.connect()
        number = (await again.call("subscribe", table="jobs", since_seq=copy.seq))["subscription"]
        later = Copy("job")
        await later.read(again, number)
        # What was told at that very position comes once more: a start of a unit has no position of its own.
        assert (list(later.rows), later.kinds) == ([2, 3], ["changes", "caught_up"])
        copy.rows |= later.rows
        assert copy.rows == plain(await client.call("jobs"))

    async def restarted(stage: Stage) -> None:
        reader = await stage.connect()
        number = (await reader.call("subscribe", table="jobs", since_seq=2))["subscription"]
        copy = Copy("job")
        await copy.read(reader, number)
        assert copy.kinds == ["header", "caught_up"], "the new server does not know what changed since then"

    play(scenario, log)
    play(restarted, log)


def test_one_job_can_be_followed_alone() -> None:
    """Row P30."""

    async def scenario(stage: Stage) -> None:
        client, reader = await stage.connect(), await stage.connect()
        for _ in range(2):
            await client.call("submit", argv=["true"])
        number = (await reader.call("subscribe", table="job", job=2))["subscription"]
        copy = Copy("job")
        await client.call("cancel", jobs=[1, 2])
        await copy.read(reader, number)
        assert list(copy.rows) == [2]
        assert copy.rows[2]["state"] == "cancelled"
        for params in ({"table": "job"}, {"table": "jobs", "job": 1}, {"table": "job", "job": 9}, {"table": "x"}):
            with pytest.raises(CallError):
                await reader.call("subscribe", **params)

    play(scenario)


def test_a_slow_reader_is_told_and_cut_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "WAITING_ROWS_MAX", 500)  # as many jobs take a second, not a quarter minute

    async def scenario(stage: Stage) -> None:
        gate = trio.Event()
        client, reader = await stage.connect(), await stage.connect(gate=gate)
        call = await reader.ask("subscribe", table="jobs")
        tags = {"tag": "x" * 1000}
        for _ in range(15):
            for sent in [await client.ask("submit", argv=["true"], tags=tags) for _ in range(100)]:
                await client.answer(sent)
            await trio.sleep(0.1)
        gate.set()
        number = (await reader.answer(call))["subscription"]
        copy = Copy("job")
        await copy.read(reader, number)
        assert copy.kinds[-1] == "cut"
        number = (await reader.call("subscribe", table="jobs", since_seq=copy.seq))["subscription"]
        await copy.read(reader, number)
        assert len(copy.rows) == len(stage.server.desk.state.jobs.jobs)
        assert len(await client.call("jobs", limit=1)) == 1

    play(scenario)


def test_long_polls_return_when_something_has_changed() -> None:
    async def scenario(stage: Stage) -> None:
        client, poller = await stage.connect(), await stage.connect()
        await client.call("submit", argv=["true"])
        first = await poller.call("changes", since_seq=0)
        assert (first["reset"], [row["job"] for row in first["jobs"]]) == (False, [1])
        number = await poller.ask("changes", since_seq=first["seq"], since_status=first["status"], wait_us=60_000_000)
        began = trio.current_time()
        await trio.sleep(5)
        await client.call("submit", argv=["true"])
        second = await poller.answer(number)
        assert [row["job"] for row in second["jobs"]] == [2]
        assert 5 <= trio.current_time() - began < 6
        third = await poller.call("changes", since_seq=second["seq"], since_status=second["status"], wait_us=3_000_000)
        assert (third["jobs"], third["seq"]) == ((), second["seq"])
        assert (await poller.call("changes", since_seq=10**9))["reset"]

    play(scenario)


def test_what_nobody_followed_is_no_news_to_who_comes_later_but_known_to_who_asks() -> None:
    async def main() -> None:
        state = State()
        tables = Tables(lambda: state, lambda _: 0, lambda _: 0)
        told: list[Change] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tables.run)
            tables.started([JobId(1)])
            await trio.sleep(UNHEARD_S / 2)
            tables.attach("somebody", lambda change, _: told.append(change))
            await trio.sleep(2 * UNHEARD_S)
            assert told == []
            tables.started([JobId(2)])
            began_s = trio.current_time()
            await tables.changed()
            assert trio.current_time() - began_s <= TELL_S
            assert [change.jobs for change in told] == [(2,)]
            known = tables.since(0)
            assert known is not None
            assert known.jobs == (1, 2)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_changes_that_nobody_follows_are_gathered_all_the_same() -> None:
    async def main() -> None:
        tables = Tables(State, lambda _: 0, lambda _: 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tables.run)
            tables.started([JobId(1)])
            await trio.sleep(2 * UNHEARD_S)
            assert not tables._jobs
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
