"""What people and scripts are shown of loans; the keys are stable names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from meted.core.decide.entitlements import counted, find_domain
from meted.core.domains.state import SHARE, Domain, Loan
from meted.core.ids import DomainId, LoanId
from meted.core.state import State


class LoanView(TypedDict):
    """One loan as ``loan ls --json`` prints it; ``state`` is ``waiting`` (to start), ``running`` or ``recalled``."""

    loan: int
    lender: str
    borrower: str
    resource: str
    amount: int
    state: str
    made_us: int
    start_us: int
    expiry_us: int | None
    notice_us: int
    ends_us: int | None


class StatementLine(TypedDict):
    """One line of a statement; the balance is that of the line before of the same resource plus ``amount``.

    ``what`` is ``base``, ``closed``, ``lent``, ``borrowed``, ``passed`` (by a sub-domain to others or from them),
    ``effective`` (which adds nothing) or ``waiting`` (a loan that has not started, and adds nothing yet).
    """

    resource: str
    what: str
    loan: int | None
    other: str | None
    amount: int
    balance: int
    start_us: int | None
    until_us: int | None


def loan_view(state: State, loan: Loan) -> LoanView:
    """Return the view of a loan between domains of ``state``."""
    return LoanView(
        loan=loan.loan_id,
        lender=state.domains.domains[loan.lender].name,
        borrower=state.domains.domains[loan.borrower].name,
        resource=loan.resource,
        amount=loan.amount,
        state="recalled" if loan.ends_us is not None else "running" if loan.started else "waiting",
        made_us=loan.made_us,
        start_us=loan.start_us,
        expiry_us=loan.expiry_us,
        notice_us=loan.notice_us,
        ends_us=loan.ends_us,
    )


def loan_ids_of(state: State, domain_name: str | None) -> list[LoanId]:
    """Return the ids of the loans that a domain lends or borrows, or of all, ascending.

    Raises:
        Refused: There is no such domain.
    """
    if domain_name is None:
        return sorted(state.domains.loans)
    domain = find_domain(state, domain_name)
    return sorted({*domain.lends, *domain.borrows})


def statement(state: State, domain_name: str) -> list[StatementLine]:
    """Return what loans make of what a domain is entitled to, resource by resource: the lines add up.

    Raises:
        Refused: There is no such domain.
    """
    domain = find_domain(state, domain_name)
    loans = [(loan, *found) for loan in _by_id(state) if (found := _effect_of(state, domain.domain_id, loan))]
    guaranteed = (name for name, _ in domain.guarantee.items())
    resources = dict.fromkeys((SHARE, *guaranteed, *(loan.resource for loan, _, _ in loans)))
    return [line for resource in resources for line in _lines(state, domain, resource, loans)]


def _lines(
    state: State, domain: Domain, resource: str, loans: Iterable[tuple[Loan, str, int]]
) -> Iterator[StatementLine]:
    def line(what: str, amount: int, loan: Loan | None = None) -> StatementLine:
        other = None
        if loan is not None:
            other = state.domains.domains[loan.borrower if amount < 0 else loan.lender].name
        return StatementLine(
            resource=resource,
            what=what,
            loan=None if loan is None else loan.loan_id,
            other=other,
            amount=amount,
            balance=balance,
            start_us=None if loan is None else loan.start_us,
            until_us=None if loan is None else loan.expiry_us if loan.ends_us is None else loan.ends_us,
        )

    balance = base = domain.share if resource == SHARE else domain.guarantee.amount(resource)
    yield line("base", base)
    if resource != SHARE and (lost := counted(domain).amount(resource) - base):
        balance += lost
        yield line("closed", lost)
    mine = [(loan, what, sign * loan.amount) for loan, what, sign in loans if loan.resource == resource]
    for loan, what, amount in mine:
        if loan.started:
            balance += amount
            yield line(what, amount, loan)
    balance = domain.effective_share if resource == SHARE else domain.effective_guarantee.amount(resource)
    yield line("effective", 0)
    for loan, _, amount in mine:
        if not loan.started:
            yield line("waiting", amount, loan)


def _by_id(state: State) -> list[Loan]:
    return [state.domains.loans[loan_id] for loan_id in sorted(state.domains.loans)]


def _effect_of(state: State, domain_id: DomainId, loan: Loan) -> tuple[str, int] | tuple[()]:
    """Return what a loan is to a domain and its sign there, or nothing."""
    if loan.lender == domain_id:
        return "lent", -1
    if loan.borrower == domain_id:
        return "borrowed", 1
    if loan.resource != SHARE:
        if domain_id in state.domains.left(loan.lender, loan.borrower):
            return "passed", -1
        if domain_id in state.domains.left(loan.borrower, loan.lender):
            return "passed", 1
    return ()
