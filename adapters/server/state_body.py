"""The bytes of a state, and their digest, made while a server serves on."""

from __future__ import annotations

from collections.abc import Callable

import trio

from meted.core.schema import body_digest
from meted.core.state import State
from meted.core.state_bytes import state_pieces

from .runner import Runner


async def state_body(state: State, runner: Runner) -> bytes:
    """Return what :func:`meted.core.state_bytes.encode_state` does; all other tasks have a turn between two pieces.

    It is no work for a thread: that takes the interpreter away from whatever task is at work, and passes of the policy
    took three times as long meanwhile. Joining the pieces is, as Python lets go of the interpreter for it.
    """
    pieces: list[bytes] = []
    for piece in state_pieces(state):
        pieces.append(piece)
        await trio.lowlevel.checkpoint()
    return await runner(lambda: b"".join(pieces))


class Digest:
    """The digest of the state; callers that come together share one computation."""

    def __init__(self, state: Callable[[], State], runner: Runner) -> None:
        """Tell of what ``state`` returns, the newest that is durable."""
        self._state = state
        self._runner = runner
        self._digesting = trio.Lock()
        self._begun = 0
        self._found: dict[str, object] | None = None

    async def found(self) -> object:
        """Return the position and the digest of a state no older than the call."""
        asked = self._begun
        async with self._digesting:
            if self._begun == asked or self._found is None:
                self._begun += 1
                state = self._state()
                body = await state_body(state, self._runner)
                digest = await self._runner(lambda: body_digest(body))
                self._found = {"seq": state.seq, "digest": digest}
            return self._found
