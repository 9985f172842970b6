"""The data directory: ours alone, and one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

from .errors import LogHeld, LogIOError, LogMissing, LogUnsafe

LOG_FILE = "log.sqlite3"
LOCK_FILE = "lock"
RESULTS_DIRECTORY = "results"
PRIVATE = 0o700


def sync_directory(directory: Path) -> None:
    """Make the entries of a directory durable.

    Raises:
        OSError: The system refuses.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(directory: Path) -> None:
    """Make the data directory, or make sure that it is ours alone.

    A new or an empty directory gets mode 0700. One that holds something and is open to others is refused and not
    changed: it may be a directory that others need, named by mistake.

    Raises:
        LogUnsafe: It belongs to another user, or is open to others.
        LogIOError: It cannot be made or read.
    """
    try:
        if not directory.exists():
            directory.mkdir(PRIVATE, parents=True)
            sync_directory(directory.parent)
        facts = directory.stat()
        if facts.st_uid != os.geteuid():
            raise LogUnsafe(f"{directory} belongs to another user (id {facts.st_uid}); run meted as that user.")
        if not stat.S_ISDIR(facts.st_mode):
            raise LogUnsafe(f"{directory} is not a directory; name one for the log.")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            if any(directory.iterdir()):
                raise LogUnsafe(f"{directory} is open to other users; run `chmod 700 {directory}` to close it.")
            directory.chmod(PRIVATE)
    except OSError as error:
        raise LogIOError(f"The data directory {directory} cannot be used ({error.strerror}).") from error


def log_file(directory: Path) -> Path:
    """The database in a data directory.

    Raises:
        LogMissing: There is none.
    """
    path = directory / LOG_FILE
    if not path.is_file():
        raise LogMissing(f"There is no log in {directory}; name a data directory that has one with --data.")
    return path


def make_log_file(directory: Path) -> None:
    """Make the database in a data directory, empty, where there is none.

    Raises:
        LogUnsafe: It is gone or empty, and what belonged to it is still there.
        LogIOError: The operating system refused.
    """
    path = directory / LOG_FILE
    try:
        if not path.exists() or not path.stat().st_size:
            _check_nothing_lost(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(directory)
    except OSError as error:
        raise LogIOError(f"{path} cannot be made ({error.strerror}).") from error


def _check_nothing_lost(path: Path) -> None:
    """See that a log which is to be made anew takes the place of none that was there.

    SQLite throws a write-ahead log away where its database is empty, and a new log deletes the large results that it
    does not know. So both would be gone before anybody has seen that the database is.
    """
    journal, results = path.with_name(LOG_FILE + "-wal"), path.with_name(RESULTS_DIRECTORY)
    if journal.exists() and journal.stat().st_size:
        left = journal.name
    elif results.is_dir() and any(results.iterdir()):
        left = f"{RESULTS_DIRECTORY}/"
    else:
        return
    raise LogUnsafe(
        f"{path} is {'empty' if path.exists() else 'gone'}, and {left} beside it belongs to a log that was there; "
        "restore a backup into a new directory, or name another one for a new log."
    )


# row N41: one instance
class DirectoryLock:
    """Keeps a second process out of a data directory.

    The lock is the kernel's (flock), so it ends with the process, however that ends. The file only tells others who
    holds it, and stays.
    """

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            LogHeld: Another holds it.
            LogIOError: The file cannot be made.
        """
        path = directory / LOCK_FILE
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogIOError(f"The lock {path} cannot be made ({error.strerror}).") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 4096, 0)
            os.close(self._descriptor)
            raise _held(directory, holder) from None
        except OSError as error:
            os.close(self._descriptor)
            raise LogIOError(f"The lock {path} cannot be taken ({error.strerror}).") from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        # On a full disk the lock still holds; only the note is missing.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(note).encode() + b"\n", 0)

    def close(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _held(directory: Path, note: bytes) -> LogHeld:
    try:
        found = json.loads(note)
        return LogHeld(str(directory), int(found["pid"]), str(found["host"]), str(found["since"]))
    except (ValueError, KeyError, TypeError):
        return LogHeld(str(directory), None, "", "")
