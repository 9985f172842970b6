"""What every log can do: append a batch durably, read it back, keep two snapshots and the results of units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from meted.core.batch import Batch

from .records import NO_POSTINGS, CreditRefusal, Head, PostedAccount, Postings, Report, Result, Snapshot, Transfer

MAX_BATCH_BYTES = 256 * 1024 * 1024
"""Largest body of one batch."""

MAX_RESULT_BYTES = 512 * 1024 * 1024
"""Largest body of one unit's result."""

MAX_SNAPSHOT_BYTES = 900_000_000
"""Largest body of one snapshot: a little below SQLite's limit for one value."""

CREDIT_REFUSALS_MAX = 10_000
"""So many commands about credit that were refused are kept; the oldest go first."""

MAX_SNAPSHOTS = 2
"""So many snapshots are kept; an older one goes when a newer one is safe."""


class Log(Protocol):
    """An append-only sequence of batches, with snapshots of the state and the results of units beside it.

    One caller at a time: calls may come from different threads, but never two at once. Every method raises a
    ``LogError`` with one English sentence where it cannot do its work.
    """

    @property
    def head(self) -> Head:
        """The end of the log, ``Head(0, 0, GENESIS)`` where it is empty."""

    def append(
        self,
        batch: Batch,
        results: Sequence[Result] = (),
        forget_jobs: Sequence[int] = (),
        reports: Sequence[Report] = (),
        postings: Postings = NO_POSTINGS,
    ) -> int:
        """Write a batch and the results that belong to it, all or nothing; it is durable on return.

        Args:
            batch: Must start at ``head.seq + 1``, not before ``head.at_us``, and follow ``head.chain``.
            results: Kept under (job_id, index); the one of a newer attempt takes the place of an older one, and of
                the same attempt the first stays, so a repeated call changes nothing.
            forget_jobs: All results and reports of these jobs are deleted, those of this call included.
            reports: Where to find how units ended; their ``seq`` is that of ``batch``.
            postings: What the batch says of credit, for statements; each ``seq`` is that of an event in it.

        Returns:
            The new ``head.seq``.

        Raises:
            LogConflict: The batch does not follow the head. Nothing was written.
            LogTooLarge: The batch or a result exceeds its limit. Nothing was written.
            LogFull: No space. Nothing was written; try again when there is some.
            LogIOError: The operating system refused. Nothing was written; try again.
            LogDamaged: The end of the log is damaged, so nothing can follow it.
            LogClosed: The log is closed or read-only.
        """

    def read(self, from_seq: int = 1, previous: bytes | None = None) -> Iterator[Batch]:
        """Yield the batch that contains ``from_seq`` and all after it, each checked against the one before.

        Args:
            from_seq: Position of an event; behind the head there is nothing to yield.
            previous: Chain value before the first batch yielded, where it is known better than from the log
                itself (from a snapshot); ``from_seq`` must then be the start of a batch.

        Raises:
            LogDamaged: At the first batch that is not what was written; all before it have been yielded.
        """

    def chain_at(self, seq: int) -> bytes | None:
        """The chain value stored with the batch that ends at ``seq``, unchecked; None where no batch ends there."""

    def batch_at(self, seq: int) -> Batch | None:
        """The batch that ends at ``seq``, None where none does that is what was written."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, all or nothing, and let go of all but the newest two.

        Raises:
            LogConflict: No batch of this log ends at its ``seq`` with its ``chain``.
            LogTooLarge: The body exceeds ``MAX_SNAPSHOT_BYTES``.
            LogFull: No space; the snapshots kept so far stay.
            LogIOError: The operating system refused; the snapshots kept so far stay.
        """

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the snapshots kept, newest first, without those that are not what was written."""

    def result(self, job_id: int, index: int) -> Result | None:
        """The result of one unit, None where there is none.

        Raises:
            ResultDamaged: There was one, but its file is missing or is not what was written.
        """

    def results(self, job_id: int) -> Iterator[Result]:
        """Yield the results of a job in the order of the units.

        Raises:
            ResultDamaged: As for ``result``, when the unit's turn comes.
        """

    def reports(self, job_id: int, first: int = 0, limit: int = 1_000) -> Iterator[Report]:
        """Yield the reports on any of ``limit`` units of a job from ``first`` on, by their first unit, then by lease.

        A log that an older version of meted wrote has none of what happened then.
        """

    @property
    def has_postings(self) -> bool:
        """Whether the postings of all that happened are kept.

        They are not where an older version of meted wrote the log, or it was repaired, until they are replaced.
        """

    def replace_postings(self, found: Iterable[Postings]) -> None:
        """Keep these postings in the place of all that there are; ``found`` may read from this log meanwhile.

        Raises:
            LogFull, LogIOError: It could not be written. Some of them may be kept, and ``has_postings`` is false.
        """

    def transfers(self, account_id: int, after_seq: int = 0, limit: int = 1_000) -> Iterator[Transfer]:
        """Yield the first ``limit`` transfers from or to an account behind ``after_seq``, in their order."""

    def postings_between(self, first_seq: int, last_seq: int) -> Postings:
        """Return the accounts that were opened and what moved from one position to another, each by their positions."""

    def posted_account(self, account_id: int) -> PostedAccount | None:
        """Whose an account of credit is or was, None where it was never opened."""

    def keep_credit_refusals(self, refusals: Sequence[CreditRefusal]) -> None:
        """Keep what was refused, and let go of the oldest beyond ``CREDIT_REFUSALS_MAX``; no batch is touched.

        Raises:
            LogFull, LogIOError: It could not be written, and none of it is kept.
            LogClosed: The log is closed or read-only.
        """

    def credit_refusals(self, limit: int = CREDIT_REFUSALS_MAX) -> Iterator[CreditRefusal]:
        """Yield the newest ``limit`` of them, in the order in which they were kept."""

    def close(self) -> None:
        """Let go of the log; a second time does nothing."""

    def __enter__(self) -> Self:
        """Use the log as a context manager; it is closed at the end."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the log."""
