"""Where a unit's files lie on its worker, and how they are read and deleted.

``DIRECTORY/jobs/JOB/SHARD/INDEX.ATTEMPT.out`` and ``.err``, all of them numbers that meted gave: no name from the
outside is ever part of a path. A shard holds the files of ``SHARD_UNITS`` consecutive units, so that no directory
grows with the job.
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Collection
from contextlib import suppress

from ..wire.limits import OUTPUT_KEPT_BYTES
from .contract import STDERR, STDOUT, Output

SHARD_UNITS = 1_000
"""Units whose files share a directory."""

READ_BYTES_MAX = 1 << 20
"""Most that one read returns."""

MADE_MAX = 4_096
"""Directories that are remembered as made; then they are forgotten, and made anew where needed."""

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
STREAMS = (STDOUT, STDERR)


class OutputStore:
    """The output of the units of one worker. Every method is called from one thread."""

    def __init__(self, directory: str) -> None:
        """Use ``directory``, which is made by :meth:`open` if it is not there."""
        self._directory = os.path.abspath(directory)
        self._jobs = os.path.join(self._directory, "jobs")
        self._trash = os.path.join(self._directory, "deleted")
        self._made: set[tuple[int, int]] = set()
        self._deleted = 0
        self._to_delete: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._deleter: threading.Thread | None = None

    def open(self) -> None:
        """Make the directories; what an earlier life had not yet deleted is deleted.

        Raises:
            OSError: They cannot be made.
        """
        for path in (self._directory, self._jobs, self._trash):
            os.makedirs(path, DIRECTORY_MODE, exist_ok=True)
        for name in os.listdir(self._trash):
            self._delete(os.path.join(self._trash, name))

    def base(self, job_id: int, index: int, attempt: int) -> str:
        """Return the path of a unit's files without their ending, and see to it that their directory is there.

        Raises:
            OSError: It cannot be made.
        """
        shard = index // SHARD_UNITS
        if (job_id, shard) not in self._made:
            os.makedirs(f"{self._jobs}/{job_id}/{shard}", DIRECTORY_MODE, exist_ok=True)
            if len(self._made) >= MADE_MAX:
                self._made.clear()
            self._made.add((job_id, shard))
        return f"{self._jobs}/{job_id}/{shard}/{index}.{attempt}"

    def vanished(self) -> None:
        """Make directories anew: somebody deleted one that was made."""
        self._made.clear()

    def job_file(self, job_id: int, name: str, content: bytes) -> str:
        """Write a file that all units of a job share, at once or not at all, and return its path.

        Raises:
            OSError: It cannot be written.
        """
        path = f"{self._jobs}/{job_id}"
        os.makedirs(path, DIRECTORY_MODE, exist_ok=True)
        new = f"{path}/{name}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE), "wb") as file:
            file.write(content)
        os.replace(new, f"{path}/{name}")
        return f"{path}/{name}"

    def read(self, job_id: int, index: int, attempt: int | None, stream: str, offset: int, limit_bytes: int) -> Output:
        """Return a part of what a unit wrote; see :meth:`.contract.Executor.read`."""
        if stream not in STREAMS:
            raise ValueError(f'there is no stream "{stream}"; the streams are: {", ".join(STREAMS)}')
        if attempt is None:
            attempt = self._newest(job_id, index)
        path = f"{self._jobs}/{job_id:d}/{index // SHARD_UNITS:d}/{index:d}.{attempt:d}.{stream}"
        return read_part(path, offset, limit_bytes)

    def forget(self, job_id: int) -> None:
        """Delete all of a job: it is out of sight at once, and its space is free some time later."""
        shards = {key for key in self._made if key[0] == job_id}
        self._made -= shards
        self._deleted += 1
        target = f"{self._trash}/{job_id}.{os.getpid()}.{self._deleted}"
        with suppress(FileNotFoundError):
            os.rename(f"{self._jobs}/{job_id}", target)
            self._delete(target)

    def prune(self, before_s: float, keep: Collection[int] = ()) -> list[int]:
        """Forget the jobs that have written nothing since ``before_s`` (seconds of the system's clock).

        Args:
            before_s: Older ones are deleted.
            keep: Jobs that stay anyhow: those that run.

        Returns:
            The jobs deleted.
        """
        gone: list[int] = []
        for name in os.listdir(self._jobs):
            if name.isdigit() and int(name) not in keep and _newest_s(os.path.join(self._jobs, name)) < before_s:
                gone.append(int(name))
        for job_id in gone:
            self.forget(job_id)
        return sorted(gone)

    def _newest(self, job_id: int, index: int) -> int:
        attempt = 0
        with suppress(FileNotFoundError):
            for name in os.listdir(f"{self._jobs}/{job_id:d}/{index // SHARD_UNITS:d}"):
                unit, _, rest = name.partition(".")
                number = rest.partition(".")[0]
                if unit == str(index) and number.isdigit():
                    attempt = max(attempt, int(number))
        return attempt

    def _delete(self, path: str) -> None:
        # In a thread: a job may have left a million files. It uses whole paths only, so it does not matter to it
        # that the directory of the process changes while a unit is started.
        self._to_delete.put(path)
        if self._deleter is None:
            self._deleter = threading.Thread(target=self._delete_all, name="meted output deletion", daemon=True)
            self._deleter.start()

    def _delete_all(self) -> None:
        while True:
            shutil.rmtree(self._to_delete.get(), ignore_errors=True)


def read_part(path: str, offset: int, limit_bytes: int) -> Output:
    """Return a part of a file; a file that is not there is empty.

    Args:
        path: Which file.
        offset: First byte; negative counts from the end.
        limit_bytes: At most so many, and at most ``READ_BYTES_MAX``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Output(b"", 0, 0)
    try:
        size = os.fstat(descriptor).st_size
        start = max(0, size + offset) if offset < 0 else offset
        data = os.pread(descriptor, max(0, min(limit_bytes, READ_BYTES_MAX)), start)
    finally:
        os.close(descriptor)
    return Output(data, start + len(data), size)


def size_bytes(path: str) -> int:
    """Return the size of a file; one that is not there is empty."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def tail(path: str) -> bytes:
    """Return the last ``OUTPUT_KEPT_BYTES`` of a file: what the server keeps of it."""
    return read_part(path, -OUTPUT_KEPT_BYTES, OUTPUT_KEPT_BYTES).data


def _newest_s(path: str) -> float:
    newest = 0.0
    for folder, _, files in os.walk(path):
        for name in (".", *files):
            with suppress(FileNotFoundError):
                newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime)
    return newest
