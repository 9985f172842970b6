"""A copy of a log in one file, taken while a program writes to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from meted.core.record import record

from . import results as result_rows
from .directory import RESULTS_DIRECTORY, log_file
from .driver import STANDARD, connect, explain
from .errors import LogDamaged, LogFull
from .files import draft_of
from .results import ResultFiles
from .sqlite import SQLiteLog
from .verify import Progress, VerifyReport, verify

PAGES_A_STEP = 4096
"""Pages copied between two calls of the progress function; 16 MiB."""


@record
class BackupReport:
    """What a backup holds.

    Attributes:
        verified: What verifying the copy found.
        large_results: Results that are files in the data directory and were put into the copy.
        missing_results: Results whose file was missing or changed; they are not in the copy.
    """

    verified: VerifyReport
    large_results: int
    missing_results: int


def backup(directory: Path | str, target: Path | str, progress: Progress | None = None) -> BackupReport:
    """Copy the log in a data directory to one file, consistent, also while a program writes, and verify the copy.

    The copy holds everything, the large results included, which are files in the data directory. To restore it, put
    it as ``log.sqlite3`` into an empty directory of mode 0700.

    Args:
        directory: The data directory.
        target: A file that is not there yet; it gets mode 0600.
        progress: Is told how many pages are copied, and of how many.

    Raises:
        LogMissing: There is no log.
        LogUnsafe: The target is there already, or the file is not a log.
        LogTooNew: A newer program made it.
        LogDamaged: The copy is not good, so it was not kept: the log itself is damaged.
        LogFull: No space is left for the copy.
        LogIOError: The operating system refused.
    """
    source, target = log_file(Path(directory)), Path(target)
    SQLiteLog.open_file(source).close()  # refuses what is not a log
    with draft_of(target) as draft:
        with _explained(source, target, f"copied to {target}"):
            copy_pages(source, draft, progress)
        with _explained(target, target, "written"):
            counts = _take_in(draft, ResultFiles(source.parent / RESULTS_DIRECTORY))
        report = verify(draft)
        if report.first_bad_seq is not None:
            raise LogDamaged(report.first_bad_seq, report.reason or "the copy is not what was written")
        if report.flaws:
            raise LogDamaged(report.last_good_seq + 1, report.flaws[0])
    return BackupReport(report, *counts)


def copy_pages(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a database page by page, whatever is in them, as it is at one moment.

    Raises:
        sqlite3.Error, UnicodeDecodeError: SQLite or the operating system refused.
    """

    def tell(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    with contextlib.closing(connect(source, True)) as old, contextlib.closing(connect(target, False)) as new:
        # An open read transaction holds the moment; without it, every commit of its writer would start the copy anew.
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        old.backup(new, pages=PAGES_A_STEP, progress=tell)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, no write-ahead log beside it


@contextlib.contextmanager
def _explained(path: Path, target: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except STANDARD.errors as error:
        explained = explain(STANDARD, error, path, verb, 1)
        if isinstance(explained, LogFull):  # that can only be where something is written
            explained = explain(STANDARD, error, target, verb, 1)
        raise explained from error


def _take_in(copy: Path, files: ResultFiles) -> tuple[int, int]:
    """Put the content of result files into the rows that name them; delete rows whose file is gone."""
    taken = missing = 0
    with contextlib.closing(connect(copy, False)) as connection:
        connection.execute("BEGIN")
        for digest in sorted(result_rows.used_digests(connection)):
            body = files.read(digest)
            if body is None:
                missing += connection.execute("DELETE FROM results WHERE digest = ?", (digest,)).rowcount
            else:
                for table in result_rows.TABLES:
                    update = f"UPDATE {table} SET body = ?, digest = NULL WHERE digest = ?"
                    taken += connection.execute(update, (body, digest)).rowcount
        connection.execute("COMMIT")
    return taken, missing
