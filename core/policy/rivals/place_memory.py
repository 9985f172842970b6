"""What :mod:`.conservative` remembers: who has which place, and what else its plan is made of."""

from __future__ import annotations

from typing import Final

from immutables import Map

from ...ids import JobId, LeaseId, WorkerId
from ...jobs.places import Row
from ...record import record

NO_GAPS: Final = 0
OLD_GAPS: Final = 1
NEW_GAPS: Final = 2


@record
class Places:
    """What is remembered of the plan.

    Attributes:
        rows: The place of every job that has one.
        without: Jobs that can have none until something changes: they are over a cap, or too big for every worker.
        ends: When leases end in the plan, where that is another time than was estimated when they were given.
        workers: Those that are planned for.
        gaps: Whether somebody may move forward: ``NO_GAPS`` since the plan was made; ``OLD_GAPS`` where somebody moved
            when all were last looked at, after which another may; ``NEW_GAPS`` where something has become free since.
        is_void: Whether there is no plan.
    """

    rows: Map[JobId, Row] = Map()
    without: Map[JobId, bool] = Map()
    ends: Map[LeaseId, int] = Map()
    workers: tuple[WorkerId, ...] = ()
    gaps: int = NO_GAPS
    is_void: bool = True
