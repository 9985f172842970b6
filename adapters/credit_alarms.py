"""The alarms of credit as people and scripts are shown them; the keys are stable names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from meted.core.credit.alarms import ALARMS, CRASH
from meted.core.credit.state import CreditWindow
from meted.core.decide.ledger import credits_text
from meted.core.events import CreditAlarmCleared, CreditAlarmRaised, Event
from meted.core.state import State

from .wording import pluralized


class AlarmView(TypedDict):
    """One alarm, raised or not.

    ``number`` is 1 for ``crash`` (too much credit) and 2 for ``starvation`` (too little). ``since_us`` is when it was
    raised, or None. The others are of the last window of the trade that was looked at: when it began and was over,
    what was paid for priority in it and what of that went to those who made room, how many jobs lost their points as
    their purses were empty, and how many accounts with a cap were looked at and stood at it. ``sentence`` says what it
    is and what to do, and is empty where it is not raised.
    """

    number: int
    alarm: str
    raised: bool
    since_us: int | None
    from_us: int
    until_us: int
    paid_mc: int
    income_mc: int
    lapsed: int
    looked: int
    at_cap: int
    sentence: str


_ALARM_EVENTS = frozenset({CreditAlarmRaised, CreditAlarmCleared})


def alarm_views(state: State, wanted: Iterable[str] = ALARMS) -> list[AlarmView]:
    """Return those of the alarms that are wanted, by number."""
    names = set(wanted)
    return [_view(state, number, alarm) for number, alarm in enumerate(ALARMS, 1) if alarm in names]


def alarms_in(events: Sequence[Event]) -> list[str]:
    """Return the alarms that events have raised or cleared."""
    if _ALARM_EVENTS.isdisjoint(map(type, events)):  # as nearly always
        return []
    return [event.alarm for event in events if isinstance(event, CreditAlarmRaised | CreditAlarmCleared)]


def _view(state: State, number: int, alarm: str) -> AlarmView:
    watch = state.ledger.watch
    since_us = watch.crash_since_us if alarm == CRASH else watch.starved_since_us
    window = watch.last
    return AlarmView(
        number=number,
        alarm=alarm,
        raised=since_us is not None,
        since_us=since_us,
        from_us=window.from_us,
        until_us=watch.at_us,
        paid_mc=window.paid_mc,
        income_mc=window.income_mc,
        lapsed=window.lapsed,
        looked=window.looked,
        at_cap=window.at_cap,
        sentence="" if since_us is None else _sentence(alarm, window),
    )


def _sentence(alarm: str, window: CreditWindow) -> str:
    if alarm == CRASH:
        went = credits_text(window.income_mc) if window.income_mc > 0 else "nothing"
        return (
            f"There is too much credit (crash): of {credits_text(window.paid_mc)} paid for priority of late, {went} "
            f"went to those who make room, and {window.at_cap} of {window.looked} accounts looked at stand at their "
            "cap; grant less, or let credit fade (see: meted credit rules set)."
        )
    jobs = f"{window.lapsed} {pluralized(window.lapsed, 'job has', 'jobs have')}"
    return (
        f"There is too little credit (starvation): {jobs} lost bought points of late as their purses were empty, "
        "though there are domains that make room; grant more, or lower the price (see: meted credit rules set)."
    )
