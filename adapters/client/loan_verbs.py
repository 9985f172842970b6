"""Loans between domains on a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from .domain_params import sent_loans
from .verb import Verbs, verb

if TYPE_CHECKING:
    from meted.core.domains.commands import LoanTerms

    from ..domain_changes import LoansGiven
    from ..loan_views import LoanView, StatementLine


class LoanVerbs(Verbs):
    """The verbs of :class:`meted.adapters.local_loans.LocalLoans`, kept by a server; all raise ``Refused``."""

    @verb
    async def loan_offer(
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
        """Lend, and return the id of the loan; the arguments are those of ``LocalLoans.loan_offer``."""
        answer = await self._ask(
            "loan.offer",
            lender=lender,
            borrower=borrower,
            resource=resource,
            amount=amount,
            start_us=start_us,
            expiry_us=expiry_us,
            notice_us=notice_us,
        )
        return int(answer["loan"])

    @verb
    async def loan_recall(self, loan_id: int) -> int | None:
        """Take a loan back, and return when it ends, in microseconds; None where it is over."""
        return cast("int | None", (await self._ask("loan.recall", loan=loan_id))["ends_us"])

    @verb
    async def loans_set(self, lender: str, loans: Sequence[LoanTerms]) -> LoansGiven:
        """Replace all loans of a lender, judged in their order (rows N10, N13)."""
        return cast("LoansGiven", await self._ask("loans.set", lender=lender, loans=sent_loans(loans)))

    @verb
    async def loans(self, domain: str | None = None) -> list[LoanView]:
        """Return what a domain lends and borrows, or all loans, by id; those that have not started are among them."""
        return await self._ask_all("loans", "loan", 0, domain=domain)

    @verb
    async def loan_statement(self, domain: str) -> list[StatementLine]:
        """Return what loans make of what a domain is entitled to: the lines of each resource add up (row N16)."""
        return cast("list[StatementLine]", list(await self._ask("loan.statement", domain=domain)))
