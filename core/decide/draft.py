"""A decision of several steps: the events so far, and the state after them, on which the next step is judged."""

from __future__ import annotations

from collections.abc import Iterable

from ..events import Event
from ..ids import DomainId
from ..reducers import evolve
from ..state import Domain, State


class Draft:
    """What was decided so far.

    Attributes:
        at_us: When all of it happens.
        events: What will be returned; none of it counts if anything is refused.
    """

    __slots__ = ("_folded", "_state", "at_us", "events")

    def __init__(self, state: State, at_us: int, events: Iterable[Event] = ()) -> None:
        """Start with a state, and with ``events`` that were decided on it."""
        self._state = state
        self._folded = 0  # how many of the events are in _state: they are folded once somebody looks at it
        self.at_us = at_us
        self.events: list[Event] = list(events)

    @property
    def state(self) -> State:
        """The state after :attr:`events`."""
        events = self.events
        while self._folded < len(events):
            self._state = evolve(self._state, events[self._folded])
            self._folded += 1
        return self._state

    def domain(self, domain_id: DomainId) -> Domain:
        """Return a domain as it is after the events so far."""
        return self.state.domains.domains[domain_id]

    def add(self, event: Event) -> None:
        """Decide one more event."""
        self.events.append(event)
