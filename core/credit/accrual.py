"""Grants, demurrage and caps: what has become of an account since it was last looked at.

All three are posted lazily: they are a function of the account, its domain's share and the time alone, so nothing has
to be done for accounts that nobody touches, however many there are.
"""

from __future__ import annotations

from ..limits import CREDIT_PERIODS_MAX
from ..record import record
from ..usage import kept
from .state import CreditAccount, CreditRules


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


def accrual(rules: CreditRules, account: CreditAccount, share: int, at_us: int) -> Accrual | None:
    """Return what is to be posted to the account of a domain with this effective share, or None if that is nothing yet.

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
    granted = lost = 0
    free, grant = account.free_mc, rules.grant_mc * share
    top = None if rules.cap_mc is None else max(0, rules.cap_mc * share - account.held_mc)
    for _ in range(min(periods, CREDIT_PERIODS_MAX)):
        left = free
        if rules.half_life_us is not None and free > 0:
            left = kept(free, rules.period_us, rules.half_life_us)
        left += grant
        if top is not None:
            left = min(left, max(top, 0))
        if left == free:  # what comes and what goes is the same from here on
            break
        granted += grant
        lost += free + grant - left
        free = left
    return Accrual(granted, lost, settled_us)
