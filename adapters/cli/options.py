"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import click
from click.core import ParameterSource

from .config import setting

Command = TypeVar("Command", bound=Callable[..., object])

BELOW_ZERO = {"ignore_unknown_options": True}
"""Settings of a command by which a number below zero is no option, and is read or refused as a number."""


def default_data() -> str:
    """The config file's data directory, else the user's: ``$XDG_DATA_HOME/meted``, else ``~/.local/share/meted``."""
    if said := setting("data"):
        return os.path.expanduser(said)
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "meted")


def data_option(command: Command) -> Command:
    """Add ``--data DIR``, which the command gets as a ``Path`` named ``data``."""
    option = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_data,
        envvar="METED_DATA",
        metavar="DIR",
        help="Data directory.  [default: $METED_DATA, else the config file's, else ~/.local/share/meted]",
    )
    return option(command)


def data_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``[DIR]`` and ``--data DIR``, either of which the command gets as a ``Path`` named ``data``."""
    return _place_argument(command, "[DIR]", files=False)


def log_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add the same for a log to read, where the argument may be a single file as well: a backup."""
    return _place_argument(command, "[DIR|FILE]", files=True)


def _place_argument(command: Callable[..., None], metavar: str, *, files: bool) -> Callable[..., None]:
    @wraps(command)
    def called(*first: object, place: Path | None, data: Path, **given: object) -> None:
        command(*first, data=one_place(place, data), **given)

    argument = click.argument(
        "place", metavar=metavar, required=False, type=click.Path(file_okay=files, path_type=Path)
    )
    return argument(data_option(called))


P = TypeVar("P", Path, Path | None)


def one_place(place: Path | None, data: P) -> Path | P:
    """Return the place that an argument names, else that of ``--data``.

    Raises:
        click.UsageError: Both are given.
    """
    if place is None:
        return data
    if click.get_current_context().get_parameter_source("data") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"The place is named twice, {place} and --data {data}; name it once.")
    return place


def json_option(command: Command) -> Command:
    """Add ``--json``, which the command gets as a bool named ``as_json``."""
    option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
    return option(command)
