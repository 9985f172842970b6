"""The log in one SQLite file: write-ahead log, every commit synced, one row a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from meted.core.batch import GENESIS, Batch

from . import postings as posting_rows
from . import refusals as refusal_rows
from . import reports as report_rows
from . import results as result_rows
from . import rows
from .checks import check_append, check_snapshot, flaw
from .contract import CREDIT_REFUSALS_MAX
from .database import Database
from .directory import LOG_FILE, RESULTS_DIRECTORY, DirectoryLock, log_file, make_log_file, make_private
from .driver import STANDARD, Driver
from .errors import LogDamaged, ResultDamaged
from .records import NO_POSTINGS, CreditRefusal, Head, PostedAccount, Postings, Report, Result, Snapshot, Transfer

_BATCH = "INSERT INTO batches (first_seq, last_seq, at_us, chain, body) VALUES (?, ?, ?, ?, ?)"
_RESULT = "SELECT job_id, unit_index, attempt, digest, body FROM results WHERE job_id = ? AND unit_index"
_RESULTS_PAGE = 256


class SQLiteLog:
    """A ``Log`` in a directory: ``log.sqlite3``, and ``results/`` for large results.

    Any thread may call it, but one at a time. Only one process can have a directory open for writing; readers may come
    at any time, see what is committed, and do not disturb the writer.

    When an append fails, nothing of it is in the log, and the next one works as soon as the cause is gone. One case
    remains that no program can decide: where the disk reports a failed sync and the machine then goes down, the batch
    may be found in the log afterwards, as a batch that was written but never acknowledged.
    """

    def __init__(self, path: Path, read_only: bool, driver: Driver, lock: DirectoryLock | None) -> None:
        """Use ``SQLiteLog.open``."""
        self._lock = lock
        self._files = result_rows.ResultFiles(path.parent / RESULTS_DIRECTORY)
        self._database = Database(path, read_only, driver, self._files)

    @classmethod
    def open(cls, directory: Path | str, read_only: bool = False, driver: Driver = STANDARD) -> SQLiteLog:
        """Open the log in a data directory; make both where they are not there yet.

        Args:
            directory: Made with mode 0700; an existing one must be ours and closed to others.
            read_only: Only read, also while another program writes; then the log must exist.
            driver: Which binding of SQLite to use.

        Raises:
            LogHeld: Another process has it open for writing.
            LogUnsafe: The directory is open to others, or the file is not a log, or it is gone and what belonged to it
                is still there.
            LogMissing: There is no log, and it was to be read only.
            LogTooNew: A newer program made it.
            LogDamaged: The file is not readable as a database. (Damage inside the log is found by reading.)
            LogIOError: The operating system refused.
        """
        directory = Path(directory)
        if read_only:
            return cls.open_file(log_file(directory), driver)
        make_private(directory)
        lock = DirectoryLock(directory)
        log = cls(directory / LOG_FILE, False, driver, lock)
        try:
            make_log_file(directory)
            log._database.open()
            log._sweep()
        except BaseException:
            log.close()
            raise
        return log

    @classmethod
    def open_file(cls, path: Path, driver: Driver = STANDARD, read_only: bool = True) -> SQLiteLog:
        """Open a database file that exists, wherever it lies: a backup, or the log of a running program.

        Args:
            path: The file.
            driver: Which binding of SQLite to use.
            read_only: Only read. Nothing keeps others from writing to it as well, so False is for a file that only
                the caller knows.

        Raises:
            LogError: As for ``open``.
        """
        log = cls(path, read_only, driver, None)
        log._database.open()
        return log

    @property
    def path(self) -> Path:
        """The database."""
        return self._database.path

    @property
    def head(self) -> Head:
        """The end of the log as the log itself notes it; a reader sees it move. Where it is damaged, the last known."""
        database = self._database
        if database.read_only and not database.closed:
            with contextlib.suppress(LogDamaged), self._database.reading(1) as connection:
                database.head = rows.noted_head(connection) or database.head
        return database.head

    def append(
        self,
        batch: Batch,
        results: Sequence[Result] = (),
        forget_jobs: Sequence[int] = (),
        reports: Sequence[Report] = (),
        postings: Postings = NO_POSTINGS,
    ) -> int:
        """Write a batch and its results in one synced transaction; see ``Log.append``."""
        connection = self._database.writable()
        if self._database.damage is not None:
            raise self._database.damage
        check_append(batch, self._database.head, results)
        made = self._files.write(results)
        released: list[bytes] = []
        with self._database.writing(made):
            row = (batch.first_seq, batch.last_seq, batch.at_us, batch.chain, batch.body)
            if results or forget_jobs or reports or postings != NO_POSTINGS:
                list(connection.execute("BEGIN IMMEDIATE"))
                list(connection.execute(_BATCH, row))
                released = result_rows.insert(connection, results, batch.last_seq)
                report_rows.insert(connection, reports)
                posting_rows.insert(connection, postings)
                released += result_rows.forget(connection, forget_jobs)
                report_rows.forget(connection, forget_jobs)
                released = result_rows.unused(connection, {*released, *made})
                list(connection.execute("COMMIT"))
            else:
                list(connection.execute(_BATCH, row))
        self._database.head = Head(batch.last_seq, batch.at_us, batch.chain)
        self._files.delete(released)
        return batch.last_seq

    def read(self, from_seq: int = 1, previous: bytes | None = None) -> Iterator[Batch]:
        """Yield the batch that contains ``from_seq`` and all after it; see ``Log.read``."""
        if previous is not None:
            start = rows.Anchor(from_seq - 1, from_seq, previous)
        else:
            with self._database.reading(from_seq) as connection:
                start = rows.anchor(connection, from_seq)
        yield from rows.walk(start, self._page)

    def chain_at(self, seq: int) -> bytes | None:
        """The chain value stored for the end ``seq``, unchecked, None where no batch ends there; see ``Log``."""
        head = self.head
        if seq == head.seq:
            return head.chain
        with self._database.reading(seq) as connection:
            for batch in rows.batches_before(connection, seq, 1):
                return batch.chain if batch.last_seq == seq else None
        return GENESIS if seq == 0 else None

    def batch_at(self, seq: int) -> Batch | None:
        """The batch that ends at ``seq``, None where none does that is what was written; see ``Log.batch_at``."""
        with self._database.reading(seq) as connection:
            found = rows.batches_before(connection, seq, 2)
        if not found or found[0].last_seq != seq:
            return None
        before = found[1].chain if len(found) > 1 else GENESIS
        return found[0] if flaw(found[0], found[0].first_seq, before) is None else None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot and let go of all but the newest two, in one transaction; see ``Log.save_snapshot``."""
        connection = self._database.writable()
        check_snapshot(snapshot, self.chain_at(snapshot.seq))
        with self._database.writing():
            rows.keep_snapshot(connection, snapshot)

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the snapshots kept, newest first, without those that are not what was written, or cannot be read."""
        with contextlib.suppress(LogDamaged):
            with self._database.reading(1) as connection:
                ids = rows.snapshot_ids(connection)
            for number in ids:
                with contextlib.suppress(LogDamaged), self._database.reading(1) as connection:
                    found = rows.snapshot(connection, number)
                    if found is not None:
                        yield found

    def result(self, job_id: int, index: int) -> Result | None:
        """The result of one unit, None where there is none; see ``Log.result``."""
        with self._database.reading() as connection:
            found = list(connection.execute(f"{_RESULT} = ?", (job_id, index)))
        return next(result_rows.load(found, self._files), None)

    def results(self, job_id: int) -> Iterator[Result]:
        """Yield the results of a job in the order of the units; see ``Log.results``."""
        index = 0
        while True:
            with self._database.reading() as connection:
                select = f"{_RESULT} >= ? ORDER BY unit_index LIMIT {_RESULTS_PAGE}"
                found = list(connection.execute(select, (job_id, index)))
            for result in result_rows.load(found, self._files):
                index = result.index + 1
                yield result
            if len(found) < _RESULTS_PAGE:
                return

    def reports(self, job_id: int, first: int = 0, limit: int = 1_000) -> Iterator[Report]:
        """Yield the reports on any of ``limit`` units of a job from ``first`` on; see ``Log.reports``."""
        with self._database.reading() as connection:
            found = report_rows.load(connection, job_id, first, limit)
        yield from found

    @property
    def has_postings(self) -> bool:
        """Whether the postings of all that happened are kept; see ``Log.has_postings``."""
        with self._database.reading(1) as connection:
            return posting_rows.are_whole(connection)

    def replace_postings(self, found: Iterable[Postings]) -> None:
        """Keep these postings in the place of all that there are; see ``Log.replace_postings``."""
        connection = self._database.writable()
        with self._database.writing():
            posting_rows.replace(connection, found)

    def transfers(self, account_id: int, after_seq: int = 0, limit: int = 1_000) -> Iterator[Transfer]:
        """Yield the first transfers from or to an account behind ``after_seq``; see ``Log.transfers``."""
        with self._database.reading() as connection:
            found = posting_rows.transfers(connection, account_id, after_seq, limit)
        yield from found

    def postings_between(self, first_seq: int, last_seq: int) -> Postings:
        """Return what was posted from one position to another; see ``Log.postings_between``."""
        with self._database.reading() as connection:
            return posting_rows.between(connection, first_seq, last_seq)

    def posted_account(self, account_id: int) -> PostedAccount | None:
        """Whose an account of credit is or was, None where it was never opened; see ``Log.posted_account``."""
        with self._database.reading() as connection:
            return posting_rows.account(connection, account_id)

    def keep_credit_refusals(self, refusals: Sequence[CreditRefusal]) -> None:
        """Keep what was refused, in one transaction; see ``Log.keep_credit_refusals``."""
        connection = self._database.writable()
        with self._database.writing():
            refusal_rows.insert(connection, refusals)

    def credit_refusals(self, limit: int = CREDIT_REFUSALS_MAX) -> Iterator[CreditRefusal]:
        """Yield the newest of them; see ``Log.credit_refusals``."""
        with self._database.reading() as connection:
            found = refusal_rows.newest(connection, limit)
        yield from found

    def flaws(self) -> Iterator[str]:
        """Yield what is wrong with the file besides its batches, each as a clause: pages, indexes, snapshots."""
        with self._database.reading(1) as connection:
            yield from rows.flaws(connection)

    def damaged_results(self) -> Iterator[ResultDamaged]:
        """Yield an error for each result whose file is missing or is not what was written; reads all the files."""
        with self._database.reading(1) as connection:
            digests = sorted(result_rows.used_digests(connection))
        for digest in digests:
            if self._files.read(digest) is None:
                # Asked only now: a program that deletes a job takes its rows first, and then the files.
                select = "SELECT job_id, unit_index, digest FROM results WHERE digest = ? ORDER BY 1, 2"
                with self._database.reading(1) as connection:
                    found = list(connection.execute(select, (digest,)))
                yield from (result_rows.file_damage(row, self._files) for row in found)

    def close(self) -> None:
        """Let go of the log; a second time does nothing."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        """Use the log as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the log."""
        self.close()

    def _page(self, after: int, seq: int) -> rows.Page:
        with self._database.reading(seq) as connection:
            return rows.page(connection, after)

    def _sweep(self) -> None:
        """Delete result files that no row names; not where anything is damaged, as their rows may come back."""
        if self._database.damage is None:
            with contextlib.suppress(LogDamaged), self._database.reading(1) as connection:
                self._files.sweep(result_rows.used_digests(connection))
