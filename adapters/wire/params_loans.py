"""The parameters of the methods about loans of what domains are entitled to: one record a method."""

from __future__ import annotations

from meted.core.record import record

from .limits import PAGE_ROWS_MAX


@record
class LoanTerms:
    """One loan of a list; an amount of 0 is none.

    Attributes:
        borrower: As in `loan.offer`, and so are all that follow.
        resource: As there.
        amount: As there.
        start_us: As there.
        expiry_us: As there.
        notice_us: As there.
    """

    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0


@record
class Loans:
    """Return a page of the loans, ascending by id, those that have not started among them; the last page is empty.

    Attributes:
        domain: Only what this domain lends or borrows; nil for all.
        after: Only loans with a larger id: the last one of the page before.
        limit: Most rows.
    """

    domain: str | None = None
    after: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class LoanOffer:
    """Lend a part of what a domain is entitled to; it counts at once, or from `start_us` on.

    Attributes:
        lender: Name of the domain that lends.
        borrower: Name of the domain that borrows.
        resource: `share`, `cpu`, `mem` or another resource of which the lender is guaranteed something.
        amount: How much: units of share, thousandths of a cpu, bytes, or thousandths.
        start_us: When it starts; nil is now.
        expiry_us: When it ends by itself; nil is never.
        notice_us: How long the borrower keeps it after it was recalled.
        key: Idempotency key.
    """

    lender: str
    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0
    key: str | None = None


@record
class LoanRecall:
    """Take a loan back: at once, or after the notice that was promised; one that is over is left alone.

    Attributes:
        loan: Id of the loan.
        key: Idempotency key.
    """

    loan: int
    key: str | None = None


@record
class LoansSet:
    """Replace all loans of a lender by a list, judged in its order.

    Attributes:
        lender: Name of the domain that lends.
        loans: The loans, each a map of the arguments below; those that are there already go on as they are.
        key: Idempotency key.
    """

    lender: str
    loans: tuple[LoanTerms, ...]
    key: str | None = None


@record
class LoanStatement:
    """Return what loans make of what a domain is entitled to, line by line.

    Attributes:
        domain: Name of the domain.
    """

    domain: str


@record
class LoanChanges:
    """Return what became of loans since a position, for callers that take no notifications.

    Attributes:
        since_seq: The `seq` of the answer before; 0 for the loans as they are.
        domain: Only what this domain lends or borrows; nil for all.
        wait_us: Microseconds to wait for a change.
    """

    since_seq: int
    domain: str | None = None
    wait_us: int = 0
