"""Files that the commands of the simulator write: one JSON document, and where it may go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import click

from meted.adapters.wording import json_text

from ..whole_file import write_text


def document(figures: Mapping[str, object]) -> str:
    """Return the figures as one JSON document."""
    return json_text(figures, indent=2)


def write_document(path: str, figures: Mapping[str, object]) -> None:
    """Write the figures to the file that ``--json`` names.

    Raises:
        SimulationError: It cannot be written.
    """
    write_text("--json", path, document(figures) + "\n")


def check_targets(named: Iterable[tuple[str, str | None]], source: str) -> None:
    """Refuse files to write that would be found out only after the run, or would write over each other or the source.

    Args:
        named: Options with the file that each names, or None; ``--json -`` is the standard output.
        source: What is read.

    Raises:
        click.UsageError: A folder is not there, or a file would be written over.
    """
    taken: dict[str, str] = {}
    for option, path in named:
        if path is None or (path == "-" and option == "--json"):
            continue
        if path == "-":
            raise click.UsageError(f"{option} needs the name of a file; /dev/stdout is the standard output.")
        check_target(option, path, source)
        other = taken.setdefault(os.path.abspath(path), option)
        if other != option:
            raise click.UsageError(f"{other} and {option} both name {path}; give two files.")


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
