"""The one interface of a policy: given what waits and what is free, who is next?

A policy makes an *index*: a projection of the state, sorted as the policy needs it. It is built from a state, told of
every event, and never a truth: throwing it away and building it anew changes no decision. (Some policies rest on what
the state does not hold; then that is in their :mod:`.memory`, and the projection is one of both.) A pass asks it for
*proposals*: commands, one at a time. After each the engine has decided and folded what followed and told the index; so
everything is ranked again after every decision, and a reservation or a shadow time is a local variable of the pass.

Only order is a policy's business: what a lease costs its domain is the same under all of them (:mod:`..service`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..commands import ChangePlaces, EndReservation, LeaseUnits, ReserveWorker
from ..events import Event
from ..ids import JobId
from ..state import State

Proposal = LeaseUnits | ReserveWorker | EndReservation | ChangePlaces


class Index(Protocol):
    """A policy's sorted view of one state."""

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; ``state`` is the state after it, and after a fee that is held or posted next to it."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield what to do now, best first; the state has moved on between any two."""

    def summary(self) -> object:
        """Return everything decisions depend on, comparable with that of an index built anew."""

    def next_wake_us(self) -> int | None:
        """Return when a pass may find something that it would not find now, though nothing happens until then."""

    def ahead_of(self, job_id: JobId) -> str:
        """Return a sentence or some on who is ahead of a job that waits, and by which rule."""


class Policy(Protocol):
    """Who is next.

    Attributes:
        name: By which people choose it.
    """

    name: str

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""


class SimulationOnly:
    """A base of policies that a live pool refuses: they compute with floats, or remember what no event tells.

    Floats need not decide the same on another machine. And after a failed append or a restart an index is built anew,
    of the state and of what its :mod:`.memory` has folded from the events; what hangs on when there were passes would
    be forgotten then, unless the pass proposed that it become an event.
    """
