"""What a server promises to everybody who is connected to it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from meted.adapters.client.greeting import hello_params
from meted.adapters.log import MemoryLog
from meted.adapters.server import app
from meted.adapters.server.runner import Runner
from meted.adapters.server.state_body import state_body
from meted.adapters.wire import limits
from meted.adapters.wire.address import UnixAddress
from meted.adapters.wire.errors import CallError, Code
from meted.adapters.wire.limits import OUTSTANDING_REQUESTS_MAX, READ_BYTES, SILENCE_US
from meted.adapters.wire.messages import Notification, Request
from meted.adapters.wire.methods import METHODS
from meted.core.limits import ADOPT_GRACE_US, JOBS_PER_COMMAND_MAX
from meted.core.schema import state_digest
from meted.core.state import State

from .stage import START_US, STRANGER, TOKEN, Caller, FailingLog, Stage, play


async def refused(awaitable: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        await awaitable
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_a_job_goes_from_its_submission_to_its_result() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        job = (await client.call("submit", argv=["echo", "{index}"], count=2, time_request_us=60_000_000))["job"]
        for index in range(2):
            lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
            assert (lease["job"], lease["first"], lease["count"], lease["attempt"]) == (job, index, 1, 1)
            await worker.finish(number, lease, results=[(index, b"hello")], cpu_us=[5], peak_bytes=[7])
        row = await client.call("wait", job=job, wait_us=60_000_000)
        assert (row["state"], row["succeeded"], row["reason"]) == ("succeeded", 2, None)
        assert await client.call("result", job=job, index=1) == {"ended": True, "body": b"hello"}
        assert await client.call("error", job=job, index=1) is None

    play(scenario)


def test_a_job_that_failed_says_why_its_first_unit_did() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        await client.call("submit", argv=["nonsense"])
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        why = "There is no command.\nand more"
        await worker.finish(number, lease, exits=[(0, 257)], results=[(0, why.encode())])
        reason = "1 of 1 units failed; unit 0: There is no command."
        assert (await client.call("job", job=1))["reason"] == reason
        assert (await client.call("wait", job=1, wait_us=0))["reason"] == reason
        await client.call("submit", argv=["waits"], hold=True)
        assert next(row["reason"] for row in await client.call("jobs")) == reason

    play(scenario)


def test_a_job_that_is_deleted_while_it_is_read_is_told_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it failed is read from the disk, and that takes a moment."""

    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        await client.call("submit", argv=["nonsense"])
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        await worker.finish(number, lease, exits=[(0, 257)], results=[(0, b"There is no command.")])
        whole = await client.call("job", job=1)
        has_read, is_deleted = trio.Event(), trio.Event()

        async def slowly(function: Any) -> Any:
            found = function()
            has_read.set()
            await is_deleted.wait()
            return found

        with monkeypatch.context() as patched:
            patched.setattr(stage.server.desk, "runner", slowly)
            asked = await client.ask("job", job=1)
            await has_read.wait()
        await client.call("delete", job=1)
        assert (await refused(client.call("job", job=1))).reason == "unknown_job"
        is_deleted.set()
        assert await client.answer(asked) == whole

    play(scenario)


def test_help_lists_every_method() -> None:
    """Row N17."""

    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        assert [row["method"] for row in await client.call("help")] == list(METHODS)
        error = await refused(client.call("fit"))
        assert error.code == Code.UNKNOWN_METHOD
        assert all(name in error.sentence for name in METHODS)

    play(scenario)


@pytest.mark.parametrize("method", ["rules", "credit.rules", "state", "stats"])
def test_an_answer_has_the_members_that_the_table_says(method: str) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        assert set(await client.call(method)) == set(METHODS[method].result.strip("{}").split(", "))

    play(scenario)


