"""Calls with a key: each acts once, whatever is repeated, refused or not written; and its secrets go with it."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
import trio

from meted.adapters.log import MemoryLog
from meted.adapters.server import kept_calls
from meted.adapters.server.commit_loop import BATCH_CALLS_MAX
from meted.adapters.server.run_messages import secrets_of
from meted.adapters.server.secret_store import MemorySecrets
from meted.adapters.wire.errors import CallError
from meted.core.events import CallsKept
from meted.core.limits import CALLS_PER_COMMAND_MAX
from meted.core.schema import decode_events

from .stage import FailingLog, Stage, play

SECRET = {"PASSWORD": "hunter2"}
_REASONS = {"not_written", "unknown_domain"}


def name_secrets(stage: Stage) -> MemorySecrets:
    """Have each environment kept under a name of its own, and return where it is."""
    tokens = (f"{number:032x}" for number in itertools.count())
    secrets = stage.server.desk.secrets
    assert isinstance(secrets, MemorySecrets)
    secrets._make_token = lambda: next(tokens)
    return secrets


def named_secrets(stage: Stage) -> list[str]:
    """Return the names of the secrets of all jobs, one for each job that has some."""
    state = stage.server.desk.state
    found = (secrets_of(state.jobs.specs[job.terms.spec_digest].body) for job in state.jobs.jobs.values())
    return sorted(token for token in found if token is not None)


async def settled(stage: Stage) -> None:
    """Wait until all that was called for is decided, written and answered."""
    await trio.sleep(5)
    assert not stage.server.desk.calls._fresh


def test_all_calls_of_a_batch_may_have_a_key() -> None:
    assert BATCH_CALLS_MAX <= CALLS_PER_COMMAND_MAX


def test_what_a_batch_answered_is_kept_by_one_event_beside_what_it_did() -> None:
    log = MemoryLog()

    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        numbers = [await client.ask("submit", argv=["true"], key=f"k{number % 5}") for number in range(10)]
        assert [(await client.answer(number))["job"] for number in numbers] == [1, 2, 3, 4, 5] * 2

    play(scenario, log)
    batches = [decode_events(batch.body) for batch in log.read()]
    kept = [event for events in batches for event in events if isinstance(event, CallsKept)]
    assert sum(len(event.calls) for event in kept) == 5
    for events in batches:
        made = [event for event in events if type(event).__name__ == "JobSubmitted"]
        assert sum(len(event.calls) for event in events if isinstance(event, CallsKept)) == len(made)
        assert sum(isinstance(event, CallsKept) for event in events) <= 1


@pytest.mark.parametrize("seed", range(12))
def test_each_key_acts_once_over_failures_and_restarts(seed: int) -> None:
    """Three lives of a server, in which callers repeat each other, are refused, and find the disk full."""
    random, log, known = Random(seed), FailingLog(), dict[str, int]()

    async def scenario(stage: Stage) -> None:
        secrets = name_secrets(stage)
        secrets._kept.clear()  # what jobs of lives before had is gone with their server's memory
        lost = set(named_secrets(stage))

        async def caller() -> None:
            client = await stage.connect()
            for _ in range(15):
                asked = []
                for _ in range(random.randrange(1, 6)):
                    key, wrong = f"k{random.randrange(12)}", random.random() < 0.3
                    env = SECRET if random.random() < 0.4 else {}
                    domain = "nowhere" if wrong else "default"
                    asked.append((key, await client.ask("submit", argv=["true"], key=key, env=env, domain=domain)))
                    if random.random() < 0.3:
                        await trio.sleep(0.01)
                log.is_full = random.random() < 0.3
                for key, number in asked:
                    try:
                        job = (await client.answer(number))["job"]
                    except CallError as error:
                        assert error.reason in _REASONS
                    else:
                        assert known.setdefault(key, job) == job

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(caller)
            while len(nursery.child_tasks) > 0:
                await trio.sleep(1)
                log.is_full = False
        await settled(stage)
        assert sorted(stage.server.desk.state.jobs.jobs) == sorted(known.values())
        assert sorted(set(named_secrets(stage)) - lost) == sorted(secrets._kept)

    for _ in range(3):
        play(scenario, log)
    assert len(known) == 12


ONE, TWO = ({"lender": "a", "loans": [{"borrower": "b", "resource": "share", "amount": amount}]} for amount in (1, 2))

LISTS: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "loans.set": (ONE, "loans.set", TWO, "loans"),
    "domain.apply": ({"domains": [{"name": "a", "share": 7}]}, "domain.set", {"name": "a", "share": 5}, "domains"),
    "domain.records": ({"stamp_us": 2, "records": [{"name": "c"}]}, "domain.remove", {"name": "c"}, "domains"),
}
"""Calls that say how many things are to be; what somebody else then does; and where one sees it."""


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("is_long", [False, True])
def test_a_list_that_is_repeated_does_not_undo_what_came_after_it(
    monkeypatch: pytest.MonkeyPatch, method: str, is_long: bool
) -> None:
    """Also over a restart; and where its answer is too long to be kept, it is what would come of the list now."""
    params, other, then, table = LISTS[method]
    log, answers = MemoryLog(), list[object]()
    if is_long:
        monkeypatch.setattr(kept_calls, "CALL_ANSWER_BYTES_MAX", 1)

    async def first(stage: Stage) -> None:
        client = await stage.connect()
        for name in "ab":
            await client.call("domain.create", name=name, share=9)
        answers.append(await client.call(method, **params, key="k"))
        await client.call(other, **then)
        await again(stage)

    async def again(stage: Stage) -> None:
        client = await stage.connect()
        before = await client.call(table)
        answers.append(await client.call(method, **params, key="k"))
        assert await client.call(table) == before
        assert (answers[-1] == answers[0]) or is_long

    play(first, log)
    play(again, log)
    assert answers[1] == answers[2]


def test_of_one_key_repeated_in_a_batch_one_environment_is_kept() -> None:
    log = FailingLog()

    async def scenario(stage: Stage) -> None:
        secrets = name_secrets(stage)
        client = await stage.connect()
        await settled(stage)
        for is_full in (True, False, False):
            log.is_full = is_full
            numbers = [await client.ask("submit", argv=["true"], key="k", env=SECRET) for _ in range(5)]
            for number in numbers:
                if is_full:
                    with pytest.raises(CallError, match="could not be written"):
                        await client.answer(number)
                else:
                    assert (await client.answer(number))["job"] == 1
            log.is_full = False
            await settled(stage)
            assert sorted(secrets._kept) == named_secrets(stage)
            assert len(secrets._kept) == (not is_full)

    play(scenario, log)


def test_a_caller_that_has_gone_leaves_no_environment_behind() -> None:
    async def scenario(stage: Stage) -> None:
        secrets, log = name_secrets(stage), stage.log
        assert isinstance(log, FailingLog)
        for number, (is_full, domain) in enumerate([(False, "default"), (True, "default"), (False, "nowhere")]):
            client = await stage.connect()
            await settled(stage)
            log.is_full = is_full
            await client.ask("submit", argv=["true"], key=f"k{number}", env=SECRET, domain=domain)
            await client.stream.aclose()
            await trio.sleep(0.1)
            log.is_full = False
            await settled(stage)
            assert sorted(secrets._kept) == named_secrets(stage)
        assert len(secrets._kept) == 1

    play(scenario, FailingLog())
