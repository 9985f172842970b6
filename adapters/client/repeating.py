"""Calls whose answer may be lost: the key under which each acts once, and the pauses before it is made again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ..wire.methods import Method

REPEATS_MAX = 8
"""How often a call is repeated whose answer was lost; each time the server is dialled again."""

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 2.0
"""Seconds before the first repetition; they double up to the second figure."""

KEY_RANDOM_BYTES = 16
"""Random bytes in an idempotency key."""


def give_key(method: Method | None, params: dict[str, object]) -> None:
    """Add a random idempotency key to the parameters of a method that takes one, unless they have one."""
    if method is not None and method.keyed and params.get("key") is None:
        params["key"] = secrets.token_hex(KEY_RANDOM_BYTES)


def pauses_s(count: int) -> Iterator[float]:
    """Yield how long to wait before each of so many attempts, in seconds."""
    return (min(BACKOFF_FIRST_S * 2**number, BACKOFF_MAX_S) for number in range(count))
