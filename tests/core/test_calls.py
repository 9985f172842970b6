"""Calls: a retry is told what the first was told, also after a restart; the oldest answers go."""

from __future__ import annotations

import msgpack
import pytest

from meted.core import limits
from meted.core.codec import encode_events
from meted.core.commands import KeepCalls
from meted.core.events import CallsKept
from meted.core.queries import kept_answer
from meted.core.reducers.log import LogFold
from meted.core.schema import decode_events, decode_state
from meted.core.state import State
from meted.core.state_bytes import encode_state

from .helper import World


def key_of(number: int) -> bytes:
    """Return the digest of a key."""
    return number.to_bytes(limits.CALL_KEY_BYTES, "big")


def keep(world: World, *numbers: int, answer: bytes = b"") -> tuple[object, ...]:
    """Keep the answers of some calls, by one command."""
    return world.do(KeepCalls(0, tuple((key_of(number), answer or b"%d" % number) for number in numbers)))


def kept(world: World, numbers: range) -> list[int]:
    """Return the calls whose answers are kept, each its own."""
    found = {number: kept_answer(world.state, key_of(number)) for number in numbers}
    assert all(answer in (None, b"%d" % number) for number, answer in found.items())
    return [number for number, answer in found.items() if answer is not None]


def test_an_answer_is_kept_once(world: World) -> None:
    calls = ((key_of(1), b"job 1"), (key_of(2), b"job 2"))
    assert kept_answer(world.state, key_of(1)) is None
    assert world.do(KeepCalls(5, calls)) == (CallsKept(5, calls, 0),)
    assert world.do(KeepCalls(6, ((key_of(1), b"job 3"),))) == ()
    assert kept_answer(world.state, key_of(1)) == b"job 1"
    assert kept_answer(decode_state(encode_state(world.state)), key_of(2)) == b"job 2"


def test_of_several_under_one_key_the_first_is_kept(world: World) -> None:
    again = KeepCalls(5, ((key_of(1), b"job 1"), (key_of(2), b"job 2"), (key_of(1), b"job 3")))
    assert world.do(again) == (CallsKept(5, again.calls[:2], 0),)
    assert world.do(KeepCalls(6, ((key_of(3), b"job 3"), (key_of(2), b"job 4")))) == (
        CallsKept(6, ((key_of(3), b"job 3"),), 0),
    )


def test_what_was_not_written_is_not_kept(world: World) -> None:
    keep(world, 1)
    world.abandon()
    assert kept_answer(world.state, key_of(1)) is None


def test_the_oldest_answers_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLS_KEPT_MAX", 3)
    keep(world, 0)
    keep(world, 1, 2)
    keep(world, 3, 4)
    assert kept(world, range(5)) == [2, 3, 4]
    monkeypatch.setattr(limits, "CALLS_KEPT_MAX", 2)  # a limit may be lowered: the log says how many went
    (event,) = keep(world, 0)
    assert isinstance(event, CallsKept)
    assert event.forgotten == 2
    assert kept(world, range(5)) == [0, 4]
    keep(world, 5, 6, 7)  # more than are kept: the first of them goes at once
    assert kept(world, range(8)) == [6, 7]


def test_ten_thousand_answers_are_kept(world: World) -> None:
    for first in range(0, limits.CALLS_KEPT_MAX + 1, limits.CALLS_PER_COMMAND_MAX):
        keep(world, *range(first, min(first + limits.CALLS_PER_COMMAND_MAX, limits.CALLS_KEPT_MAX + 1)))
    assert len(world.state.calls.kept) == limits.CALLS_KEPT_MAX
    assert kept_answer(world.state, key_of(0)) is None
    assert kept_answer(world.state, key_of(1)) == b"1"


def test_the_log_of_an_older_version_had_an_event_a_call() -> None:
    was = [
        {"at_us": 5, "key": key_of(number), "answer": b"%d" % number, "forgotten": number // 3} for number in (1, 2, 3)
    ]
    events = decode_events(msgpack.packb([("call_kept", 1, fields) for fields in was]))
    assert events == [CallsKept(5, ((key_of(number), b"%d" % number),), number // 3) for number in (1, 2, 3)]
    fold = LogFold(State())
    fold.add(decode_events(encode_events(events)))
    assert [kept_answer(fold.finish(), key_of(number)) for number in (1, 2, 3)] == [None, b"2", b"3"]
