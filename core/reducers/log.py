"""Folding a whole log: the same reducers, on tables that change in place.

A persistent map makes a new path of nodes for every entry that changes, so that the map before stays as it was. While a
log is read nobody looks at the states in between; so the three maps that change with nearly every event are dicts until
its end. :func:`meted.core.reducers.fold` is for a few events on a large state, where copying the maps would cost more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from immutables import Map

from ..events import Event
from ..record import replaced
from ..state import State
from . import OF_JOBS, evolve

K = TypeVar("K")
V = TypeVar("V")


class _Table(dict[K, V]):
    """A dict that takes the place of a map: what would be a new map is itself, changed."""

    def set(self, key: K, value: V) -> _Table[K, V]:
        """Have an entry."""
        self[key] = value
        return self

    def delete(self, key: K) -> _Table[K, V]:
        """Have an entry no more."""
        del self[key]
        return self

    def mutate(self) -> _Table[K, V]:
        """Return what may be changed in place."""
        return self

    def finish(self) -> _Table[K, V]:
        """Return what stays."""
        return self


class LogFold:
    """The state after a log, batch by batch; in between nothing can be asked."""

    def __init__(self, state: State) -> None:
        jobs = state.jobs
        self._state = replaced(
            state,
            jobs=replaced(jobs, jobs=_opened(jobs.jobs), leases=_opened(jobs.leases), accounts=_opened(jobs.accounts)),
        )

    def add(self, events: Iterable[Event]) -> None:
        """Fold ``events``."""
        state = self._state
        jobs, seq, at_us = state.jobs, state.seq, state.at_us
        for event in events:
            reduce = OF_JOBS.get(type(event))
            if reduce is not None:
                jobs = reduce(jobs, event)
            else:
                state = evolve(replaced(state, jobs=jobs), event)
                jobs = state.jobs
            seq += 1
            at_us = event.at_us
        self._state = replaced(state, seq=seq, at_us=at_us, jobs=jobs)

    def finish(self) -> State:
        """Return the state after all events."""
        jobs = self._state.jobs
        return replaced(
            self._state,
            jobs=replaced(jobs, jobs=Map(jobs.jobs), leases=Map(jobs.leases), accounts=Map(jobs.accounts)),
        )


def _opened(entries: Map[K, V]) -> Map[K, V]:
    return cast(Map[K, V], _Table(entries))
