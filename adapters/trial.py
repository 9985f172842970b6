"""Trying commands out: what an engine would decide, without deciding it."""

from __future__ import annotations

from meted.core.commands import Command
from meted.core.decide import decide
from meted.core.events import Event
from meted.core.reducers import fold
from meted.core.state import State


class Trial:
    """Decides on a state as an engine does, and what is decided leaves no trace: for finding out what would be."""

    def __init__(self, state: State) -> None:
        """Begin with a state."""
        self.state = state

    def handle(self, command: Command) -> tuple[Event, ...]:
        """Return the events that a command would cause."""
        events = decide(self.state, command)
        self.state = fold(self.state, events)
        return events
