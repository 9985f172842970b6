"""The config file: what a user does not want to type each time (docs/cli.md, *Config file*).

It is ``$XDG_CONFIG_HOME/meted/config.toml``, else ``~/.config/meted/config.toml``. An option on the command line goes
before an environment variable, that before the config file, and that before what is built in.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import click

KEYS = {
    "server": "the server's address, as for --server",
    "domain": "who is charged for jobs, as for --domain",
    "user": "who you are, as for --user",
    "data": "the data directory of `meted up`, `meted serve` and `meted log`, as for --data",
}
"""What a config file may say, each as a string: key -> what it stands for."""

CONFIG_BYTES_MAX = 64 * 1024
"""A larger file is no config file."""


def config_path() -> Path:
    """Return where the config file is, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(base) / "meted" / "config.toml"


def setting(key: str) -> str | None:
    """Return what the config file says for one of KEYS, or None.

    Raises:
        click.UsageError: The file cannot be read or says what is not understood; the sentence says what.
    """
    assert key in KEYS
    return _read(config_path()).get(key)


@functools.cache
def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            body = file.read(CONFIG_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise click.UsageError(f"The config file {path} cannot be read: {error.strerror}.") from None
    if len(body) > CONFIG_BYTES_MAX:
        raise click.UsageError(f"The config file {path} is larger than {CONFIG_BYTES_MAX:,} bytes; make it smaller.")
    import tomllib  # only here: most have no config file

    try:
        said = tomllib.loads(body.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"The config file {path} is no TOML: {error}.") from None
    for key, value in said.items():
        if key not in KEYS:
            raise click.UsageError(f"The config file {path} says {key!r}, which is not known; use {', '.join(KEYS)}.")
        if not isinstance(value, str) or not value:
            raise click.UsageError(f'The config file {path} must give {key} as text in quotes: {key} = "...".')
    return said
