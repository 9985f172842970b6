"""The config file: what a user does not want to type each time (docs/cli.md, *Config file*), read and checked.

It is ``$XDG_CONFIG_HOME/meted/config.toml``, else ``~/.config/meted/config.toml``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from meted.core.record import record

KEYS = {
    "server": "the server's address, as for --server",
    "domain": "who is charged for jobs, as for --domain",
    "user": "who you are, as for --user",
    "data": "the data directory of `meted up`, `meted serve` and `meted log`, as for --data",
    "executor": "what runs the units of `meted worker`, as for --executor",
}
"""What a config file may say, each as a string: key -> what it stands for."""

EXECUTORS = "executors"
"""The table of tables that are handed to executors: ``[executors.NAME]``."""

CONFIG_BYTES_MAX = 64 * 1024
"""A larger file is no config file."""


class ConfigError(Exception):
    """The config file cannot be read or says what is not understood; the text is one sentence that says what."""


@record
class Config:
    """What a config file says.

    Attributes:
        texts: Of :data:`KEYS`.
        executors: By name of an executor, what it is to be told.
    """

    texts: Mapping[str, str]
    executors: Mapping[str, Mapping[str, object]]


def config_path() -> Path:
    """Return where the config file is, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(base) / "meted" / "config.toml"


def read_config(path: Path) -> Config:
    """Return what a config file says; one that is not there says nothing.

    Raises:
        ConfigError: It cannot be read, or something in it is not understood.
    """
    try:
        with path.open("rb") as file:
            body = file.read(CONFIG_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Config({}, {})
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be read: {error.strerror}.") from None
    if len(body) > CONFIG_BYTES_MAX:
        raise ConfigError(f"The config file {path} is larger than {CONFIG_BYTES_MAX:,} bytes; make it smaller.")
    import tomllib  # only here: most have no config file

    try:
        said = tomllib.loads(body.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} is no TOML: {error}.") from None
    except (ValueError, RecursionError):  # neither says of the file what is wrong with it
        raise ConfigError(
            f"The config file {path} has a number of too many digits, or is nested too deeply; take that out."
        ) from None
    executors = said.pop(EXECUTORS, {})
    if not isinstance(executors, dict) or not all(isinstance(table, dict) for table in executors.values()):
        raise ConfigError(f"The config file {path} must give what executors are told as tables: [{EXECUTORS}.NAME].")
    for key, value in said.items():
        if key not in KEYS:
            raise ConfigError(
                f"The config file {path} says {key!r}, which is not known; use {', '.join(KEYS)}, or a table "
                f"[{EXECUTORS}.NAME]."
            )
        if not isinstance(value, str) or not value or "\0" in value:
            raise ConfigError(f'The config file {path} must give {key} as text in quotes: {key} = "...".')
    return Config(said, executors)
