"""Shortest job first: who asks for the least time goes first; the first that does not fit stops the pass.

The oldest rule for a short mean wait (W. E. Smith, "Various optimizers for single-stage production", Naval Research
Logistics Quarterly 3, 1956: with one machine and all jobs there it is optimal), here by requested times, as run times
are known only afterwards. It guarantees nothing to the long: where short jobs keep coming, a long one waits for ever.

Quirks that matter when schedules are compared: who is shortest is asked anew at every event, so a head that does not
fit loses its place to a shorter one that comes; nothing is started past the head (there is no backfilling); ties go to
whom was submitted first. What is compared is the time of one unit, and who names no time comes last.
"""

from __future__ import annotations

from ..state import State
from .base import Index
from .fcfs import FcfsIndex
from .queues import shortest_key


class SjfIndex(FcfsIndex):
    """The queue by requested time, served strictly from its head."""

    key_of = staticmethod(shortest_key)
    order = "by priority, then by the time asked for, shortest first"


class Sjf:
    """Strict shortest job first over the whole pool."""

    name = "sjf"

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return SjfIndex(state)