def test_each_fault_code_has_its_cause() -> None:  # row N25
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        assert (await refused(client.call("nothing"))).code == 100
        assert (await refused(client.call("submit", colour="red"))).code == 101
        assert (await refused(client.call("job", job=99))).code == 102
        hello = {"program": "old", "version": "0", "protocol_min": 7, "protocol_max": 9}
        assert (await refused(client.call("hello", **hello))).code == 103
        assert "Upgrade the server" in (await refused(client.call("hello", **hello))).sentence
        hello |= {"protocol_min": 0, "protocol_max": 0}
        error = await refused(client.call("hello", **hello))
        assert "'old' 0 speaks version 0. Upgrade that program." in error.sentence
        hello |= {"protocol_min": 3, "protocol_max": 1}
        error = await refused(client.call("hello", **hello))
        assert "versions 3 to 1 of the protocol, and there are none" in error.sentence
        stranger = await stage.connect(STRANGER)
        assert (await refused(stranger.call("jobs"))).code == 108
        assert (await refused(stranger.call("hello", **hello, token="wrong"))).code == 108
        hello |= {"protocol_min": 1, "protocol_max": 1}
        met = await stranger.call("hello", **hello, token=TOKEN)
        assert met["protocol"] == 1
        assert met["limits"] == {name: value for name, value in vars(limits).items() if name.isupper()}
        assert await stranger.call("jobs") == ()

    play(scenario)


