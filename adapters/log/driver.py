"""The seam to SQLite: what a connection must offer, the standard library's, and what its errors mean.

Everything above needs three calls of a connection. So a store can also stand on another binding with a virtual file
system of its own below it, which is how full and broken disks are tested.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from meted.core.record import record

from .errors import LogDamaged, LogError, LogFull, LogIOError

Value = int | float | str | bytes | None
"""What a column can hold."""

Row = tuple[Value, ...]

BUSY_TIMEOUT_MS = 5_000
"""So long a statement waits for another process (a backup that ends, a recovery) before it gives up."""

_ERROR, _CORRUPT, _FULL, _NOT_A_DATABASE = 1, 11, 13, 26  # primary result codes, https://sqlite.org/rescode.html


class Cursor(Protocol):
    """A running statement; it is over when all rows were taken or it was closed."""

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows."""

    def close(self) -> None:
        """End the statement."""


class Connection(Protocol):
    """An open database in autocommit mode."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, statement: str, bindings: Sequence[Value] = ..., /) -> Cursor:
        """Run one statement."""

    def close(self) -> None:
        """Close the database."""


@record
class Driver:
    """A binding of SQLite.

    Attributes:
        connect: Opens the file at a path, which exists; the second argument asks for reading only. The connection is
            in autocommit mode and may be used from any thread, one at a time.
        errors: What its calls raise.
        code: Gives the (extended) result code of such an error, 0 where it has none.
    """

    connect: Callable[[Path, bool], Connection]
    errors: tuple[type[Exception], ...]
    code: Callable[[Exception], int]


def connect(path: Path, read_only: bool, still: bool = False) -> sqlite3.Connection:
    """Open an existing file with the standard library's SQLite.

    Args:
        path: The file.
        read_only: Only read.
        still: Nobody writes to it and it has no write-ahead log; so no other file is made beside it.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    mode = ("ro" if read_only else "rw") + ("&immutable=1" if still else "")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    connection.text_factory = _text
    return connection


def _text(value: bytes) -> str:
    # In a damaged file text may be anything; whether it is what was written is for others to say.
    return value.decode("utf-8", "replace")


def _code(error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):
        return _CORRUPT
    # Python's own complaints (wrong thread, closed connection) carry no result code.
    return getattr(error, "sqlite_errorcode", 0)


# Where SQLite's message quotes a damaged schema, Python fails to decode the message itself.
STANDARD = Driver(connect, (sqlite3.Error, UnicodeDecodeError), _code)
"""The sqlite3 module of the standard library."""


def explain(driver: Driver, error: Exception, path: Path, verb: str, seq: int) -> LogError:
    """Turn an error of SQLite into ours.

    Args:
        driver: Whose error it is.
        error: What was raised.
        path: The database.
        verb: What was tried: ``opened``, ``written`` or ``read``.
        seq: Where the log is damaged, if that is what the error says.
    """
    code = driver.code(error) & 0xFF
    if code in (_ERROR, _CORRUPT, _NOT_A_DATABASE):
        return LogDamaged(seq, f"SQLite says of {path}: {error}")
    if code == _FULL:
        return LogFull(f"No space is left for {path} ({error}); nothing was written, make space and try again.")
    return LogIOError(f"{path} could not be {verb} ({error}); check the disk and its permissions and try again.")
