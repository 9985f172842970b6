"""Who might have made room, poorest first: a projection of the ledger, for the timers."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import ClassVar

from ..commands import PayDonors
from ..events import CreditClosed, CreditMoved, CreditOpened, DonorPaid, Event, FeePosted, HoldPosted
from ..ids import AccountId
from ..limits import CREDIT_DONORS_EXAMINED_MAX, CREDIT_PAY_US, STALE_ENTRIES_MIN
from ..state import State


class Donors:
    """The accounts of domains by balance, and when what is in escrow is to be paid out."""

    FOLLOWS: ClassVar[frozenset[type[Event]]] = frozenset(
        (CreditOpened, CreditClosed, CreditMoved, HoldPosted, FeePosted, DonorPaid)
    )
    """The events that :meth:`update` cares for."""

    def __init__(self, state: State) -> None:
        ledger = state.ledger
        domains = ledger.of_domain.values()
        self._balances = {account_id: ledger.accounts[account_id].balance_mc for account_id in domains}
        self._poorest: list[tuple[int, AccountId]] = []  # a heap; what is no longer so is dropped when met
        self._sort()
        self._unpaid_size = ledger.unpaid_size
        self._due_us = state.at_us + CREDIT_PAY_US

    def update(self, event: Event) -> None:
        """Follow ``event``, which is of :attr:`FOLLOWS`; each costs O(log n) in the number of accounts."""
        match event:
            case CreditOpened():
                if not event.job_id:
                    self._set(event.account_id, 0)
            case CreditClosed():
                self._balances.pop(event.account_id, None)
            case FeePosted():  # from a purse to the treasury or escrow: neither is among these
                self._owe(event.size, event.at_us)
            case CreditMoved() | HoldPosted():
                self._add(event.debit, -event.amount_mc)
                self._add(event.credit, event.amount_mc)
            case DonorPaid():
                self._add(event.account_id, event.amount_mc)
                self._owe(-event.size, event.at_us)
            case _:
                raise AssertionError(f"{type(event).__name__} is not among those that are followed")

    def due_us(self) -> int | None:
        """Return when somebody is to be paid, or None."""
        return self._due_us if self._unpaid_size else None

    def command(self, at_us: int) -> PayDonors:
        """Return the command that pays the poorest of those who made room."""
        poorest: dict[AccountId, int] = {}
        while self._poorest and len(poorest) < CREDIT_DONORS_EXAMINED_MAX:
            balance_mc, account_id = heappop(self._poorest)
            if self._balances.get(account_id) == balance_mc:
                poorest[account_id] = balance_mc
        for account_id, balance_mc in poorest.items():
            heappush(self._poorest, (balance_mc, account_id))
        return PayDonors(at_us, tuple(poorest))

    def _owe(self, size: int, at_us: int) -> None:
        # What was paid for is collected for a while, so that many small fees are one payment.
        if size < 0 or not self._unpaid_size:
            self._due_us = at_us + CREDIT_PAY_US
        self._unpaid_size += size

    def _add(self, account_id: AccountId, amount_mc: int) -> None:
        balance_mc = self._balances.get(account_id)
        if balance_mc is not None:
            self._set(account_id, balance_mc + amount_mc)

    def _set(self, account_id: AccountId, balance_mc: int) -> None:
        self._balances[account_id] = balance_mc
        heappush(self._poorest, (balance_mc, account_id))
        if len(self._poorest) > STALE_ENTRIES_MIN + 4 * len(self._balances):
            self._sort()

    def _sort(self) -> None:
        self._poorest = [(balance_mc, account_id) for account_id, balance_mc in self._balances.items()]
        heapify(self._poorest)