@pytest.mark.parametrize("program", ["meted", "meted worker"])
def test_a_newer_server_tells_an_older_program_what_to_do(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    said = hello_params(UnixAddress("/"), program)
    monkeypatch.setattr(limits, "PROTOCOL", limits.PROTOCOL + 1)

    async def scenario(stage: Stage) -> None:
        error = await refused((await stage.connect()).call("hello", **said))
        assert error.code == Code.VERSION
        assert f"{program!r} " in error.sentence
        assert error.sentence.endswith("Upgrade that program.")

    play(scenario)


def test_what_cannot_be_written_did_not_happen_and_is_told_so() -> None:
    log = FailingLog()

    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        await client.call("submit", argv=["true"], key="before")
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        log.is_full = True
        error = await refused(client.call("submit", argv=["true"], key="during"))
        assert (error.code, error.reason) == (Code.FAILED, "not_written")
        assert len(await client.call("jobs")) == 1
        assert (await refused(worker.finish(number, lease))).code == Code.FAILED
        log.is_full = False
        assert (await client.call("submit", argv=["true"], key="during"))["job"] == 2
        await worker.finish(number, lease)
        assert (await client.call("job", job=1))["state"] == "succeeded"

    play(scenario, log)


def test_a_call_with_a_key_acts_once_also_after_a_restart() -> None:
    log = MemoryLog()

    async def first(stage: Stage) -> None:
        client = await stage.connect()
        assert (await client.call("submit", argv=["true"], key="k"))["job"] == 1
        assert (await client.call("submit", argv=["true"], key="k"))["job"] == 1
        assert (await client.call("submit", argv=["true"], key="other"))["job"] == 2
        numbers = [await client.ask("submit", argv=["true"], key="in one batch") for _ in range(3)]
        assert [(await client.answer(number))["job"] for number in numbers] == [3, 3, 3]

    async def second(stage: Stage) -> None:
        client = await stage.connect()
        numbers = [await client.ask("submit", argv=["true"], key="k") for _ in range(3)]
        assert [(await client.answer(number))["job"] for number in numbers] == [1, 1, 1]
        assert (await client.call("submit", argv=["true"], key="in one batch"))["job"] == 3
        assert len(await client.call("jobs")) == 3

    play(first, log)
    play(second, log)


def test_pipelined_calls_are_answered_and_bounded() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        numbers = [await client.ask("submit", argv=["true"]) for _ in range(3 * OUTSTANDING_REQUESTS_MAX)]
        jobs = [(await client.answer(number))["job"] for number in numbers]
        assert jobs == list(range(1, len(numbers) + 1))

    play(scenario)


def test_a_worker_that_says_nothing_is_away_and_then_lost() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        await worker.tells("run")
        await trio.sleep(SILENCE_US / 1e6 + 2)
        assert worker.is_over
        assert "silent" in str(worker.told[-1].params["sentence"])
        assert [row["state"] for row in await client.call("workers")] == ["away"]
        await trio.sleep(ADOPT_GRACE_US / 1e6 + 1)
        assert await client.call("workers") == ()
        row = await client.call("job", job=1)
        assert (row["state"], row["pending"]) == ("pending", 1)
        other = await stage.connect()
        assert await other.join(instance="two") != number
        assert (await other.tells("run")).params["leases"][0]["attempt"] == 2  # type: ignore[index]

    play(scenario)


def test_a_worker_that_comes_back_keeps_what_it_holds() -> None:
    log = MemoryLog()
    kept: dict[str, Any] = {}

    async def before(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        kept["worker"] = await worker.join()
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        kept["lease"] = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]

    async def after(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await client.call("state")  # the workers are marked away by now
        assert [row["state"] for row in await client.call("workers")] == ["away"]
        impostor = await stage.connect()
        wrong = impostor.call("worker.rejoin", worker=kept["worker"], instance="another", held=[])
        assert (await refused(wrong)).reason == "unknown_worker"
        held = [(kept["lease"]["lease"], [(0, 1)])]
        await worker.call("worker.rejoin", worker=kept["worker"], instance="one", held=held)
        assert (await worker.tells("keep")).params == {"leases": (kept["lease"]["lease"],)}
        await worker.finish(kept["worker"], kept["lease"])
        await worker.finish(kept["worker"], kept["lease"])  # once more: the answer was lost, say
        assert (await client.call("job", job=1))["succeeded"] == 1

    play(before, log)
    play(after, log)


def test_what_an_older_connection_says_late_counts_for_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        client, slow, worker = [await stage.connect() for _ in range(3)]
        number = await worker.join(dial=2)
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        assert (await refused(slow.join(dial=1))).reason == "superseded"
        again = slow.call("worker.rejoin", worker=number, instance="one", held=[], dial=1)
        assert (await refused(again)).reason == "superseded"
        await worker.finish(number, lease)
        assert (await client.call("job", job=1))["succeeded"] == 1

    play(scenario)


def test_who_is_cut_off_is_told_why() -> None:
    async def scenario(stage: Stage) -> None:
        old, new, keeper = [await stage.connect() for _ in range(3)]
        stranger = await stage.connect(STRANGER)
        number = await old.join()
        await new.call("worker.rejoin", worker=number, instance="one", held=[], dial=1)
        assert "newer" in str((await old.tells("closing")).params["sentence"])
        await keeper.call("worker.lost", worker=number, instance="one", reason="killed")
        assert "lost" in str((await new.tells("closing")).params["sentence"])
        assert "token" in str((await stranger.tells("closing")).params["sentence"])

    play(scenario)


def test_who_is_one_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "CONNECTIONS_MAX", 1)

    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        assert await client.call("ping") == {}
        assert "connections" in str((await (await stage.connect()).tells("closing")).params["sentence"])
        assert await client.call("ping") == {}

    play(scenario)


def test_a_worker_that_was_given_up_joins_anew_over_the_same_connection() -> None:
    async def scenario(stage: Stage) -> None:
        worker = await stage.connect()
        gone = worker.call("worker.rejoin", worker=9, instance="old", held=[])
        assert (await refused(gone)).reason == "unknown_worker"
        first, second = [
            await worker.ask("worker.join", name="w", instance=instance, cpu_milli=1000)
            for instance in ("new", "other")
        ]
        assert await worker.answer(first) == {"worker": 1}
        assert (await refused(worker.answer(second))).reason == "wrong_worker"

    play(scenario)


def test_the_time_without_a_server_is_not_held_against_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was out of touch before the server went down; when it is up again the worker has all of the grace again."""
    log, held = MemoryLog(), []

    async def first(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join()
        await client.call("submit", argv=["true"])
        held.append((await worker.tells("run")).params["leases"][0]["lease"])  # type: ignore[index]

    async def second(stage: Stage) -> None:
        client = await stage.connect()
        await client.call("state")  # the workers are marked away by now
        assert [row["state"] for row in await client.call("workers")] == ["away"]

    async def third(stage: Stage) -> None:
        await trio.sleep(ADOPT_GRACE_US / 1e6 - 1)
        worker = await stage.connect()
        await worker.call("worker.rejoin", worker=1, instance="one", held=[(held[0], [(0, 1)])])
        assert (await worker.tells("keep")).params == {"leases": tuple(held)}

    play(first, log)
    play(second, log)
    monkeypatch.setattr("tests.adapters.server.stage.START_US", START_US + 2 * ADOPT_GRACE_US)
    play(third, log)


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_the_time_in_which_nothing_can_be_written_is_not_held_against_a_worker(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The first batches of a server that has come back cannot be written, or later ones: no worker is lost by that."""
    log, held = FailingLog(), []

    async def first(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join()
        await client.call("submit", argv=["true"])
        held.append((await worker.tells("run")).params["leases"][0]["lease"])  # type: ignore[index]

    async def second(stage: Stage) -> None:
        await (await stage.connect()).call("state")  # the workers are marked away by now

    async def rejoin(worker: Caller) -> object:
        return await worker.call("worker.rejoin", worker=1, instance="one", held=[(held[0], [(0, 1)])])

    async def third(stage: Stage) -> None:
        if when == "later":
            await (await stage.connect()).call("state")
            await trio.sleep(1)
            log.is_full = True
        worker = await stage.connect()
        with trio.move_on_after(2 * ADOPT_GRACE_US / 1e6):
            while True:
                assert (await refused(rejoin(worker))).code == Code.FAILED
                await trio.sleep(5)
        log.is_full = False
        await trio.sleep(ADOPT_GRACE_US / 1e6 - 5)
        await rejoin(worker)
        assert (await worker.tells("keep")).params == {"leases": tuple(held)}

    play(first, log)
    play(second, log)
    log.is_full = when == "at the start"
    monkeypatch.setattr("tests.adapters.server.stage.START_US", START_US + 2 * ADOPT_GRACE_US)
    play(third, log)


def test_a_connection_speaks_for_one_worker() -> None:
    async def scenario(stage: Stage) -> None:
        worker = await stage.connect()
        await worker.join()
        assert (await refused(worker.join(instance="two"))).reason == "wrong_worker"
        assert len(await worker.call("workers")) == 1

    play(scenario)


def test_a_worker_that_goes_before_its_coming_is_durable_is_away() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.ask("worker.join", name="w", instance="one", cpu_milli=1000)
        await worker.stream.aclose()
        await trio.sleep(1)
        assert [row["state"] for row in await client.call("workers")] in ([], ["away"])
        await client.call("submit", argv=["true"])
        await trio.sleep(ADOPT_GRACE_US / 1e6 + 1)
        assert await client.call("workers") == ()

    play(scenario)


def test_many_secret_variables_stop_nobody() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join(cpus=64)
        env = {f"{'N' * 60}_{number}": "ä" for number in range(1_500)}
        for _ in range(40):
            await client.call("submit", argv=["true"], env=env, time_request_us=60_000_000)
        seen = 0
        while seen < 40:
            seen += len((await worker.tells("run")).params["leases"])  # type: ignore[arg-type]
        env = {f"{'N' * 1_000}_{number}": "" for number in range(1_500)}
        assert (await refused(client.call("submit", argv=["true"], env=env))).reason == "too_large"
        env = {f"OMP_{number}": "" for number in range(5_000)}
        assert (await refused(client.call("submit", argv=["true"], env=env))).code == Code.REFUSED

    play(scenario)


def test_what_is_refused_is_called_as_its_caller_calls_it() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        large: list[dict[str, Any]] = [{"stdin": bytes(2**20)}, {"count": 2, "lines": ["x" * 2**20, ""]}]
        for params in large:
            for dry_run in (False, True):
                error = await refused(client.call("submit", argv=["cat"], **params, dry_run=dry_run))
                assert error.reason == "too_large"
                assert error.sentence.startswith("stdin and lines take more than 1048576 bytes")
        for method in ("start", "cancel"):
            error = await refused(client.call(method, jobs=[1] * (JOBS_PER_COMMAND_MAX + 1)))
            assert error.reason == "too_many"
            assert error.sentence.startswith("jobs must have at most")

    play(scenario)


def test_what_goes_wrong_after_a_commit_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()

        def broken(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(stage.server.desk.tables, "follow", broken)
        assert (await client.call("submit", argv=["true"]))["job"] == 1
        assert (await client.call("submit", argv=["true"]))["job"] == 2

    play(scenario)
    assert "RuntimeError: a bug" in capsys.readouterr().err


def test_those_who_ask_for_the_state_together_share_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    async def slowly(state: State, runner: Runner) -> bytes:
        made.append(state.seq)
        await trio.sleep(1)
        return await state_body(state, runner)

    monkeypatch.setattr("meted.adapters.server.state_body.state_body", slowly)

    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        numbers = [await client.ask("state") for _ in range(50)]
        digests = {(await client.answer(number))["digest"] for number in numbers}
        assert digests == {state_digest(stage.server.desk.state)}
        assert len(made) <= 3
        await client.call("submit", argv=["true"])
        assert (await client.call("state"))["seq"] == stage.server.desk.state.seq

    play(scenario)


def test_a_keeper_is_believed_and_its_units_run_elsewhere_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker, other = [await stage.connect() for _ in range(3)]
        number = await worker.join()
        await client.call("submit", argv=["a"], time_request_us=1_000_000)
        await client.call("submit", argv=["b"], time_request_us=1_000_000, max_losses=0)
        lease = (await worker.tells("run")).params["leases"][0]  # type: ignore[index]
        await worker.say(Notification("worker.started", {"worker": number, "leases": [lease["lease"]]}))
        await trio.sleep(1)
        assert (await client.call("job", job=1))["running"] == 1
        await other.join(instance="two")
        told = (await other.tells("run")).params["leases"][0]  # type: ignore[index]
        assert told["job"] == 2
        await client.call("worker.lost", worker=number, instance="one", reason="killed by signal 9")
        await client.call("worker.lost", worker=number, instance="one", reason="killed by signal 9")
        await worker.until(lambda: True)
        await client.call("worker.lost", worker=2, instance="two", reason="killed by signal 9")
        third = await stage.connect()
        await third.join(instance="three")
        assert (await third.tells("run")).params["leases"][0]["job"] == 1  # type: ignore[index]
        row = await client.call("job", job=2)
        assert (row["state"], row["failed"]) == ("failed", 1)

    play(scenario)


def test_what_a_worker_was_not_told_while_it_was_away_it_is_told_when_it_is_back() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        lease = (await worker.tells("run")).params["leases"][0]["lease"]  # type: ignore[index]
        await worker.stream.aclose()
        await client.call("cancel", jobs=[1])
        back = await stage.connect()
        await back.call("worker.rejoin", worker=number, instance="one", held=[(lease, [(0, 1)])])
        assert [note.method for note in (await back.tells("keep"), await back.tells("stop"))] == ["keep", "stop"]
        await back.finish(number, {"lease": lease, "first": 0, "count": 1}, exits=[(0, -15)])

    play(scenario)


def test_secrets_go_to_the_worker_and_nowhere_else() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        number = await worker.join()
        env = {"PASSWORD": "hunter2", "OMP_NUM_THREADS": "1"}
        job = (await client.call("submit", argv=["true"], env=env, time_request_us=1_000_000))["job"]
        told = (await worker.tells("run")).params
        assert told["leases"][0]["env"] == {"PASSWORD": "hunter2"}  # type: ignore[index]
        assert b"hunter2" not in told["specs"][0][1]  # type: ignore[index]
        assert all(b"hunter2" not in batch.body for batch in stage.log.read())
        await worker.finish(number, told["leases"][0])  # type: ignore[index]
        await client.call("delete", job=job)
        assert stage.server.desk.secrets.get("5ec7e7" * 4) is None

    play(scenario)


@pytest.mark.parametrize(
    "wrong", [{"domain": "nowhere"}, {"payload": b"x"}, {"lines": ["a", "b"]}], ids=("domain", "payload", "lines")
)
def test_secrets_of_a_job_that_is_refused_are_forgotten(wrong: dict[str, object]) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        await refused(client.call("submit", **{"argv": ["true"], "env": {"PASSWORD": "hunter2"}, **wrong}))
        assert stage.server.desk.secrets.get("5ec7e7" * 4) is None

    play(scenario)


def test_output_is_read_from_the_worker_that_has_it() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        await worker.join()
        await client.call("submit", argv=["true"], time_request_us=1_000_000)
        await worker.tells("run")
        number = await client.ask("output", job=1, index=0, offset=3, wait_us=1_000_000)
        wish = (await worker.tells("read")).params
        assert (wish["job"], wish["index"], wish["attempt"], wish["stream"], wish["offset"]) == (1, 0, 1, "out", 3)
        answer = {"data": b"lo", "next": 5, "ended": False, "whole": True}
        await worker.call("worker.output", request=wish["request"], **answer)
        assert await client.answer(number) == answer
        assert (await refused(client.call("output", job=1, index=1))).code == Code.REFUSED

    play(scenario)


def test_a_dry_run_changes_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        client, worker = await stage.connect(), await stage.connect()
        answer = await client.call("submit", argv=["true"], dry_run=True)
        assert (answer["accepted"], answer["fits_now"]) == (True, False)
        await worker.join()
        answer = await client.call("submit", argv=["true"], dry_run=True)
        assert answer["fits_now"]
        assert answer["sentence"] == "It would be accepted. Workers that could run it: 1; with room now: 1."
        assert "could ever hold" in (await client.call("submit", cpu_milli=9000, argv=["x"], dry_run=True))["sentence"]
        assert (await refused(client.call("submit", domain="nowhere", dry_run=True))).reason == "unknown_domain"
        assert await client.call("jobs") == ()

    play(scenario)


def test_a_client_that_never_reads_is_cut_off_and_others_are_served() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        for _ in range(500):
            await client.ask("submit", argv=["true"] * 100)
        await client.until(lambda: len(stage.server.desk.state.jobs.jobs) == 500)
        rude = await stage.connect()
        rude.is_over = True  # it stops listening
        for number in range(1, 300):
            await rude.stream.send_all(rude._wire.send(Request(number, "jobs", {"limit": 1000})))
        assert (await client.call("job", job=1))["job"] == 1
        assert len(stage.server.desk.state.jobs.jobs) == 500

    play(scenario)


def test_a_message_that_breaks_the_rules_ends_that_connection_alone() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        for garbage in (b"\xc1" * READ_BYTES, b"\x91" * 5_000, b"GET / HTTP/1.1\r\n\r\n", b"\x94\x00\x01\xc0\x90"):
            rude = await stage.connect()
            await rude.stream.send_all(garbage)
            with trio.fail_after(60):
                while not rude.is_over:
                    await trio.sleep(0.1)
            assert rude.told[-1].method == "closing"
        assert await client.call("ping") == {}

    play(scenario)


def test_a_server_that_stops_says_so_and_keeps_a_snapshot() -> None:
    log = MemoryLog()

    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        await client.call("submit", argv=["true"])
        await client.call("shutdown")
        assert "stops" in str((await client.tells("closing")).params["sentence"])

    play(scenario, log)
    assert next(log.snapshots()).seq == log.head.seq


def test_a_fault_of_the_program_is_one_callers_misfortune(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()

        def broken(*_: object) -> None:
            raise RuntimeError("a bug")

        stage.server._handlers["ping"] = broken  # type: ignore[assignment]
        error = await refused(client.call("ping"))
        assert (error.code, error.reason) == (Code.FAILED, "fault")
        assert "a bug" not in error.sentence
        assert await client.call("jobs") == ()

    play(scenario)
    assert "RuntimeError: a bug" in capsys.readouterr().err
