"""What a worker's executor lacks, as its users are told: units that nothing can end, and output that nothing keeps."""

from __future__ import annotations

from typing import Any

import pytest

from meted.adapters.log import MemoryLog
from meted.adapters.wire.errors import CallError, Code

from .stage import Caller, Stage, play

BOX = {"executor": "box", "lacks": "kill,limits,output,suspend"}
ON = 'What runs of it on worker 1 (w) goes on to its end: the executor "box" there cannot end a unit.'
TOLD = (
    "What runs of job 1 on worker 1 goes on to its end: the executor there cannot end a unit. Nothing more of it "
    "starts."
)


async def given(caller: Caller) -> Any:
    """Return the next lease that a worker is given."""
    return (await caller.tells("run")).params["leases"][0]  # type: ignore[index]


async def refused(client: Caller, **asked: object) -> CallError:
    """Return with what the output of a unit of job 1 is refused."""
    with pytest.raises(CallError) as caught:
        await client.call("output", job=1, **asked)
    return caught.value


def test_whoever_cancels_what_cannot_be_killed_is_told_that_it_runs_on() -> None:
    """Row G08; after a restart of the server as well."""
    log = MemoryLog()
    lease: Any = None

    async def before(stage: Stage) -> None:
        nonlocal lease
        client, worker = await stage.connect(), await stage.connect()
        await worker.join(labels=BOX)
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        lease = await given(worker)
        assert await client.call("explain", job=1) == ()
        assert (await client.call("job", job=1))["reason"] is None
        for _ in range(2):
            assert await client.call("cancel", jobs=[1], key="once") == {"runs_on": TOLD}
        await worker.tells("stop")

    async def after(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        assert await client.call("cancel", jobs=[1], key="once") == {"runs_on": TOLD}
        assert await client.call("explain", job=1) == (ON,)
        assert (await client.call("job", job=1))["reason"] == ON
        await worker.call("worker.rejoin", worker=1, instance="one", held=[(lease["lease"], [(0, 1)])])
        await worker.finish(1, lease)
        row = await client.call("wait", job=1, wait_us=1_000_000)
        assert (row["state"], row["reason"], row["succeeded"]) == ("cancelled", None, 1)
        assert await client.call("explain", job=1) == ()
        assert await client.call("cancel", jobs=[1]) == {"runs_on": None}

    play(before, log)
    play(after, log)


def test_what_can_be_killed_or_has_not_been_given_out_is_not_told_of() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker, box = [await stage.connect() for _ in range(3)]
        await worker.join()
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        await given(worker)
        await client.call("submit", argv=["true"], time_request_us=1_000_000, cpu_milli=9_000)
        assert await client.call("cancel", jobs=[1, 2]) == {"runs_on": None}
        assert await client.call("explain", job=1) == ()
        await box.join("", instance="two", labels={"lacks": "output"})
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        await given(box)
        assert await client.call("cancel", jobs=[3]) == {"runs_on": None}

    play(scenario)


def test_many_jobs_that_run_on_are_told_of_in_an_answer_that_can_be_kept() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        for number in range(5):
            worker = await stage.connect()
            await worker.join("w" * 256, instance=str(number), labels=BOX)
            await client.call("submit", argv=["true"], time_request_us=1_000_000)
            await given(worker)
        told = (await client.call("cancel", jobs=[1, 2, 3, 4, 5], key="k"))["runs_on"]
        assert told.startswith(
            "What runs of jobs 1, 2, 3 and 2 more on workers 1, 2, 3 and 2 more goes on to its end: "
        )

    play(scenario)


def test_output_that_no_executor_keeps_is_refused_and_not_told_as_empty() -> None:
    """Row G08; what is kept with the result of a unit that has ended is shown all the same."""

    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join(cpus=2, labels=BOX)
        await client.call("submit", argv=["true"], count=2, time_request_us=1_000_000)
        waits = await client.ask("output", job=1, index=1, wait_us=1_000_000)
        leases: Any = (await worker.tells("run")).params["leases"]
        error = await refused(client, index=0)
        assert (error.code, error.reason) == (Code.REFUSED, "not_featured")
        assert error.sentence == (
            'The executor "box" of worker 1 (w), which unit 0 of job 1 was given to, keeps no output; let the command '
            "write to a file of its own."
        )
        with pytest.raises(CallError, match="keeps no output"):
            await client.answer(waits)
        await worker.finish(1, leases[0])
        await worker.finish(1, leases[1], results=[(1, b"kept")])
        assert (await refused(client, index=0)).reason == "not_featured"
        shown = {"data": b"kept", "next": 4, "ended": True, "whole": False}
        assert await client.call("output", job=1, index=1) == shown
        assert await client.call("output", job=1, index=1, stream="err") == {**shown, "data": b"", "next": 0}
        assert not any(note.method == "read" for note in worker.told)

    play(scenario)
