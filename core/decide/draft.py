"""A decision of several steps: the events so far, and the state after them, on which the next step is judged."""

from __future__ import annotations

from ..events import Event
from ..ids import DomainId
from ..reducers import evolve
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
