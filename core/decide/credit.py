"""Credit: accounts, grants, transfers, loans of credit and its rules. No limited account ever goes below zero."""

from __future__ import annotations

from typing import assert_never

from .. import limits
from ..commands import (
    CloseCredit,
    CreditCommand,
    GrantCredit,
    HoldCredit,
    LendCredit,
    NiceJob,
    OpenCredit,
    PayDonors,
    PostHold,
    RepayCredit,
    SetCreditRules,
    TimeOutHold,
    TransferCredit,
    VoidHold,
    WatchCredit,
)
from ..credit.state import NICE, TREASURY, CreditRules
from ..errors import Reason, Refused
from ..events import (
    CreditLent,
    CreditLimited,
    CreditRulesChanged,
    Event,
)
from ..state import State
from . import checks
from .credit_alarms import watch_credit
from .donors import pay_donors
from .draft import Draft
from .entitlements import find_domain
from .holds import hold, post, time_out, void
from .ledger import (
    account_of,
    check_closable,
    check_limited,
    close,
    find_id,
    move,
    need,
    need_room,
    open_account,
)
from .nice import decide_nice
from .overdue import repay, settle

INCOMES = ("funded", "treasury")
DONORS = ("all", NICE)


def decide_credit(state: State, command: CreditCommand, at_us: int) -> tuple[Event, ...]:
    """Judge a command on credit."""
    draft = Draft(state, at_us)
    match command:
        case OpenCredit():
            _open(draft, command)
        case CloseCredit():
            account = account_of(state, command.domain)
            check_closable(state, account)
            close(draft, account.account_id)
        case GrantCredit():
            _grant(draft, command)
        case TransferCredit():
            _transfer(draft, command)
        case HoldCredit():
            hold(draft, command)
        case PostHold():
            post(draft, command)
        case VoidHold():
            void(draft, command)
        case TimeOutHold():
            time_out(draft, command)
        case NiceJob():
            return decide_nice(state, command, at_us)
        case PayDonors():
            pay_donors(draft, command)
        case WatchCredit():
            watch_credit(draft, command)
        case LendCredit():
            _lend(draft, command)
        case RepayCredit():
            _repay(draft, command)
        case SetCreditRules():
            _set_rules(draft, command)
        case _:
            assert_never(command)
    return tuple(draft.events)


def _open(draft: Draft, command: OpenCredit) -> None:
    checks.flag(command.unlimited, "unlimited")
    domain = find_domain(draft.state, command.domain)
    account_id = open_account(draft, domain.domain_id)
    if draft.state.ledger.accounts[account_id].unlimited != command.unlimited:
        settle(draft, account_id)
        draft.add(CreditLimited(draft.at_us, account_id, command.unlimited))


def _grant(draft: Draft, command: GrantCredit) -> None:
    domain = find_domain(draft.state, command.domain)
    amount_mc = checks.whole(command.amount_mc, "amount_mc", -limits.CREDIT_MAX_MC, limits.CREDIT_MAX_MC)
    checks.text(command.note, "note", limits.CREDIT_NOTE_BYTES_MAX)
    if not amount_mc:
        return
    account_id = open_account(draft, domain.domain_id)
    settle(draft, account_id)
    if amount_mc > 0:
        need_room(draft.state, amount_mc)
        move(draft, TREASURY, account_id, amount_mc, "grant", 0, command.note)
    else:
        need(draft.state, account_id, -amount_mc)
        move(draft, account_id, TREASURY, -amount_mc, "withdrawal", 0, command.note)


def _transfer(draft: Draft, command: TransferCredit) -> None:
    payer = account_of(draft.state, command.payer)
    payee_id = find_id(draft.state, command.payee)
    amount_mc = checks.whole(command.amount_mc, "amount_mc", 1, limits.CREDIT_MAX_MC)
    if command.note != "":
        checks.text(command.note, "note", limits.CREDIT_NOTE_BYTES_MAX)
    if payer.domain_id == payee_id:
        raise Refused(Reason.SELF_TRANSFER, f"Domain {command.payer!r} cannot pay itself; name another payee.")
    check_limited(draft.state, payer)
    settle(draft, payer.account_id)
    need(draft.state, payer.account_id, amount_mc)
    account_id = open_account(draft, payee_id)
    settle(draft, account_id)
    move(draft, payer.account_id, account_id, amount_mc, "transfer", 0, command.note)


