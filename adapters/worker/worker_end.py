"""How a worker ended, as the process that it is tells it."""

from __future__ import annotations

from meted.core.record import record

ENDED, REFUSED, UNREACHABLE = 0, 1, 3
"""Exit codes: it left in good order; the server will not have it; there is no server."""


@record
class WorkerEnd:
    """How a worker ended.

    Attributes:
        exit_code: ``ENDED``, ``REFUSED`` or ``UNREACHABLE``.
        sentence: Why, for people; empty if there is nothing to say.
        is_known: Whether the server knows that it has left.
    """

    exit_code: int
    sentence: str = ""
    is_known: bool = False
