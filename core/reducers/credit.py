"""Credit: accounts, transfers, holds and loans of credit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from immutables import Map

from ..credit.state import (
    ESCROW,
    TREASURY,
    CreditAccount,
    CreditHold,
    CreditLoan,
    CreditRules,
    Ledger,
    PastRules,
    Sale,
)
from ..events import (
    CreditAlarmCleared,
    CreditAlarmRaised,
    CreditClosed,
    CreditHeld,
    CreditLent,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    CreditRepaid,
    CreditRulesChanged,
    CreditSettled,
    CreditWatched,
    DonorPaid,
    Event,
    FeeHeld,
    FeePosted,
    FeeVoided,
    HoldPosted,
    HoldVoided,
    KarmaEvent,
    PointsLapsed,
    PointsSold,
)
from ..ids import AccountId, HoldId
from ..limits import CREDIT_RULES_KEPT_MAX
from ..record import replaced
from .credit_watch import alarm_cleared, alarm_raised, watched
from .fees import fee_held, fee_posted, fee_voided
from .karma import reduce_karma


def _credit_moved(ledger: Ledger, event: CreditMoved) -> Ledger:
    if event.kind == "nice" or event.kind == "nice_back":
        income_mc = event.amount_mc if event.kind == "nice" else -event.amount_mc
        ledger = replaced(ledger, income_mc=ledger.income_mc + income_mc)
    return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)


def _credit_held(ledger: Ledger, event: CreditHeld) -> Ledger:
    hold = CreditHold(event.hold_id, event.account_id, event.amount_mc, event.until_us)
    return replaced(
        ledger,
        accounts=_more_held(ledger.accounts, event.account_id, event.amount_mc),
        holds=ledger.holds.set(event.hold_id, hold),
        next_hold_id=max(ledger.next_hold_id, event.hold_id + 1),
    )


def _hold_posted(ledger: Ledger, event: HoldPosted) -> Ledger:
    ledger = _resolved(ledger, event.hold_id)
    return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)


def _hold_voided(ledger: Ledger, event: HoldVoided) -> Ledger:
    return _resolved(ledger, event.hold_id)


def _donor_paid(ledger: Ledger, event: DonorPaid) -> Ledger:
    left = ledger.unpaid_size - event.size
    income_mc = 0 if event.account_id == TREASURY else event.amount_mc
    payers = ledger.payers if left else Map()
    ledger = replaced(ledger, unpaid_size=left, payers=payers, income_mc=ledger.income_mc + income_mc)
    return _moved(ledger, ESCROW, event.account_id, event.amount_mc, event.transfer_id + 1)


def _points_lapsed(ledger: Ledger, _: PointsLapsed) -> Ledger:
    return replaced(ledger, lapsed=ledger.lapsed + 1)


def _limited(ledger: Ledger, event: CreditLimited) -> Ledger:
    return _with(ledger, replaced(ledger.accounts[event.account_id], unlimited=event.unlimited))


def _settled(ledger: Ledger, event: CreditSettled) -> Ledger:
    return _with(ledger, replaced(ledger.accounts[event.account_id], settled_us=event.settled_us))


def _credit_lent(ledger: Ledger, event: CreditLent) -> Ledger:
    loan = CreditLoan(event.loan_id, event.lender, event.borrower, event.amount_mc, event.due_us)
    ledger = _tied(_tied(ledger, event.lender, 1, 1), event.borrower, 0, 1)
    return replaced(ledger, loans=ledger.loans.set(event.loan_id, loan), next_loan_id=event.loan_id + 1)


def _rules_changed(ledger: Ledger, event: CreditRulesChanged) -> Ledger:
    rules = CreditRules(
        event.grant_mc,
        event.period_us,
        event.cap_mc,
        event.half_life_us,
        event.price_mc,
        event.income,
        event.donors,
    )
    past = (*ledger.past, PastRules(event.at_us, ledger.rules))[-CREDIT_RULES_KEPT_MAX:]
    return replaced(ledger, rules=rules, past=past)


def _with(ledger: Ledger, account: CreditAccount) -> Ledger:
    return replaced(ledger, accounts=ledger.accounts.set(account.account_id, account))


def _tied(ledger: Ledger, account_id: AccountId, lent: int, ties: int) -> Ledger:
    account = ledger.accounts[account_id]
    return _with(ledger, replaced(account, lent=account.lent + lent, ties=account.ties + ties))


def _opened(ledger: Ledger, event: CreditOpened) -> Ledger:
    account_id = event.account_id
    account = CreditAccount(account_id, event.domain_id, event.job_id, settled_us=event.at_us)
    of_domain, of_job = ledger.of_domain, ledger.of_job
    if event.job_id:
        of_job = of_job.set(event.job_id, account_id)
        ledger = _tied(ledger, of_domain[event.domain_id], 0, 1)
    else:
        of_domain = of_domain.set(event.domain_id, account_id)
    return replaced(
        ledger,
        accounts=ledger.accounts.set(account_id, account),
        of_domain=of_domain,
        of_job=of_job,
        next_account_id=max(ledger.next_account_id, account_id + 1),
    )


def _closed(ledger: Ledger, event: CreditClosed) -> Ledger:
    account_id = event.account_id
    account = ledger.accounts[account_id]
    of_domain, of_job = ledger.of_domain, ledger.of_job
    if account.job_id:
        of_job = of_job.delete(account.job_id)
        ledger = _tied(ledger, of_domain[account.domain_id], 0, -1)
    else:
        of_domain = of_domain.delete(account.domain_id)
    return replaced(ledger, accounts=ledger.accounts.delete(account_id), of_domain=of_domain, of_job=of_job)


def _moved(ledger: Ledger, debit: AccountId, credit: AccountId, amount_mc: int, next_transfer_id: int) -> Ledger:
    accounts = ledger.accounts
    payer, payee = accounts[debit], accounts[credit]
    accounts = accounts.set(debit, replaced(payer, balance_mc=payer.balance_mc - amount_mc))
    accounts = accounts.set(credit, replaced(payee, balance_mc=payee.balance_mc + amount_mc))
    return replaced(ledger, accounts=accounts, next_transfer_id=max(ledger.next_transfer_id, next_transfer_id))


def _more_held(
    accounts: Map[AccountId, CreditAccount], account_id: AccountId, amount_mc: int
) -> Map[AccountId, CreditAccount]:
    account = accounts[account_id]
    return accounts.set(account_id, replaced(account, held_mc=account.held_mc + amount_mc))


def _resolved(ledger: Ledger, hold_id: HoldId) -> Ledger:
    hold = ledger.holds[hold_id]
    accounts = _more_held(ledger.accounts, hold.account_id, -hold.amount_mc)
    return replaced(ledger, accounts=accounts, holds=ledger.holds.delete(hold_id))


def _sold(ledger: Ledger, event: PointsSold) -> Ledger:
    old = ledger.sold.get(event.job_id)
    more_mc = event.sold_mc - (0 if old is None else old.sold_mc)
    if event.sold_mc:
        sold = ledger.sold.set(event.job_id, Sale(event.sold_mc, event.basis_us, event.from_us))
    else:
        sold = ledger.sold.delete(event.job_id)
    return replaced(ledger, accounts=_more_held(ledger.accounts, event.account_id, more_mc), sold=sold)


def _repaid(ledger: Ledger, event: CreditRepaid) -> Ledger:
    loan = ledger.loans[event.loan_id]
    left_mc = loan.left_mc - event.amount_mc
    if left_mc:
        overdue = ledger.overdue
        if event.overdue and not loan.overdue:
            overdue = overdue.set(loan.borrower, (*overdue.get(loan.borrower, ()), event.loan_id))
        loan = replaced(loan, left_mc=left_mc, overdue=event.overdue)
        return replaced(ledger, loans=ledger.loans.set(event.loan_id, loan), overdue=overdue)
    if loan.overdue:
        ledger = replaced(ledger, overdue=_without(ledger.overdue, loan.borrower, event.loan_id))
    ledger = _tied(_tied(ledger, loan.lender, -1, -1), loan.borrower, 0, -1)
    return replaced(ledger, loans=ledger.loans.delete(event.loan_id))


def _without(
    overdue: Map[AccountId, tuple[int, ...]], borrower: AccountId, loan_id: int
) -> Map[AccountId, tuple[int, ...]]:
    left = tuple(other for other in overdue[borrower] if other != loan_id)
    return overdue.set(borrower, left) if left else overdue.delete(borrower)


def skip_credit_ids(ledger: Ledger, count: int) -> Ledger:
    """Return the slice with ``count`` ids of each kind never to be given."""
    return replaced(
        ledger,
        next_account_id=ledger.next_account_id + count,
        next_hold_id=ledger.next_hold_id + count,
        next_transfer_id=ledger.next_transfer_id + count,
        next_loan_id=ledger.next_loan_id + count,
    )


CREDIT_REDUCERS: dict[type[Event], Callable[[Ledger, Any], Ledger]] = {
    CreditMoved: _credit_moved,
    FeeHeld: fee_held,
    FeePosted: fee_posted,
    FeeVoided: fee_voided,
    CreditHeld: _credit_held,
    HoldPosted: _hold_posted,
    HoldVoided: _hold_voided,
    DonorPaid: _donor_paid,
    PointsSold: _sold,
    PointsLapsed: _points_lapsed,
    CreditOpened: _opened,
    CreditLimited: _limited,
    CreditSettled: _settled,
    CreditClosed: _closed,
    CreditLent: _credit_lent,
    CreditRepaid: _repaid,
    CreditRulesChanged: _rules_changed,
    CreditWatched: watched,
    CreditAlarmRaised: alarm_raised,
    CreditAlarmCleared: alarm_cleared,
    **dict.fromkeys(get_args(KarmaEvent), reduce_karma),
}
"""What gives the ledger after an event of each class."""
