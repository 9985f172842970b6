"""Who might have made room, poorest first: a projection of the ledger, for the timers."""

from __future__ import annotations

from bisect import insort
from heapq import heapify, heappop, heappush
from typing import ClassVar

from ..events import (
    CreditClosed,
    CreditMoved,
    CreditOpened,
    DonorPaid,
    Event,
    FeePosted,
    HoldPosted,
    JobStarted,
    PriorityChanged,
    UnitsReopened,
)
from ..ids import AccountId, JobId
from ..limits import CREDIT_DONORS_EXAMINED_MAX, CREDIT_PAY_US, STALE_ENTRIES_MIN
from ..state import State
from .state import NICE, TREASURY, CreditAccount

_Entry = tuple[int, AccountId]
"""A balance, and the account that has it."""


class _ByBalance:
    """The accounts of domains by balance: of all of them, or of those that sell (:attr:`Jobs.sellers`).

    Of what moves only whose it was is noted, in constant time; balances are looked up when somebody is to be paid, once
    for each account that has another one since, in O(log n) each.
    """

    def __init__(self, state: State, sellers: bool) -> None:
        self._sellers = sellers
        self._head: list[_Entry] = []  # the poorest, sorted
        self._rest: list[_Entry] = []  # a heap of the others; what is no longer so is dropped when met
        self.changed: set[AccountId] = set()  # those whose balance may be another than in the heap
        self._found: tuple[AccountId, ...] | None = None  # the answer, while nothing has changed
        self._sort(state)

    def closed(self, account_id: AccountId) -> None:
        """Take note that an account is gone: nobody need look it up. Most are purses, of which there is no end."""
        self.changed.discard(account_id)
        self._found = None

    def poorest(self, state: State) -> tuple[AccountId, ...]:
        """Return the accounts of the poorest of these domains, the poorest first."""
        if self._found is not None and not self.changed and not self._sellers:  # who sells changes by itself
            return self._found
        heap = self._rest
        self._catch_up(state)
        head = [entry for entry in self._head if self._is_so(state, entry)]
        known = {account_id for _, account_id in head}
        while heap and (len(head) < CREDIT_DONORS_EXAMINED_MAX or heap[0] < head[-1]):
            entry = heappop(heap)
            if entry[1] not in known and self._is_so(state, entry):
                known.add(entry[1])
                insort(head, entry)
        for entry in head[CREDIT_DONORS_EXAMINED_MAX:]:
            heappush(heap, entry)
        self._head = head[:CREDIT_DONORS_EXAMINED_MAX]
        self._found = tuple([account_id for _, account_id in self._head])
        return self._found

    def _catch_up(self, state: State) -> None:
        ledger, changed = state.ledger, self.changed
        count = len(state.jobs.sellers) if self._sellers else len(ledger.of_domain)
        if len(self._rest) + len(changed) > STALE_ENTRIES_MIN + 4 * count:
            self._sort(state)
            return
        for account_id in changed:
            account = ledger.accounts.get(account_id)
            if account is not None and self._is_in(state, account):
                heappush(self._rest, (account.balance_mc, account_id))
        changed.clear()

    def _sort(self, state: State) -> None:
        ledger = state.ledger
        self._head = []
        if self._sellers:
            ids = [ledger.of_domain[it] for it in state.jobs.sellers if it in ledger.of_domain]
        else:
            ids = list(ledger.of_domain.values())
        self._rest = [(ledger.accounts[account_id].balance_mc, account_id) for account_id in ids]
        heapify(self._rest)
        self.changed.clear()

    def _is_in(self, state: State, account: CreditAccount) -> bool:
        if not account.domain_id or account.job_id:
            return False
        return not self._sellers or account.domain_id in state.jobs.sellers

    def _is_so(self, state: State, entry: _Entry) -> bool:
        account = state.ledger.accounts.get(entry[1])
        return account is not None and account.balance_mc == entry[0] and self._is_in(state, account)


class Donors:
    """The accounts of domains by balance, and when what is in escrow is to be paid out.

    What was paid for is collected for a while, so that many small fees are one payment.

    Attributes:
        due_us: When somebody is to be paid, or None.
    """

    FOLLOWS: ClassVar[frozenset[type[Event]]] = frozenset(
        (
            *(CreditOpened, CreditClosed, CreditMoved, HoldPosted, FeePosted, DonorPaid),
            *(PriorityChanged, JobStarted, UnitsReopened),
        )
    )
    """The events that :meth:`update` cares for."""

    def __init__(self, state: State) -> None:
        self._all = _ByBalance(state, False)
        self._sellers: _ByBalance | None = None  # kept once somebody has asked, until there is too much to catch up
        self._maybe_sold: set[JobId] = set()  # jobs that may have made a seller of their domain since
        self.due_us: int | None = None
        self._collect(state)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``, which is of :attr:`FOLLOWS`, in constant time; ``state`` is the state after it."""
        if type(event) is FeePosted:  # from a purse to the treasury or escrow: neither is among these
            if self.due_us is None:
                self._collect(state)
        elif type(event) is CreditMoved or type(event) is HoldPosted:
            self._changed(event.debit, event.credit)
        elif type(event) is DonorPaid:
            if event.account_id != TREASURY:
                self._changed(event.account_id)
            self._collect(state)
        elif type(event) is CreditOpened:
            if not event.job_id:
                self._changed(event.account_id)
        elif type(event) is PriorityChanged or type(event) is JobStarted or type(event) is UnitsReopened:
            if self._sellers is not None:
                self._maybe_sold.add(event.job_id)
                if len(self._maybe_sold) > STALE_ENTRIES_MIN:
                    self._forget_sellers()
        elif type(event) is CreditClosed:
            self._all.closed(event.account_id)
            if self._sellers is not None:
                self._sellers.closed(event.account_id)
        else:
            raise AssertionError(f"{type(event).__name__} is not among those that are followed")

    def poorest(self, state: State) -> tuple[AccountId, ...]:
        """Return the accounts of the poorest domains, the poorest first; ``state`` is the one after all events."""
        return self._all.poorest(state)

    def to_pay(self, state: State) -> tuple[AccountId, ...]:
        """Return the accounts of the poorest domains of those that the rules let be paid, the poorest first."""
        if state.ledger.rules.donors != NICE:
            self._forget_sellers()
            return self._all.poorest(state)
        if self._sellers is None:
            self._sellers = _ByBalance(state, True)
        for job_id in self._maybe_sold:
            job = state.jobs.jobs.get(job_id)
            account_id = None if job is None else state.ledger.of_domain.get(job.terms.domain_id)
            if account_id is not None:
                self._sellers.changed.add(account_id)
        self._maybe_sold.clear()
        return self._sellers.poorest(state)

    def _changed(self, *account_ids: AccountId) -> None:
        self._all.changed.update(account_ids)
        if self._sellers is not None:
            self._sellers.changed.update(account_ids)

    def _forget_sellers(self) -> None:
        self._sellers = None
        self._maybe_sold.clear()

    def _collect(self, state: State) -> None:
        self.due_us = state.at_us + CREDIT_PAY_US if state.ledger.unpaid_size else None
