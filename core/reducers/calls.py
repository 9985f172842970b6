"""Calls: the answers that are kept under idempotency keys, oldest out first."""

from __future__ import annotations

from ..events import CallsKept
from ..state import Calls, KeptCall


def reduce_calls(calls: Calls, event: CallsKept) -> Calls:
    """Return the slice after ``event``."""
    kept, numbers = calls.kept.mutate(), calls.numbers.mutate()
    following = calls.next_number
    for key, answer in event.calls:
        kept[following] = KeptCall(key, answer)
        numbers[key] = following
        following += 1
    oldest = calls.oldest_number + event.forgotten
    for number in range(calls.oldest_number, oldest):
        del numbers[kept.pop(number).key]
    return Calls(kept.finish(), numbers.finish(), oldest, following)
