"""Loans: made, started, recalled, ended (rows N05, N06, N09, N13, N15).

The rules are those of PlanetLab's node manager, with what it lacks: a reason for every refusal, notice, and a wait
against taking and giving in turns. What a lender may lend depends on its own base and its own loans alone, so the order
in which lenders come does not matter, as long as the guarantees of sub-domains are within that of their parent; where
they are more than that, those who lend to outside come first who come first.
"""

from __future__ import annotations

from typing import assert_never

from .. import limits
from ..commands import EndLoan, LoanTerms, OfferLoan, RecallLoan, StartLoan
from ..domains.state import SHARE
from ..errors import Reason, Refused
from ..events import Event, LoanBackedOff, LoanEnded, LoanMade, LoanRecalled, LoanStarted
from ..ids import DomainId, LoanId
from ..resources import CPU, MEM, NOTHING, Resources
from ..state import Domain, Loan, State
from . import checks
from .draft import Draft
from .entitlements import check_room, find_domain
from .reweighting import add_reweighting

_AMOUNT_MAX = {SHARE: limits.SHARE_MAX, CPU: limits.CPU_MILLI_MAX, MEM: limits.MEM_BYTES_MAX}


def decide_loans(state: State, command: OfferLoan | RecallLoan | StartLoan | EndLoan, at_us: int) -> tuple[Event, ...]:
    """Judge a command on one loan."""
    draft = Draft(state, at_us)
    match command:
        case OfferLoan():
            lender = find_domain(state, command.lender)
            check_terms(command, 1)
            borrower = check_parties(state, lender, command, at_us)
            check_room(state, lender, borrower, command.resource, command.amount)
            check_number(lender)
            check_back_off(lender, borrower, command.resource, at_us)
            make_loan(draft, lender.domain_id, borrower.domain_id, command)
        case RecallLoan():
            loan = _find_loan(state, command.loan_id)
            if loan is not None:
                recall_loan(draft, loan, "recalled")
                if loan.started and loan.ends_us is None:
                    back_off(draft, loan.lender, loan.borrower, loan.resource)
        case StartLoan():
            loan = _find_loan(state, command.loan_id)
            if loan is not None and not loan.started:
                _check_due(loan.start_us, at_us, f"Loan {loan.loan_id} starts")
                _start_loan(draft, loan)
        case EndLoan():
            loan = _find_loan(state, command.loan_id)
            if loan is not None:
                ends_us = _ends_us(loan)
                _check_due(ends_us, at_us, f"Loan {loan.loan_id} ends")
                end_loan(draft, loan, "expired" if ends_us == loan.expiry_us else "recalled")
        case _:
            assert_never(command)
    return tuple(draft.events)


def check_terms(terms: OfferLoan | LoanTerms, least: int) -> None:
    """Refuse a loan that is none, whoever it is between; ``least`` is the least amount."""
    checks.text(terms.borrower, "the borrower's name", limits.NAME_BYTES_MAX, empty=False)
    checks.text(terms.resource, "the resource", limits.NAME_BYTES_MAX, empty=False)
    checks.whole(terms.amount, "amount", least, _AMOUNT_MAX.get(terms.resource, limits.GENERIC_MILLI_MAX))
    checks.optional(terms.start_us, "start_us", 0, limits.TIME_MAX_US)
    checks.optional(terms.expiry_us, "expiry_us", 0, limits.TIME_MAX_US)
    checks.whole(terms.notice_us, "notice_us", 0, limits.TIME_MAX_US)


def check_parties(state: State, lender: Domain, terms: OfferLoan | LoanTerms, at_us: int) -> Domain:
    """Return the borrower, or refuse a loan that these two cannot have, whatever there is to lend."""
    borrower = find_domain(state, terms.borrower)
    if borrower.domain_id == lender.domain_id:
        raise Refused(Reason.SELF_LOAN, f"Domain {lender.name!r} cannot lend to itself; name another borrower.")
    for one in (lender, borrower):
        if one.closed is not None:
            raise Refused(Reason.DOMAIN_CLOSED, f"Domain {one.name!r} is closed ({one.closed}); it has no loans.")
    path = state.domains.path
    if borrower.domain_id in path(lender.domain_id) or lender.domain_id in path(borrower.domain_id):
        raise Refused(
            Reason.ANCESTOR_LOAN,
            f"One of {lender.name!r} and {borrower.name!r} is a part of the other; change what they are entitled to "
            "instead of lending.",
        )
    if terms.resource == SHARE and lender.parent != borrower.parent:
        raise Refused(
            Reason.NOT_SIBLINGS,
            f"A share counts among the children of one parent only, which {lender.name!r} and {borrower.name!r} are "
            "not; lend guaranteed resources instead.",
        )
    if terms.resource not in (SHARE, CPU, MEM) and not lender.guarantee.amount(terms.resource):
        raise Refused(
            Reason.UNKNOWN_RESOURCE,
            f"Domain {lender.name!r} is guaranteed no {terms.resource!r}; lend share, cpu, mem or what else it is "
            "guaranteed.",
        )
    if terms.expiry_us is not None and terms.expiry_us <= max(at_us, terms.start_us or 0):
        raise Refused(Reason.OUT_OF_RANGE, "The loan would expire before it starts; give a later expiry_us or none.")
    return borrower


def check_number(lender: Domain) -> None:
    """Refuse one more loan of a lender that has given too many."""
    if len(lender.lends) >= limits.LOANS_MAX:
        raise Refused(
            Reason.TOO_MANY, f"Domain {lender.name!r} has given {limits.LOANS_MAX} loans already; recall some first."
        )


