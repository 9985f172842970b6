"""What domains were entitled to while a log was written, as commands that make it so again, each at its time.

Domains are registered, changed and removed when they were, and a loan runs from its start to its end, whatever ended
it: its term, its lender, a shrunk base or a closed domain. So nothing is left to notice or back-off. A closed domain
has no guarantee of its own. Loans that never started had no effect, and are left out.

Domains are called by their ids, as a name may be given again when a domain was removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from meted.core.commands import ChangeDomain, CreateDomain, OfferLoan, RemoveDomain
from meted.core.events import (
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainOpened,
    DomainRemoved,
    Event,
    LoanEnded,
    LoanMade,
    LoanStarted,
)
from meted.core.ids import DomainId, LoanId
from meted.core.record import record, replaced
from meted.core.resources import NOTHING, Resources

from .log_commands import Asked


@record
class LoggedDomain:
    """One domain.

    Attributes:
        name: Its name.
        share: Its weight among the children of its parent.
        cap: The most that it may hold at once, or None.
        parent: The id of its parent; 0 at the top.
        guarantee: What it may always hold at once.
        floor_share, floor: What lending must leave it.
        closed: Whether it is closed, so that its guarantee does not count.
    """

    name: str
    share: int
    cap: Resources | None
    parent: int = 0
    guarantee: Resources = NOTHING
    floor_share: int = 1
    floor: Resources = NOTHING
    closed: bool = False

    @property
    def counted(self) -> Resources:
        """Its guarantee, as far as it counts."""
        return NOTHING if self.closed else self.guarantee


class EntitlementReader:
    """Follows domains and loans in the events of a log.

    Attributes:
        domains: All domains, as they were last.
        removed: Those of them that are there no more.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.domains: dict[DomainId, LoggedDomain] = {}
        self.removed: set[DomainId] = set()
        self._facts: list[tuple[int, int, DomainId, LoggedDomain | None]] = []
        self._made: dict[LoanId, LoanMade] = {}
        self._started: dict[LoanId, tuple[int, int]] = {}
        self._ended_us: dict[LoanId, int] = {}

    def take(self, event: Event, order: int) -> None:
        """Take the next event, and its place in the log; all but those of domains and loans are passed over."""
        match event:
            case DomainCreated():
                made = LoggedDomain(event.name, event.share, event.cap, event.parent, event.guarantee)
                made = replaced(made, floor_share=event.floor_share, floor=event.floor)
                self._is(event.at_us, order, event.domain_id, made)
            case DomainChanged() if event.domain_id in self.domains:
                changed = replaced(
                    self.domains[event.domain_id], share=event.share, cap=event.cap, guarantee=event.guarantee
                )
                changed = replaced(changed, floor_share=event.floor_share, floor=event.floor)
                self._is(event.at_us, order, event.domain_id, changed)
            case DomainClosed() | DomainOpened() if event.domain_id in self.domains:
                closed = isinstance(event, DomainClosed)
                self._is(event.at_us, order, event.domain_id, replaced(self.domains[event.domain_id], closed=closed))
            case DomainRemoved() if event.domain_id in self.domains:
                self.removed.add(event.domain_id)
                self._facts.append((event.at_us, order, event.domain_id, None))
            case LoanMade():
                self._made[event.loan_id] = event
            case LoanStarted() if event.loan_id in self._made:
                self._started[event.loan_id] = event.at_us, order
            case LoanEnded():
                self._ended_us[event.loan_id] = event.at_us
            case _:
                pass

    def commands(self, busy: Set[int]) -> Iterator[Asked]:
        """Yield what makes all of it so again: first what is about domains, then the loans, each in the order of time.

        Args:
            busy: The domains with jobs of their own. Where one was divided later, it stands beside its parts.
        """
        known: set[DomainId] = set()
        for at_us, order, domain_id, domain in self._facts:
            if domain is None:
                yield Asked(order, RemoveDomain(at_us, str(domain_id)))
            elif domain_id in known:
                yield Asked(order, _change(at_us, domain_id, domain))
            else:
                known.add(domain_id)
                yield Asked(order, _create(at_us, domain_id, domain, str(self.parent(domain_id, busy) or "")))
        for loan_id, (at_us, order) in self._started.items():
            made, until_us = self._made[loan_id], self._ended_us.get(loan_id)
            if until_us is None or until_us > at_us:
                lender, borrower = str(made.lender), str(made.borrower)
                yield Asked(order, OfferLoan(at_us, lender, borrower, made.resource, made.amount, expiry_us=until_us))

    def parent(self, domain_id: DomainId, busy: Set[int]) -> DomainId:
        """Return the nearest domain above one that has no jobs of its own, or 0."""
        parent = self.domains[domain_id].parent
        while parent in busy:
            parent = self.domains[DomainId(parent)].parent
        return DomainId(parent)

    def _is(self, at_us: int, order: int, domain_id: DomainId, domain: LoggedDomain) -> None:
        self.domains[domain_id] = domain
        self._facts.append((at_us, order, domain_id, domain))


def _create(at_us: int, domain_id: DomainId, domain: LoggedDomain, parent: str) -> CreateDomain:
    return CreateDomain(
        at_us, str(domain_id), domain.share, domain.cap, parent, domain.counted, domain.floor_share, domain.floor
    )


def _change(at_us: int, domain_id: DomainId, domain: LoggedDomain) -> ChangeDomain:
    return ChangeDomain(
        at_us, str(domain_id), domain.share, domain.cap, domain.counted, domain.floor_share, domain.floor
    )
