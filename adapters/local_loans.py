"""Loans between domains of one log, served in this process (rows N05-N16)."""

from __future__ import annotations

from collections.abc import Sequence

from meted.core.commands import LoanTerms, OfferLoan

from . import domain_changes as changes
from .arguments import listed
from .domain_changes import LoansGiven
from .loan_views import LoanView, StatementLine, loan_ids_of, loan_view, statement
from .local_domains import LocalDomains


class LocalLoans(LocalDomains):
    """What a program may ask of loans and do with them; see docs/fairness.md for what they mean."""

    def loan_offer(
        self,
        lender: str,
        borrower: str,
        resource: str,
        amount: int,
        *,
        start_us: int | None = None,
        expiry_us: int | None = None,
        notice_us: int = 0,
    ) -> int:
        """Lend a part of what a domain is entitled to, and return the id of the loan (row N05).

        Args:
            lender, borrower: Their names.
            resource: ``share``, ``cpu``, ``mem`` or another resource that the lender is guaranteed.
            amount: Units of share, thousandths of a cpu, bytes or thousandths.
            start_us: When it starts; None is now.
            expiry_us: When it ends by itself; None is never.
            notice_us: How long the borrower keeps it after it was recalled.

        Raises:
            Refused: It cannot be; the sentence says why.
        """
        command = OfferLoan(self.clock(), lender, borrower, resource, amount, start_us, expiry_us, notice_us)
        with self.batch():
            return changes.offer_loan(self._engine, command)

    def loan_recall(self, loan_id: int) -> int | None:
        """Take a loan back, and return when it ends, in microseconds; None where it is over.

        Raises:
            Refused: There never was such a loan.
        """
        with self.batch():
            return changes.recall_loan(self._engine, self.clock(), loan_id)

    def loans_set(self, lender: str, loans: Sequence[LoanTerms]) -> LoansGiven:
        """Replace all loans of a lender, judged in their order (rows N10, N13).

        Raises:
            Refused: There is no such lender, or an entry is malformed; of one that does not fit the answer says why.
        """
        with self.batch():
            return changes.set_loans(self._engine, self.clock(), lender, listed(loans, "loans"))

    def loans(self, domain: str | None = None) -> list[LoanView]:
        """Return what a domain lends and borrows, or all loans, by id; those that have not started are among them.

        Raises:
            Refused: There is no such domain.
        """
        state = self.state
        return [loan_view(state, state.domains.loans[loan_id]) for loan_id in loan_ids_of(state, domain)]

    def loan_statement(self, domain: str) -> list[StatementLine]:
        """Return what loans make of what a domain is entitled to: the lines of each resource add up (row N16).

        Raises:
            Refused: There is no such domain.
        """
        return statement(self.state, domain)
