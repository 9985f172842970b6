"""``meted worker`` before it dials: its directory."""

from __future__ import annotations

import os
from pathlib import Path

from meted.adapters.cli.worker import lock_directory
from meted.adapters.log import SQLiteLog


def test_a_server_can_start_where_a_worker_was_first(tmp_path: Path) -> None:
    """A worker's directory is inside that of the server, where nobody names another; which is first makes both."""
    before = os.umask(0o022)
    try:
        os.close(lock_directory(tmp_path / "share" / "meted" / "worker"))
    finally:
        os.umask(before)
    SQLiteLog.open(tmp_path / "share" / "meted").close()
