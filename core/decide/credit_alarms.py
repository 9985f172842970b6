"""A window of the trade in credit is over: what was seen in it, and which alarm that raises or clears."""

from __future__ import annotations

from .. import limits
from ..commands import WatchCredit
from ..credit.alarms import CRASH, STARVATION, cap_of, crash_windows, is_at_cap, starved_windows
from ..credit.state import CreditWindow
from ..events import CreditAlarmCleared, CreditAlarmRaised, CreditWatched
from ..ids import AccountId
from ..state import State
from .donors import check_accounts, room_made
from .draft import Draft
from .ledger import coming_mc


def watch_credit(draft: Draft, command: WatchCredit) -> None:
    """Look at the window that is over; nothing is decided twice in one, or where there was no trade to be told of."""
    check_accounts(draft.state, command.account_ids)
    state, at_us = draft.state, draft.at_us
    ledger, watch = state.ledger, state.ledger.watch
    if at_us // limits.CREDIT_WATCH_US <= watch.at_us // limits.CREDIT_WATCH_US:
        return
    looked, at_cap, room = _seen(state, command.account_ids, at_us)
    window = CreditWindow(
        watch.at_us,
        ledger.paid_mc - watch.paid_mc,
        ledger.income_mc - watch.income_mc,
        ledger.lapsed - watch.lapsed,
        looked,
        at_cap,
        room,
    )
    crash, starved = crash_windows(watch, window), starved_windows(watch, window)
    traded = window.paid_mc or window.income_mc or window.lapsed
    if not traded and (crash, starved) == (watch.crash, watch.starved):
        return
    crash_turns, starved_turns = (count >= limits.CREDIT_ALARM_WINDOWS for count in (crash, starved))
    draft.add(
        CreditWatched(
            at_us,
            window.from_us,
            window.paid_mc,
            window.income_mc,
            window.lapsed,
            looked,
            at_cap,
            room,
            0 if crash_turns else crash,
            0 if starved_turns else starved,
        )
    )
    for turns, alarm, since_us in (
        (crash_turns, CRASH, watch.crash_since_us),
        (starved_turns, STARVATION, watch.starved_since_us),
    ):
        if turns:
            draft.add((CreditAlarmRaised if since_us is None else CreditAlarmCleared)(at_us, alarm))


def _seen(state: State, account_ids: tuple[AccountId, ...], at_us: int) -> tuple[int, int, int]:
    """Return how many of the accounts have a cap, how many of these stand at it, and the room that was made."""
    looked = at_cap = room = 0
    ledger = state.ledger
    for account_id in account_ids:
        account = ledger.accounts.get(account_id)
        if account is None or account.job_id or account.unlimited or not account.domain_id:
            continue
        room += room_made(state, account)
        cap_mc = cap_of(ledger.rules, state.domains.domains[account.domain_id].effective_share)
        if cap_mc is not None:
            looked += 1
            at_cap += is_at_cap(account, coming_mc(state, account, at_us), cap_mc)
    return looked, at_cap, room
