"""Faults of the program itself: told to whoever runs the server, and to the caller in one sentence."""

from __future__ import annotations

import sys
import traceback

from ..wire.errors import CallError, Code


def note_fault(error: Exception) -> CallError:
    """Print a traceback on standard error, where a service manager keeps it, and return what the caller is told."""
    print("A fault inside meted; please report it:", file=sys.stderr)  # noqa: T201
    traceback.print_exception(error, file=sys.stderr)
    return CallError(
        Code.FAILED,
        "fault",
        f"Something went wrong inside the server ({type(error).__name__}), which is a fault of the program; "
        "its details are in the server's own output.",
    )
