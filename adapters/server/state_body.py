"""The bytes of a state and their digest, or of a snapshot, made while a server serves on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from meted.core.policy.base import Policy
from meted.core.policy.memory import Memory
from meted.core.schema import body_digest
from meted.core.snapshots import snapshot_pieces
from meted.core.state import State
from meted.core.state_bytes import state_pieces

from .runner import Runner


async def state_body(state: State, runner: Runner) -> bytes:
    """Return what :func:`meted.core.state_bytes.encode_state` does; see :func:`joined`."""
    return await joined(state_pieces(state), runner)


async def snapshot_body(state: State, policy: Policy, memory: Memory | None, runner: Runner) -> bytes:
    """Return what :func:`meted.core.snapshots.encode_snapshot` does; see :func:`joined`."""
    return await joined(snapshot_pieces(state, policy, memory), runner)


async def joined(found: Iterable[bytes], runner: Runner) -> bytes:
    """Return pieces as they come, as one; all other tasks have a turn between two of them.

    It is no work for a thread: that takes the interpreter away from whatever task is at work, and passes of the policy
    took three times as long meanwhile. Joining the pieces is, as Python lets go of the interpreter for it.
    """
    pieces: list[bytes] = []
    for piece in found:
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
