"""Which version of the program this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def program_version() -> str:
    """Return the version as packaged; ``(not installed)`` where the source is run from its folders."""
    try:
        return metadata.version("meted")
    except metadata.PackageNotFoundError:
        return "(not installed)"
