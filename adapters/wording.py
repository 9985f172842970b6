"""Words that sentences and tables for people share."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number and what it counts: ``1 event``, ``2,000 events``; ``plural`` is with an s if it is not given."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
