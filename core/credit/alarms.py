"""When there is too much credit, or too little: two alarms, each raised once and cleared once.

After every ``CREDIT_WATCH_US`` in which there was any trade this window is looked at; all is counted from events, in
integers. Each alarm has its reason to be raised and its reason to be cleared, with a gap between the two. It takes
``CREDIT_ALARM_WINDOWS`` windows in a row of the one or of the other, so no single odd hour says anything.

*Crash* (a monetary crash: Kash, Friedman and Halpern, Optimizing scrip systems, 2007 and 2012): priority is paid for,
and hardly anything of that goes to anybody who made room, while balances stand at their caps. Who has all that it can
hold has no reason to earn more. A window in which hardly anything is paid for tells nothing of that.

*Starvation*: jobs lose the points that were bought for them as their purses are empty, no fewer in the second window
than in the first, while donors are present: some were paid in that window, or have made room that nobody buys.
"""

from __future__ import annotations

from .. import limits
from .state import CreditAccount, CreditRules, CreditWatch, CreditWindow

CRASH = "crash"
STARVATION = "starvation"

ALARMS = (CRASH, STARVATION)


def cap_of(rules: CreditRules, share: int) -> int | None:
    """Return the cap of a domain of that effective share, or None if there is none that anybody could stand at."""
    return None if rules.cap_mc is None else rules.cap_mc * share or None


def is_at_cap(account: CreditAccount, coming_mc: int, cap_mc: int) -> bool:
    """Whether an account, to which ``coming_mc`` is still to be posted, stands at its cap."""
    return (account.balance_mc + coming_mc) * 1000 >= cap_mc * limits.CREDIT_AT_CAP_MILLI


def crash_windows(watch: CreditWatch, window: CreditWindow) -> int:
    """Return for how many windows in a row there has been reason to raise the alarm of a crash, or else to clear it."""
    bought = window.paid_mc >= limits.CREDIT_CRASH_PAID_MIN_MC
    income, capped = window.income_mc * 1000, window.at_cap * 1000
    if watch.crash_since_us is None:
        nobody = income <= window.paid_mc * limits.CREDIT_CRASH_INCOME_MILLI
        full = window.looked > 0 and capped >= window.looked * limits.CREDIT_CRASH_CAPPED_MILLI
        reason = bought and nobody and full
    else:
        some = bought and income >= window.paid_mc * limits.CREDIT_CALM_INCOME_MILLI
        reason = some or capped <= window.looked * limits.CREDIT_CALM_CAPPED_MILLI
    if reason:
        return watch.crash + 1
    return 0 if bought else watch.crash


def starved_windows(watch: CreditWatch, window: CreditWindow) -> int:
    """Return for how many windows in a row there has been reason to raise the alarm of starvation, or to clear it."""
    has_donors = window.income_mc > 0 or window.room > 0
    if watch.starved_since_us is not None:
        is_calm = window.lapsed <= limits.CREDIT_CALM_LAPSES_MAX or not has_donors
        return watch.starved + 1 if is_calm else 0
    if window.lapsed < limits.CREDIT_STARVED_LAPSES_MIN or not has_donors:
        return 0
    return watch.starved + 1 if window.lapsed >= watch.last.lapsed else 1
