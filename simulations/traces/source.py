"""Where input is read from: a file, a pipe, or the standard input; and how what can be read once is read by many."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from meted.adapters.cli.progress import ProgressBar

from ..errors import TraceError

STDIN: Final = "-"
"""The path that stands for the standard input."""

COPY_BYTES: Final = 2**20
"""So much of a pipe is copied at a time."""


def source_name(path: str) -> str:
    """Return what to call an input in sentences and results: the last part of its path."""
    return "stdin" if path == STDIN else Path(path).name


def open_source(path: str) -> BinaryIO:
    """Open a file or a pipe to read its bytes; the standard input if the path is ``-``, which is not to be closed.

    Raises:
        TraceError: It cannot be opened, or it is neither: a device may go on for ever.
    """
    if path == STDIN:
        if sys.stdin is None:
            raise TraceError("the standard input is closed; give the path of a file.")
        return sys.stdin.buffer
    try:
        _check_kind(path, os.stat(path))
        file = open(path, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} cannot be opened ({reason_of(error)}); check the path.") from None
    return file


@contextmanager
def read_many_times(path: str) -> Iterator[str]:
    """Give the path of a regular file with the bytes of an input: its own, or that of a copy that goes at the end.

    Raises:
        TraceError: It cannot be read, or there is no room for a copy.
    """
    if path != STDIN and not _is_pipe(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="meted-") as folder:
        copy = os.path.join(folder, source_name(path))
        _copy(path, copy)
        yield copy


def reason_of(error: Exception) -> str:
    """Return why something cannot be read or written, as a part of a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def _check_kind(path: str, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return  # a directory cannot be opened, and says so
    if sys.stdin is not None and os.path.samestat(found, os.fstat(0)):
        return
    raise TraceError(f"{path} is neither a file nor a pipe, so it may have no end; give one of these.")


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False  # whoever opens it says so


def _copy(path: str, copy: str) -> None:
    source = open_source(path)
    try:
        with open(copy, "xb") as target, ProgressBar(f"{source_name(path)}, bytes") as bar:
            _write(source, target, bar)
    except OSError as error:
        raise TraceError(
            f"{source_name(path)} cannot be copied to {tempfile.gettempdir()} ({reason_of(error)}); "
            "put it into a file, and give that."
        ) from None
    finally:
        if path != STDIN:
            source.close()


def _write(source: BinaryIO, target: BinaryIO, progress: ProgressBar) -> None:
    done = 0
    while block := source.read(COPY_BYTES):
        done += target.write(block)
        progress(done, None)
