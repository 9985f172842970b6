"""Words for tests of domains that lend: a world with commands for each, and what is seen of entitlements."""

from __future__ import annotations

from typing import Any

from meted.core.commands import CreateDomain, LoanTerms, OfferLoan, RecallLoan, SetLoans
from meted.core.domains.state import SHARE
from meted.core.events import DomainCreated, Event, LoanMade, LoanRefused
from meted.core.ids import DomainId, LoanId
from meted.core.resources import Resources
from meted.core.state import Domains

from .helper import World


class LendingWorld(World):
    """A world in which domains lend."""

    def make(self, name: str, share: int = 1, **more: Any) -> DomainId:
        """Create a domain."""
        (event,) = self.do(CreateDomain(self.now_us, name, share, **more))
        assert isinstance(event, DomainCreated)
        return event.domain_id

    def lend(self, lender: str, borrower: str, amount: int, resource: str = SHARE, **more: Any) -> LoanId:
        """Make a loan."""
        event = self.do(OfferLoan(self.now_us, lender, borrower, resource, amount, **more))[0]
        assert isinstance(event, LoanMade)
        return event.loan_id

    def recall(self, loan_id: LoanId) -> tuple[Event, ...]:
        """Recall a loan."""
        return self.do(RecallLoan(self.now_us, loan_id))

    def set_loans(self, lender: str, *loans: tuple[Any, ...]) -> list[str]:
        """Replace a lender's loans, and return the reasons of what was refused."""
        events = self.do(SetLoans(self.now_us, lender, tuple(LoanTerms(*loan) for loan in loans)))
        return [event.reason for event in events if isinstance(event, LoanRefused)]

    @property
    def domains(self) -> Domains:
        """The slice of domains."""
        return self.state.domains

    def shares(self, *names: str) -> list[int]:
        """Return effective shares."""
        return [self.find_domain(name).effective_share for name in names]

    def guaranteed(self, *names: str, resource: str = "cpu") -> list[int]:
        """Return effective guarantees of one resource."""
        return [self.find_domain(name).effective_guarantee.amount(resource) for name in names]

    def seen(self) -> dict[str, tuple[int, Resources]]:
        """Return the effective share and guarantee of every domain."""
        return {
            name: (self.find_domain(name).effective_share, self.find_domain(name).effective_guarantee)
            for name in sorted(self.domains.by_name)
        }


def milli(amount: int) -> Resources:
    """Return so many thousandths of a cpu."""
    return Resources(cpu_milli=amount)


def flat(*names: str, share: int = 32, floor_share: int = 16, **more: Any) -> LendingWorld:
    """Return a world of equal domains."""
    world = LendingWorld()
    for name in names:
        world.make(name, share, floor_share=floor_share, **more)
    return world
