"""Credit: accounts, transfers, holds and loans of credit."""

from __future__ import annotations

from typing import assert_never

from immutables import Map

from ..credit_state import ESCROW, CreditAccount, CreditHold, CreditLoan, CreditRules, Ledger
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
    HoldPosted,
    HoldVoided,
    PointsLapsed,
    PointsSold,
)
from ..ids import AccountId, DomainId, HoldId
from ..record import replaced


def reduce_credit(ledger: Ledger, event: CreditEvent) -> Ledger:
    """Return the slice after ``event``."""
    match event:
        case CreditMoved():
            return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)
        case CreditHeld():
            return _held(ledger, event)
        case HoldPosted():
            ledger = _resolved(ledger, event.hold_id, event.units)
            if event.size:
                ledger = _owing(ledger, ledger.accounts[event.debit].domain_id, event.size)
            return _moved(ledger, event.debit, event.credit, event.amount_mc, event.transfer_id + 1)
        case DonorPaid():
            left = ledger.unpaid_size - event.size
            ledger = replaced(ledger, unpaid_size=left, payers=ledger.payers if left else Map())
            return _moved(ledger, ESCROW, event.account_id, event.amount_mc, event.transfer_id + 1)
        case PointsSold():
            sold = ledger.sold.set(event.job_id, event.sold_mc) if event.sold_mc else ledger.sold.delete(event.job_id)
            return replaced(ledger, sold=sold)
        case PointsLapsed():
            return ledger
        case HoldVoided():
            return _resolved(ledger, event.hold_id, event.units)
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


def _held(ledger: Ledger, event: CreditHeld) -> Ledger:
    hold = CreditHold(event.hold_id, event.account_id, event.lease_id, event.unit_mc, event.units, event.until_us)
    account = ledger.accounts[event.account_id]
    account = replaced(account, held_mc=account.held_mc + event.unit_mc * event.units)
    of_lease = ledger.of_lease.set(event.lease_id, event.hold_id) if event.lease_id else ledger.of_lease
    return replaced(
        ledger,
        accounts=ledger.accounts.set(event.account_id, account),
        holds=ledger.holds.set(event.hold_id, hold),
        of_lease=of_lease,
        next_hold_id=max(ledger.next_hold_id, event.hold_id + 1),
    )


def _resolved(ledger: Ledger, hold_id: HoldId, units: int) -> Ledger:
    hold = ledger.holds[hold_id]
    account = ledger.accounts[hold.account_id]
    account = replaced(account, held_mc=account.held_mc - hold.unit_mc * units)
    accounts = ledger.accounts.set(hold.account_id, account)
    if units < hold.units:
        hold = replaced(hold, units=hold.units - units)
        return replaced(ledger, accounts=accounts, holds=ledger.holds.set(hold_id, hold))
    of_lease = ledger.of_lease.delete(hold.lease_id) if hold.lease_id else ledger.of_lease
    return replaced(ledger, accounts=accounts, holds=ledger.holds.delete(hold_id), of_lease=of_lease)


def _owing(ledger: Ledger, domain_id: DomainId, size: int) -> Ledger:
    payers = ledger.payers.set(domain_id, ledger.payers.get(domain_id, 0) + size)
    return replaced(ledger, unpaid_size=ledger.unpaid_size + size, payers=payers)


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
