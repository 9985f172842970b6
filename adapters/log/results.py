"""Results of units: small ones are rows, large ones are files named by their digest, with a row that names the file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .directory import PRIVATE, sync_directory
from .driver import Connection, Row, Value
from .errors import LogFull, LogIOError, ResultDamaged
from .inserts import insert_rows
from .records import Result

INLINE_RESULT_BYTES = 64 * 1024
"""A larger result is a file."""

TABLES = ("results", "quarantined_results")
"""Whose rows name files: nothing that a repair set aside is deleted."""

_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class ResultFiles:
    """The files of large results, ``ab/cdef...`` by the sha256 of their content, below one directory.

    How often a file is in use is counted from the rows that name it; nothing else keeps count.
    """

    def __init__(self, directory: Path) -> None:
        """Use ``directory``, which is made with the first file."""
        self._directory = directory

    def path(self, digest: bytes) -> Path:
        """Where the content with this digest is kept."""
        name = digest.hex()
        return self._directory / name[:2] / name[2:]

    def write(self, results: Iterable[Result]) -> list[bytes]:
        """Make the large ones among the results durable as files; call it before the transaction that names them.

        Returns:
            The digests of the files that were not there before.

        Raises:
            LogFull: No space is left. No new file stays.
            LogIOError: The system refused. No new file stays.
        """
        made: list[bytes] = []
        try:
            for result in results:
                if len(result.body) > INLINE_RESULT_BYTES:
                    digest = hashlib.sha256(result.body).digest()
                    if self.read(digest) is None:
                        made.append(digest)
                        self._write_file(self.path(digest), result.body)
        except OSError as error:
            self.delete(made)
            if error.errno in _NO_SPACE:
                raise LogFull(f"No space is left in {self._directory}; nothing was written, make space.") from error
            raise LogIOError(f"A result could not be written to {self._directory} ({error.strerror}).") from error
        return made

    def read(self, digest: bytes) -> bytes | None:
        """The content with this digest, None where it is missing or is not what was written."""
        try:
            body = self.path(digest).read_bytes()
        except OSError:
            return None
        return body if hashlib.sha256(body).digest() == digest else None

    def delete(self, digests: Iterable[bytes]) -> None:
        """Delete files; one that is not there is passed over."""
        for digest in digests:
            with contextlib.suppress(OSError):
                self.path(digest).unlink()

    def sweep(self, used: set[bytes]) -> None:
        """Delete all files but those with these digests: what a crash left between a file and its row."""
        names = {self.path(digest) for digest in used}
        if self._directory.is_dir():
            for path in self._directory.glob("*/*"):
                if path not in names:
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _write_file(self, path: Path, body: bytes) -> None:
        for directory in (self._directory, path.parent):
            if not directory.is_dir():
                directory.mkdir(PRIVATE, exist_ok=True)
                sync_directory(directory.parent)
        # row N42: whoever looks finds the whole file or none
        draft = path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


NEWER_WINS = """ON CONFLICT DO UPDATE SET
    attempt = excluded.attempt, seq = excluded.seq, digest = excluded.digest, body = excluded.body
    WHERE excluded.attempt > attempt"""


def insert(connection: Connection, results: Sequence[Result], seq: int) -> list[bytes]:
    """Write the rows of a batch that ends at ``seq``; of several attempts at a unit the newest stays.

    Returns:
        The digests of the files that rows named which were replaced; other rows may name them as well.
    """
    replaced = _replaced(connection, results)
    rows: list[Value] = []
    for result in results:
        large = len(result.body) > INLINE_RESULT_BYTES
        digest = hashlib.sha256(result.body).digest() if large else None
        rows += (result.job_id, result.index, result.attempt, seq, digest, None if large else result.body)
    insert_rows(connection, "results", 6, rows, NEWER_WINS)
    return replaced


def _replaced(connection: Connection, results: Iterable[Result]) -> list[bytes]:
    """The digests of the files of older attempts. A first attempt has none before it, so it costs nothing."""
    select = "SELECT digest FROM results WHERE job_id = ? AND unit_index = ? AND attempt < ? AND digest IS NOT NULL"
    again = ((result.job_id, result.index, result.attempt) for result in results if result.attempt > 1)
    return [bytes_of(row[0]) for unit in again for row in connection.execute(select, unit)]


def forget(connection: Connection, job_ids: Sequence[int]) -> list[bytes]:
    """Delete the rows of these jobs and return the digests of the files that they named; others may name them too."""
    named: set[bytes] = set()
    for job_id in job_ids:
        select = "SELECT DISTINCT digest FROM results WHERE job_id = ? AND digest IS NOT NULL"
        named |= {bytes_of(row[0]) for row in connection.execute(select, (job_id,))}
        list(connection.execute("DELETE FROM results WHERE job_id = ?", (job_id,)))
    return sorted(named)


def unused(connection: Connection, digests: Iterable[bytes]) -> list[bytes]:
    """Those of the digests that no row names."""
    select = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE digest = ?1" for table in TABLES)
    return [digest for digest in digests if not list(connection.execute(f"{select} LIMIT 1", (digest,)))]


def used_digests(connection: Connection) -> set[bytes]:
    """The digests of all files that a row names, those in quarantine included."""
    select = " UNION ".join(f"SELECT digest FROM {table} WHERE digest IS NOT NULL" for table in TABLES)
    return {bytes_of(row[0]) for row in connection.execute(select)}


def load(rows: Iterable[Row], files: ResultFiles) -> Iterator[Result]:
    """Turn rows (job_id, unit_index, attempt, digest, body) into results, with the content of their files.

    Raises:
        ResultDamaged: A file is missing or is not what was written, or a row holds what cannot be.
    """
    for job_id, index, attempt, digest, body in rows:
        if not (isinstance(job_id, int) and isinstance(index, int) and isinstance(attempt, int)):
            raise ResultDamaged(-1, -1, "its row holds something else than numbers")
        if isinstance(digest, bytes):
            body = files.read(digest)
            if body is None:
                raise file_damage((job_id, index, digest), files)
        if not isinstance(body, bytes):
            raise ResultDamaged(job_id, index, "its row holds something else than bytes")
        yield Result(job_id, index, attempt, body)


def file_damage(row: Row, files: ResultFiles) -> ResultDamaged:
    """The error for a row (job_id, unit_index, digest) whose file is missing or is not what was written."""
    job_id, index, digest = row
    reason = f"the file {files.path(bytes_of(digest))} is missing or was changed"
    return ResultDamaged(job_id if isinstance(job_id, int) else -1, index if isinstance(index, int) else -1, reason)


def bytes_of(value: Value) -> bytes:
    """The value of a column that holds bytes; anything else, which only a damaged file holds, becomes no bytes."""
    return value if isinstance(value, bytes) else b""
