"""When the trade in credit is to be looked at: a projection of the ledger, for the timers."""

from __future__ import annotations

from typing import ClassVar

from ..events import CreditAlarmCleared, CreditAlarmRaised, CreditWatched, Event, FeePosted, PointsLapsed
from ..limits import CREDIT_WATCH_US
from ..state import State


class Watching:
    """The end of the window in which there was trade, or for which an alarm waits."""

    FOLLOWS: ClassVar[frozenset[type[Event]]] = frozenset(
        (FeePosted, PointsLapsed, CreditWatched, CreditAlarmRaised, CreditAlarmCleared)
    )
    """The events that :meth:`update` cares for."""

    def __init__(self, state: State) -> None:
        ledger, watch = state.ledger, state.ledger.watch
        traded = (ledger.paid_mc, ledger.lapsed) != (watch.paid_mc, watch.lapsed)
        self._raised = sum(since_us is not None for since_us in (watch.crash_since_us, watch.starved_since_us))
        is_open = traded or watch.crash or watch.starved or self._raised
        self.due_us: int | None = _end_us(state.at_us) if is_open else None

    def update(self, event: Event) -> None:
        """Follow ``event``, which is of :attr:`FOLLOWS`, in constant time."""
        match event:
            case CreditAlarmRaised():
                self._raised += 1
            case CreditAlarmCleared():
                self._raised -= 1
            case CreditWatched():
                self.due_us = _end_us(event.at_us) if event.crash or event.starved or self._raised else None
                return
            case _:
                pass
        if self.due_us is None and type(event) is not CreditAlarmCleared:
            self.due_us = _end_us(event.at_us)

    def looked(self, at_us: int) -> None:
        """Take note that it is looked at now. Where an alarm is raised it is looked at again, whatever happens."""
        self.due_us = _end_us(at_us) if self._raised else None


def _end_us(at_us: int) -> int:
    """Return when the window that a time lies in is over."""
    return (at_us // CREDIT_WATCH_US + 1) * CREDIT_WATCH_US
