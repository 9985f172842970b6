"""What can go wrong with a log: one class a kind, one English sentence each."""

from __future__ import annotations


class LogError(Exception):
    """Something is wrong with the log; ``str(error)`` is one sentence that says what, and what to do about it."""


class LogConflict(LogError):
    """The batch does not follow the head of the log, so it was not written; read the log again and decide anew."""


class LogTooLarge(LogError):
    """A batch, a result or a snapshot exceeds its limit; nothing was written."""


class LogClosed(LogError):
    """The log was closed, or opened for reading only, and something was to be written."""


class LogIOError(LogError):
    """The operating system refused to read or write; nothing was written, and it goes on once the cause is gone."""


class LogFull(LogIOError):
    """No space is left on the disk; nothing was written, and the log goes on as soon as there is space."""


class LogDamaged(LogError):
    """What is stored is not what was written.

    Attributes:
        seq: The first sequence number that the log can no longer vouch for.
        reason: What is wrong there, as a clause.
    """

    def __init__(self, seq: int, reason: str) -> None:
        self.seq = seq
        self.reason = reason
        super().__init__(
            f"The log is damaged at seq {seq}: {reason}; `meted log verify` says how far it is good, "
            "and whether `meted log repair` can make it usable again."
        )


class ResultDamaged(LogError):
    """The stored result of one unit is not what was written.

    Attributes:
        job_id: The job.
        index: The unit's index in it.
    """

    def __init__(self, job_id: int, index: int, reason: str) -> None:
        self.job_id = job_id
        self.index = index
        super().__init__(
            f"The result of unit {index} of job {job_id} is lost, as {reason}; run the unit again if it is needed."
        )


class LogHeld(LogError):
    """Another process has the log open for writing.

    Attributes:
        pid: Its process id, or None where it has not said yet.
        host: The machine it runs on.
        since: When it opened the log, ISO 8601 in UTC.
    """

    def __init__(self, directory: str, pid: int | None, host: str, since: str) -> None:
        self.pid = pid
        self.host = host
        self.since = since
        holder = "another process" if pid is None else f"process {pid} on {host} since {since}"
        super().__init__(f"The log in {directory} is held by {holder}; stop that one first, or use another directory.")


class LogTooNew(LogError):
    """The database was written by a newer program; it was left as it is.

    Attributes:
        found: The version of its tables.
        known: The newest version that this program can read.
    """

    def __init__(self, path: str, found: int, known: int) -> None:
        self.found = found
        self.known = known
        super().__init__(
            f"{path} has tables of version {found}, and this program knows them up to version {known}; "
            "install a newer meted."
        )


class LogMissing(LogError):
    """There is no log where one was to be read."""


class LogUnsafe(LogError):
    """The data directory or the file in it is not ours alone, or not a log at all; nothing was written."""
