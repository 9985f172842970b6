"""Loans: what is set aside when one is made, and moved while it counts.

A loan touches its two parties and, if it is of a guarantee, the domains of which it leaves or enters the subtree: so
many as the tree is deep at most, whatever else there is.
"""

from __future__ import annotations

from typing import assert_never

from immutables import Map

from ..domains.events import LoanBackedOff, LoanEnded, LoanEvent, LoanMade, LoanRecalled, LoanRefused, LoanStarted
from ..domains.state import SHARE, Recalls, one_resource
from ..ids import DomainId, LoanId
from ..record import replaced
from ..resources import NOTHING
from ..state import Domains, Loan


def reduce_loans(domains: Domains, event: LoanEvent) -> Domains:
    """Return the slice after ``event``."""
    match event:
        case LoanMade():
            return _made(domains, event)
        case LoanStarted():
            loan = replaced(domains.loans[event.loan_id], started=True)
            return _moved(replaced(domains, loans=domains.loans.set(loan.loan_id, loan)), loan, loan.amount)
        case LoanRecalled():
            loan = replaced(domains.loans[event.loan_id], ends_us=event.ends_us)
            return replaced(domains, loans=domains.loans.set(loan.loan_id, loan))
        case LoanEnded():
            return _ended(domains, domains.loans[event.loan_id])
        case LoanBackedOff():
            return _backed_off(domains, event)
        case LoanRefused():
            return domains
        case _:
            assert_never(event)


def _made(domains: Domains, event: LoanMade) -> Domains:
    loan = Loan(
        event.loan_id,
        event.lender,
        event.borrower,
        event.resource,
        event.amount,
        event.at_us,
        event.start_us,
        event.expiry_us,
        event.notice_us,
    )
    domains = replaced(
        domains,
        loans=domains.loans.set(loan.loan_id, loan),
        next_loan_id=max(domains.next_loan_id, loan.loan_id + 1),
    )
    return _set_aside(domains, loan, loan.amount)


def _ended(domains: Domains, loan: Loan) -> Domains:
    if loan.started:
        domains = _moved(domains, loan, -loan.amount)
    domains = replaced(domains, loans=domains.loans.delete(loan.loan_id))
    return _set_aside(domains, loan, -loan.amount)


def _set_aside(domains: Domains, loan: Loan, amount: int) -> Domains:
    """Return the slice where ``loan`` is known to whom it concerns (or, for a negative amount, no more)."""

    def entered(loans: Map[LoanId, DomainId], other: DomainId) -> Map[LoanId, DomainId]:
        return loans.set(loan.loan_id, other) if amount > 0 else loans.delete(loan.loan_id)

    table = domains.domains.mutate()
    lender, borrower = table[loan.lender], table[loan.borrower]
    if loan.resource == SHARE:
        lent_share, lent = lender.lent_share + amount, lender.lent
    else:
        part = one_resource(loan.resource, amount)
        lent_share, lent = lender.lent_share, lender.lent.plus(part)
        for domain_id in domains.left(loan.lender, loan.borrower):
            domain = table[domain_id]
            passes = entered(domain.passes, loan.lender)
            table[domain_id] = replaced(domain, passes=passes, lent=domain.lent.plus(part))
    table[loan.lender] = replaced(lender, lends=entered(lender.lends, loan.borrower), lent_share=lent_share, lent=lent)
    table[loan.borrower] = replaced(borrower, borrows=entered(borrower.borrows, loan.lender))
    return replaced(domains, domains=table.finish())


def _moved(domains: Domains, loan: Loan, amount: int) -> Domains:
    """Return the slice where ``amount`` went from the lender of ``loan`` to its borrower (or back, if negative)."""
    if loan.resource == SHARE:
        share, part = amount, NOTHING
        losing, gaining = [loan.lender], [loan.borrower]
    else:
        share, part = 0, one_resource(loan.resource, amount)
        losing = [loan.lender, *domains.left(loan.lender, loan.borrower)]
        gaining = [loan.borrower, *domains.left(loan.borrower, loan.lender)]
    table = domains.domains.mutate()
    for domain_ids, sign in ((losing, -1), (gaining, 1)):
        for domain_id in domain_ids:
            domain = table[domain_id]
            table[domain_id] = replaced(
                domain,
                effective_share=domain.effective_share + sign * share,
                effective_guarantee=domain.effective_guarantee.plus(part.times(sign)),
            )
    return replaced(domains, domains=table.finish())


def _backed_off(domains: Domains, event: LoanBackedOff) -> Domains:
    lender = domains.domains[event.lender]
    recalls = lender.recalls.mutate()
    for key in event.forgotten:
        del recalls[key]
    recalls[event.borrower, event.resource] = Recalls(event.recalls, event.until_us)
    return replaced(domains, domains=domains.domains.set(event.lender, replaced(lender, recalls=recalls.finish())))
