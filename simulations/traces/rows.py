"""Rows of whole numbers in bounded memory: up to some size in memory, beyond it in a temporary file without a name."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import BinaryIO, Final

from ..errors import TraceError

ROWS_MEMORY_BYTES: Final = 32 * 2**20
"""Rows beyond this size are kept in a temporary file."""

CHUNK_BYTES: Final = 2**18
"""How much is written, or read back, at a time."""

_PENDING_ROWS: Final = 1_024


class Rows:
    """Rows of the same number of 64-bit integers, to be added once and read any number of times.

    Any number of readers may be under way at once, in forked processes as well, as none moves a common position.
    """

    def __init__(self, width: int, memory_bytes: int = ROWS_MEMORY_BYTES) -> None:
        """Start with none.

        Args:
            width: Numbers in a row.
            memory_bytes: What is beyond this size goes to a temporary file in the folder that ``TMPDIR`` names.
        """
        self._layout = Struct(f"<{width}q")
        self._memory_bytes = memory_bytes
        self._pending: list[bytes] = []
        self._chunks: list[bytes] = []
        self._file: BinaryIO | None = None
        self._written = 0  # bytes in chunks or in the file
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, *row: int) -> None:
        """Add one row.

        Raises:
            TraceError: The temporary file cannot be written.
        """
        self._pending.append(self._layout.pack(*row))
        self._count += 1
        if len(self._pending) >= _PENDING_ROWS:
            self._flush()

    def extend(self, rows: Iterable[Sequence[int]]) -> None:
        """Add rows, as :meth:`add` does."""
        for row in rows:
            self.add(*row)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return self.part(0, self._count)

    def part(self, first: int, count: int, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, ...]]:
        """Return an iterator over ``count`` rows from ``first`` on, which reads ``chunk_bytes`` at a time from a file.

        Raises:
            TraceError: While it goes on: the temporary file cannot be read, or the last rows cannot be written to it.
        """
        self._flush()
        size = self._layout.size
        start, end = first * size, (first + count) * size
        if self._file is None:
            pieces = self._held(start, end)
        else:
            pieces = self._pieces(start, end, max(1, chunk_bytes // size) * size)
        return chain.from_iterable(map(self._layout.iter_unpack, pieces))

    def _held(self, start: int, end: int) -> Iterator[bytes]:
        """Yield what lies from ``start`` to ``end`` of what is in memory."""
        at = 0
        for piece in self._chunks:
            if at >= end:
                return
            if at + len(piece) > start:
                whole = start <= at and at + len(piece) <= end
                yield piece if whole else piece[max(0, start - at) : end - at]
            at += len(piece)

    def _pieces(self, start: int, end: int, step: int) -> Iterator[bytes]:
        assert self._file is not None
        number = self._file.fileno()
        for at in range(start, end, step):
            wanted = min(step, end - at)
            try:
                piece = os.pread(number, wanted, at)
            except OSError as error:
                raise _refusal("read", error) from None
            if len(piece) != wanted:
                raise TraceError(f"a temporary file in {tempfile.gettempdir()} has lost its end; check the disk.")
            yield piece

    def _flush(self) -> None:
        """Hand on what is pending."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        if self._file is None and self._written + len(data) > self._memory_bytes:
            self._open()
        if self._file is None:
            self._chunks.append(data)
        else:
            self._write(data)
        self._written += len(data)

    def _open(self) -> None:
        """Move what is in memory to a file."""
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed when this is gone
        except OSError as error:
            raise _refusal("made", error) from None
        weakref.finalize(self, self._file.close)
        for chunk in self._chunks:
            self._write(chunk)
        self._chunks.clear()

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _refusal("written", error) from None


def _refusal(done: str, error: OSError) -> TraceError:
    """Return the sentence for a temporary file with which something cannot be done."""
    try:
        folder = tempfile.gettempdir()
    except OSError:
        folder = os.environ.get("TMPDIR", "/tmp")
    reason = (error.strerror or str(error)).lower()
    return TraceError(
        f"a temporary file in {folder} cannot be {done} ({reason}), and the trace is too long to be held in memory; "
        "set TMPDIR to a folder with room."
    )
