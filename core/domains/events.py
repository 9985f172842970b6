"""The events of domains and loans; see :mod:`meted.core.events` for what is true of all events."""

from __future__ import annotations

from typing import ClassVar

from ..ids import DomainId, LoanId
from ..record import record
from ..resources import Resources


@record
class DomainCreated:
    """A domain was registered below ``parent`` (0: at the top level); see :class:`meted.core.domains.state.Domain`."""

    tag: ClassVar[str] = "domain_created"
    version: ClassVar[int] = 2
    at_us: int
    domain_id: DomainId
    name: str
    parent: DomainId
    share: int
    guarantee: Resources
    cap: Resources | None
    floor_share: int
    floor: Resources
    stamp_us: int
    expires_us: int | None


@record
class DomainChanged:
    """What a domain is entitled to before loans is this from now on."""

    tag: ClassVar[str] = "domain_changed"
    version: ClassVar[int] = 2
    at_us: int
    domain_id: DomainId
    share: int
    guarantee: Resources
    cap: Resources | None
    floor_share: int
    floor: Resources
    stamp_us: int
    expires_us: int | None


@record
class DomainClosed:
    """A domain takes no new jobs and its guarantee counts no more; ``reason`` is ``absent`` or ``expired``."""

    tag: ClassVar[str] = "domain_closed"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId
    reason: str


@record
class DomainOpened:
    """A domain that was closed takes jobs again, and its guarantee counts."""

    tag: ClassVar[str] = "domain_opened"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId


@record
class DomainRemoved:
    """A domain that had no jobs, sub-domains or loans was removed."""

    tag: ClassVar[str] = "domain_removed"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId


@record
class LagRemainderKept:
    """What a domain is owed beyond what its new tag says, as its share was changed (docs/fairness.md, P10a)."""

    tag: ClassVar[str] = "lag_remainder_kept"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId
    remainder: int


@record
class LoanMade:
    """An amount was set aside for a borrower; it counts from the :class:`LoanStarted` on, at ``start_us``."""

    tag: ClassVar[str] = "loan_made"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: LoanId
    lender: DomainId
    borrower: DomainId
    resource: str
    amount: int
    start_us: int
    expiry_us: int | None
    notice_us: int


@record
class LoanStarted:
    """The borrower has what it was lent, and the lender no more."""

    tag: ClassVar[str] = "loan_started"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: LoanId
    lender: DomainId
    borrower: DomainId


@record
class LoanRecalled:
    """The lender wants it back and gets it at ``ends_us``, as notice was promised."""

    tag: ClassVar[str] = "loan_recalled"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: LoanId
    lender: DomainId
    borrower: DomainId
    ends_us: int


@record
class LoanEnded:
    """A loan is over, and the lender has again what it lent.

    ``reason`` is ``expired``, ``recalled``, ``replaced`` by another list, ``base_shrunk`` where the lender has too
    little itself, or ``closed`` where one of the two was closed.
    """

    tag: ClassVar[str] = "loan_ended"
    version: ClassVar[int] = 1
    at_us: int
    loan_id: LoanId
    lender: DomainId
    borrower: DomainId
    reason: str


@record
class LoanRefused:
    """An entry of a list of loans was not taken.

    Attributes:
        borrower: The name that was given.
        reason: A :class:`meted.core.errors.Reason`.
        sentence: What to do about it.
    """

    tag: ClassVar[str] = "loan_refused"
    version: ClassVar[int] = 1
    at_us: int
    lender: DomainId
    borrower: str
    resource: str
    amount: int
    reason: str
    sentence: str


@record
class LoanBackedOff:
    """A lender has recalled a resource from a borrower ``recalls`` times lately, and waits before it lends it again.

    ``forgotten`` are other borrowers and resources, of which nothing is remembered any more.
    """

    tag: ClassVar[str] = "loan_backed_off"
    version: ClassVar[int] = 1
    at_us: int
    lender: DomainId
    borrower: DomainId
    resource: str
    recalls: int
    until_us: int
    forgotten: tuple[tuple[DomainId, str], ...]


@record
class RecordRefused:
    """A record of a delivery was not taken; ``name`` is empty where it has none, or where the rest is counted."""

    tag: ClassVar[str] = "record_refused"
    version: ClassVar[int] = 1
    at_us: int
    name: str
    reason: str
    sentence: str


@record
class RecordsConfirmed:
    """Newer records of these domains say what was known already: nothing is done with them (row N32)."""

    tag: ClassVar[str] = "records_confirmed"
    version: ClassVar[int] = 1
    at_us: int
    stamp_us: int
    domain_ids: tuple[DomainId, ...]


@record
class MinimumStampSet:
    """A full update of ``stamp_us`` was taken: records that are older are stale from now on."""

    tag: ClassVar[str] = "minimum_stamp_set"
    version: ClassVar[int] = 1
    at_us: int
    stamp_us: int


LoanEvent = LoanMade | LoanStarted | LoanRecalled | LoanEnded | LoanRefused | LoanBackedOff
DomainEvent = (
    DomainCreated
    | DomainChanged
    | DomainClosed
    | DomainOpened
    | DomainRemoved
    | LagRemainderKept
    | RecordRefused
    | RecordsConfirmed
    | MinimumStampSet
    | LoanEvent
)
