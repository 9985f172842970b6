"""Calls: the answer of each is kept under its idempotency key, so that a retry after a lost answer acts once."""

from __future__ import annotations

from .. import limits
from ..commands import KeepCalls
from ..errors import Reason, Refused
from ..events import CallsKept, Event
from ..state import State
from . import checks


def decide_calls(state: State, command: KeepCalls, at_us: int) -> tuple[Event, ...]:
    """Judge a command on calls."""
    known = state.calls.numbers
    news: dict[bytes, bytes] = {}
    for call in checks.items(command.calls, "calls", limits.CALLS_PER_COMMAND_MAX):
        first, second = checks.pair(call, "a call")
        key = checks.raw(first, "key", limits.CALL_KEY_BYTES)
        if len(key) != limits.CALL_KEY_BYTES:
            raise Refused(
                Reason.OUT_OF_RANGE, f"key must be exactly {limits.CALL_KEY_BYTES} bytes long; give a digest."
            )
        answer = checks.raw(second, "answer", limits.CALL_ANSWER_BYTES_MAX)
        if key not in known:
            news.setdefault(key, answer)
    if not news:
        return ()
    forgotten = max(0, len(state.calls.kept) + len(news) - limits.CALLS_KEPT_MAX)
    return (CallsKept(at_us, tuple(news.items()), forgotten),)
