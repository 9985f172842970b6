"""What is asked of credit and refused is kept, changes nothing, and fills no disk (row P05)."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from meted.adapters.cli.log import log as log_command
from meted.adapters.log import CreditRefusal, LogIOError, MemoryLog, SQLiteLog
from meted.adapters.server import credit_refusals
from meted.adapters.server.session import Peer
from meted.adapters.wire.errors import CallError

from .stage import START_US, Caller, Stage, play

HOUR_US = 3_600_000_000


async def two_domains(caller: Caller) -> None:
    """Make ``a``, which has five credits, and ``b``."""
    for name in "ab":
        await caller.call("domain.create", name=name)
    await caller.call("credit.grant", domain="a", amount_mc=5_000)


async def refused(caller: Caller, method: str, **params: object) -> CallError:
    """Call what is to be refused, and return the answer."""
    with pytest.raises(CallError) as caught:
        await caller.call(method, **params)
    return caught.value


def test_who_asked_what_when_and_why_not_is_kept_over_a_restart(tmp_path: Path) -> None:
    """Points for 6 credits with 5 are refused: nothing changes, nothing is in the chain, and a line says so."""
    told: list[str] = []

    async def scenario(stage: Stage) -> None:
        caller = await stage.connect()
        await two_domains(caller)
        job = (await caller.call("submit", domain="a", hold=True))["job"]
        state, head = stage.server.desk.state, stage.log.head
        error = await refused(caller, "job.nice", job=job, points=2, cost_us=3 * HOUR_US)
        await trio.sleep(30)
        assert (stage.server.desk.state, stage.log.head) == (state, head)
        other = await stage.connect(Peer("10.0.0.7", "", True))
        overdrawn = await refused(other, "credit.transfer", payer="a", payee="b", amount_mc=9_000, key="k")
        assert stage.log.head == head
        told.extend((error.sentence, overdrawn.sentence))
        first, second = stage.log.credit_refusals()
        assert second.sentence == overdrawn.sentence
        params = json.dumps({"job": job, "points": 2, "cost_us": 3 * HOUR_US})
        assert first == CreditRefusal(first.at_us, "ada", "job.nice", params, "not_enough_credit", error.sentence)
        assert START_US <= first.at_us <= START_US + 1_000_000

    with SQLiteLog.open(tmp_path / "data") as log:
        play(scenario, log)
    found = CliRunner().invoke(log_command, ["refusals", str(tmp_path / "data"), "--json"])
    first, last = json.loads(found.stdout)
    assert [first["sentence"], last["sentence"]] == told
    assert (last["who"], last["method"], last["times"]) == ("10.0.0.7", "credit.transfer", 1)
    assert json.loads(last["params"]) == {"payer": "a", "payee": "b", "amount_mc": 9_000, "note": ""}
    assert 29_000_000 <= last["at_us"] - first["at_us"] <= 31_000_000
    table = CliRunner().invoke(log_command, ["refusals", str(tmp_path / "data"), "--limit", "1"]).stdout
    assert "credit.transfer" in table
    assert "job.nice" not in table


def test_a_line_is_on_disk_before_its_answer_goes_out() -> None:
    """So a crash loses none that anybody was told of, with a batch beside it or without."""

    async def scenario(stage: Stage) -> None:
        caller, other = await stage.connect(), await stage.connect(Peer("b", "bob", True))
        await two_domains(caller)
        for number in range(1, 6):
            await refused(caller, "credit.grant", domain=f"no{number}", amount_mc=1)
            assert len(list(stage.log.credit_refusals())) == number
        kept: list[int] = []

        async def grant() -> None:
            await other.call("credit.grant", domain="a", amount_mc=1)

        async def overdraw() -> None:
            await refused(caller, "credit.transfer", payer="a", payee="b", amount_mc=10**9)
            kept.append(len(list(stage.log.credit_refusals())))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(grant)
            nursery.start_soon(overdraw)
        assert kept == [6]

    play(scenario)


def test_nothing_kept_is_told_so(tmp_path: Path) -> None:
    """It need not mean that nothing was refused: a pool inside a program keeps none, nor did older versions."""
    SQLiteLog.open(tmp_path / "data").close()
    found = CliRunner().invoke(log_command, ["refusals", str(tmp_path / "data")])
    assert (found.exit_code, found.stdout) == (0, "")
    assert found.stderr == "No refusal of anything that was asked of credit is kept here.\n"


def test_what_is_done_or_only_read_leaves_no_line() -> None:
    async def scenario(stage: Stage) -> None:
        caller = await stage.connect()
        await two_domains(caller)
        await caller.call("credit.transfer", payer="a", payee="b", amount_mc=1)
        await refused(caller, "credit.account", domain="nobody")
        await trio.sleep(30)
        assert list(stage.log.credit_refusals()) == []

    play(scenario)


def test_of_whoever_is_refused_without_end_so_many_lines_an_hour_are_kept() -> None:
    """The others are one line with their number; whoever asks little beside is not pushed out."""
    log = MemoryLog()
    most, asked = credit_refusals.HOURLY_MAX, 1_000

    async def scenario(stage: Stage) -> None:
        caller, other = await stage.connect(), await stage.connect(Peer("b", "bob", True))
        for number in range(asked):
            await refused(caller, "credit.grant", domain=f"no{number}" + "x" * 200, amount_mc=1)
        await refused(other, "credit.grant", domain="none", amount_mc=1)
        await trio.sleep(3_600)
        for _ in range(most + 2):
            await refused(other, "credit.grant", domain="again", amount_mc=1)

    play(scenario, log)
    kept = list(log.credit_refusals())
    assert [it.times for it in kept] == [1] * (most + 1) + [asked - most] + [1] * most + [2]
    assert [it.who for it in kept] == ["ada"] * most + ["bob", "ada"] + ["bob"] * (most + 1)
    assert kept[-1].sentence == f"In the hour from then on this peer was refused more than {most} times."
    assert all(len(it.params) <= credit_refusals.TEXT_MAX for it in kept)


def test_what_could_not_be_written_is_tried_again_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credit_refusals, "WAITING_MAX", 3)

    class Full(MemoryLog):
        is_full = True

        def keep_credit_refusals(self, refusals: Any) -> None:
            if self.is_full:
                raise LogIOError("No space is left on the disk; make some.")
            super().keep_credit_refusals(refusals)

    log = Full()

    async def scenario(stage: Stage) -> None:
        caller = await stage.connect()
        for number in range(5):
            with suppress(CallError):
                await caller.call("credit.grant", domain=f"no{number}", amount_mc=1)
            await trio.sleep(2)
        assert list(log.credit_refusals()) == []
        log.is_full = False
        await trio.sleep(2)
        found = [json.loads(it.params)["domain"] for it in log.credit_refusals()]
        assert found == ["no2", "no3", "no4"]

    play(scenario, log)


def test_what_no_file_can_hold_is_kept_as_question_marks() -> None:
    """A login may have bytes that are no text, of which Python makes halves of surrogates."""
    assert credit_refusals._kept("ann\udcff") == "ann?"
    assert credit_refusals._kept("x" * 1_000) == "x" * credit_refusals.TEXT_MAX
