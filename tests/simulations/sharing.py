"""Traces beside the checkout that may be there or not, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest


def trace_file(folder: Path, name: str) -> Path:
    """Return the path of a trace of the folder of real ones; where that trace is absent, the test is skipped."""
    path = folder / "swf" / f"{name}.swf.gz"
    if not path.is_file():
        pytest.skip(f"the trace is absent: {path}")
    return path
