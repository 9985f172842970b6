"""A disk that fails when it is told to: a virtual file system below apsw's own SQLite."""

from __future__ import annotations

from pathlib import Path

import apsw

from meted.adapters.log.driver import Connection, Driver


class Fault:
    """When to fail, and how.

    Attributes:
        code: The result code to fail with; None lets everything pass.
        after: So many writes, syncs and truncations still pass.
        once: Fail one time only; else from then on until it is switched off.
        seen: So many operations were seen since it was armed.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self.after = 0
        self.once = False
        self.seen = 0

    def arm(self, code: int, after: int, once: bool) -> None:
        """Fail after so many more operations."""
        self.code, self.after, self.once, self.seen = code, after, once, 0

    def disarm(self) -> None:
        """Let everything pass again."""
        self.code = None

    def strike(self) -> None:
        """Count an operation, and fail if its turn has come."""
        self.seen += 1
        if self.code is not None and self.seen > self.after:
            error = apsw.exception_for(self.code)
            if self.once:
                self.disarm()
            raise error


FAULTS = {
    "full": apsw.SQLITE_FULL,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "read-only": apsw.SQLITE_READONLY,
}
"""What a disk can say, and SQLite's result code for it."""


class _File(apsw.VFSFile):
    def __init__(self, fault: Fault, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._fault = fault

    def xWrite(self, data: bytes, offset: int) -> None:
        self._fault.strike()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._fault.strike()
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:
        self._fault.strike()
        super().xTruncate(newsize)


class FaultyDisk(apsw.VFS):
    """The real file system with a fault in it; ``driver`` is how a log gets to stand on it."""

    def __init__(self, name: str) -> None:
        self.fault = Fault()
        self._name = name
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:
        return _File(self.fault, name, flags)

    @property
    def driver(self) -> Driver:
        """Opens databases on this disk."""
        return Driver(self._connect, (apsw.Error,), lambda error: getattr(error, "extendedresult", 0))

    def _connect(self, path: Path, read_only: bool) -> Connection:
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
        connection = apsw.Connection(str(path), flags=flags, vfs=self._name)
        # Files of a virtual file system have no shared memory; alone with the file, SQLite needs none.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return connection
