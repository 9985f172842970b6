"""The statement of an account of credit: what moved on it, line by line; the keys are stable names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TypedDict

from meted.core import limits
from meted.core.credit.state import ESCROW, ESCROW_NAME, PURSE_NAME, TREASURY, TREASURY_NAME
from meted.core.decide import checks
from meted.core.decide.ledger import account_of
from meted.core.errors import Reason, Refused
from meted.core.state import State

from .log import Log, Transfer

LOST = "lost"
"""The kind of a line that tells of what a damaged log has lost."""


class CreditLine(TypedDict):
    """One line of a statement; ``balance_mc`` is that of the line before plus ``amount_mc``.

    ``debit`` and ``credit`` name the two accounts of the transfer: a domain, ``job N`` for the purse of a job,
    ``treasury`` or ``escrow``; ``debit_account`` and ``credit_account`` are their numbers. Where a line is of the kind
    ``lost``, the log was damaged, and this is what is missing.
    """

    seq: int
    at_us: int
    kind: str
    debit: str
    credit: str
    debit_account: int
    credit_account: int
    amount_mc: int
    balance_mc: int
    reference: int
    note: str


def account_number(state: State, domain: str | None, account: int | None) -> int:
    """Return the number of the account that is asked for, by its domain or by its number.

    Raises:
        Refused: There is no such account, or both or neither are given.
    """
    if (domain is None) == (account is None):
        raise Refused(Reason.OUT_OF_RANGE, "Say whose statement it is: give either domain or account.")
    if domain is not None:
        return account_of(state, domain).account_id
    number = checks.whole(account, "account", 0, limits.TIME_MAX_US)
    if not 0 < number < state.ledger.next_account_id:
        raise Refused(Reason.NO_ACCOUNT, f"There has never been an account {number}; see the list of accounts.")
    return number


def credit_lines(log: Log, account_id: int, after: int, limit: int, last_seq: int | None = None) -> list[CreditLine]:
    """Return a page of the statement of an account: what moved behind position ``after``, oldest first.

    It reads as many rows as it returns, and one more. A page has more than ``limit`` lines where some tell of what was
    lost in a damaged log. What moved behind ``last_seq`` is not told; None is the end of the log.

    Raises:
        LogError: The log cannot be read.
    """
    end_seq = log.head.seq if last_seq is None else last_seq
    names, after = _Names(log), min(max(after, 0), end_seq)
    before = list(log.transfers(account_id, after - 1, 1)) if after > 0 else []
    balance_mc = _sides(before[0], account_id)[1] if before and before[0].seq == after else 0
    found = takewhile(lambda it: it.seq <= end_seq, log.transfers(account_id, after, limit))
    return list(_lines(found, account_id, names, balance_mc))


def _lines(found: Iterator[Transfer], account_id: int, names: _Names, balance_mc: int) -> Iterator[CreditLine]:
    for it in found:
        amount_mc, after_mc = _sides(it, account_id)
        line = CreditLine(
            seq=it.seq,
            at_us=it.at_us,
            kind=it.kind,
            debit=names.of(it.debit),
            credit=names.of(it.credit),
            debit_account=it.debit,
            credit_account=it.credit,
            amount_mc=amount_mc,
            balance_mc=after_mc,
            reference=it.reference,
            note=it.note,
        )
        lost_mc = after_mc - amount_mc - balance_mc
        if lost_mc:
            whole = CreditLine(**line)
            whole |= {"kind": LOST, "debit": "", "credit": "", "debit_account": 0, "credit_account": 0}
            whole |= {"amount_mc": lost_mc, "balance_mc": after_mc - amount_mc, "reference": 0, "note": ""}
            yield whole
        yield line
        balance_mc = after_mc


def _sides(it: Transfer, account_id: int) -> tuple[int, int]:
    """Return what a transfer is to one of its accounts, and the balance after it."""
    return (-it.amount_mc, it.debit_mc) if it.debit == account_id else (it.amount_mc, it.credit_mc)


class _Names:
    """The names of accounts, also of those that were closed; each is looked up once."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: dict[int, str] = {TREASURY: TREASURY_NAME, ESCROW: ESCROW_NAME}

    def of(self, account_id: int) -> str:
        name = self._known.get(account_id)
        if name is None:
            found = self._log.posted_account(account_id)
            whole = f"account {account_id}" if found is None else found.domain
            if found is not None and found.job_id:
                whole = f"{PURSE_NAME} {found.job_id}"
            name = self._known[account_id] = whole
        return name
