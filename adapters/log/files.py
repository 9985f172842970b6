"""Files that a command writes for its user: whole or not at all, and never over one that is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .directory import sync_directory
from .errors import LogIOError, LogUnsafe


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give the name of a draft beside ``path``, which takes its place when the block ends well.

    Raises:
        LogUnsafe: There is a file at ``path``.
        LogIOError: The operating system refused.
    """
    if path.exists():
        raise LogUnsafe(f"{path} is there already and was left as it is; name a file that is not there yet.")
    draft = path.with_name(path.name + ".draft")
    try:
        remove_database(draft)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        # row N42: whoever looks finds the whole file or none
        os.link(draft, path)
        draft.unlink()
        sync_directory(path.parent)
    except OSError as error:
        raise LogIOError(f"{path} could not be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):
            remove_database(draft)


def remove_database(path: Path) -> None:
    """Delete a database, and what SQLite leaves beside it where it could not finish, on a full disk say.

    Raises:
        OSError: The system refuses.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
