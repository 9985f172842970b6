"""A decision of several steps: the events so far, and the state after them, on which the next step is judged."""

from __future__ import annotations

from ..events import AccountReweighted, Event, LagRemainderKept
from ..ids import DomainId
from ..reducers import evolve
from ..service import clock_within
from ..state import Domain, State


class Draft:
    """What was decided so far.

    Attributes:
        state: The state after ``events``.
        at_us: When all of it happens.
        events: What will be returned; none of it counts if anything is refused.
    """

    def __init__(self, state: State, at_us: int) -> None:
        self.state = state
        self.at_us = at_us
        self.events: list[Event] = []

    def domain(self, domain_id: DomainId) -> Domain:
        """Return a domain as it is after the events so far."""
        return self.state.domains.domains[domain_id]

    def add(self, event: Event) -> None:
        """Decide one more event."""
        self.state = evolve(self.state, event)
        self.events.append(event)

    def add_reweighting(self, event: Event, *domain_ids: DomainId) -> None:
        """Decide an event that changes the effective shares of domains, and leave what they are owed as it is.

        S' = V - (V - S) e / e' (docs/fairness.md, P10a), with V of the parent. What is owed, e (V - S) + r, is kept to
        the last bit: the remainder r of the division stays with the domain. So the way back restores the tag exactly,
        whatever the shares were in between.
        """
        before = [self.domain(domain_id) for domain_id in domain_ids]
        self.add(event)
        for old in before:
            share = self.domain(old.domain_id).effective_share
            account = self.state.jobs.accounts.get(old.domain_id)
            if account is None or share == old.effective_share:
                continue
            clock = clock_within(self.state.jobs, old.parent)
            owed = old.effective_share * (clock - account.tag) + old.remainder
            lag, remainder = divmod(owed, share)
            self.add(AccountReweighted(self.at_us, old.domain_id, clock - lag))
            if remainder != old.remainder:
                self.add(LagRemainderKept(self.at_us, old.domain_id, remainder))
