"""What the config file says, for the command line: an option goes before an environment variable, that before this."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from ..config_file import KEYS, Config, ConfigError, config_path, read_config


def setting(key: str) -> str | None:
    """Return what the config file says for one of KEYS, or None.

    Raises:
        click.UsageError: The file cannot be read or says what is not understood; the sentence says what.
    """
    assert key in KEYS
    return _read(config_path()).texts.get(key)


@functools.cache
def _read(path: Path) -> Config:
    try:
        return read_config(path)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
