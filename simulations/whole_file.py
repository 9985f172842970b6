"""Text and rows of values to a file: all of it, or none under that name."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from contextlib import suppress
from io import StringIO

from .errors import SimulationError


def write_whole(path: str, text: str) -> None:
    """Write a file as UTF-8; what was there before stays until all is written. A device is written to directly.

    Raises:
        OSError: It cannot be written.
    """
    target = os.path.realpath(path)
    direct = os.path.exists(target) and not os.path.isfile(target)
    part = target if direct else f"{target}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if not direct:
            os.replace(part, target)
    finally:
        if not direct:
            with suppress(OSError):
                os.unlink(part)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as comma-separated values, with line feeds at the ends of lines."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_text(option: str, path: str, text: str) -> None:
    """Write a file.

    Args:
        option: The option that names it.
        path: The file.
        text: What it is to hold.

    Raises:
        SimulationError: It cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SimulationError(f"{path} cannot be written ({reason}); give another file with {option}.") from None
