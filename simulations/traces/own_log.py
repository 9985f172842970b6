"""Logs of one's own: opened, and read for what can be replayed (:mod:`.log_reader` says what that is)."""

from __future__ import annotations

from pathlib import Path

from meted.adapters.log import Log, LogError, LogMissing, SQLiteLog
from meted.core.errors import SchemaError
from meted.core.schema import decode_events

from ..errors import TraceError
from .log_reader import LogReader
from .log_trace import LogTrace


def open_log(path: Path) -> SQLiteLog:
    """Open a log to read it: the data directory, or the file of the log or of a backup.

    Raises:
        LogError: There is none, or it cannot be read.
    """
    if not path.is_dir():
        return SQLiteLog.open_file(path)
    try:
        return SQLiteLog.open(path, read_only=True)
    except LogMissing:
        raise LogMissing(f"There is no log in {path}; name a data directory that has one, or a file.") from None


def read_own_log(path: Path) -> LogTrace:
    """Read what can be replayed from a log; a server may be writing to it meanwhile.

    Args:
        path: A data directory, or the file of a log or of a backup.

    Raises:
        TraceError: It cannot be read, or it holds nothing that could be replayed; the sentence says why.
    """
    try:
        with open_log(path) as log:
            return trace_of(log, path.absolute().name)
    except (LogError, SchemaError) as error:
        raise TraceError(str(error)) from None


def trace_of(log: Log, name: str) -> LogTrace:
    """Return what can be replayed from an open log.

    Args:
        log: The log.
        name: What to call it.

    Raises:
        LogError, SchemaError: It cannot be read.
        TraceError: It holds nothing that could be replayed.
    """
    reader = LogReader()
    chain = b""
    for batch in log.read():
        chain = batch.chain
        for event in decode_events(batch.body):
            reader.take(event)
    return reader.trace(name, chain.hex())
