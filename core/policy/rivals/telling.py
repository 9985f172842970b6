"""What a pass changes of the places, until it has proposed that."""

from __future__ import annotations

from collections.abc import Iterator

from ...commands import ChangePlaces
from ...ids import JobId
from ...jobs.places import ANEW, GIVEN
from ...state import Job, State
from ..base import Proposal
from .place_memory import Places
from .placing import PlacingIndex
from .plan import Place


class TellingIndex(PlacingIndex):
    """Places and plan as a pass has them so far.

    Attributes:
        changed: The jobs whose place has changed since that was last proposed, with the new one or none.
        is_new: Whether the plan was made anew since then.
    """

    def __init__(self, state: State, memory: Places | None) -> None:
        self.changed: dict[JobId, Place | None] = {}
        self.is_new = False
        super().__init__(state, memory)

    @property
    def has_news(self) -> bool:
        """Whether there is something to propose."""
        return bool(self.changed) or self.is_new

    def begin(self) -> None:
        """Begin a pass: what was changed in another and has not happened is forgotten."""
        super().begin()
        self.changed.clear()
        self.is_new = False

    def assign(self, job: Job, place: Place) -> None:
        """Give a job a place."""
        self.settle(job, place)
        self.changed[job.job_id] = place

    def give_up(self, job: Job) -> None:
        """Take a job's place away, to look for another."""
        self.withdraw(job)
        self.changed[job.job_id] = None

    def despair(self, job: Job) -> None:
        """A job can have no place as things are."""
        if job.job_id in self.places:
            self.withdraw(job)
        self.unplanned.discard(job.job_id)
        self.changed[job.job_id] = None

    def plan_anew(self, now_us: int) -> None:
        """Forget the plan; everybody is to be given a place anew."""
        self.make_plan(now_us)
        self.unplanned.update(self.changed)
        self.changed.clear()
        self.is_new = True

    def tell(self, now_us: int, change: str = GIVEN) -> Iterator[Proposal]:
        """Propose what has changed."""
        if not self.has_news:
            return
        places = tuple(
            (job_id, place.room.worker_id, place.start_us, place.end_us, place.count)
            for job_id, place in self.changed.items()
            if place is not None
        )
        without = tuple(job_id for job_id, place in self.changed.items() if place is None)
        self.told = ChangePlaces(now_us, ANEW if self.is_new else change, places, without)
        self.changed.clear()
        self.is_new = False
        yield self.told
