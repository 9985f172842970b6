"""Words that sentences and tables for people share."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number and what it counts: ``1 event``, ``2,000 events``; ``plural`` is with an s if it is not given."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def no_such_unit(job_id: int, count: int) -> str:
    """Return what is said to who asks for a unit that a job of so many units does not have."""
    if count == 1:
        return f"Job {job_id} has no unit but 0."
    return f"Job {job_id} has units 0 to {count - 1}; give one of these."
