"""Lists of loans: all that a lender lends, replaced as one (rows N10, N12, N13)."""

from __future__ import annotations

from collections import Counter

from .. import limits
from ..commands import LoanTerms, SetLoans
from ..errors import Reason, Refused
from ..events import Event, LoanEnded, LoanMade, LoanRefused
from ..ids import DomainId, LoanId
from ..state import Domain, Loan, State
from . import checks
from .draft import Draft
from .entitlements import check_room, find_domain
from .loans import back_off, check_back_off, check_number, check_parties, check_terms, make_loan, recall_loan

Pair = tuple[DomainId, str]
"""A borrower and a resource."""


def set_loans(state: State, command: SetLoans, at_us: int) -> tuple[Event, ...]:
    """Judge a list of loans.

    The entries are judged in their order on what the lender would have with no loans, but for those that run with
    notice: these are not free before their notice is over, so they come before the list, and go on if it has them.
    """
    lender = find_domain(state, command.lender)
    entries = _checked_entries(command.loans)
    old = [state.domains.loans[loan_id] for loan_id in sorted(lender.lends)]
    plan = _Plan(state, lender, old, at_us)
    for entry in entries:
        plan.judge(entry)
    draft = Draft(state, at_us)
    for loan in old:
        if loan.loan_id not in plan.kept:
            recall_loan(draft, loan, "replaced")
    for decided in plan.decided:
        if isinstance(decided, LoanRefused):
            draft.add(decided)
        else:
            make_loan(draft, lender.domain_id, *decided)
    lent = _lent(draft, lender.domain_id)
    for borrower_id, resource in sorted(plan.lent):
        if plan.lent[borrower_id, resource] > lent[borrower_id, resource]:
            back_off(draft, lender.domain_id, borrower_id, resource)
    return tuple(draft.events)


def _checked_entries(loans: object) -> list[LoanTerms]:
    entries = []
    for entry in checks.items(loans, "loans", limits.LOANS_MAX):
        if type(entry) is not LoanTerms:
            raise Refused(Reason.BAD_TYPE, f"loans must hold the terms of loans, not {type(entry).__name__}.")
        check_terms(entry, 0)
        entries.append(entry)
    return entries


class _Plan:
    """What is to become of each entry of a list.

    Attributes:
        kept: Loans that go on.
        decided: In the order of the list, what is new: a loan to make with its borrower, or a refusal.
        lent: What runs now and was not recalled, by borrower and resource.
    """

    def __init__(self, state: State, lender: Domain, old: list[Loan], at_us: int) -> None:
        self.kept: set[LoanId] = set()
        self.decided: list[LoanRefused | tuple[DomainId, LoanTerms]] = []
        # Never returned: what would be if the list were made of nothing.
        self._free = Draft(state, at_us)
        self._lender_id = lender.domain_id
        self.lent = _lent(self._free, lender.domain_id)
        self._taken: Counter[Pair] = Counter()
        self._old: dict[tuple[object, ...], list[Loan]] = {}
        for loan in old:
            if loan.ends_us is None:
                start_us = loan.start_us if loan.start_us > at_us else 0
                key = (loan.borrower, loan.resource, loan.amount, start_us, loan.expiry_us, loan.notice_us)
                self._old.setdefault(key, []).append(loan)
            if not _is_bound(loan):
                self._free.add(LoanEnded(at_us, loan.loan_id, loan.lender, loan.borrower, "replaced"))

    def judge(self, entry: LoanTerms) -> None:
        """Decide on the next entry."""
        at_us, lender = self._free.at_us, self._free.domain(self._lender_id)
        try:
            borrower = check_parties(self._free.state, lender, entry, at_us)
            start_us = entry.start_us if entry.start_us is not None and entry.start_us > at_us else 0
            terms = (borrower.domain_id, entry.resource, entry.amount, start_us, entry.expiry_us, entry.notice_us)
            same = self._old.get(terms)
            pair = (borrower.domain_id, entry.resource)
            if same and _is_bound(same[0]):
                self.kept.add(same.pop(0).loan_id)
                self._taken[pair] += entry.amount
                return
            check_room(self._free.state, lender, borrower, entry.resource, entry.amount)
            if not entry.amount:
                return
            check_number(lender)
            if not same and self._taken[pair] + entry.amount > self.lent[pair]:
                check_back_off(lender, borrower, entry.resource, at_us)
        except Refused as refusal:
            self.decided.append(
                LoanRefused(
                    at_us,
                    self._lender_id,
                    entry.borrower,
                    entry.resource,
                    entry.amount,
                    refusal.reason.value,
                    refusal.sentence,
                )
            )
            return
        self._taken[pair] += entry.amount
        loan_id = LoanId(self._free.state.domains.next_loan_id)
        expiry_us, notice_us = entry.expiry_us, entry.notice_us
        self._free.add(LoanMade(at_us, loan_id, self._lender_id, *pair, entry.amount, at_us, expiry_us, notice_us))
        if same:
            self.kept.add(same.pop(0).loan_id)
        else:
            self.decided.append((borrower.domain_id, entry))


def _is_bound(loan: Loan) -> bool:
    """Whether a loan cannot be had back at once."""
    return loan.started and loan.notice_us > 0


def _lent(draft: Draft, lender_id: DomainId) -> Counter[Pair]:
    lent: Counter[Pair] = Counter()
    for loan_id in draft.domain(lender_id).lends:
        loan = draft.state.domains.loans[loan_id]
        if loan.started and loan.ends_us is None:
            lent[loan.borrower, loan.resource] += loan.amount
    return lent
