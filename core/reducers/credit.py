"""Credit: accounts, transfers, holds and loans of credit."""

from __future__ import annotations

from typing import assert_never

from immutables import Map

from ..credit.state import ESCROW, CreditAccount, CreditHold, CreditLoan, CreditRules, Fee, Ledger, Sale
from ..events import (
    CreditClosed,
    CreditEvent,
    CreditHeld,
    CreditLent,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    CreditRepaid,
    CreditRulesChanged,
    CreditSettled,
    DonorPaid,
    FeeHeld,
    FeePosted,
    FeeVoided,
    GrantAccrued,
    GrantMarked,
    HoldPosted,
    HoldVoided,
    KarmaLeft,
    PointsLapsed,
    PointsSold,
    SliceEnded,
    SliceHeld,
)
from ..ids import AccountId, HoldId, LeaseId
from ..record import replaced
from .karma import reduce_karma


def reduce_credit(ledger: Ledger, event: CreditEvent) -> Ledger:
    """Return the slice after ``event``."""
    match event:
        case CreditMoved():
            return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)
        case SliceHeld() | SliceEnded() | GrantAccrued() | GrantMarked() | KarmaLeft():
            return reduce_karma(ledger, event)
        case FeeHeld():
            return _fee_held(ledger, event)
        case FeePosted():
            return _fee_posted(ledger, event)
        case FeeVoided():
            return _fee_resolved(ledger, event.lease_id, event.units)
        case CreditHeld():
            hold = CreditHold(event.hold_id, event.account_id, event.amount_mc, event.until_us)
            return replaced(
                ledger,
                accounts=_more_held(ledger.accounts, event.account_id, event.amount_mc),
                holds=ledger.holds.set(event.hold_id, hold),
                next_hold_id=max(ledger.next_hold_id, event.hold_id + 1),
            )
        case HoldPosted():
            ledger = _resolved(ledger, event.hold_id)
            return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)
        case HoldVoided():
            return _resolved(ledger, event.hold_id)
        case DonorPaid():
            left = ledger.unpaid_size - event.size
            ledger = replaced(ledger, unpaid_size=left, payers=ledger.payers if left else Map())
            return _moved(ledger, ESCROW, event.account_id, event.amount_mc, event.transfer_id + 1)
        case PointsSold():
            return _sold(ledger, event)
        case PointsLapsed():
            return ledger
        case CreditOpened():
            return _opened(ledger, event)
        case CreditLimited():
            return _with(ledger, replaced(ledger.accounts[event.account_id], unlimited=event.unlimited))
        case CreditSettled():
            return _with(ledger, replaced(ledger.accounts[event.account_id], settled_us=event.settled_us))
        case CreditClosed():
            return _closed(ledger, event.account_id)
        case CreditLent():
            loan = CreditLoan(event.loan_id, event.lender, event.borrower, event.amount_mc, event.due_us)
            ledger = _tied(_tied(ledger, event.lender, 1, 1), event.borrower, 0, 1)
            return replaced(ledger, loans=ledger.loans.set(event.loan_id, loan), next_loan_id=event.loan_id + 1)
        case CreditRepaid():
            return _repaid(ledger, event)
        case CreditRulesChanged():
            rules = CreditRules(
                event.grant_mc, event.period_us, event.cap_mc, event.half_life_us, event.price_mc, event.income
            )
            return replaced(ledger, rules=rules)
        case _:
            assert_never(event)


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


def _closed(ledger: Ledger, account_id: AccountId) -> Ledger:
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


def _fee_held(ledger: Ledger, event: FeeHeld) -> Ledger:
    fee = Fee(event.account_id, event.unit_mc, event.units)
    accounts = _more_held(ledger.accounts, event.account_id, event.unit_mc * event.units)
    return replaced(ledger, accounts=accounts, fees=ledger.fees.set(event.lease_id, fee))


def _fee_posted(ledger: Ledger, event: FeePosted) -> Ledger:
    accounts = ledger.accounts
    fee, purse, payee = ledger.fees[event.lease_id], accounts[event.debit], accounts[event.credit]
    held_mc = purse.held_mc - fee.unit_mc * event.units
    accounts = accounts.set(
        event.debit, replaced(purse, balance_mc=purse.balance_mc - event.amount_mc, held_mc=held_mc)
    )
    accounts = accounts.set(event.credit, replaced(payee, balance_mc=payee.balance_mc + event.amount_mc))
    payers = ledger.payers
    if event.size:
        payers = payers.set(purse.domain_id, payers.get(purse.domain_id, 0) + event.size)
    return replaced(
        ledger,
        accounts=accounts,
        fees=_fees_left(ledger, event.lease_id, fee, event.units),
        unpaid_size=ledger.unpaid_size + event.size,
        payers=payers,
        next_transfer_id=max(ledger.next_transfer_id, event.transfer_id + 1),
    )


def _fee_resolved(ledger: Ledger, lease_id: LeaseId, units: int) -> Ledger:
    fee = ledger.fees[lease_id]
    accounts = _more_held(ledger.accounts, fee.account_id, -fee.unit_mc * units)
    return replaced(ledger, accounts=accounts, fees=_fees_left(ledger, lease_id, fee, units))


def _sold(ledger: Ledger, event: PointsSold) -> Ledger:
    old = ledger.sold.get(event.job_id)
    more_mc = event.sold_mc - (0 if old is None else old.sold_mc)
    if event.sold_mc:
        sold = ledger.sold.set(event.job_id, Sale(event.sold_mc, event.basis_us, event.from_us))
    else:
        sold = ledger.sold.delete(event.job_id)
    return replaced(ledger, accounts=_more_held(ledger.accounts, event.account_id, more_mc), sold=sold)


def _fees_left(ledger: Ledger, lease_id: LeaseId, fee: Fee, units: int) -> Map[LeaseId, Fee]:
    if units == fee.units:
        return ledger.fees.delete(lease_id)
    return ledger.fees.set(lease_id, replaced(fee, units=fee.units - units))


def _repaid(ledger: Ledger, event: CreditRepaid) -> Ledger:
    loan = ledger.loans[event.loan_id]
    left_mc = loan.left_mc - event.amount_mc
    if left_mc:
        loan = replaced(loan, left_mc=left_mc, overdue=event.overdue)
        return replaced(ledger, loans=ledger.loans.set(event.loan_id, loan))
    ledger = _tied(_tied(ledger, loan.lender, -1, -1), loan.borrower, 0, -1)
    return replaced(ledger, loans=ledger.loans.delete(event.loan_id))


def skip_credit_ids(ledger: Ledger, count: int) -> Ledger:
    """Return the slice with ``count`` ids of each kind never to be given."""
    return replaced(
        ledger,
        next_account_id=ledger.next_account_id + count,
        next_hold_id=ledger.next_hold_id + count,
        next_transfer_id=ledger.next_transfer_id + count,
        next_loan_id=ledger.next_loan_id + count,
    )
