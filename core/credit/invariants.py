"""What is always true of credit; :mod:`meted.core.invariants` asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..ids import AccountId
from ..limits import CREDIT_ALARM_WINDOWS
from ..state import State
from .karma_invariants import held_by_slices, wrong_karma
from .state import ESCROW, TREASURY, Ledger


def wrong_credit(state: State) -> Iterator[str]:
    """Yield what is wrong with accounts, holds or loans of credit."""
    ledger = state.ledger
    yield from _wrong_balances(ledger)
    yield from _wrong_holds(state)
    yield from _wrong_owners(state)
    yield from _wrong_trade(ledger)
    yield from wrong_karma(state)


def _wrong_balances(ledger: Ledger) -> Iterator[str]:
    total_mc = sum(account.balance_mc for account in ledger.accounts.values())
    if total_mc:
        yield f"All balances are {total_mc} together, not zero."
    if ledger.unpaid_size < 0 or bool(ledger.unpaid_size) != bool(ledger.payers):
        yield f"Work of {ledger.unpaid_size} is to be paid from escrow, for which {len(ledger.payers)} domains paid."
    if any(transfer_id >= ledger.next_transfer_id for transfer_id in ledger.payers.values()):
        yield "A domain has paid by a transfer that there never was."
    if bool(ledger.unpaid_size) < bool(ledger.accounts[ESCROW].balance_mc):
        yield f"There is {ledger.accounts[ESCROW].balance_mc} in escrow for no work."
    for account_id, account in sorted(ledger.accounts.items()):
        if account.account_id != account_id or account_id >= ledger.next_account_id:
            yield f"Credit account {account_id} is filed under another id, or under one that was never given."
        if account_id != TREASURY and account.free_mc < 0:
            yield f"Credit account {account_id} has {account.balance_mc} and {account.held_mc} of it held."


def _wrong_trade(ledger: Ledger) -> Iterator[str]:
    watch, past = ledger.watch, ledger.past
    if ledger.paid_mc < watch.paid_mc or ledger.lapsed < watch.lapsed:
        yield "More was paid or has lapsed until the last window was over than until now."
    if [it.until_us for it in past] != sorted(it.until_us for it in past):
        yield "The rules of credit that were changed are not in the order of time."
    if max(watch.crash, watch.starved) >= CREDIT_ALARM_WINDOWS:
        yield "There has been reason for an alarm for long enough, and it was not raised or cleared."
    if sum(map(len, ledger.overdue.values())) != sum(loan.overdue for loan in ledger.loans.values()):
        yield "A loan of credit is listed as overdue twice, or is not there."


def _wrong_holds(state: State) -> Iterator[str]:
    ledger = state.ledger
    held = held_by_slices(ledger)
    for hold_id, hold in sorted(ledger.holds.items()):
        held[hold.account_id] += hold.amount_mc
        if hold.hold_id != hold_id or hold_id >= ledger.next_hold_id or hold.amount_mc < 1:
            yield f"Hold {hold_id} is filed under another id, or holds nothing."
    for lease_id, fee in sorted(ledger.fees.items()):
        held[fee.account_id] += fee.unit_mc * fee.units
        lease = state.jobs.leases.get(lease_id)
        if lease is None or lease.left != fee.units or ledger.of_job.get(lease.job_id) != fee.account_id:
            yield f"A fee is set aside for {fee.units} units of lease {lease_id}, which has not as many left."
    for job_id, sale in sorted(ledger.sold.items()):
        job = state.jobs.jobs.get(job_id)
        owner = None if job is None or job.outcome is not None else ledger.of_domain.get(job.terms.domain_id)
        if owner is None or sale.sold_mc < 1 or sale.basis_us < 1:
            yield f"Points of job {job_id} were sold for {sale.sold_mc}, and the job has ended or no account."
        else:
            held[owner] += sale.sold_mc
    for account_id, account in sorted(ledger.accounts.items()):
        if account.held_mc != held[account_id]:
            yield f"Credit account {account_id} has {account.held_mc} held, and {held[account_id]} is set aside."


def _wrong_owners(state: State) -> Iterator[str]:
    ledger = state.ledger
    lent: Counter[AccountId] = Counter()
    ties: Counter[AccountId] = Counter()
    for loan_id, loan in sorted(ledger.loans.items()):
        lent[loan.lender] += 1
        ties[loan.lender] += 1
        ties[loan.borrower] += 1
        if loan.loan_id != loan_id or loan_id >= ledger.next_loan_id or loan.left_mc < 1:
            yield f"Loan of credit {loan_id} is filed under another id, or is paid back."
        if loan.overdue != (loan_id in ledger.overdue.get(loan.borrower, ())):
            yield f"Loan of credit {loan_id} is overdue and not listed as that, or the other way round."
    for job_id, account_id in sorted(ledger.of_job.items()):
        job, purse = state.jobs.jobs.get(job_id), ledger.accounts[account_id]
        owner = None if job is None or job.outcome is not None else ledger.of_domain.get(job.terms.domain_id)
        if owner is None:
            yield f"Purse {account_id} is that of job {job_id}, which has ended or whose domain has no account."
        else:
            ties[owner] += 1
        if purse.job_id != job_id or job is None or purse.domain_id != job.terms.domain_id:
            yield f"Purse {account_id} is not that of job {job_id}."
    for domain_id, account_id in sorted(ledger.of_domain.items()):
        if domain_id not in state.domains.domains or ledger.accounts[account_id].domain_id != domain_id:
            yield f"Credit account {account_id} is that of domain {domain_id}, which is not there or has another."
    if len(ledger.accounts) != 2 + len(ledger.of_domain) + len(ledger.of_job) or ESCROW not in ledger.accounts:
        yield "There is a credit account of nobody."
    for account_id, account in sorted(ledger.accounts.items()):
        if (account.lent, account.ties) != (lent[account_id], ties[account_id]):
            yield f"Credit account {account_id} does not count its loans and purses right."
