"""What domains were entitled to while a log was written, as commands that make it so again, each at its time.

Before the first submit only the outcome matters: the domains as they were then, and the loans that ran. From there on
domains are registered, changed and removed when they were, and a loan runs from its start to its end, whatever ended
it: its term, its lender, a shrunk base or a closed domain. So nothing is left to notice or back-off. A closed domain
has no guarantee of its own. Loans that never started had no effect, and are left out.

Domains are called by their ids, as a name may be given again when a domain was removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

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

EntitlementCommand = CreateDomain | ChangeDomain | RemoveDomain | OfferLoan


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
        self._facts: list[tuple[int, DomainId, LoggedDomain | None]] = []
        self._made: dict[LoanId, LoanMade] = {}
        self._started_us: dict[LoanId, int] = {}
        self._ended_us: dict[LoanId, int] = {}

    def take(self, event: Event) -> None:
        """Take the next event; all but those of domains and loans are passed over."""
        match event:
            case DomainCreated():
                made = LoggedDomain(event.name, event.share, event.cap, event.parent, event.guarantee)
                self._is(event.at_us, event.domain_id, replaced(made, floor_share=event.floor_share, floor=event.floor))
            case DomainChanged() if event.domain_id in self.domains:
                changed = replaced(
                    self.domains[event.domain_id], share=event.share, cap=event.cap, guarantee=event.guarantee
                )
                changed = replaced(changed, floor_share=event.floor_share, floor=event.floor)
                self._is(event.at_us, event.domain_id, changed)
            case DomainClosed() | DomainOpened() if event.domain_id in self.domains:
                closed = isinstance(event, DomainClosed)
                self._is(event.at_us, event.domain_id, replaced(self.domains[event.domain_id], closed=closed))
            case DomainRemoved():
                self.removed.add(event.domain_id)
                self._facts.append((event.at_us, event.domain_id, None))
            case LoanMade():
                self._made[event.loan_id] = event
            case LoanStarted() if event.loan_id in self._made:
                self._started_us[event.loan_id] = event.at_us
            case LoanEnded():
                self._ended_us[event.loan_id] = event.at_us
            case _:
                pass

    def commands(self, first_us: int, busy: Set[int]) -> tuple[EntitlementCommand, ...]:
        """Return what makes all of it so again, in the order of time.

        Args:
            first_us: When the first job was submitted; times count from there, and what was before is at 0.
            busy: The domains with jobs of their own. Where one was divided later, it stands beside its parts.
        """
        parents = {domain_id: str(self.parent(domain_id, busy) or "") for domain_id in self.domains}
        found: list[tuple[int, int, EntitlementCommand]] = []
        for order, command in enumerate([*self._domain_commands(first_us, parents), *self._loan_commands(first_us)]):
            found.append((command.at_us, order, command))
        return tuple(command for _, _, command in sorted(found, key=lambda one: one[:2]))

    def parent(self, domain_id: DomainId, busy: Set[int]) -> DomainId:
        """Return the nearest domain above one that has no jobs of its own, or 0."""
        parent = self.domains[domain_id].parent
        while parent in busy:
            parent = self.domains[DomainId(parent)].parent
        return DomainId(parent)

    def _is(self, at_us: int, domain_id: DomainId, domain: LoggedDomain) -> None:
        self.domains[domain_id] = domain
        self._facts.append((at_us, domain_id, domain))

    def _domain_commands(self, first_us: int, parents: Mapping[DomainId, str]) -> Iterator[EntitlementCommand]:
        """Yield what registers, changes and removes domains."""
        early: dict[DomainId, LoggedDomain | None] = {}
        early.update((domain_id, domain) for at_us, domain_id, domain in self._facts if at_us <= first_us)
        known = set(early)
        for domain_id, domain in sorted(early.items()):
            if domain is not None:
                yield _create(0, domain_id, domain, parents[domain_id])
        for at_us, domain_id, domain in self._facts:
            if at_us <= first_us:
                continue
            if domain is None:
                yield RemoveDomain(at_us - first_us, str(domain_id))
            elif domain_id in known:
                yield _change(at_us - first_us, domain_id, domain)
            else:
                known.add(domain_id)
                yield _create(at_us - first_us, domain_id, domain, parents[domain_id])

    def _loan_commands(self, first_us: int) -> Iterator[OfferLoan]:
        """Yield the loans, each with the end that it had."""
        for loan_id, started_us in self._started_us.items():
            made, ended_us = self._made[loan_id], self._ended_us.get(loan_id)
            at_us = max(0, started_us - first_us)
            until_us = None if ended_us is None else ended_us - first_us
            if until_us is None or until_us > at_us:
                lender, borrower = str(made.lender), str(made.borrower)
                yield OfferLoan(at_us, lender, borrower, made.resource, made.amount, expiry_us=until_us)


def _create(at_us: int, domain_id: DomainId, domain: LoggedDomain, parent: str) -> CreateDomain:
    return CreateDomain(
        at_us, str(domain_id), domain.share, domain.cap, parent, domain.counted, domain.floor_share, domain.floor
    )


def _change(at_us: int, domain_id: DomainId, domain: LoggedDomain) -> ChangeDomain:
    return ChangeDomain(
        at_us, str(domain_id), domain.share, domain.cap, domain.counted, domain.floor_share, domain.floor
    )
