"""The parameters of the methods about credit that is set aside: one record a method."""

from __future__ import annotations

from meted.core.record import record

from .limits import PAGE_ROWS_MAX


@record
class CreditHolds:
    """Return a page of what is set aside by `credit.hold`, ascending by id; the last page is empty.

    Attributes:
        domain: Only of this domain; nil for all.
        after: Only holds with a larger id: the last one of the page before.
        limit: Most rows.
    """

    domain: str | None = None
    after: int = 0
    limit: int = PAGE_ROWS_MAX


@record
class CreditHold:
    """Set credit of a domain aside, until it is posted or voided.

    Attributes:
        domain: Name of the domain.
        amount_mc: How much.
        until_us: When it is voided by itself; nil is never.
        key: Idempotency key.
    """

    domain: str
    amount_mc: int
    until_us: int | None = None
    key: str | None = None


@record
class CreditPost:
    """Pay a part or all of a hold to a domain; the rest is free again.

    Attributes:
        hold: Id of the hold.
        payee: Name of the domain that is paid.
        amount_mc: How much.
        key: Idempotency key.
    """

    hold: int
    payee: str
    amount_mc: int
    key: str | None = None


@record
class CreditVoid:
    """Give a hold up; what was set aside is free again.

    Attributes:
        hold: Id of the hold.
        key: Idempotency key.
    """

    hold: int
    key: str | None = None
