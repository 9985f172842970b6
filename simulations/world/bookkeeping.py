"""Accounts kept from outside, from the events of credit alone, to hold the server's own against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from meted.adapters.log import Log
from meted.core.credit.state import ESCROW, TREASURY
from meted.core.events import (
    CreditClosed,
    CreditHeld,
    CreditLent,
    CreditLimited,
    CreditMoved,
    CreditOpened,
    CreditRepaid,
    DonorPaid,
    Event,
    FeeHeld,
    FeePosted,
    FeeVoided,
    HoldPosted,
    HoldVoided,
)
from meted.core.state import State

LINES_READ = 10_000

Line = tuple[int, int, int]
"""A line of a statement: position in the log, what came (below zero: went), and the balance after it."""


class Books:
    """Every account, and what each hold, fee and loan of credit came to.

    Attributes:
        lines: The statement of each account, also of those that were closed.
        wrong: What cannot be, one sentence each.
    """

    def __init__(self) -> None:
        """Begin with nothing: no credit, in the accounts of the pool itself."""
        self.lines: defaultdict[int, list[Line]] = defaultdict(list)
        self.wrong: list[str] = []
        self._balances: dict[int, int] = {TREASURY: 0, ESCROW: 0}
        self._unlimited: set[int] = set()
        self._holds: dict[int, int] = {}
        self._fees: Counter[int] = Counter()
        self._fee_mc: dict[int, int] = {}
        self._debts: dict[int, int] = {}
        self._resolved: set[int] = set()

    def take(self, event: Event, seq: int) -> None:
        """Enter the event at a position."""
        match event:
            case CreditOpened():
                self._open(event)
            case CreditClosed():
                if self._balances.pop(event.account_id, None) != 0:
                    self.wrong.append(f"Account {event.account_id} was closed at {seq} with something in it.")
            case CreditLimited():
                (self._unlimited.add if event.unlimited else self._unlimited.discard)(event.account_id)
            case CreditMoved():
                self._move(seq, event.debit, event.credit, event.amount_mc)
            case DonorPaid():
                self._move(seq, ESCROW, event.account_id, event.amount_mc)
            case CreditHeld():
                self._holds[event.hold_id] = event.amount_mc
            case HoldPosted():
                self._resolve(event.hold_id, event.amount_mc)
                self._move(seq, event.debit, event.credit, event.amount_mc)
            case HoldVoided():
                self._resolve(event.hold_id, 0)
            case FeeHeld():
                self._fees[event.lease_id] += event.units
                self._fee_mc[event.lease_id] = event.unit_mc
            case FeePosted():
                if event.amount_mc > self._fee_mc[event.lease_id] * event.units:
                    self.wrong.append(f"For lease {event.lease_id} more was paid at {seq} than was held for it.")
                self._fees[event.lease_id] -= event.units
                self._move(seq, event.debit, event.credit, event.amount_mc)
            case FeeVoided():
                self._fees[event.lease_id] -= event.units
            case CreditLent():
                self._debts[event.loan_id] = event.amount_mc
            case CreditRepaid():
                self._debts[event.loan_id] -= event.amount_mc
            case _:
                pass

    def compare(self, state: State) -> Iterator[str]:
        """Yield in what a state differs, at the end of a batch, and where credit came from nowhere or is lacking."""
        accounts, seq = state.ledger.accounts, state.seq
        if {account_id: account.balance_mc for account_id, account in accounts.items()} != self._balances:
            yield f"At {seq} the balances are {dict(accounts)}, but what moved came to {self._balances}."
        if sum(account.balance_mc for account in accounts.values()):
            yield f"At {seq} all accounts together have something: credit came from nowhere or went there."
        for account_id, account in accounts.items():
            if account_id != TREASURY and min(account.balance_mc, account.free_mc) < 0:
                yield f"At {seq} account {account_id} has less than nothing: {account}."
            if account_id != TREASURY and account.unlimited != (account_id in self._unlimited):
                yield f"At {seq} account {account_id} is limited, or not, without an event."
        if {hold_id: hold.amount_mc for hold_id, hold in state.ledger.holds.items()} != self._open_holds():
            yield f"At {seq} the holds are {dict(state.ledger.holds)}, but {self._open_holds()} are not resolved."
        if {lease: fee.units for lease, fee in state.ledger.fees.items()} != {k: n for k, n in self._fees.items() if n}:
            yield f"At {seq} the fees are {dict(state.ledger.fees)}, but units of {self._fees} are not resolved."
        debts = {loan_id: left_mc for loan_id, left_mc in self._debts.items() if left_mc}
        if {loan_id: loan.left_mc for loan_id, loan in state.ledger.loans.items()} != debts:
            yield f"At {seq} the loans of credit are {dict(state.ledger.loans)}, but {debts} is not paid back."

    def wrong_statements(self, log: Log) -> Iterator[str]:
        """Yield where the statements that a log keeps do not add up line by line to what moved."""
        for account_id in sorted({*self.lines, *self._balances}):
            kept: list[Line] = []
            balance_mc = 0
            for it in log.transfers(account_id, 0, LINES_READ):
                amount_mc, after_mc = (
                    (-it.amount_mc, it.debit_mc) if it.debit == account_id else (it.amount_mc, it.credit_mc)
                )
                balance_mc += amount_mc
                if balance_mc != after_mc:
                    yield f"The statement of account {account_id} does not add up at {it.seq}: {it}."
                kept.append((it.seq, amount_mc, after_mc))
            if kept != self.lines[account_id]:
                yield f"The statement of account {account_id} is {kept}, but what moved was {self.lines[account_id]}."

    def _open(self, event: CreditOpened) -> None:
        if event.account_id in self.lines or event.account_id in self._balances:
            self.wrong.append(f"Account {event.account_id} was opened twice.")
        self._balances[event.account_id] = 0

    def _move(self, seq: int, debit: int, credit: int, amount_mc: int) -> None:
        if amount_mc < 0 or debit == credit or not {debit, credit} <= self._balances.keys():
            self.wrong.append(f"At {seq} {amount_mc} went from account {debit} to {credit}, which cannot be.")
            return
        for account_id, change_mc in ((debit, -amount_mc), (credit, amount_mc)):
            self._balances[account_id] += change_mc
            if amount_mc:  # a short unit may cost nothing
                self.lines[account_id].append((seq, change_mc, self._balances[account_id]))

    def _resolve(self, hold_id: int, amount_mc: int) -> None:
        if hold_id in self._resolved or not 0 <= amount_mc <= self._holds.get(hold_id, -1):
            self.wrong.append(f"Hold {hold_id} was resolved twice, or for more than it held.")
        self._resolved.add(hold_id)

    def _open_holds(self) -> dict[int, int]:
        return {hold_id: mc for hold_id, mc in self._holds.items() if hold_id not in self._resolved}
