"""A server whose log is damaged, where no snapshot helps: it shows the pool as it was before, and takes nothing.

Its committer takes nothing. So nothing is decided, written or sent to a worker, whoever asks, and no timer runs; what
is only read goes past the committer and is answered as ever. The answer to all else is ``FAILED`` and not a refusal:
the same call may succeed once the log is repaired, and workers keep what they have and dial again meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import trio

from meted.core.engine import Engine
from meted.core.state import State

from ..log import Log, LogDamaged
from ..wire.errors import CallError, Code
from .commit_loop import CommitLoop, Decide, Resolve


def why_read_only(state: State, damage: LogDamaged) -> str:
    """Return what whoever looks at the pool is told, and whoever wants something of it: one sentence.

    Args:
        state: What is shown: all that came before the damage.
        damage: Why there is no more.
    """
    shown = "before anything had happened"
    if state.seq:
        at = datetime.fromtimestamp(state.at_us // 1_000_000, UTC)
        shown = f"at seq {state.seq}, {at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"The pool is read-only, as its log is damaged at seq {damage.seq} ({damage.reason}), and is shown as it was "
        f"{shown}; to change anything, stop the server and run `meted log repair`, or put a backup in its place, and "
        "`meted log verify` says what is lost."
    )


class ReadOnlyLoop(CommitLoop):
    """A committer that takes nothing; everybody who calls is told why at once."""

    def __init__(self, log: Log, engine: Engine, clock: Callable[[], int], damage: LogDamaged) -> None:
        """Stand where a committer would, for an engine with all that is good of ``log``."""
        super().__init__(log, engine, clock, lambda _: None, engine.committed.seq)
        self.read_only = sentence = why_read_only(engine.committed, damage)
        self._refusal = CallError(Code.FAILED, "read_only", sentence)
        self._closed = trio.Event()

    def call(self, decide: Decide, resolve: Resolve) -> None:
        """Answer that nothing can be changed."""
        resolve(self._refusal)

    def close(self) -> None:
        """Let :meth:`run` return."""
        self._closed.set()

    async def run(self) -> None:
        """Wait for :meth:`close`."""
        await self._closed.wait()
