"""The bytes of a state, made while a server serves on."""

from __future__ import annotations

import trio

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
