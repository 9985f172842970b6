"""Calls: a retry is told what the first was told, also after a restart; the oldest answers go."""

from __future__ import annotations

import pytest

from meted.core import limits
from meted.core.commands import KeepCall
from meted.core.events import CallKept
from meted.core.queries import kept_answer
from meted.core.schema import decode_state
from meted.core.state_bytes import encode_state

from .helper import World


def key_of(number: int) -> bytes:
    """Return the digest of a key."""
    return number.to_bytes(limits.CALL_KEY_BYTES, "big")


def test_an_answer_is_kept_once(world: World) -> None:
    assert kept_answer(world.state, key_of(1)) is None
    assert world.do(KeepCall(5, key_of(1), b"job 1")) == (CallKept(5, key_of(1), b"job 1", 0),)
    assert world.do(KeepCall(6, key_of(1), b"job 2")) == ()
    assert kept_answer(world.state, key_of(1)) == b"job 1"
    assert kept_answer(decode_state(encode_state(world.state)), key_of(1)) == b"job 1"


def test_what_was_not_written_is_not_kept(world: World) -> None:
    world.do(KeepCall(0, key_of(1), b"job 1"))
    world.abandon()
    assert kept_answer(world.state, key_of(1)) is None


def test_the_oldest_answers_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLS_KEPT_MAX", 3)
    for number in range(5):
        world.do(KeepCall(0, key_of(number), b"%d" % number))
    assert [kept_answer(world.state, key_of(number)) for number in range(5)] == [None, None, b"2", b"3", b"4"]
    monkeypatch.setattr(limits, "CALLS_KEPT_MAX", 2)  # a limit may be lowered: the log says how many went
    (event,) = world.do(KeepCall(0, key_of(0), b"again"))
    assert isinstance(event, CallKept)
    assert event.forgotten == 2
    assert [kept_answer(world.state, key_of(number)) for number in range(5)] == [b"again", None, None, None, b"4"]


def test_ten_thousand_answers_are_kept(world: World) -> None:
    for number in range(limits.CALLS_KEPT_MAX + 1):
        world.do(KeepCall(0, key_of(number), b""))
    assert len(world.state.calls.kept) == limits.CALLS_KEPT_MAX
    assert kept_answer(world.state, key_of(0)) is None
    assert kept_answer(world.state, key_of(1)) == b""
