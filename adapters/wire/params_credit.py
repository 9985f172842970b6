"""The parameters of the methods about credit: one record a method. Amounts are thousandths of a credit."""

from __future__ import annotations

from meted.core.record import record

from .limits import PAGE_ROWS_MAX


@record
class CreditAccounts:
    """Return a page of the accounts of domains, ascending by name; after the last page comes an empty one.

    Attributes:
        after: Only domains with a larger name: the last one of the page before.
        limit: Most rows.
    """

    after: str = ""
    limit: int = PAGE_ROWS_MAX


@record
class CreditAccount:
    """Return the account of a domain, with what it has in purses of jobs and in loans.

    Attributes:
        domain: Name of the domain.
    """

    domain: str


@record
class CreditOpen:
    """Give a domain an account; one that it has is left alone.

    Attributes:
        domain: Name of the domain.
        unlimited: Whether it pays for nothing; nil leaves that, and is false for a new account.
        key: Idempotency key.
    """

    domain: str
    unlimited: bool | None = None
    key: str | None = None


@record
class CreditClose:
    """Close the account of a domain; what is in it goes back to the treasury.

    Attributes:
        domain: Name of the domain.
        key: Idempotency key.
    """

    domain: str
    key: str | None = None


@record
class CreditLimit:
    """Say whether a domain that has an account pays for what it buys.

    Attributes:
        domain: Name of the domain.
        unlimited: Whether it pays for nothing.
        key: Idempotency key.
    """

    domain: str
    unlimited: bool
    key: str | None = None


@record
class CreditGrant:
    """Grant a domain credit, or take some back; it gets an account if it has none.

    Attributes:
        domain: Name of the domain.
        amount_mc: How much; below zero it is taken back.
        note: What for, for its statement.
        key: Idempotency key.
    """

    domain: str
    amount_mc: int
    note: str = ""
    key: str | None = None


@record
class CreditTransfer:
    """Send credit from one domain to another, which gets an account if it has none.

    Attributes:
        payer: Name of the domain that pays.
        payee: Name of the domain that is paid.
        amount_mc: How much.
        note: What for, for both statements.
        key: Idempotency key.
    """

    payer: str
    payee: str
    amount_mc: int
    note: str = ""
    key: str | None = None


@record
class CreditLoans:
    """Return a page of the loans of credit that are not paid back, ascending by id; the last page is empty.

    Attributes:
        domain: Only what this domain lends or borrows; nil for all.
        after: Only loans with a larger id: the last one of the page before.
        limit: Most rows.
    """

    domain: str | None = None
    after: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class CreditLend:
    """Lend credit to another domain, which pays it back when it is due, or whenever something comes in after that.

    Attributes:
        lender: Name of the domain that lends.
        borrower: Name of the domain that borrows.
        amount_mc: How much.
        due_us: When it is due.
        key: Idempotency key.
    """

    lender: str
    borrower: str
    amount_mc: int
    due_us: int
    key: str | None = None


@record
class CreditRepay:
    """Pay a loan of credit back, as far as the borrower has it; one that is paid back is left alone.

    Attributes:
        loan: Id of the loan of credit.
        key: Idempotency key.
    """

    loan: int
    key: str | None = None


@record
class CreditStatement:
    """Return a page of what moved on an account, oldest first; after the last page comes an empty one.

    Attributes:
        domain: Name of the domain whose account it is; give either this or `account`.
        account: Number of the account, also of a purse or of one that was closed; 1 is the treasury, 2 escrow.
        after: Only lines with a larger `seq`: the last one of the page before.
        limit: Most lines.
    """

    domain: str | None = None
    account: int | None = None
    after: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class CreditAlarms:
    """Return the alarms of credit, raised or not: `crash` (too much of it) and `starvation` (too little)."""


@record
class CreditRules:
    """Return how credit is made and what it buys."""


@record
class CreditRulesSet:
    """Change how credit is made and what it buys; what is not named stays as it is.

    Attributes:
        grant_mc: What each domain with an account is granted each period, for each unit of its effective share. Nil
            leaves it, as with all that follow.
        period_us: The period of grants.
        cap_mc: What a domain may have at most, for each unit of its effective share.
        uncapped: Whether there is no cap any more; then there can be no `cap_mc`.
        half_life_us: Half of what lies unused is gone after so long.
        no_demurrage: Whether nothing fades any more; then there can be no `half_life_us`.
        price_mc: The price of one point of priority for a cpu-hour of work.
        income: Who is paid: `funded` (those who made room, from what others pay) or `treasury` (sold points, at once).
        donors: Of those who made room: `all` are paid, the idle as well, or `nice`, only who sold points.
        key: Idempotency key.
    """

    grant_mc: int | None = None
    period_us: int | None = None
    cap_mc: int | None = None
    uncapped: bool = False
    half_life_us: int | None = None
    no_demurrage: bool = False
    price_mc: int | None = None
    income: str | None = None
    donors: str | None = None
    key: str | None = None
