"""Where recovery starts: at the newest snapshot that belongs to this log, else at its beginning."""

from __future__ import annotations

from collections.abc import Iterator

from meted.core.batch import Batch

from .contract import Log
from .errors import LogDamaged
from .records import Snapshot


def belongs(log: Log, snapshot: Snapshot) -> bool:
    """Whether a snapshot is one of this very history.

    It is if the batch that ends at its seq has its chain value, or if the batch after it follows that value. So a
    snapshot beyond a damaged batch serves as well: its chain value vouches for what was there.
    """
    try:
        if log.chain_at(snapshot.seq) == snapshot.chain:
            return True
        return next(log.read(snapshot.seq + 1, snapshot.chain), None) is not None
    except LogDamaged:
        return False


def start_point(log: Log) -> tuple[Snapshot | None, int]:
    """Find the newest snapshot that belongs to the log; one that is not itself what was written is passed over.

    Returns:
        The snapshot, or None; and the first seq that is not in it. Go on with ``log.read(seq, snapshot.chain)``.
    """
    for snapshot in log.snapshots():
        if belongs(log, snapshot):
            return snapshot, snapshot.seq + 1
    return None, 1


def tail(log: Log, snapshot: Snapshot | None) -> Iterator[Batch]:
    """Yield the batches that are not in ``snapshot``, which came from ``start_point``.

    Raises:
        LogDamaged: At the first batch that is not what was written; what came before it is good.
    """
    return log.read(1) if snapshot is None else log.read(snapshot.seq + 1, snapshot.chain)
