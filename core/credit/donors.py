"""Who might have made room, poorest first: a projection of the ledger, for the timers."""

from __future__ import annotations

from bisect import insort
from heapq import heapify, heappop, heappush
from typing import ClassVar

from ..events import CreditClosed, CreditMoved, CreditOpened, DonorPaid, Event, FeePosted, HoldPosted
from ..ids import AccountId
from ..limits import CREDIT_DONORS_EXAMINED_MAX, CREDIT_PAY_US, STALE_ENTRIES_MIN
from ..state import State
from .state import Ledger

_Entry = tuple[int, AccountId]
"""A balance, and the account that has it."""


class Donors:
    """The accounts of domains by balance, and when what is in escrow is to be paid out.

    Of what moves only whose it was is noted, in constant time; balances are looked up when somebody is to be paid, once
    for each account that has another one since, in O(log n) each.
    """

    FOLLOWS: ClassVar[frozenset[type[Event]]] = frozenset(
        (CreditOpened, CreditClosed, CreditMoved, HoldPosted, FeePosted, DonorPaid)
    )
    """The events that :meth:`update` cares for."""

    def __init__(self, state: State) -> None:
        self._head: list[_Entry] = []  # the poorest, sorted
        self._rest: list[_Entry] = []  # a heap of the others; what is no longer so is dropped when met
        self._changed: set[AccountId] = set()  # those whose balance may be another than in the heap
        self._sort(state.ledger)
        self._unpaid_size = state.ledger.unpaid_size
        self._due_us = state.at_us + CREDIT_PAY_US

    def update(self, event: Event) -> None:
        """Follow ``event``, which is of :attr:`FOLLOWS`, in constant time."""
        if type(event) is FeePosted:  # from a purse to the treasury or escrow: neither is among these
            self._owe(event.size, event.at_us)
        elif type(event) is CreditMoved or type(event) is HoldPosted:
            self._changed.add(event.debit)
            self._changed.add(event.credit)
        elif type(event) is DonorPaid:
            self._changed.add(event.account_id)
            self._owe(-event.size, event.at_us)
        elif type(event) is CreditOpened:
            if not event.job_id:
                self._changed.add(event.account_id)
        elif type(event) is CreditClosed:
            self._changed.discard(event.account_id)
        else:
            raise AssertionError(f"{type(event).__name__} is not among those that are followed")

    def due_us(self) -> int | None:
        """Return when somebody is to be paid, or None."""
        return self._due_us if self._unpaid_size else None

    def poorest(self, state: State) -> tuple[AccountId, ...]:
        """Return the accounts of the poorest domains, the poorest first; ``state`` is the one after all events."""
        ledger, heap = state.ledger, self._rest
        self._catch_up(ledger)
        head = [entry for entry in self._head if _is_so(ledger, entry)]
        known = {account_id for _, account_id in head}
        while heap and (len(head) < CREDIT_DONORS_EXAMINED_MAX or heap[0] < head[-1]):
            entry = heappop(heap)
            if entry[1] not in known and _is_so(ledger, entry):
                known.add(entry[1])
                insort(head, entry)
        for entry in head[CREDIT_DONORS_EXAMINED_MAX:]:
            heappush(heap, entry)
        self._head = head[:CREDIT_DONORS_EXAMINED_MAX]
        return tuple([account_id for _, account_id in self._head])

    def _owe(self, size: int, at_us: int) -> None:
        # What was paid for is collected for a while, so that many small fees are one payment.
        if size < 0 or not self._unpaid_size:
            self._due_us = at_us + CREDIT_PAY_US
        self._unpaid_size += size

    def _catch_up(self, ledger: Ledger) -> None:
        changed = self._changed
        if len(self._rest) + len(changed) > STALE_ENTRIES_MIN + 4 * len(ledger.of_domain):
            self._sort(ledger)
            return
        for account_id in changed:
            account = ledger.accounts.get(account_id)
            if account is not None and account.domain_id and not account.job_id:
                heappush(self._rest, (account.balance_mc, account_id))
        changed.clear()

    def _sort(self, ledger: Ledger) -> None:
        accounts = ledger.accounts
        self._head = []
        self._rest = [(accounts[account_id].balance_mc, account_id) for account_id in ledger.of_domain.values()]
        heapify(self._rest)
        self._changed.clear()


def _is_so(ledger: Ledger, entry: _Entry) -> bool:
    account = ledger.accounts.get(entry[1])
    return account is not None and account.balance_mc == entry[0]
