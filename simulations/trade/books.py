"""What each domain was granted, paid and earned in a run, from the events; purses are followed until their job ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from meted.core.credit.state import ESCROW, TREASURY
from meted.core.decide.ledger import accrued
from meted.core.engine import Engine
from meted.core.events import CreditMoved, DonorPaid, Event, FeePosted
from meted.core.ids import AccountId, DomainId
from meted.core.state import State

from ..results.metrics import JsonValue
from ..traces.credit_moves import CreditReader, CreditSeen

_MC: Final = 1000


@attrs.define
class Book:
    """One domain, in thousandths of a credit.

    Attributes:
        balance_mc: What it has.
        granted_mc: What it was given by the treasury, to begin with and each period.
        faded_mc: What went back: demurrage, and what was above the cap.
        paid_mc: What it paid for priority (under karma also for what it held of the pool).
        earned_mc: What it was paid for room that it made, and for points that it sold.
    """

    balance_mc: int = 0
    granted_mc: int = 0
    faded_mc: int = 0
    paid_mc: int = 0
    earned_mc: int = 0


def pay_out(engine: Engine) -> None:
    """After the last end of a run, let what is in escrow be paid out."""
    while engine.state.ledger.unpaid_size and (due_us := engine.next_due_us()) is not None:
        engine.run_timers(max(due_us, engine.now_us))


class Books:
    """Follows the events of credit in a run."""

    def __init__(self) -> None:
        """Start with nothing moved."""
        self._reader = CreditReader()
        self._books: dict[DomainId, Book] = {}
        self._unclaimed_mc = 0

    def read(self, events: Iterable[Event]) -> None:
        """Take what has happened; all but credit is passed over."""
        for event in events:
            if type(event) in CreditReader.FOLLOWS:
                self._add_up(event)
                self._reader.take(event)

    def seen(self, first_us: int, names: Mapping[DomainId, str]) -> CreditSeen:
        """Return who paid whom, by what the domains are to be called; times are from the first submit on."""
        return self._reader.seen(first_us, names)

    def figures(self, state: State, at_us: int, names: Mapping[DomainId, str]) -> dict[str, JsonValue]:
        """Return totals in credits, and what each domain that has an account had, got and gave.

        Args:
            state: Of the engine.
            at_us: Now.
            names: What to call the domains.
        """
        books = {
            names[domain_id]: self._closed(state, domain_id, account_id, at_us)
            for domain_id, account_id in sorted(state.ledger.of_domain.items())
        }
        totals: dict[str, JsonValue] = {
            "paid_credits": sum(book.paid_mc for book in books.values()) / _MC,
            "earned_credits": sum(book.earned_mc for book in books.values()) / _MC,
            "unclaimed_credits": self._unclaimed_mc / _MC,
            "held_credits": sum(book.balance_mc for book in books.values()) / _MC,
        }
        for field in attrs.fields(Book):
            totals[f"credit_{field.name}"] = {name: getattr(book, field.name) for name, book in books.items()}
        return totals

    def _closed(self, state: State, domain_id: DomainId, account_id: AccountId, at_us: int) -> Book:
        """Return a domain's book with what has accrued and will be posted when its account is next used."""
        account, book = state.ledger.accounts[account_id], self._book(domain_id)
        due = accrued(state, account, at_us)
        granted_mc, lost_mc = (0, 0) if due is None else (due.granted_mc, due.lost_mc)
        return attrs.evolve(
            book,
            balance_mc=account.balance_mc + granted_mc - lost_mc,
            granted_mc=book.granted_mc + granted_mc,
            faded_mc=book.faded_mc + lost_mc,
        )

    def _add_up(self, event: Event) -> None:
        match event:
            case FeePosted():
                self._of(event.debit).paid_mc += event.amount_mc
            case DonorPaid() if event.account_id == TREASURY:
                self._unclaimed_mc += event.amount_mc
            case DonorPaid():
                self._of(event.account_id).earned_mc += event.amount_mc
            case CreditMoved():
                self._moved(event)
            case _:
                pass

    def _moved(self, event: CreditMoved) -> None:
        match event.kind:
            case "grant":
                self._of(event.credit).granted_mc += event.amount_mc
            case "demurrage":
                self._of(event.debit).faded_mc += event.amount_mc
            case "nice":
                self._of(event.credit).earned_mc += event.amount_mc
            case "nice_back":
                self._of(event.debit).earned_mc -= event.amount_mc
            case "slice":
                self._of(event.debit).paid_mc += event.amount_mc
                if event.credit not in (TREASURY, ESCROW):
                    self._of(event.credit).earned_mc += event.amount_mc
            case _:
                pass

    def _of(self, account_id: AccountId) -> Book:
        return self._book(self._reader.owner_of(account_id))

    def _book(self, domain_id: DomainId) -> Book:
        return self._books.setdefault(domain_id, Book())
