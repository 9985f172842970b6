"""Places in time: when, and on which worker, the next run of a job that waits starts at the latest.

A policy that gives places (:mod:`meted.core.policy.rivals.conservative`) says so in an event, as what it promised has
to be known after a restart. The state keeps none of them: they are that policy's memory, and no other asks for them.
Command and event are re-exported by :mod:`meted.core.commands` and :mod:`meted.core.events`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from ..ids import JobId, WorkerId
from ..record import record

ANEW: Final = "anew"
FORWARD: Final = "forward"
GIVEN: Final = "given"

CHANGES: Final = (ANEW, FORWARD, GIVEN)
"""Why places change: the plan is made anew, and earlier places count no more; some moved forward; some were given."""

Row = tuple[JobId, WorkerId, int, int, int]
"""A place: the job, the worker, from when until when it holds what it needs, and how many units it is."""


@record
class ChangePlaces:
    """Give places to jobs that wait, move them, or take them back: what a policy proposes.

    Attributes:
        change: Why, one of :data:`CHANGES`.
        places: The places that are new.
        without: Jobs that can have none as things are.
    """

    at_us: int
    change: str
    places: tuple[tuple[JobId, WorkerId, int, int, int], ...]
    without: tuple[JobId, ...] = ()


@record
class PlacesChanged:
    """Jobs that wait were given places in time, or had them moved or taken back.

    Attributes:
        change: Why: ``anew`` where the plan was made anew (earlier places count no more, and whatever had run longer
            than estimated is taken to need as long again as it has had), ``forward`` where something had become free,
            ``given`` else.
        places: The places that are new, each with its job, worker, start, end and number of units; a lease that is
            given in its time takes it over.
        without: Jobs that can have none as things are; one that they had is taken back.
    """

    tag: ClassVar[str] = "places_changed"
    version: ClassVar[int] = 1
    at_us: int
    change: str
    places: tuple[tuple[JobId, WorkerId, int, int, int], ...]
    without: tuple[JobId, ...]
