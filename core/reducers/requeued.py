"""Units that came back to be tried again, as runs: ascending, each with the history that its units have in common."""

from __future__ import annotations

from ..record import replaced
from ..terms import Requeued


def without(requeued: tuple[Requeued, ...], first: int, count: int) -> tuple[Requeued, ...]:
    """Return ``requeued`` without the first ``count`` units of the run that starts at ``first``."""
    runs = []
    for run in requeued:
        if run.first != first:
            runs.append(run)
        elif run.count > count:
            runs.append(replaced(run, first=first + count, count=run.count - count))
    return tuple(runs)


def merged(requeued: tuple[Requeued, ...], more: tuple[Requeued, ...]) -> tuple[Requeued, ...]:
    """Return both lists of runs as one, ascending; neighbours with the same history are joined."""
    if not more:
        return requeued
    runs: list[Requeued] = []
    for run in sorted((*requeued, *more), key=lambda run: run.first):
        joined = _joined(runs[-1], run) if runs else None
        if joined is None:
            runs.append(run)
        else:
            runs[-1] = joined
    return tuple(runs)


def _joined(left: Requeued, right: Requeued) -> Requeued | None:
    """Return both as one run, or None if they do not meet or have another history."""
    if left.first + left.count != right.first:
        return None
    joined = replaced(left, count=left.count + right.count)
    return joined if joined == replaced(right, first=left.first, count=joined.count) else None
