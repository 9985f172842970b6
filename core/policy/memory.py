"""What a policy may remember that the state does not hold: a small value that is a function of the events so far.

A policy that ranks by something that no event says (whom it served, what a user's last runs took) folds it from the
events, and from nothing else: not from passes, not from when it was asked. So whoever has a state and the memory that
goes with it has the same index, however he came by them, and an index that is thrown away is lost to nobody:

* the engine keeps the memory of what is committed beside the committed state, for when an append fails;
* a snapshot holds the memory of the policy that made it, and a restart follows the events after it;
* a forecast in another process is given it.

Units whose back-off is over come back by time alone, and no event says so. They count as back from the first event on
that is not before that time: a pass that finds them back first reckons with what they will then be given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, cast

from ..events import Event
from ..reducers import evolve, fold
from ..state import State
from .base import Index, Policy
from .pool import PoolIndex

Memory = object
"""A record of persistent maps and plain values, which :mod:`..state_bytes` can write; it never changes."""


class RememberingIndex(Index, Protocol):
    """An index of a policy with a memory."""

    def memory(self) -> Memory:
        """Return what is remembered after the last event."""


class Remembering:
    """A base of policies with a memory, which a live pool takes.

    Attributes:
        name: By which people choose it.
        remembers: The record that its memory is, of two fields at least.
    """

    name: str
    remembers: type[Any]

    @property
    def remembers_as(self) -> str:
        """Under which name snapshots hold its memory: one for all that would remember the same of the same events."""
        return self.name

    def index(self, state: State, memory: Any = None) -> RememberingIndex:
        """Return an index of ``state``, with what is remembered there; None begins anew with what the state tells."""
        raise NotImplementedError


class MemoryIndex(PoolIndex):
    """A base of indices with a memory; a subclass keeps it, and folds it where it is told of what changes."""

    _at_event: Memory | None = None  # where units have come back since the last event: what was remembered before that

    def remembered(self) -> Memory:
        """Return what is remembered now, as a value; it takes no time to speak of."""
        raise NotImplementedError

    def memory(self) -> Memory:
        """Return what is remembered after the last event."""
        return self.remembered() if self._at_event is None else self._at_event

    def wake(self, at_us: int) -> None:
        """Bring back the units whose back-off is over by ``at_us``; until an event, nothing of it is remembered."""
        if self._at_event is None and self._sleeping and self._sleeping[0][0] <= at_us:
            self._at_event = self.remembered()
        super().wake(at_us)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; whatever was to come back by then is back."""
        self.wake(event.at_us)
        self._at_event = None
        super().update(event, state)


def index_of(policy: Policy, state: State, memory: Memory | None) -> Index:
    """Return an index of a state; without a memory that goes with it, one that begins anew."""
    return policy.index(state) if memory is None else cast(Remembering, policy).index(state, memory)


def memory_of(index: Index) -> Memory | None:
    """Return what an index remembers after the last event; None where it remembers nothing."""
    return index.memory() if isinstance(index, MemoryIndex) else None


def followed(
    policy: Policy, state: State, memory: Memory | None, events: Iterable[Event]
) -> tuple[State, Memory | None]:
    """Return a state, and what a policy remembers there, after ``events``."""
    if not isinstance(policy, Remembering):
        return fold(state, events), None
    following = Following(policy, state, memory)
    following.add(events)
    return following.finish(), following.memory


class Following:
    """A state and what a policy remembers there, event by event."""

    def __init__(self, policy: Remembering, state: State, memory: Memory | None) -> None:
        self._state = state
        self._index = policy.index(state, memory)

    @property
    def memory(self) -> Memory:
        """What is remembered after the last event."""
        return self._index.memory()

    def add(self, events: Iterable[Event]) -> None:
        """Follow ``events``."""
        state, update = self._state, self._index.update
        for event in events:
            state = evolve(state, event)
            update(event, state)
        self._state = state

    def finish(self) -> State:
        """Return the state after all events."""
        return self._state