def _lend(draft: Draft, command: LendCredit) -> None:
    lender = account_of(draft.state, command.lender)
    borrower = find_domain(draft.state, command.borrower)
    amount_mc = checks.whole(command.amount_mc, "amount_mc", 1, limits.CREDIT_MAX_MC)
    due_us = checks.whole(command.due_us, "due_us", 0, limits.TIME_MAX_US)
    if lender.domain_id == borrower.domain_id:
        raise Refused(Reason.SELF_LOAN, f"Domain {command.lender!r} cannot lend to itself; name another borrower.")
    if due_us <= draft.at_us:
        raise Refused(Reason.OUT_OF_RANGE, "The loan would be due before it begins; give a later due_us.")
    if lender.lent >= limits.CREDIT_LOANS_MAX:
        raise Refused(
            Reason.TOO_MANY,
            f"Domain {command.lender!r} has given {limits.CREDIT_LOANS_MAX} loans of credit already; wait for some.",
        )
    check_limited(draft.state, lender)
    settle(draft, lender.account_id)
    need(draft.state, lender.account_id, amount_mc)
    account_id = open_account(draft, borrower.domain_id)
    settle(draft, account_id)
    loan_id = draft.state.ledger.next_loan_id
    draft.add(CreditLent(draft.at_us, loan_id, lender.account_id, account_id, amount_mc, due_us))
    move(draft, lender.account_id, account_id, amount_mc, "loan", loan_id)


def _repay(draft: Draft, command: RepayCredit) -> None:
    number = checks.whole(command.loan_id, "loan", 1, limits.TIME_MAX_US)
    loan = draft.state.ledger.loans.get(number)
    if loan is None:
        if number >= draft.state.ledger.next_loan_id:
            raise Refused(
                Reason.UNKNOWN_LOAN, f"There has never been a loan of credit {number}; see the list of loans."
            )
        return
    settle(draft, loan.borrower)
    loan = draft.state.ledger.loans.get(number)
    if loan is None:  # it was overdue, and that has paid it
        return
    amount_mc = max(0, min(loan.left_mc, draft.state.ledger.accounts[loan.borrower].free_mc))
    if amount_mc or (loan.due_us <= draft.at_us and not loan.overdue):
        repay(draft, number, amount_mc)


def _set_rules(draft: Draft, command: SetCreditRules) -> None:
    checks.whole(command.grant_mc, "grant_mc", 0, limits.CREDIT_MAX_MC)
    checks.whole(command.period_us, "period_us", limits.CREDIT_PERIOD_MIN_US, limits.TIME_MAX_US)
    checks.optional(command.cap_mc, "cap_mc", 0, limits.CREDIT_MAX_MC)
    checks.optional(command.half_life_us, "half_life_us", limits.CREDIT_PERIOD_MIN_US, limits.TIME_MAX_US)
    checks.whole(command.price_mc, "price_mc", 0, limits.CREDIT_MAX_MC)
    if command.income not in INCOMES:
        raise Refused(Reason.OUT_OF_RANGE, f"income must be one of {', '.join(INCOMES)}.")
    if command.donors not in DONORS:
        raise Refused(Reason.OUT_OF_RANGE, f"donors must be one of {', '.join(DONORS)}.")
    rules = CreditRules(
        command.grant_mc,
        command.period_us,
        command.cap_mc,
        command.half_life_us,
        command.price_mc,
        command.income,
        command.donors,
    )
    if rules == draft.state.ledger.rules:
        return
    draft.add(
        CreditRulesChanged(
            draft.at_us,
            rules.grant_mc,
            rules.period_us,
            rules.cap_mc,
            rules.half_life_us,
            rules.price_mc,
            rules.income,
            rules.donors,
        )
    )
