"""Files that the commands of the simulator write: one JSON document, and where it may go."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import click

from ..whole_file import write_text


def document(figures: Mapping[str, object]) -> str:
    """Return the figures as one JSON document."""
    return json.dumps(figures, indent=2, ensure_ascii=False)


def write_document(path: str, figures: Mapping[str, object]) -> None:
    """Write the figures to the file that ``--json`` names.

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
