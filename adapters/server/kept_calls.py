"""Calls that act once: what was answered under an idempotency key is kept in the batch of what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgpack

from meted.core.commands import KeepCalls
from meted.core.engine import Engine
from meted.core.limits import CALL_ANSWER_BYTES_MAX, CALL_KEY_BYTES
from meted.core.queries import kept_answer

from ..trial import Trial
from .commit_loop import Decide

Retry = Callable[[Engine | Trial, int], object]
"""Decides as :data:`Decide` does, on a trial as well, where nothing comes of it."""


class KeptCalls:
    """The answers of the batch that is being decided; those of the batches before it are in the state."""

    def __init__(self) -> None:
        self._fresh: dict[bytes, bytes] = {}

    def once(self, method: str, user: str, key: str | None, decide: Decide, retry: Retry | None = None) -> Decide:
        """Return ``decide`` so that it acts once for a key; a repetition, after a restart as well, has the same answer.

        A refusal is not kept: the repetition is judged anew.

        Args:
            method, user, key: What is called, by whom, and the key; None acts each time.
            decide: Acts, and returns the answer.
            retry: Answers a repetition, of which nothing comes, where the first answer was too long to be kept; None
                where none ever is.
        """
        if key is None:
            return decide
        digest = hashlib.sha256(f"{method}\0{user}\0{key}".encode()).digest()[:CALL_KEY_BYTES]

        def decide_once(engine: Engine, at_us: int) -> object:
            kept = self._fresh.get(digest) or kept_answer(engine.state, digest)
            if kept is not None:
                answer: object = msgpack.unpackb(kept, use_list=False)
                return retry(Trial(engine.state), at_us) if answer is None and retry is not None else answer
            answer = decide(engine, at_us)
            packed = msgpack.packb(answer)
            if len(packed) > CALL_ANSWER_BYTES_MAX:
                assert retry is not None, f"the answer of {method} is too long to be kept"
                packed = msgpack.packb(None)
            self._fresh[digest] = packed
            return answer

        return decide_once

    def keep(self, engine: Engine, at_us: int) -> None:
        """Have what was answered in this batch kept by it, in one event for all."""
        if self._fresh:
            engine.handle(KeepCalls(at_us, tuple(self._fresh.items())))
            self._fresh.clear()
