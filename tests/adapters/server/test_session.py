"""One connection that asks more than it may have open: it is made to wait, and never for ever."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
import trio

from meted.adapters.server import session
from meted.adapters.wire.errors import CallError

from .stage import Caller, Stage, play


@pytest.mark.parametrize("seed", range(12))
def test_all_is_answered_however_little_may_be_open(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that are answered at once, with a batch, by a task of their own, and of those that make no sense."""
    random = Random(seed)
    monkeypatch.setattr(session, "OUTSTANDING_REQUESTS_MAX", random.choice((1, 2, 3, 8)))
    kinds: list[tuple[str, dict[str, object]]] = [
        ("status", {}),
        ("submit", {"argv": ["true"], "hold": True}),
        ("submit", {"argv": ["true"], "hold": True, "env": {"PASSWORD": "x"}}),
        ("submit", {"argv": ["true"], "domain": "nowhere"}),
        ("wait", {"job": 1, "wait_us": 20_000}),
        ("nonsense", {}),
    ]

    async def scenario(stage: Stage) -> None:
        await (await stage.connect()).call("submit", argv=["true"], hold=True)
        client = await stage.connect()
        later: list[int] = []
        for _ in range(40):
            numbers = []
            for _ in range(random.randrange(1, 12)):
                method, params = random.choice(kinds)
                numbers.append(await client.ask(method, **params))
                if random.random() < 0.2:
                    await trio.sleep(random.random() / 100)
            if random.random() < 0.5:
                await answers(client, numbers)
            else:
                later += numbers
        await answers(client, later)

    play(scenario)


def test_what_was_asked_before_the_end_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "OUTSTANDING_REQUESTS_MAX", 2)

    async def scenario(stage: Stage) -> None:
        await (await stage.connect()).call("submit", argv=["true"], hold=True)
        client = await stage.connect()
        numbers = [await client.ask("wait", job=1, wait_us=1_000_000) for _ in range(4)]
        stream = client.stream
        assert isinstance(stream, trio.StapledStream)
        await stream.send_eof()
        with trio.fail_after(session.LINGER_S):
            while not client.is_over:
                await trio.sleep(0.1)
        assert client._answers.keys() == set(numbers)

    play(scenario)


async def answers(client: Caller, numbers: list[int]) -> None:
    """Wait for the answers to these requests, whatever they are."""
    for number in numbers:
        with suppress(CallError):
            await client.answer(number)
