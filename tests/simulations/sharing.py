"""Traces beside the checkout that may be there or not, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest


def trace_file(folder: Path, name: str) -> Path:
    """Return the path of a trace of the folder of real ones; where that trace is absent, the test is skipped."""
    return _present(folder / "swf" / f"{name}.swf.gz")


def outcome_file(folder: Path, name: str) -> Path:
    """Return the path of a schedule that others have published; where it is absent, the test is skipped."""
    return _present(folder / "outcomes" / f"{name}.swf.gz")


def _present(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"the file is absent: {path}")
    return path
