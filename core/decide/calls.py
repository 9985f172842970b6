"""Calls: the answer of each is kept under its idempotency key, so that a retry after a lost answer acts once."""

from __future__ import annotations

from .. import limits
from ..commands import KeepCall
from ..errors import Reason, Refused
from ..events import CallKept, Event
from ..state import State
from . import checks


def decide_calls(state: State, command: KeepCall, at_us: int) -> tuple[Event, ...]:
    """Judge a command on calls."""
    checks.raw(command.key, "key", limits.CALL_KEY_BYTES)
    if len(command.key) != limits.CALL_KEY_BYTES:
        raise Refused(Reason.OUT_OF_RANGE, f"key must be exactly {limits.CALL_KEY_BYTES} bytes long; give a digest.")
    checks.raw(command.answer, "answer", limits.CALL_ANSWER_BYTES_MAX)
    if command.key in state.calls.numbers:
        return ()
    forgotten = max(0, len(state.calls.kept) + 1 - limits.CALLS_KEPT_MAX)
    return (CallKept(at_us, command.key, command.answer, forgotten),)
