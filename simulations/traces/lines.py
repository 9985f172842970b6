"""Lines of a file that may be huge, compressed, damaged or no text at all, in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final

from ..errors import TraceError
from .source import STDIN, open_source, reason_of, source_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES = 65_536
"""A longer line (unless a reader allows more) is not kept: it is given as ``TOO_LONG``, and reading goes on behind."""

TOO_LONG = b"\n"
"""Stands for a line that is too long; compare by identity (no line holds its own end)."""

_GZIP_MAGIC = b"\x1f\x8b"

_NO_TEXT: Final = {
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\x1f\x9d\x90": "packed with compress",
    b"7z\xbc\xaf\x27\x1c": "packed with 7-Zip",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b\x08": "packed with gzip twice",
    b"\xff\xfe;\x00": "text in UTF-16",
    b"\xfe\xff\x00;": "text in UTF-16",
}
"""What a file is that begins with these bytes, once gzip is unpacked."""

_TAR_AT = 257
_TAR_MAGIC = b"ustar"


class _Hashed(io.RawIOBase):
    """A byte stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self.sha256.update(data)
        return len(data)


class Lines:
    """The lines of a plain or gzip file without their ends, one at a time; gzip is told by its first two bytes.

    Attributes:
        name: The last part of the path, or ``stdin``.
        damage: Why the file stops before its end, as one sentence, or None; known once all lines were taken. The last
            line is then lost as well, because nobody can say where it was cut; and lines shortly before may be wrong,
            because gzip notices wrong bytes only when they make no sense or when their check sum is due.
    """

    def __init__(self, path: str, line_bytes: int = MAX_LINE_BYTES) -> None:
        """Open a file.

        Args:
            path: The file; ``-`` is the standard input.
            line_bytes: Bytes of the longest line, at least ``MAX_LINE_BYTES``.

        Raises:
            TraceError: The file cannot be opened, or is a device.
        """
        self.name = source_name(path)
        self.damage: str | None = None
        self._file = open_source(path)
        self._owned = path != STDIN
        self._line_bytes = line_bytes
        self._raw = _Hashed(self._file)
        self._buffer = io.BufferedReader(self._raw, MAX_LINE_BYTES)

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned:
            self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        rest, skipping = b"", False
        for chunk in self._chunks():
            # A chunk is no longer than a line may be, so that only the line which began before it can be too long.
            lines = chunk.split(b"\n")
            if not skipping:
                lines[0] = rest + lines[0]
            if len(lines) > 1 and (skipping or len(lines[0]) > self._line_bytes):
                lines[0], skipping = TOO_LONG, False
            rest = lines.pop()
            if skipping or len(rest) > self._line_bytes:
                rest, skipping = b"", True
            yield from lines
        if skipping:
            yield TOO_LONG
        elif rest and self.damage is None:
            yield rest

    def sha256(self) -> str:
        """Read the rest of the open file; return the digest of its bytes as they are stored, compressed or not."""
        try:
            while self._buffer.read(MAX_LINE_BYTES):
                pass
        except OSError as error:
            raise TraceError(f"{self.name} cannot be read to its end ({reason_of(error)}); check the disk.") from None
        return self._raw.sha256.hexdigest()

    def _chunks(self) -> Iterator[bytes]:
        """Yield what the file holds in pieces of at most ``MAX_LINE_BYTES``, up to its end or the first damage."""
        try:
            packed = self._buffer.peek(2)[:2] == _GZIP_MAGIC
            stream = gzip.GzipFile(fileobj=self._buffer, mode="rb") if packed else self._buffer
            chunk = stream.read1(MAX_LINE_BYTES)
            self.damage = _why_no_lines(chunk)
            while chunk and self.damage is None:
                yield chunk
                chunk = stream.read1(MAX_LINE_BYTES)
        except EOFError:
            self.damage = "the gzip file ends too early, so that its last records are missing; fetch it again"
        except (gzip.BadGzipFile, zlib.error):
            self.damage = "the gzip file is damaged here or before, and all behind is missing; fetch it again"
        except OSError as error:
            raise TraceError(f"{self.name} cannot be read ({reason_of(error)}); check the file.") from None


def _why_no_lines(begin: bytes) -> str | None:
    """Return why what begins so has no lines to read, or None."""
    kind = next((said for magic, said in _NO_TEXT.items() if begin.startswith(magic)), None)
    if begin.startswith(_TAR_MAGIC, _TAR_AT):
        kind = "a tar archive"
    return None if kind is None else f"it is {kind}, and only plain text and gzip are read here; unpack it first"