def check_back_off(lender: Domain, borrower: Domain, resource: str, at_us: int) -> None:
    """Refuse to lend again what was recalled a short time ago."""
    recalls = lender.recalls.get((borrower.domain_id, resource))
    if recalls is not None and at_us < recalls.until_us:
        raise Refused(
            Reason.BACK_OFF,
            f"Domain {lender.name!r} recalled {resource} from {borrower.name!r} a short time ago; lend it again from "
            f"{-(-(recalls.until_us - at_us) // limits.SECOND_US)} s from now.",
        )


def make_loan(draft: Draft, lender: DomainId, borrower: DomainId, terms: OfferLoan | LoanTerms) -> None:
    """Make a loan that was judged, and start it if its time has come."""
    start_us = max(draft.at_us, terms.start_us or 0)
    loan_id = LoanId(draft.state.domains.next_loan_id)
    draft.add(
        LoanMade(
            draft.at_us,
            loan_id,
            lender,
            borrower,
            terms.resource,
            terms.amount,
            start_us,
            terms.expiry_us,
            terms.notice_us,
        )
    )
    if start_us == draft.at_us:
        _start_loan(draft, draft.state.domains.loans[loan_id])


def recall_loan(draft: Draft, loan: Loan, reason: str) -> None:
    """Take a loan back: at once if it has not started or has no notice, else after its notice."""
    if loan.ends_us is not None:
        return
    if not loan.started or not loan.notice_us:
        end_loan(draft, loan, reason)
        return
    ends_us = min(draft.at_us + loan.notice_us, limits.TIME_MAX_US)
    if loan.expiry_us is not None:
        ends_us = min(ends_us, loan.expiry_us)
    draft.add(LoanRecalled(draft.at_us, loan.loan_id, loan.lender, loan.borrower, ends_us))


def end_loan(draft: Draft, loan: Loan, reason: str) -> None:
    """End a loan now."""
    add_reweighting(draft, LoanEnded(draft.at_us, loan.loan_id, loan.lender, loan.borrower, reason), *_reweighted(loan))


def back_off(draft: Draft, lender_id: DomainId, borrower_id: DomainId, resource: str) -> None:
    """Note that a lender took something back: each time it waits twice as long before it may lend it again."""
    recalls, at_us, key = draft.domain(lender_id).recalls, draft.at_us, (borrower_id, resource)
    old = recalls.get(key)
    count = 1 if old is None or old.until_us <= at_us - limits.LOAN_BACKOFF_FORGET_US else old.count + 1
    wait_us = min(limits.LOAN_BACKOFF_US << min(count - 1, 64), limits.LOAN_BACKOFF_MAX_US)
    forget_us = at_us - limits.LOAN_BACKOFF_FORGET_US
    forgotten = [other for other, one in recalls.items() if one.until_us <= forget_us and other != key]
    if old is None and len(recalls) - len(forgotten) >= limits.LOAN_BACKOFFS_MAX:
        forgotten.append(min(set(recalls) - set(forgotten), key=lambda other: (recalls[other].until_us, other)))
    draft.add(LoanBackedOff(at_us, lender_id, borrower_id, resource, count, at_us + wait_us, tuple(sorted(forgotten))))


def revoke(
    draft: Draft, domain_id: DomainId, share: int, floor_share: int, guarantee: Resources | None, floor: Resources
) -> None:
    """End the newest loans of a domain until what is left to it of ``share`` and ``guarantee`` is above its floors.

    Loans of its sub-domains to others than those inside it are covered by its guarantee, and so are among them.
    """
    domain = draft.domain(domain_id)
    loans = [draft.state.domains.loans[loan_id] for loan_id in sorted({*domain.lends, *domain.passes}, reverse=True)]
    base = NOTHING if guarantee is None else guarantee
    for loan in loans:
        domain = draft.domain(domain_id)
        if loan.resource == SHARE:
            fits = share - domain.lent_share >= floor_share
        else:
            left = base.amount(loan.resource) - domain.lent.amount(loan.resource)
            fits = left >= floor.amount(loan.resource)
        if not fits:
            end_loan(draft, loan, "base_shrunk")


def _start_loan(draft: Draft, loan: Loan) -> None:
    add_reweighting(draft, LoanStarted(draft.at_us, loan.loan_id, loan.lender, loan.borrower), *_reweighted(loan))


def _reweighted(loan: Loan) -> tuple[DomainId, ...]:
    return (loan.lender, loan.borrower) if loan.resource == SHARE else ()


def _find_loan(state: State, loan_id: object) -> Loan | None:
    """Return a loan, or None if it is over; refuse one that never was."""
    number = checks.whole(loan_id, "loan", 1, limits.TIME_MAX_US)
    loan = state.domains.loans.get(LoanId(number))
    if loan is None and number >= state.domains.next_loan_id:
        raise Refused(Reason.UNKNOWN_LOAN, f"There is no loan {loan_id}; it never was.")
    return loan


def _ends_us(loan: Loan) -> int | None:
    due_us = [due for due in (loan.ends_us, loan.expiry_us) if due is not None]
    return min(due_us, default=None)


def _check_due(due_us: int | None, at_us: int, what: str) -> None:
    if due_us is None or due_us > at_us:
        when = "only when it is recalled" if due_us is None else f"at {due_us} us"
        raise Refused(Reason.NOT_DUE, f"{what} {when}; wait for that, or recall it.")
