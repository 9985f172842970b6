"""What the commands of the simulator share: the JSON document, where it may go, and the pace of the collector."""

from __future__ import annotations

import gc
import json
import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import click

from ..whole_file import write_text

PROGRESS_JOBS: Final = 200
"""Jobs between two looks at the progress bar."""

_GC_THRESHOLD: Final = 100_000


def document(figures: Mapping[str, object]) -> str:
    """Return the figures as one JSON document."""
    return json.dumps(figures, indent=2, ensure_ascii=False)


def write_document(path: str, figures: Mapping[str, object]) -> None:
    """Write the figures to a file.

    Raises:
        SimulationError: It cannot be written.
    """
    write_text("--json", path, document(figures) + "\n")


def check_target(option: str, path: str, source: str) -> None:
    """Refuse a file to write that would be found out only after the run, or would write over what is read.

    Args:
        option: The option that names it.
        path: The file to write.
        source: What is read.

    Raises:
        click.UsageError: Its folder is not there, or it is the source.
    """
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise click.UsageError(f"{option} {path} is in a folder that does not exist; make it first.")
    if source != "-" and os.path.exists(path) and os.path.samefile(path, source):
        raise click.UsageError(f"{option} {path} would write over the trace; give another file.")


def user_cpu_us() -> int:
    """Return the user CPU time of this process so far, in microseconds."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_utime * 1_000_000)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector of cycles look seldom: a replay makes none, and looking costs a twentieth of its time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
