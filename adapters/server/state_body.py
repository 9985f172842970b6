"""The bytes of a state, or of a snapshot, made while a server serves on."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from meted.core.policy.base import Policy
from meted.core.policy.memory import Memory
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
