"""A log in memory: for tests, simulations and programs that need no restart."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from meted.core.batch import GENESIS, Batch

from .checks import check_append, check_snapshot, flaw
from .contract import CREDIT_REFUSALS_MAX, MAX_SNAPSHOTS
from .errors import LogClosed, LogDamaged
from .records import (
    EMPTY,
    NO_POSTINGS,
    CreditRefusal,
    Head,
    PostedAccount,
    Postings,
    Report,
    Result,
    Snapshot,
    Transfer,
)


class MemoryLog:
    """A ``Log`` whose contents live as long as the object; ``copy()`` is what a crash would leave behind."""

    def __init__(self) -> None:
        """Make an empty log."""
        self._batches: list[Batch] = []
        self._snapshots: list[Snapshot] = []
        self._results: dict[int, dict[int, Result]] = {}
        self._reports: dict[int, dict[tuple[int, int], Report]] = {}
        self._accounts: dict[int, PostedAccount] = {}
        self._transfers: dict[int, list[Transfer]] = {}
        self._refusals: list[CreditRefusal] = []
        self._closed = False

    @property
    def head(self) -> Head:
        """The end of the log."""
        if not self._batches:
            return EMPTY
        last = self._batches[-1]
        return Head(last.last_seq, last.at_us, last.chain)

    def append(
        self,
        batch: Batch,
        results: Sequence[Result] = (),
        forget_jobs: Sequence[int] = (),
        reports: Sequence[Report] = (),
        postings: Postings = NO_POSTINGS,
    ) -> int:
        """Keep a batch and its results, all or nothing; see ``Log.append``."""
        self._must_be_open()
        check_append(batch, self.head, results)
        self._batches.append(batch)
        for result in results:
            kept = self._results.setdefault(result.job_id, {})
            if result.index not in kept or kept[result.index].attempt < result.attempt:
                kept[result.index] = result
        for report in reports:
            self._reports.setdefault(report.job_id, {}).setdefault((report.first, report.lease_id), report)
        self._post(postings)
        for job_id in forget_jobs:
            self._results.pop(job_id, None)
            self._reports.pop(job_id, None)
        return batch.last_seq

    def read(self, from_seq: int = 1, previous: bytes | None = None) -> Iterator[Batch]:
        """Yield the batch that contains ``from_seq`` and all after it; see ``Log.read``."""
        self._must_be_open()
        position = self._find(from_seq)
        before = self._batches[position - 1] if position else None
        seq = before.last_seq + 1 if before else 1
        chain = before.chain if before else GENESIS
        if previous is not None:
            chain = previous
        while position < len(self._batches):
            batch = self._batches[position]
            if reason := flaw(batch, seq, chain):
                raise LogDamaged(seq, reason)
            yield batch
            seq, chain = batch.last_seq + 1, batch.chain
            position += 1

    def chain_at(self, seq: int) -> bytes | None:
        """The chain value of the batch that ends at ``seq``, None where none does."""
        self._must_be_open()
        if seq == 0:
            return GENESIS
        position = self._find(seq)
        here = self._batches[position] if position < len(self._batches) else None
        return here.chain if here and here.last_seq == seq else None

    def batch_at(self, seq: int) -> Batch | None:
        """The batch that ends at ``seq``, None where none does."""
        self._must_be_open()
        position = self._find(seq)
        here = self._batches[position] if position < len(self._batches) else None
        return here if here and here.last_seq == seq else None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot and let go of all but the newest two; see ``Log.save_snapshot``."""
        self._must_be_open()
        check_snapshot(snapshot, self.chain_at(snapshot.seq))
        self._snapshots = [snapshot, *self._snapshots][:MAX_SNAPSHOTS]

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the snapshots kept, newest first."""
        self._must_be_open()
        yield from self._snapshots

    def result(self, job_id: int, index: int) -> Result | None:
        """The result of one unit, None where there is none."""
        self._must_be_open()
        return self._results.get(job_id, {}).get(index)

    def results(self, job_id: int) -> Iterator[Result]:
        """Yield the results of a job in the order of the units."""
        self._must_be_open()
        found = self._results.get(job_id, {})
        yield from (found[index] for index in sorted(found))

    def reports(self, job_id: int, first: int = 0, limit: int = 1_000) -> Iterator[Report]:
        """Yield the reports on any of ``limit`` units of a job from ``first`` on; see ``Log.reports``."""
        self._must_be_open()
        for _, report in sorted(self._reports.get(job_id, {}).items()):
            if report.first < first + limit and first < report.first + report.count:
                yield report

    @property
    def has_postings(self) -> bool:
        """Whether the postings of all that happened are kept: always, as nothing else ever wrote to it."""
        return True

    def replace_postings(self, found: Iterable[Postings]) -> None:
        """Keep these postings in the place of all that there are; see ``Log.replace_postings``."""
        self._must_be_open()
        self._accounts.clear()
        self._transfers.clear()
        for postings in found:
            self._post(postings)

    def transfers(self, account_id: int, after_seq: int = 0, limit: int = 1_000) -> Iterator[Transfer]:
        """Yield the first transfers from or to an account behind ``after_seq``; see ``Log.transfers``."""
        self._must_be_open()
        found = self._transfers.get(account_id, [])
        first = bisect_right(found, after_seq, key=lambda transfer: transfer.seq)
        yield from found[first : first + limit]

    def postings_between(self, first_seq: int, last_seq: int) -> Postings:
        """Return what was posted from one position to another; see ``Log.postings_between``."""
        self._must_be_open()
        accounts = [it for it in self._accounts.values() if first_seq <= it.seq <= last_seq]
        moved = {it.seq: it for found in self._transfers.values() for it in found if first_seq <= it.seq <= last_seq}
        by_seq = tuple(sorted(accounts, key=lambda account: account.seq))
        return Postings(by_seq, tuple(moved[seq] for seq in sorted(moved)))

    def posted_account(self, account_id: int) -> PostedAccount | None:
        """Whose an account of credit is or was, None where it was never opened."""
        self._must_be_open()
        return self._accounts.get(account_id)

    def keep_credit_refusals(self, refusals: Sequence[CreditRefusal]) -> None:
        """Keep what was refused; see ``Log.keep_credit_refusals``."""
        self._must_be_open()
        self._refusals = [*self._refusals, *refusals][-CREDIT_REFUSALS_MAX:]

    def credit_refusals(self, limit: int = CREDIT_REFUSALS_MAX) -> Iterator[CreditRefusal]:
        """Yield the newest of them; see ``Log.credit_refusals``."""
        self._must_be_open()
        yield from self._refusals[max(0, len(self._refusals) - limit) :]

    def copy(self) -> MemoryLog:
        """A log with the same contents that goes its own way from here; it is open even where this one is closed."""
        twin = MemoryLog()
        twin._batches = list(self._batches)
        twin._snapshots = list(self._snapshots)
        twin._results = {job_id: dict(found) for job_id, found in self._results.items()}
        twin._reports = {job_id: dict(found) for job_id, found in self._reports.items()}
        twin._accounts = dict(self._accounts)
        twin._transfers = {account_id: list(found) for account_id, found in self._transfers.items()}
        twin._refusals = list(self._refusals)
        return twin

    def close(self) -> None:
        """Let go of the log; a second time does nothing."""
        self._closed = True

    def __enter__(self) -> Self:
        """Use the log as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the log."""
        self.close()

    def _post(self, postings: Postings) -> None:
        for account in postings.accounts:
            self._accounts[account.account_id] = account
        for transfer in postings.transfers:
            for account_id in (transfer.debit, transfer.credit):
                self._transfers.setdefault(account_id, []).append(transfer)

    def _find(self, seq: int) -> int:
        """The index of the batch that contains ``seq``."""
        return bisect_left(self._batches, seq, key=lambda batch: batch.last_seq)

    def _must_be_open(self) -> None:
        if self._closed:
            raise LogClosed("The log is closed; open it again.")
