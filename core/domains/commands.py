"""The commands of domains and loans; see :mod:`meted.core.commands` for what is true of all commands."""

from __future__ import annotations

from ..ids import LoanId
from ..record import record
from ..resources import NOTHING, Resources


@record
class CreateDomain:
    """Register a domain below ``parent`` (empty: at the top level); see :class:`meted.core.domains.state.Domain`."""

    at_us: int
    name: str
    share: int = 1
    cap: Resources | None = None
    parent: str = ""
    guarantee: Resources = NOTHING
    floor_share: int = 1
    floor: Resources = NOTHING


@record
class ChangeDomain:
    """Set what a domain is entitled to; all of it, so what is not given is as at first.

    Where it then lends more than it can, the newest loans are revoked until it can.
    """

    at_us: int
    name: str
    share: int
    cap: Resources | None = None
    guarantee: Resources = NOTHING
    floor_share: int = 1
    floor: Resources = NOTHING


@record
class RemoveDomain:
    """Remove a domain that has no jobs, sub-domains or loans."""

    at_us: int
    name: str


@record
class OfferLoan:
    """Lend a part of an entitlement; see :class:`meted.core.domains.state.Loan`.

    It starts at once, or at ``start_us`` where that is later; until then the amount is set aside.
    """

    at_us: int
    lender: str
    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0


@record
class LoanTerms:
    """One entry of a list of loans; an amount of 0 is no loan."""

    borrower: str
    resource: str
    amount: int
    start_us: int | None = None
    expiry_us: int | None = None
    notice_us: int = 0


@record
class SetLoans:
    """Replace all the loans of a lender by these, judged in their order (row N10).

    What is equal in both goes on as it is. A loan that runs and has notice is recalled, and counts until it has ended.
    An entry that does not fit becomes a :class:`meted.core.events.LoanRefused`, and the others are taken.
    """

    at_us: int
    lender: str
    loans: tuple[LoanTerms, ...]


@record
class RecallLoan:
    """Take a loan back: at once, or after the notice that was promised."""

    at_us: int
    loan_id: LoanId


@record
class StartLoan:
    """Start a loan whose time has come: what timers say."""

    at_us: int
    loan_id: LoanId


@record
class EndLoan:
    """End a loan whose time has come, as it expires or was recalled: what timers say."""

    at_us: int
    loan_id: LoanId


@record
class DomainRecord:
    """What whoever registers domains says about one of them.

    Attributes:
        parent: The name of its parent; empty at the top level.
        stamp_us: When it was written; a newer one replaces an older one. At least 1.
        expires_us: From when on it holds no more, or None.
    """

    name: str
    stamp_us: int
    parent: str = ""
    share: int = 1
    guarantee: Resources = NOTHING
    cap: Resources | None = None
    floor_share: int = 1
    floor: Resources = NOTHING
    expires_us: int | None = None


@record
class DeliverRecords:
    """Take records of domains, each judged by itself (rows N01, N02).

    Attributes:
        stamp_us: When the delivery was written.
        full: These are all that there are: domains of records older than ``stamp_us`` close, as they are absent now.
    """

    at_us: int
    stamp_us: int
    records: tuple[DomainRecord, ...]
    full: bool


@record
class ExpireDomain:
    """Close a domain whose record holds no more: what timers say."""

    at_us: int
    name: str


LoanCommand = OfferLoan | SetLoans | RecallLoan | StartLoan | EndLoan
DomainCommand = CreateDomain | ChangeDomain | RemoveDomain | DeliverRecords | ExpireDomain | LoanCommand
