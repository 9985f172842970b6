"""The methods about loans between domains; ``loan.changes`` is with what is followed."""

from __future__ import annotations

from collections.abc import Iterable

from meted.core.commands import LoanTerms, OfferLoan
from meted.core.engine import Engine

from .. import domain_changes as changes
from ..loan_views import loan_ids_of, loan_view, statement
from ..trial import Trial
from ..wire import params_loans
from .desk import Desk, Handler, Now, Outcome
from .paging import page_limit, pages
from .session import Session


class LoanMethods:
    """Answers ``loan*``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> dict[str, Handler]:
        """Return the handlers by method."""
        return {
            "loans": self.loans,
            "loan.offer": self.offer,
            "loan.recall": self.recall,
            "loans.set": self.set_loans,
            "loan.statement": self.statement,
        }

    def loans(self, _: Session, params: params_loans.Loans) -> Outcome:
        """Return a page of the loans."""
        state, limit = self._desk.state, page_limit(params.limit)
        found = [loan_id for loan_id in loan_ids_of(state, params.domain) if loan_id > params.after][:limit]
        return Now(next(pages(loan_view(state, state.domains.loans[loan_id]) for loan_id in found)))

    def offer(self, session: Session, params: params_loans.LoanOffer) -> Outcome:
        """Lend."""

        def offer(engine: Engine, at_us: int) -> object:
            terms = (params.resource, params.amount, params.start_us, params.expiry_us, params.notice_us)
            return {"loan": changes.offer_loan(engine, OfferLoan(at_us, params.lender, params.borrower, *terms))}

        return self._desk.once("loan.offer", session, params.key, offer)

    def recall(self, session: Session, params: params_loans.LoanRecall) -> Outcome:
        """Take a loan back."""

        def recall(engine: Engine, at_us: int) -> object:
            return {"ends_us": changes.recall_loan(engine, at_us, params.loan)}

        return self._desk.once("loan.recall", session, params.key, recall)

    def set_loans(self, session: Session, params: params_loans.LoansSet) -> Outcome:
        """Replace the loans of a lender."""
        terms = terms_of(params.loans)

        def replace(engine: Engine | Trial, at_us: int) -> object:
            return changes.set_loans(engine, at_us, params.lender, terms)

        return self._desk.once("loans.set", session, params.key, replace, replace)

    def statement(self, _: Session, params: params_loans.LoanStatement) -> Outcome:
        """Return what loans make of an entitlement."""
        return Now(statement(self._desk.state, params.domain))


def terms_of(loans: Iterable[params_loans.LoanTerms]) -> tuple[LoanTerms, ...]:
    """Return the core's records of the terms of loans."""
    return tuple(
        LoanTerms(one.borrower, one.resource, one.amount, one.start_us, one.expiry_us, one.notice_us) for one in loans
    )
