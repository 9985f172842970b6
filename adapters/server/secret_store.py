"""Environment values that may not stand in the log: kept beside it under a random name, until their job is gone.

The log holds the name alone. Files are 0600 in the data directory, which is closed to others; a backup of the log does
not contain them, so a job restored from one fails with a sentence that says so.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

import msgpack

_TOKEN = re.compile(r"[0-9a-f]{32}")


class SecretStore(Protocol):
    """Keeps what is secret of a job's environment."""

    def put(self, values: Mapping[str, str]) -> str:
        """Keep ``values`` durably and return the name under which they are found."""

    def get(self, token: str) -> dict[str, str] | None:
        """Return what was kept under a name, or None if it is not there."""

    def forget(self, token: str) -> None:
        """Delete what was kept; nothing happens if it is not there."""

    def forget_all_but(self, tokens: Collection[str]) -> None:
        """Delete what was kept under any other name: the server died before it came to that, or before its job came."""


class MemorySecrets:
    """Secrets of a server whose log is in memory."""

    def __init__(self, make_token: Callable[[], str]) -> None:
        """Name what is kept with ``make_token``."""
        self._make_token = make_token
        self._kept: dict[str, dict[str, str]] = {}

    def put(self, values: Mapping[str, str]) -> str:
        """Keep ``values`` and return the name under which they are found."""
        token = self._make_token()
        self._kept[token] = dict(values)
        return token

    def get(self, token: str) -> dict[str, str] | None:
        """Return what was kept under a name, or None."""
        return self._kept.get(token)

    def forget(self, token: str) -> None:
        """Delete what was kept."""
        self._kept.pop(token, None)

    def forget_all_but(self, tokens: Collection[str]) -> None:
        """Delete what was kept under any other name."""
        for token in self._kept.keys() - set(tokens):
            self.forget(token)


class SecretFiles:
    """Secrets in a directory, one file a job."""

    def __init__(self, directory: Path, make_token: Callable[[], str]) -> None:
        """Keep files in ``directory``, which is made with mode 0700; each is named by ``make_token``."""
        self._directory = directory
        self._make_token = make_token

    def put(self, values: Mapping[str, str]) -> str:
        """Keep ``values``, synced, and return the name under which they are found.

        Raises:
            OSError: They could not be written.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        token = self._make_token()
        descriptor = os.open(self._directory / token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(msgpack.packb(dict(values)))
                file.flush()
                os.fsync(file.fileno())
            entry = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)
        except OSError:
            self.forget(token)
            raise
        return token

    def get(self, token: str) -> dict[str, str] | None:
        """Return what was kept under a name, or None."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            kept: dict[str, str] = msgpack.unpackb((self._directory / token).read_bytes())
        except (OSError, ValueError):
            return None
        return kept

    def forget(self, token: str) -> None:
        """Delete what was kept."""
        if _TOKEN.fullmatch(token):
            with contextlib.suppress(OSError):  # what cannot be deleted now is when the server starts the next time
                (self._directory / token).unlink()

    def forget_all_but(self, tokens: Collection[str]) -> None:
        """Delete what was kept under any other name."""
        if self._directory.is_dir():
            for token in set(os.listdir(self._directory)) - set(tokens):
                self.forget(token)
