"""The database of a log: errors become a ``LogError``, and one that leaves it in doubt has it opened anew."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import results as result_rows
from . import rows, tables
from .driver import Connection, Driver, explain
from .errors import LogClosed, LogDamaged, LogError
from .records import EMPTY
from .results import ResultFiles


class Database:
    """The database of a log, and what was known of it when it was last looked at.

    Attributes:
        path: The file.
        read_only: Whether it is only read.
        closed: Whether it was closed for good.
        files: The large results beside it.
        head: The end of the log.
        damage: What is wrong with that end, so that nothing can follow it.
    """

    def __init__(self, path: Path, read_only: bool, driver: Driver, files: ResultFiles) -> None:
        """Nothing is opened yet."""
        self.path = path
        self.read_only = read_only
        self.closed = False
        self.files = files
        self.head = EMPTY
        self.damage: LogDamaged | None = None
        self._driver = driver
        self._connection: Connection | None = None

    @contextlib.contextmanager
    def reading(self, seq: int | None = None) -> Iterator[Connection]:
        """Give the connection and turn what SQLite raises into a ``LogError``.

        ``seq`` is where damage would be; None is the end.
        """
        try:
            yield self._connected()
        except self._driver.errors as error:
            raise self._explain(error, "read", self.head.seq if seq is None else seq) from error

    @contextlib.contextmanager
    def writing(self, made: Sequence[bytes] = ()) -> Iterator[None]:
        """Roll back what fails, and the result files ``made`` for it; turn what SQLite raises into a ``LogError``."""
        try:
            yield
        except BaseException as error:
            self._undo(made)
            if isinstance(error, self._driver.errors):
                raise self._explain(error, "written", self.head.seq + 1) from error
            raise

    def writable(self) -> Connection:
        """Return the connection.

        Raises:
            LogClosed: It is closed, or for reading only.
        """
        if self.read_only:
            raise LogClosed("The log was opened for reading only; nothing was written.")
        return self._connected()

    def open(self) -> Connection:
        """Connect, make the tables where the file is new, and find the head."""
        try:
            connection = self._connection = self._driver.connect(self.path, self.read_only)
            tables.prepare(connection, self.path, self.read_only)
            self.damage = self._find_head(connection)
        except BaseException as error:
            self._disconnect()
            if isinstance(error, self._driver.errors):
                raise self._explain(error, "opened", 1) from error
            raise
        return connection

    def close(self) -> None:
        """Let go of it for good; a second time does nothing."""
        self.closed = True
        self._disconnect()

    def _connected(self) -> Connection:
        if self.closed:
            raise LogClosed("The log is closed; open it again.")
        return self.open() if self._connection is None else self._connection

    def _find_head(self, connection: Connection) -> LogDamaged | None:
        """Find the head. A damaged end leaves the log readable, also where SQLite itself stumbles over it."""
        damage: LogDamaged | None = None
        for look in (rows.last_head, rows.noted_head, rows.tail_flaw):
            try:
                found = look(connection)
            except self._driver.errors as error:
                explained = self._explain(error, "read", self.head.seq + 1)
                if not isinstance(explained, LogDamaged):
                    raise
                damage = explained
            else:
                if isinstance(found, LogDamaged):
                    damage = found
                elif found is not None:
                    self.head = found
        return damage

    def _undo(self, made: Sequence[bytes]) -> None:
        """After a failed transaction: roll back, and make sure that the connection shows the log as it was before."""
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                list(connection.execute("ROLLBACK"))
            if connection is not None and rows.noted_head(connection) == self.head:
                self.files.delete(result_rows.unused(connection, made))
                return
        except self._driver.errors:
            pass
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*self._driver.errors):
                connection.close()

    def _explain(self, error: Exception, verb: str, seq: int) -> LogError:
        return explain(self._driver, error, self.path, verb, seq)
