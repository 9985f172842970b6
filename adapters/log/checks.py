"""The checks that every store makes: does a batch follow, may it be appended, does a snapshot belong here."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.batch import Batch, is_intact

from .contract import MAX_BATCH_BYTES, MAX_RESULT_BYTES, MAX_SNAPSHOT_BYTES
from .errors import LogConflict, LogTooLarge
from .records import Head, Result, Snapshot

MAX_INTEGER = 2**63 - 1
"""Largest position or time: the largest integer that SQLite stores."""


def flaw(batch: Batch, seq: int, previous: bytes) -> str | None:
    """Say what is wrong with a stored batch that is due at ``seq`` after the chain value ``previous``.

    Its fields may hold anything, also values of a wrong type: they come from a file that may be damaged.

    Returns:
        A clause for an error message, or None where the batch is what was written.
    """
    if type(previous) is not bytes:
        return "the chain value before it is missing"
    numbers = (batch.first_seq, batch.last_seq, batch.at_us)
    if not all(type(number) is int and 0 <= number <= MAX_INTEGER for number in numbers):
        return "a batch holds numbers that cannot be"
    if type(batch.body) is not bytes or type(batch.chain) is not bytes:
        return "a batch holds something else than bytes"
    if batch.first_seq != seq:
        return f"a batch that starts at seq {batch.first_seq} stands where seq {seq} is due"
    if batch.last_seq < batch.first_seq:
        return "a batch ends before it starts"
    if not is_intact(batch, previous):
        return "a batch is not what was written, as its chain hash does not fit"
    return None


def check_append(batch: Batch, head: Head, results: Sequence[Result]) -> None:
    """Refuse a batch that does not follow ``head`` or is too large.

    Raises:
        LogConflict: It does not follow, or a result has numbers that cannot be.
        LogTooLarge: It or a result exceeds its limit.
    """
    if batch.first_seq != head.seq + 1:
        raise LogConflict(
            f"The log ends at seq {head.seq}, so a batch that starts at seq {batch.first_seq} does not follow; "
            "read the log again and decide anew."
        )
    if batch.at_us < head.at_us:
        raise LogConflict(f"Time would run back from {head.at_us} to {batch.at_us} microseconds; take the later one.")
    if reason := flaw(batch, head.seq + 1, head.chain):
        raise LogConflict(f"The batch at seq {batch.first_seq} was not written, as {reason}.")
    if len(batch.body) > MAX_BATCH_BYTES:
        raise LogTooLarge(
            f"A batch of {len(batch.body)} bytes exceeds the limit of {MAX_BATCH_BYTES}; send less at once."
        )
    for result in results:
        if not all(0 <= number <= MAX_INTEGER for number in (result.job_id, result.index, result.attempt)):
            raise LogConflict(f"The result of unit {result.index} of job {result.job_id} has numbers that cannot be.")
        if len(result.body) > MAX_RESULT_BYTES:
            raise LogTooLarge(
                f"The result of unit {result.index} of job {result.job_id} has {len(result.body)} bytes, more than the "
                f"limit of {MAX_RESULT_BYTES}; let the unit write a file instead."
            )


def check_snapshot(snapshot: Snapshot, chain: bytes | None) -> None:
    """Refuse a snapshot that does not belong to the log.

    Args:
        snapshot: What is to be kept.
        chain: Chain value of the batch that ends at ``snapshot.seq``, None where none does.

    Raises:
        LogConflict: It is a snapshot of another history.
        LogTooLarge: Its body exceeds ``MAX_SNAPSHOT_BYTES``.
    """
    if snapshot.chain != chain:
        raise LogConflict(
            f"The snapshot at seq {snapshot.seq} was not kept, as no batch of this log ends there with its chain "
            "value; take one of the state after a committed batch."
        )
    if len(snapshot.body) > MAX_SNAPSHOT_BYTES:
        raise LogTooLarge(
            f"A snapshot of {len(snapshot.body)} bytes exceeds the limit of {MAX_SNAPSHOT_BYTES}; "
            "archive jobs that have ended."
        )
