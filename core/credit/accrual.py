"""Grants, demurrage and caps: what has become of an account since it was last looked at.

All three are posted lazily: they are a function of the account, its domain's share, the time, and what the rules were
meanwhile. So nothing has to be done for accounts that nobody touches, however many there are, nor as the rules change.
"""

from __future__ import annotations

from ..limits import CREDIT_PERIODS_MAX
from ..record import record, replaced
from ..usage import fading
from .state import CreditAccount, CreditRules, Ledger


@record
class Accrual:
    """What is to be posted to an account, in thousandths of a credit.

    Attributes:
        granted_mc: From the treasury.
        lost_mc: To the treasury: demurrage, and what is above the cap.
        settled_us: Up to when that is.
        mark: Under karma, up to where its grants are posted then; None where it is not granted anything by it.
    """

    granted_mc: int
    lost_mc: int
    settled_us: int
    mark: int | None = None


def has_accrued(ledger: Ledger, account: CreditAccount, at_us: int) -> bool:
    """Whether there may be something to be posted to an account: nearly always there is not."""
    settled_us, period_us = account.settled_us, ledger.rules.period_us
    return at_us // period_us > settled_us // period_us or bool(ledger.past and ledger.past[-1].until_us > settled_us)


def accrual(ledger: Ledger, account: CreditAccount, share: int, at_us: int) -> Accrual | None:
    """Return what is to be posted to the account of a domain with this effective share, or None if that is nothing yet.

    What accrued while there were other rules accrued by those: each of them counts up to when it was changed.
    """
    granted = lost = 0
    settled_us = account.settled_us
    for past in ledger.past:
        if past.until_us > account.settled_us:
            due = accrual_by(past.rules, account, share, past.until_us)
            if due is not None:
                granted += due.granted_mc
                lost += due.lost_mc
                balance_mc = account.balance_mc + due.granted_mc - due.lost_mc
                account = replaced(account, balance_mc=balance_mc, settled_us=due.settled_us)
    due = accrual_by(ledger.rules, account, share, at_us)
    if due is not None:
        return Accrual(granted + due.granted_mc, lost + due.lost_mc, due.settled_us)
    return Accrual(granted, lost, account.settled_us) if account.settled_us > settled_us else None


def accrual_by(rules: CreditRules, account: CreditAccount, share: int, at_us: int) -> Accrual | None:
    """Return what is to be posted by some rules alone, or None if that is nothing yet.

    In each period that has begun since, what was free fades by 2**-(period / half-life), then the grant comes, then
    what is above the cap goes; each of them is rounded in favour of the treasury. Two looks in one period post once
    (row P10). Of a time longer than ``CREDIT_PERIODS_MAX`` periods only the last so many count.
    """
    begun = at_us // rules.period_us
    periods = begun - account.settled_us // rules.period_us
    if periods <= 0:
        return None
    settled_us = begun * rules.period_us
    if account.unlimited:
        return Accrual(0, 0, settled_us)
    periods = min(periods, CREDIT_PERIODS_MAX)
    free, grant = account.free_mc, rules.grant_mc * share
    top = None if rules.cap_mc is None else max(0, rules.cap_mc * share - account.held_mc)
    if rules.half_life_us is None or free + grant <= 0:
        granted = _granted(free, grant, top, periods)
        left = free + granted
        return Accrual(granted, 0 if top is None else max(0, left - top), settled_us)
    granted, left = _faded(free, grant, top, periods, fading(rules.period_us, rules.half_life_us))
    return Accrual(granted, free + granted - left, settled_us)


def _granted(free: int, grant: int, top: int | None, periods: int) -> int:
    """Return what is granted in so many periods where nothing fades: until the cap is reached, and what it cuts off."""
    if top is None or free < top:
        reached = periods if top is None or not grant else -((free - top) // grant)
        return grant * min(periods, reached)
    return 0 if free == top else grant


def _faded(free: int, grant: int, top: int | None, periods: int, fade: tuple[int, int]) -> tuple[int, int]:
    """Return what is granted in so many periods, and what is free then, where it fades."""
    factor, shift = fade
    granted = 0
    for _ in range(periods):
        left = (free * factor >> shift) + grant if free > 0 else free + grant
        if top is not None and left > top:
            left = top
        if left == free:  # what comes and what goes is the same from here on
            break
        granted += grant
        free = left
    return granted, free
