"""A log to read, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from .sqlite import SQLiteLog


def open_log(place: Path) -> SQLiteLog:
    """Open a log to read it: the one in a data directory, or a single file such as a backup.

    Raises:
        LogError: There is none, or it cannot be read; as for :meth:`SQLiteLog.open`.
    """
    return SQLiteLog.open_file(place) if place.is_file() else SQLiteLog.open(place, read_only=True)
