"""Loans of credit that are due are paid first: of whatever the borrower receives, and before it spends anything."""

from __future__ import annotations

from ..events import CreditMoved, CreditRepaid, DonorPaid, Event, HoldPosted, HoldVoided, PointsSold
from ..ids import AccountId
from ..state import State
from .draft import Draft
from .ledger import move, post_accrued


def settle(draft: Draft, account_id: AccountId) -> None:
    """Bring the account of a domain up to date: what has accrued is posted, and what it owes and is due is paid.

    Whoever judges what an account can pay does this first, so nobody spends what a lender has been waiting for.
    """
    post_accrued(draft, account_id)
    if draft.state.ledger.overdue:
        pay_overdue(draft, account_id)


def pay_overdue(draft: Draft, account_id: AccountId) -> None:
    """Pay the overdue loans of credit of an account as far as it can, those that were due first before others."""
    for loan_id in draft.state.ledger.overdue.get(account_id, ()):
        amount_mc = min(draft.state.ledger.loans[loan_id].left_mc, draft.state.ledger.accounts[account_id].free_mc)
        if amount_mc <= 0:
            return
        repay(draft, loan_id, amount_mc)


def repay(draft: Draft, loan_id: int, amount_mc: int) -> None:
    """Pay so much of a loan of credit back, which may be nothing: where it is due, it is overdue then."""
    loan = draft.state.ledger.loans[loan_id]
    if amount_mc:
        post_accrued(draft, loan.lender)
        move(draft, loan.borrower, loan.lender, amount_mc, "repayment", loan_id)
    overdue = loan.due_us <= draft.at_us and amount_mc < loan.left_mc
    draft.add(CreditRepaid(draft.at_us, loan_id, amount_mc, overdue))


def with_repayments(state: State, events: tuple[Event, ...], at_us: int) -> tuple[Event, ...]:
    """Return the events, and what those who receive something by them, or have something free again, pay back at once.

    Only those whose loans of credit are overdue; what their lenders owe in turn is paid when these are next used.
    """
    overdue = state.ledger.overdue
    richer = [account_id for event in events for account_id in _richer(state, event) if account_id in overdue]
    if not richer:
        return events
    draft = Draft(state, at_us, events)
    for account_id in dict.fromkeys(richer):
        pay_overdue(draft, account_id)
    return tuple(draft.events)


def _richer(state: State, event: Event) -> tuple[AccountId, ...]:
    match event:
        case CreditMoved():
            return (event.credit,)
        case HoldPosted():
            return event.debit, event.credit
        case HoldVoided():
            return (state.ledger.holds[event.hold_id].account_id,)
        case DonorPaid() | PointsSold():
            return (event.account_id,)
        case _:
            return ()
