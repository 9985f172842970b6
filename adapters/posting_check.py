"""Whether the rows of statements say what the events say, and how to make them anew where they do not."""

from __future__ import annotations

from pathlib import Path

from meted.core.batch import Batch
from meted.core.events import (
    CreditMoved,
    CreditOpened,
    DomainCreated,
    DonorPaid,
    FeePosted,
    HoldPosted,
)
from meted.core.schema import decode_events
from meted.core.state import State

from .log import Log, LogDamaged, PostedAccount, Postings, SQLiteLog, Transfer
from .log.reading import open_log
from .log.verify import Progress
from .postings import Bookkeeper, write_postings

CHECK_ROWS = 10_000
"""So many rows are compared at once."""

_MARKS = tuple(
    kind.tag.encode() for kind in (CreditMoved, CreditOpened, DomainCreated, DonorPaid, FeePosted, HoldPosted)
)
"""What stands in a batch that says anything of credit."""


def wrong_rows(path: Path, progress: Progress | None = None) -> str | None:
    """Return a sentence on the first row of a log's statements that does not say what its events say, or None.

    Rows are made when a batch is written, and nothing but this vouches for them; the events are what counts. A log that
    has no rows yet, or is damaged, has none that could be wrong: they are made when it is opened.

    Args:
        path: A data directory, or a single file such as a backup; the log in it should be verified before.
        progress: Is told the seq that was reached, and the last one.

    Raises:
        LogError: It cannot be read.
    """
    with open_log(path) as log:
        return wrong_postings(log, progress) if log.has_postings else None


def rewrite_rows(path: Path) -> None:
    """Make the rows of a log's statements anew from its events.

    Raises:
        LogError: It cannot be written, or a program uses it.
    """
    with SQLiteLog.open(path) as log:
        write_postings(log)


def wrong_postings(log: Log, progress: Progress | None = None) -> str | None:
    """Return what :func:`wrong_rows` does, of a log that is open and has rows."""
    keeper, check, end, last_seq = Bookkeeper(State()), _Check(log), log.head.seq, 0
    try:
        for batch in log.read(1):
            last_seq = batch.last_seq
            if _may_tell(batch):
                check.add(keeper.read(decode_events(batch.body), batch.first_seq), batch.last_seq)
                if check.wrong is not None:
                    return check.wrong
            if progress is not None:
                progress(batch.last_seq, end)
    except LogDamaged:
        return None
    check.finish(last_seq)  # a program that goes on writing may have added more by now
    return check.wrong


def _may_tell(batch: Batch) -> bool:
    """Whether a batch says anything of credit, as far as can be told without decoding it."""
    return any(mark in batch.body for mark in _MARKS)


class _Check:
    """Gathers what there should be, and compares it with what there is.

    Attributes:
        wrong: The first difference, as a sentence.
    """

    def __init__(self, log: Log) -> None:
        self.wrong: str | None = None
        self._log = log
        self._from_seq = 1
        self._accounts: list[PostedAccount] = []
        self._transfers: list[Transfer] = []

    def add(self, postings: Postings, last_seq: int) -> None:
        self._accounts += postings.accounts
        self._transfers += postings.transfers
        if len(self._accounts) + len(self._transfers) >= CHECK_ROWS:
            self.finish(last_seq)

    def finish(self, last_seq: int) -> None:
        """Compare what there should be up to a position."""
        found = self._log.postings_between(self._from_seq, last_seq)
        for there, should in (
            (list(found.accounts), sorted(self._accounts, key=lambda row: row.seq)),
            (list(found.transfers), self._transfers),
        ):
            if there != should and self.wrong is None:
                self.wrong = _difference(
                    {row.seq: row for row in there},
                    {row.seq: row for row in should},
                )
        self._from_seq = last_seq + 1
        self._accounts.clear()
        self._transfers.clear()


def _difference(there: dict[int, object], should: dict[int, object]) -> str:
    seq = min(seq for seq in {*there, *should} if there.get(seq) != should.get(seq))
    what = "a line too many" if seq not in should else "a changed line" if seq in there else "no line"
    return (
        f"The events are right, but the statements of credit have {what} for seq {seq}; "
        "`meted log repair` makes the statements anew from the events."
    )
