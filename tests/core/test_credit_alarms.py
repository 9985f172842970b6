"""Alarms of too much credit and of too little: raised when they should be, once, cleared once, and not raised else."""

from __future__ import annotations

from typing import Any

import pytest

from meted.core.commands import GrantCredit, NiceJob, OpenCredit, SetCreditRules, WatchCredit
from meted.core.credit.alarms import CRASH, STARVATION, cap_of, crash_windows, is_at_cap, starved_windows
from meted.core.credit.state import CreditAccount, CreditRules, CreditWatch, CreditWindow
from meted.core.events import CreditAlarmCleared, CreditAlarmRaised, CreditWatched
from meted.core.ids import AccountId, DomainId, JobId
from meted.core.limits import (
    CREDIT_ALARM_WINDOWS,
    CREDIT_CALM_LAPSES_MAX,
    CREDIT_STARVED_LAPSES_MIN,
    CREDIT_WATCH_US,
)

from .helper import SECOND
from .test_nice import Market

HOUR, MINUTE = 3_600 * SECOND, 60 * SECOND


class Economy(Market):
    """Buyers and others, of whom some make room; an hour at a time."""

    def __init__(self, cap_mc: int | None = 10_000, **more: Any) -> None:
        super().__init__(slots=4, income="funded")
        self.do(SetCreditRules(0, cap_mc=cap_mc, income="funded", **more))

    def told(self) -> list[tuple[str, str]]:
        """Return the alarms that were raised and cleared, in order."""
        return [
            ("raised" if type(event) is CreditAlarmRaised else "cleared", event.alarm)
            for event in self.log
            if isinstance(event, CreditAlarmRaised | CreditAlarmCleared)
        ]

    def windows(self) -> list[CreditWatched]:
        """Return the windows that were looked at."""
        return [event for event in self.log if isinstance(event, CreditWatched)]

    def hour(self, *names: str, points: int = 2, jobs: int = 1, cost_us: int | None = None) -> None:
        """Each of the domains buys points for jobs that run in this hour; the hour is over then."""
        ends_us = (self.now_us // HOUR + 1) * HOUR
        for name in names:
            for _ in range(jobs):
                job_id = self.submit(name, 12, time_request_us=5 * MINUTE)
                self.do(NiceJob(self.now_us, job_id, points, cost_us))
        self.play(ends_us - 5 * MINUTE, 5 * MINUTE)
        self.tick(max(ends_us - self.now_us, 0))
        self.run_timers()


def crashed() -> Economy:
    """Everybody but the buyer stands at the cap and waits for its turn, so nobody makes room."""
    world = Economy()
    for name in ("rich", "full", "also"):
        world.make(name)
    world.do(GrantCredit(0, "full", 10_000))
    world.do(GrantCredit(0, "also", 10_000))
    for name in ("full", "also"):
        world.submit(name, 4_000, time_request_us=5 * MINUTE)
    world.do(GrantCredit(0, "rich", 10**9))
    return world


def test_a_crash_is_raised_once_and_cleared_once() -> None:
    world = crashed()
    world.do(SetCreditRules(world.now_us, cap_mc=10_000, income="funded"))
    for _ in range(5):
        world.hour("rich")
    assert world.told() == [("raised", CRASH)]
    windows = world.windows()
    assert all(window.paid_mc >= 1_000 and window.income_mc == 0 for window in windows)
    # It took so many windows, and no more.
    raised = next(event for event in world.log if isinstance(event, CreditAlarmRaised))
    assert raised.at_us == windows[CREDIT_ALARM_WINDOWS - 1].at_us
    assert world.state.ledger.watch.crash_since_us == raised.at_us
    world.do(SetCreditRules(world.now_us, cap_mc=10_000_000_000, income="funded"))  # far from the cap
    for _ in range(4):
        world.hour("rich")
    assert world.told() == [("raised", CRASH), ("cleared", CRASH)]
    assert world.state.ledger.watch.crash_since_us is None


def test_no_crash_without_a_cap_whatever_is_paid() -> None:
    world = crashed()
    world.do(SetCreditRules(world.now_us, cap_mc=None, income="funded"))
    for _ in range(5):
        world.hour("rich")
    assert world.windows()
    assert not world.told()


def test_no_crash_while_somebody_makes_room() -> None:
    world = Economy()
    for name in ("rich", "idle"):
        world.make(name)
    world.do(GrantCredit(0, "idle", 10_000))
    world.submit("idle", time_request_us=MINUTE)
    world.do(GrantCredit(0, "rich", 10**9))
    for _ in range(5):
        world.hour("rich")
    assert sum(window.income_mc for window in world.windows()) > 0
    assert not world.told()


def test_no_crash_where_nobody_buys() -> None:
    world = crashed()
    for _ in range(5):
        world.hour()
    assert not world.windows()
    assert not world.told()


def starving(donor: bool = True) -> Economy:
    """Buyers whose purses are empty at once, and one that has room to give, if there is a donor."""
    world = Economy(cap_mc=None)
    for name in ("poor", "idle", "busy"):
        world.make(name)
        world.do(GrantCredit(0, name, 100_000))
    world.submit("idle" if donor else "busy", time_request_us=MINUTE)
    world.submit("busy", 4_000, time_request_us=5 * MINUTE)
    world.play(2 * MINUTE, MINUTE)
    return world


def test_starvation_is_raised_once_and_cleared_once() -> None:
    world = starving()
    for _ in range(5):
        world.hour("poor", jobs=CREDIT_STARVED_LAPSES_MIN + 2, cost_us=SECOND)
    assert world.told() == [("raised", STARVATION)]
    assert world.state.ledger.watch.starved_since_us is not None
    for _ in range(4):
        world.hour("poor")  # one job, which can pay for what it takes
    assert world.told() == [("raised", STARVATION), ("cleared", STARVATION)]
    assert world.state.ledger.watch.starved_since_us is None


def test_no_starvation_where_few_lapse() -> None:
    world = starving()
    for _ in range(5):
        world.hour("poor", jobs=CREDIT_STARVED_LAPSES_MIN - 1, cost_us=SECOND)
    assert world.windows()
    assert not world.told()


def test_one_bad_hour_is_no_starvation() -> None:
    world = starving()
    for jobs in (CREDIT_STARVED_LAPSES_MIN + 2, 1, CREDIT_STARVED_LAPSES_MIN + 2, 1):
        world.hour("poor", jobs=jobs, cost_us=SECOND)
    assert not world.told()


def test_an_alarm_that_is_raised_is_cleared_though_nothing_happens_any_more() -> None:
    world = starving()
    for _ in range(3):
        world.hour("poor", jobs=CREDIT_STARVED_LAPSES_MIN + 2, cost_us=SECOND)
    assert world.told() == [("raised", STARVATION)]
    for _ in range(CREDIT_ALARM_WINDOWS + 1):
        world.tick(CREDIT_WATCH_US)
        world.run_timers()
    assert world.told()[-1] == ("cleared", STARVATION)
    due_us = world.engine.next_due_us()
    windows = len(world.windows())
    world.tick(10 * CREDIT_WATCH_US)
    world.run_timers()
    assert len(world.windows()) == windows, due_us  # and nobody looks any more


def test_a_window_is_looked_at_once() -> None:
    world = starving()
    world.hour("poor")
    poor = (AccountId(3),)
    assert world.do(WatchCredit(world.now_us, poor)) == ()
    assert len(world.windows()) == 1


def test_a_restart_changes_nothing_of_alarms() -> None:
    told = []
    for restarts in (False, True):
        world = starving()
        for _ in range(4):
            world.hour("poor", jobs=CREDIT_STARVED_LAPSES_MIN + 2, cost_us=SECOND)
            if restarts:
                world.commit()
                world.engine.abandon()
        told.append([(event.at_us, event.tag) for event in world.log if "alarm" in event.tag])
    assert told[0] == told[1] != []


@pytest.mark.parametrize(
    ("balance_mc", "held_mc", "coming_mc", "expected"),
    [
        (9_500, 0, 0, True),  # 95 % of it
        (9_499, 0, 0, False),
        (9_499, 0, 1, True),  # with what has accrued
        (9_600, 0, -101, False),  # or has faded
        (9_500, 9_000, 0, True),  # what is held counts towards the cap
    ],
)
def test_who_stands_at_its_cap(balance_mc: int, held_mc: int, coming_mc: int, expected: bool) -> None:
    account = CreditAccount(AccountId(3), DomainId(1), JobId(0), balance_mc=balance_mc, held_mc=held_mc)
    assert is_at_cap(account, coming_mc, 10_000) is expected


@pytest.mark.parametrize(("cap_mc", "share", "expected"), [(None, 5, None), (0, 5, None), (7, 5, 35)])
def test_a_cap_is_for_each_unit_of_share(cap_mc: int | None, share: int, expected: int | None) -> None:
    assert cap_of(CreditRules(cap_mc=cap_mc), share) == expected


def test_who_is_looked_at_stands_at_its_cap_with_what_has_accrued() -> None:
    """Grants are posted when an account is used; who is unlimited, and purses, have no cap to stand at."""
    world = Economy(cap_mc=100, grant_mc=10, period_us=HOUR)
    for name in ("full", "half", "free"):
        world.make(name, 10)
    world.do(GrantCredit(0, "full", 900))
    world.do(GrantCredit(0, "half", 400))
    world.do(OpenCredit(0, "free", True))
    job_id = world.submit("half", 1, time_request_us=5 * MINUTE)
    world.do(NiceJob(0, job_id, 1))
    world.run_pass()
    world.tick(5 * MINUTE)
    world.finish(min(world.state.jobs.leases), run_us=5 * MINUTE)
    world.tick(55 * MINUTE)
    world.run_timers()
    assert world.balances("full") == [900]
    (window,) = world.windows()
    assert (window.looked, window.at_cap) == (2, 1)


QUIET = CreditWatch()
RAISED = CreditWatch(crash_since_us=5, starved_since_us=5)
FULL = CreditWindow(0, 10_000, 0, 0, 10, 10)


@pytest.mark.parametrize(
    ("watch", "window", "expected"),
    [
        (QUIET, FULL, 1),
        (QUIET, CreditWindow(0, 10_000, 500, 0, 10, 9), 1),  # a twentieth, and nine of ten
        (QUIET, CreditWindow(0, 10_000, 501, 0, 10, 10), 0),
        (QUIET, CreditWindow(0, 10_000, 0, 0, 10, 8), 0),
        (QUIET, CreditWindow(0, 999, 0, 0, 10, 10), 0),
        (QUIET, CreditWindow(0, 10_000, 0, 0, 0, 0), 0),
        (CreditWatch(crash=1), CreditWindow(0, 999, 0, 0, 10, 10), 1),  # which tells nothing
        (CreditWatch(crash=1), CreditWindow(0, 10_000, 5_000, 0, 10, 10), 0),
        (RAISED, FULL, 0),
        (RAISED, CreditWindow(0, 10_000, 1_999, 0, 10, 10), 0),
        (RAISED, CreditWindow(0, 10_000, 2_000, 0, 10, 10), 1),
        (RAISED, CreditWindow(0, 10_000, 0, 0, 10, 5), 1),
        (RAISED, CreditWindow(0, 10_000, 0, 0, 10, 6), 0),
        (RAISED, CreditWindow(0, 10_000, -5, 0, 10, 10), 0),
    ],
)
def test_when_a_window_speaks_of_a_crash(watch: CreditWatch, window: CreditWindow, expected: int) -> None:
    assert crash_windows(watch, window) == expected


MIN, CALM = CREDIT_STARVED_LAPSES_MIN, CREDIT_CALM_LAPSES_MAX


def _lapses(lapsed: int, room: int = 5) -> CreditWindow:
    return CreditWindow(0, 0, 0, lapsed, 10, 0, room)


@pytest.mark.parametrize(
    ("watch", "window", "expected"),
    [
        (QUIET, _lapses(MIN), 1),
        (QUIET, _lapses(MIN - 1), 0),
        (QUIET, _lapses(MIN, 0), 0),
        (QUIET, CreditWindow(0, 5, 5, MIN, 10, 0, 0), 1),  # all the room that is made is sold
        (CreditWatch(last=_lapses(MIN), starved=1), _lapses(MIN), 2),
        (CreditWatch(last=_lapses(MIN + 5), starved=1), _lapses(MIN), 1),  # it falls
        (RAISED, _lapses(CALM + 1), 0),
        (RAISED, _lapses(CALM), 1),
        (RAISED, _lapses(MIN, 0), 1),
    ],
)
def test_when_a_window_speaks_of_starvation(watch: CreditWatch, window: CreditWindow, expected: int) -> None:
    assert starved_windows(watch, window) == expected


def test_points_that_lapse_are_counted() -> None:
    world = starving()
    world.hour("poor", jobs=3, cost_us=SECOND)
    assert world.state.ledger.lapsed == 3 == world.windows()[-1].lapsed
