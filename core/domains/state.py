"""The slice of domains: who is charged, what each is entitled to, and what it lends.

Domains form a tree. An *entitlement* is a share, a guarantee and a cap. The share is a weight among the children of one
parent. The guarantee is an amount of resources of which the domain may always hold that much at once; it is a claim
against the *siblings*, so the guarantees of the children need not sum up to that of their parent: where they are more,
a child is guaranteed that much of what its parent gets, and no more of the pool than the parents above it are
guaranteed themselves. The cap is the most that it may hold at once.

A loan moves a part of a share or of a guarantee from one domain to another, and makes none::

    effective share     = base - lent + borrowed
    effective guarantee = base - lent + borrowed, at every domain of which the loan leaves or enters the subtree
"""

from __future__ import annotations

from immutables import Map

from ..ids import DomainId, LoanId
from ..record import record
from ..resources import NOTHING, Resources

TOP = DomainId(0)
"""The parent of the domains at the top level; it is no domain itself."""

SHARE = "share"
"""The name of the share among the resources of loans; all others are parts of a guarantee."""


@record
class Recalls:
    """How often a lender took back a resource from a borrower lately, and until when it may not lend it again."""

    count: int
    until_us: int


@record
class Domain:
    """One domain: what its record says (its *base*), and what loans make of it.

    Attributes:
        parent: The domain it is a part of, or :data:`TOP`; it never changes.
        share: Its weight among the children of its parent, at least 1.
        guarantee: Of this much it may always hold as much at once.
        cap: It may hold at most this much at once; None is no cap.
        floor_share, floor: Lending must leave it at least this share and guarantee.
        effective_share, effective_guarantee: What it has after loans; a closed domain's own guarantee counts no more.
        children, children_share: How many sub-domains it has, and the sum of their shares (Phi among them).
        stamp_us: Time of the record that it is of; 0 if it was made by hand.
        expires_us: When it closes, or None.
        closed: Why it takes no new jobs (``absent``, ``expired``), or None.
        lends: The loans it has given, with their borrowers.
        borrows: The loans it has received, with their lenders.
        passes: The loans of a guarantee that its sub-domains have given to others than those inside it; their lenders.
        lent_share, lent: The sums of what is in ``lends``, and of the guarantees in ``lends`` and ``passes``; those
            that have not started yet count as well.
        recalls: For each borrower and resource, what is remembered of recalls.
        remainder: What it is owed beyond g (V - S), scaled like tags; less than its effective share. It is what an
            integer tag could not hold when the share was changed, and makes the way back exact.
    """

    domain_id: DomainId
    name: str
    parent: DomainId
    share: int
    guarantee: Resources
    cap: Resources | None
    floor_share: int
    floor: Resources
    effective_share: int
    effective_guarantee: Resources
    stamp_us: int = 0
    expires_us: int | None = None
    closed: str | None = None
    children: int = 0
    children_share: int = 0
    lends: Map[LoanId, DomainId] = Map()
    borrows: Map[LoanId, DomainId] = Map()
    passes: Map[LoanId, DomainId] = Map()
    lent_share: int = 0
    lent: Resources = NOTHING
    recalls: Map[tuple[DomainId, str], Recalls] = Map()
    remainder: int = 0


@record
class Loan:
    """A part of an entitlement that a domain has lent to another.

    Attributes:
        resource: ``share``, ``cpu``, ``mem`` or the name of a generic resource.
        amount: In units of share, thousandths of a cpu, bytes or thousandths; at least 1.
        made_us, start_us: When it was made, and when it starts or started.
        expiry_us: When it ends by itself, or None.
        notice_us: How long the borrower keeps it after it was recalled.
        started: Whether it counts; until then it is only set aside for the borrower.
        ends_us: When it ends because it was recalled, or None.
    """

    loan_id: LoanId
    lender: DomainId
    borrower: DomainId
    resource: str
    amount: int
    made_us: int
    start_us: int
    expiry_us: int | None
    notice_us: int
    started: bool = False
    ends_us: int | None = None


@record
class Domains:
    """The slice of domains and loans.

    Attributes:
        total_share: The sum of the shares of all domains at the top level (Phi among them).
        min_stamp_us: Records that are older than this are stale.
    """

    domains: Map[DomainId, Domain] = Map()
    by_name: Map[str, DomainId] = Map()
    total_share: int = 0
    next_domain_id: int = 1
    loans: Map[LoanId, Loan] = Map()
    next_loan_id: int = 1
    min_stamp_us: int = 0

    def path(self, domain_id: DomainId) -> tuple[DomainId, ...]:
        """Return the ancestors of a domain, nearest first, without :data:`TOP`."""
        path = []
        parent = self.domains[domain_id].parent
        while parent:
            path.append(parent)
            parent = self.domains[parent].parent
        return tuple(path)

    def is_within(self, domain_id: DomainId, other: DomainId) -> bool:
        """Whether a domain is ``other`` or somewhere inside it."""
        return domain_id == other or other in self.path(domain_id)

    def phi(self, parent_id: DomainId) -> int:
        """Return the sum of the shares of all children of a domain, or of the top level; loans leave it as it is."""
        return self.domains[parent_id].children_share if parent_id else self.total_share

    def left(self, one: DomainId, other: DomainId) -> tuple[DomainId, ...]:
        """Return the ancestors of ``one`` that ``other`` is not below: a loan between them leaves these subtrees."""
        above = {*self.path(other), other}
        return tuple(ancestor for ancestor in self.path(one) if ancestor not in above)


def one_resource(name: str, amount: int) -> Resources:
    """Return an amount of one resource of a guarantee."""
    if name == "cpu":
        return Resources(cpu_milli=amount)
    if name == "mem":
        return Resources(mem_bytes=amount)
    return Resources(generic=((name, amount),))
