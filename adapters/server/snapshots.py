"""The snapshots that a server keeps now and then, so that the next start is quick."""

from __future__ import annotations

import trio

from meted.core.policy.base import Policy
from meted.core.policy.memory import Memory
from meted.core.snapshots import snapshot_version
from meted.core.state import State

from ..log import Log, LogError, Snapshot
from .runner import Runner
from .state_body import snapshot_body

SNAPSHOT_EVENTS = 100_000
"""After so many events a snapshot is taken: they are folded in about a second."""


class Snapshots:
    """Keeps snapshots of committed states.

    Attributes:
        seq: Position of the last one.
        error: Why the last one could not be kept, or None; nothing is lost by it.
    """

    def __init__(self, log: Log, log_lock: trio.Lock, runner: Runner, seq: int, every_events: int) -> None:
        """Keep them in ``log``.

        Args:
            log: Open for writing.
            log_lock: Held by whoever writes to it.
            runner: How the disk is waited for.
            seq: Position of the last one.
            every_events: Another is due after so many events.
        """
        self.seq = seq
        self.error: LogError | None = None
        self._log = log
        self._log_lock = log_lock
        self._runner = runner
        self._every_events = every_events

    def is_due(self, state: State) -> bool:
        """Whether so much has happened that one of this committed state is to be kept."""
        # A snapshot costs as much as the state is large; so a large one waits for more events.
        due = max(self._every_events, 4 * len(state.jobs.jobs))
        return state.seq - self.seq >= due

    async def keep(self, state: State, policy: Policy, memory: Memory | None, chain: bytes) -> None:
        """Keep a snapshot of a committed state, with what the policy remembers there.

        Where it fails nothing is lost, and another is due later.
        """
        body = await snapshot_body(state, policy, memory, self._runner)
        snapshot = Snapshot(state.seq, state.at_us, chain, snapshot_version(memory), body)
        self.seq = state.seq
        try:
            async with self._log_lock:
                await self._runner(lambda: self._log.save_snapshot(snapshot))
        except LogError as error:
            self.error = error
