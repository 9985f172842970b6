"""What people and scripts are shown of domains, loans and the rules of fairness; the keys are stable names.

Amounts of service are integers of cpu time in microseconds: thousandths of a cpu times microseconds, divided by 1,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import TypedDict

from meted.core.decide.entitlements import counted, find_domain
from meted.core.domains.state import SHARE, Domain, Loan
from meted.core.ids import DomainId, LoanId
from meted.core.resources import Resources
from meted.core.service import lag
from meted.core.state import NOTHING_RECEIVED, State
from meted.core.usage import current, step_of

from .credit_views import credit_view
from .lag_bound import LagBound


class AmountsView(TypedDict):
    """An amount of every resource, as on the wire."""

    cpu_milli: int
    mem_bytes: int
    generic: dict[str, int]


class DomainView(TypedDict):
    """One domain as ``domain show --json`` prints it.

    ``jobs`` are those that are kept, ``waiting_jobs`` those of them with units that wait. ``service_cpu_us`` is all
    that was ever given, ``usage_cpu_us`` what of it counts now. ``lag_cpu_us`` is what it is owed; negative: it is
    ahead, and nothing is owed to who has nothing waiting. ``lag_bound_cpu_us`` is the largest run that was leased or
    waited: more is never owed to who could be served since it waits. ``lends`` and ``borrows`` count loans.
    ``credit_mc`` is what it may spend in thousandths of a credit, None without an account; where ``credit_unlimited``,
    it pays for nothing.
    """

    domain: str
    share: int
    cap: AmountsView | None
    jobs: int
    parent: str
    depth: int
    children: int
    effective_share: int
    guarantee: AmountsView
    effective_guarantee: AmountsView
    floor_share: int
    floor: AmountsView
    waiting_jobs: int
    service_cpu_us: int
    usage_cpu_us: int
    lag_cpu_us: int
    lag_bound_cpu_us: int
    cpu_requested_us: int
    cpu_used_us: int
    closed: str | None
    stamp_us: int
    expires_us: int | None
    lends: int
    borrows: int
    credit_mc: int | None
    credit_unlimited: bool


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


class RulesView(TypedDict):
    """The rules of fairness; see :class:`meted.core.state.Rules`."""

    alpha_milli: int
    half_life_us: int
    aging_us: int | None
    pool: str
    usage: str
    start_mc: int


def amounts_view(resources: Resources) -> AmountsView:
    """Return an amount as it is shown."""
    return AmountsView(cpu_milli=resources.cpu_milli, mem_bytes=resources.mem_bytes, generic=dict(resources.generic))


def domain_views(state: State, domains: Iterable[Domain], now_us: int, bound: LagBound) -> Iterator[DomainView]:
    """Yield the views of domains; their usages are told as of ``now_us``."""
    largest = bound.of(state)
    for domain in domains:
        yield _domain_view(state, domain, now_us, largest)


def domain_view(state: State, domain: Domain, now_us: int, bound: LagBound) -> DomainView:
    """Return the view of one domain."""
    return _domain_view(state, domain, now_us, bound.of(state))


def _domain_view(state: State, domain: Domain, now_us: int, largest: int) -> DomainView:
    domains = state.domains
    fairness = state.jobs.accounts.get(domain.domain_id, NOTHING_RECEIVED)
    owed = lag(state, domain.domain_id) // 1000
    account_id = state.ledger.of_domain.get(domain.domain_id)
    credit = None if account_id is None else credit_view(state, state.ledger.accounts[account_id], now_us)
    step = step_of(max(now_us, state.at_us), state.rules.half_life_us)
    return DomainView(
        domain=domain.name,
        share=domain.share,
        cap=None if domain.cap is None else amounts_view(domain.cap),
        jobs=fairness.jobs,
        parent=domains.domains[domain.parent].name if domain.parent else "",
        depth=len(domains.path(domain.domain_id)) + 1,
        children=domain.children,
        effective_share=domain.effective_share,
        guarantee=amounts_view(domain.guarantee),
        effective_guarantee=amounts_view(domain.effective_guarantee),
        floor_share=domain.floor_share,
        floor=amounts_view(domain.floor),
        waiting_jobs=0 if domain.children else fairness.backlog,
        service_cpu_us=fairness.service // 1000,
        usage_cpu_us=current(fairness.usage, fairness.epoch, step) // 1000,
        lag_cpu_us=owed if fairness.backlog else min(owed, 0),
        lag_bound_cpu_us=largest // 1000,
        cpu_requested_us=fairness.requested_cpu_us,
        cpu_used_us=fairness.used_cpu_us,
        closed=domain.closed,
        stamp_us=domain.stamp_us,
        expires_us=domain.expires_us,
        lends=len(domain.lends),
        borrows=len(domain.borrows),
        credit_mc=None if credit is None else credit["free_mc"],
        credit_unlimited=credit is not None and credit["unlimited"],
    )


def domains_after(state: State, after: str, limit: int) -> list[Domain]:
    """Return the first domains, by name, whose names are larger than ``after``."""
    domains = state.domains
    names = nsmallest(limit, (name for name in domains.by_name if name > after))
    return [domains.domains[domains.by_name[name]] for name in names]


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


def rules_view(state: State) -> RulesView:
    """Return the rules of fairness."""
    rules = state.rules
    return RulesView(
        alpha_milli=rules.alpha_milli,
        half_life_us=rules.half_life_us,
        aging_us=rules.aging_us,
        pool=rules.pool,
        usage=rules.usage,
        start_mc=rules.start_mc,
    )


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
