"""What the index of the clock follows under karma: credit, and who donates what (:mod:`.pool_karma`)."""

from __future__ import annotations

from ..credit.karma import KARMA, left_milli
from ..events import CreditEvent
from ..ids import DomainId
from ..state import Job, State
from .pool_karma import KarmaDonors, concerned
from .turns import TurnIndex


class KarmaIndex(TurnIndex):
    """The clock's index, which under karma also keeps donors in order."""

    def __init__(self, state: State) -> None:
        self._donors: KarmaDonors | None = None  # under karma, once somebody has asked
        super().__init__(state)

    def job_done(self, job: Job) -> None:
        """Take a job out of its queue; its domain may donate now."""
        if self._donors is not None:
            self._donors.refresh(self.state, self._line_up(job.terms.domain_id)[-1])
        super().job_done(job)

    def rules_changed(self) -> None:
        """Refresh all keys, and find the donors anew."""
        self._donors = None
        super().rules_changed()

    def pool_changed(self) -> None:
        """Refresh all keys, and find the donors anew: what everybody is guaranteed has changed."""
        self._donors = None
        super().pool_changed()

    def shares_changed(self) -> None:
        """Under karma, where all depends on each share, refresh all keys and find the donors anew."""
        if self.state.rules.pool == KARMA:
            self.rules_changed()

    def credit_changed(self, event: CreditEvent, was: State) -> None:
        """Refresh the places in the pool of those whose credit has changed."""
        for domain_id in concerned(event, was, self.state):
            self._dirty.add(domain_id)
            if self._donors is not None:
                self._donors.refresh(self.state, domain_id)

    def donors_for(self, job: Job) -> tuple[DomainId, ...]:
        """Return, under karma, from whose guarantees the next unit of a job is to be taken: the poorest first."""
        state = self.state
        if state.rules.pool != KARMA:
            return ()
        top = self._line_up(job.terms.domain_id)[-1]
        priced_milli = self._width_milli(job.terms.request) - left_milli(state, top)
        if priced_milli <= 0:
            return ()
        if self._donors is None:
            self._donors = KarmaDonors(state)
        return self._donors.poorest(state, priced_milli)

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        if self.state.rules.pool != KARMA:
            return super().summary()
        donors = self._donors or KarmaDonors(self.state)
        return super().summary(), donors.standing(self.state)
