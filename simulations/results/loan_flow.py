"""Loan flow: what domains lend and borrow over time.

A loan moves an amount of a resource from lender to borrower when it starts, and back when it ends. The **flow** of a
domain is the integral over time of what it has lent, and of what it has borrowed: amount times seconds. What all lend
is what all borrow, at every moment.

Integrals are exact. Of the steps over time at most ``LOAN_STEPS_MAX`` are kept a domain; when there are more, every
second goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from meted.core.limits import SECOND_US

from ..traces.loan_moves import LoanMove
from .run_record import LoanSeries

LOAN_STEPS_MAX: Final = 512
"""Steps that are kept of what one domain lent and borrowed of one resource."""


class _Account:
    """What one domain has lent and borrowed of one resource: now, over time, and as steps."""

    __slots__ = ("borrowed", "borrowed_us", "lent", "lent_us", "mark_us", "steps")

    def __init__(self) -> None:
        self.lent = 0
        self.borrowed = 0
        self.lent_us = 0  # integrals up to `mark_us`
        self.borrowed_us = 0
        self.mark_us = 0
        self.steps: list[tuple[int, int, int]] = []

    def settle(self, at_us: int) -> None:
        """Bring the integrals up to a time."""
        self.lent_us += self.lent * (at_us - self.mark_us)
        self.borrowed_us += self.borrowed * (at_us - self.mark_us)
        self.mark_us = at_us

    def step(self, at_us: int) -> None:
        """Note what is now; of several steps at one time the last counts."""
        if self.steps and self.steps[-1][0] == at_us:
            self.steps.pop()
        self.steps.append((at_us, self.lent, self.borrowed))
        if len(self.steps) > LOAN_STEPS_MAX:
            del self.steps[1:-1:2]


class LoanFlow:
    """Takes moves in the order of time."""

    def __init__(self, moves: Sequence[LoanMove] = ()) -> None:
        """Start with nothing lent, and take these."""
        self._accounts: dict[tuple[str, str], _Account] = {}
        for move in moves:
            self.moved(move)

    def moved(self, move: LoanMove) -> None:
        """Take the next; what moved before the first submit counts from there on."""
        at_us = max(move.at_us, 0)
        lender = self._account(move.lender, move.resource, at_us)
        borrower = self._account(move.borrower, move.resource, at_us)
        lender.lent += move.amount
        borrower.borrowed += move.amount
        lender.step(at_us)
        borrower.step(at_us)

    def flows(self, until_us: int) -> dict[tuple[str, str], tuple[Fraction, Fraction]]:
        """Return what each (domain, resource) has lent and borrowed until a time, each in amount times seconds."""
        for account in self._accounts.values():
            account.settle(max(until_us, account.mark_us))
        return {
            key: (Fraction(account.lent_us, SECOND_US), Fraction(account.borrowed_us, SECOND_US))
            for key, account in sorted(self._accounts.items())
        }

    def series(self, until_us: int) -> tuple[LoanSeries, ...]:
        """Return the steps of each domain and resource up to a time, by name."""
        found = []
        for (user, resource), account in sorted(self._accounts.items()):
            steps = [step for step in account.steps if step[0] <= until_us]
            if steps:
                at_us, lent, borrowed = zip(*steps, strict=True)
                found.append(LoanSeries(user, resource, tuple(at / SECOND_US for at in at_us), lent, borrowed))
        return tuple(found)

    def _account(self, user: str, resource: str, at_us: int) -> _Account:
        """Return the account of a domain, settled."""
        account = self._accounts.setdefault((user, resource), _Account())
        account.settle(at_us)
        return account
