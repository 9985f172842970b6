"""A state is encoded while its server serves on."""

from __future__ import annotations

import pytest
import trio

from meted.adapters.server.runner import in_place
from meted.adapters.server.state_body import state_body
from meted.core.commands import CreateDomain, SubmitJob
from meted.core.engine import Engine
from meted.core.policy.meted import Meted
from meted.core.state_bytes import PIECE_ENTRIES, encode_state, state_pieces

PIECES = 5


def _engine() -> Engine:
    engine = Engine(Meted())
    engine.handle(CreateDomain(1, "d"))
    for number in range(PIECES * PIECE_ENTRIES):
        engine.handle(SubmitJob(2 + number, "d"))
    return engine


@pytest.mark.trio
async def test_other_tasks_have_their_turns_while_a_state_is_encoded() -> None:
    """What is encoded is the state as it was, though the engine goes on; and it goes on many times."""
    engine = _engine()
    state = engine.state
    turns = 0

    async def submit() -> None:
        nonlocal turns
        while True:
            engine.handle(SubmitJob(engine.now_us, "d"))
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit)
        body = await state_body(state, in_place)  # joining them in a thread would give others their turns as well
        nursery.cancel_scope.cancel()
    assert body == encode_state(state) != encode_state(engine.state)
    assert turns > PIECES


def test_no_piece_of_a_state_is_much_of_it() -> None:
    """The jobs are in as many pieces as they should be, so that nobody waits long between two."""
    pieces = list(state_pieces(_engine().state))
    assert max(map(len, pieces)) < sum(map(len, pieces)) / PIECES
