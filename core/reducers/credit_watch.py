"""What the alarms of credit go by: windows of the trade, and which alarm is raised."""

from __future__ import annotations

from ..credit.alarms import CRASH
from ..credit.state import CreditWindow, Ledger
from ..events import CreditAlarmCleared, CreditAlarmRaised, CreditWatched
from ..record import replaced


def watched(ledger: Ledger, event: CreditWatched) -> Ledger:
    """A window is over."""
    window = CreditWindow(
        event.from_us, event.paid_mc, event.income_mc, event.lapsed, event.looked, event.at_cap, event.room
    )
    watch = replaced(
        ledger.watch,
        at_us=event.at_us,
        last=window,
        paid_mc=ledger.paid_mc,
        income_mc=ledger.income_mc,
        lapsed=ledger.lapsed,
        crash=event.crash,
        starved=event.starved,
    )
    return replaced(ledger, watch=watch)


def alarm_raised(ledger: Ledger, event: CreditAlarmRaised) -> Ledger:
    """An alarm is raised."""
    return _alarmed(ledger, event.alarm, event.at_us)


def alarm_cleared(ledger: Ledger, event: CreditAlarmCleared) -> Ledger:
    """An alarm is cleared."""
    return _alarmed(ledger, event.alarm, None)


def _alarmed(ledger: Ledger, alarm: str, since_us: int | None) -> Ledger:
    if alarm == CRASH:
        return replaced(ledger, watch=replaced(ledger.watch, crash_since_us=since_us))
    return replaced(ledger, watch=replaced(ledger.watch, starved_since_us=since_us))
