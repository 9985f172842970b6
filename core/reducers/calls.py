"""Calls: the answers that are kept under idempotency keys, oldest out first."""

from __future__ import annotations

from ..events import CallKept
from ..state import Calls, KeptCall


def reduce_calls(calls: Calls, event: CallKept) -> Calls:
    """Return the slice after ``event``."""
    kept = calls.kept.set(calls.next_number, KeptCall(event.key, event.answer))
    numbers = calls.numbers.set(event.key, calls.next_number)
    oldest = calls.oldest_number + event.forgotten
    for number in range(calls.oldest_number, oldest):
        numbers = numbers.delete(kept[number].key)
        kept = kept.delete(number)
    return Calls(kept, numbers, oldest, calls.next_number + 1)
