"""Holds: credit of an account that is set aside, until it is posted to somebody, voided, or its time is over."""

from __future__ import annotations

from .. import limits
from ..commands import HoldCredit, PostHold, TimeOutHold, VoidHold
from ..credit.state import CreditHold
from ..errors import Reason, Refused
from ..events import CreditHeld, HoldPosted, HoldVoided
from ..ids import HoldId, TransferId
from ..state import State
from . import checks
from .draft import Draft
from .entitlements import find_domain
from .ledger import account_of, check_limited, credits_text, need, open_account
from .overdue import settle


def hold(draft: Draft, command: HoldCredit) -> None:
    """Judge that credit of an account is to be set aside."""
    account = account_of(draft.state, command.domain)
    amount_mc = checks.whole(command.amount_mc, "amount_mc", 1, limits.CREDIT_MAX_MC)
    checks.optional(command.until_us, "until_us", 0, limits.TIME_MAX_US)
    if command.until_us is not None and command.until_us <= draft.at_us:
        raise Refused(Reason.OUT_OF_RANGE, "The hold would be over before it begins; give a later until_us or none.")
    check_limited(draft.state, account)
    settle(draft, account.account_id)
    need(draft.state, account.account_id, amount_mc)
    hold_id = HoldId(draft.state.ledger.next_hold_id)
    draft.add(CreditHeld(draft.at_us, hold_id, account.account_id, amount_mc, command.until_us))


def post(draft: Draft, command: PostHold) -> None:
    """Judge that what was set aside is to be paid."""
    held = _find_open_hold(draft.state, command.hold_id, draft.at_us)
    payee = find_domain(draft.state, command.payee)
    amount_mc = checks.whole(command.amount_mc, "amount_mc", 1, limits.CREDIT_MAX_MC)
    if amount_mc > held.amount_mc:
        raise Refused(
            Reason.OVER_HOLD,
            f"Hold {held.hold_id} has set {credits_text(held.amount_mc)} aside; post at most that much.",
        )
    if draft.state.ledger.accounts[held.account_id].domain_id == payee.domain_id:
        raise Refused(Reason.SELF_TRANSFER, f"Domain {command.payee!r} cannot pay itself; void the hold instead.")
    account_id = open_account(draft, payee.domain_id)
    settle(draft, account_id)
    transfer_id = TransferId(draft.state.ledger.next_transfer_id)
    draft.add(HoldPosted(draft.at_us, transfer_id, held.hold_id, held.account_id, account_id, amount_mc))


def void(draft: Draft, command: VoidHold) -> None:
    """Judge that what was set aside is to be free again."""
    draft.add(HoldVoided(draft.at_us, _find_open_hold(draft.state, command.hold_id, draft.at_us).hold_id, "voided"))


def time_out(draft: Draft, command: TimeOutHold) -> None:
    """Judge that the time of a hold is over."""
    held = _find_hold(draft.state, command.hold_id)
    if not _is_over(held, draft.at_us):
        raise Refused(Reason.NOT_DUE, f"The time of hold {held.hold_id} is not over; void it instead.")
    draft.add(HoldVoided(draft.at_us, held.hold_id, "timed_out"))


def _find_hold(state: State, hold_id: object) -> CreditHold:
    """Return a hold that is not resolved, or refuse."""
    number = checks.whole(hold_id, "hold", 1, limits.TIME_MAX_US)
    held = state.ledger.holds.get(HoldId(number))
    if held is None:
        was = number < state.ledger.next_hold_id
        sentence = f"Hold {number} was posted, voided or timed out already" if was else f"There is no hold {number}"
        raise Refused(Reason.UNKNOWN_HOLD, f"{sentence}; nothing is left to resolve.")
    return held


def _find_open_hold(state: State, hold_id: object, at_us: int) -> CreditHold:
    """Return a hold that can still be posted or voided, or refuse: its time ends it, whenever the timers run."""
    held = _find_hold(state, hold_id)
    if _is_over(held, at_us):
        raise Refused(Reason.UNKNOWN_HOLD, f"The time of hold {held.hold_id} is over; nothing is left to resolve.")
    return held


def _is_over(hold: CreditHold, at_us: int) -> bool:
    return hold.until_us is not None and hold.until_us <= at_us
