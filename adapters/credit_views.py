"""What people and scripts are shown of credit; the keys are stable names, and amounts are thousandths of a credit."""

from __future__ import annotations

from heapq import nsmallest
from typing import TypedDict

from meted.core import limits
from meted.core.credit.accrual import Accrual
from meted.core.credit.fees import HOUR_CPU_US
from meted.core.credit.state import CreditAccount, CreditHold, CreditLoan
from meted.core.decide import checks
from meted.core.decide.ledger import account_of, accrued
from meted.core.ids import AccountId, HoldId
from meted.core.limits import CREDIT_TOTAL_MAX_MC
from meted.core.record import replaced
from meted.core.state import State

NOTHING_DUE = Accrual(0, 0, 0)


class CreditView(TypedDict):
    """The account of a domain as ``credit ls --json`` prints it.

    ``balance_mc`` is what was posted, and what its statement adds up to. ``accrued_mc`` are grants less demurrage
    since; they are posted when the account is next used. ``held_mc`` is set aside, ``free_mc`` may be spent.
    At ``next_us`` the next period begins. It brings ``next_mc`` (takes, if negative), ``grant_mc`` of it granted, if
    nothing is spent until then.
    """

    domain: str
    account: int
    unlimited: bool
    balance_mc: int
    accrued_mc: int
    held_mc: int
    free_mc: int
    grant_mc: int
    next_mc: int
    next_us: int


class CreditDetails(CreditView):
    """The account of a domain as ``credit show --json`` prints it, with what it has elsewhere.

    ``purses_mc`` is set aside for its jobs, for points that were bought; ``lent_mc`` and ``borrowed_mc`` are loans of
    credit that are not paid back.
    """

    purses_mc: int
    lent_mc: int
    borrowed_mc: int


class HoldView(TypedDict):
    """Credit that is set aside by hand."""

    hold: int
    domain: str
    amount_mc: int
    until_us: int | None


class CreditLoanView(TypedDict):
    """A loan of credit; ``left_mc`` is still to be paid back."""

    loan: int
    lender: str
    borrower: str
    left_mc: int
    due_us: int
    overdue: bool


class CreditRulesView(TypedDict):
    """How credit is made and what it buys; see :class:`meted.core.credit.state.CreditRules`."""

    grant_mc: int
    period_us: int
    cap_mc: int | None
    half_life_us: int | None
    price_mc: int
    income: str
    donors: str


class Forecast(TypedDict):
    """How much work a domain can pay for with so many points; None is without a limit.

    ``now_cpu_us`` with what is free now, ``period_cpu_us`` with what it is granted each period of ``period_us``.
    """

    domain: str
    points: int
    price_mc: int
    free_mc: int
    now_cpu_us: int | None
    period_cpu_us: int | None
    period_us: int


def credit_view(state: State, account: CreditAccount, now_us: int) -> CreditView:
    """Return the view of the account of a domain as of ``now_us``."""
    domain = state.domains.domains[account.domain_id]
    rules = state.ledger.rules
    now_us = max(now_us, state.at_us)
    due = accrued(state, account, now_us) or NOTHING_DUE
    accrued_mc = due.granted_mc - due.lost_mc
    next_us = (now_us // rules.period_us + 1) * rules.period_us
    then = replaced(account, balance_mc=account.balance_mc + accrued_mc, settled_us=next_us - 1)
    following = accrued(state, then, next_us) or NOTHING_DUE
    return CreditView(
        domain=domain.name,
        account=account.account_id,
        unlimited=account.unlimited,
        balance_mc=account.balance_mc,
        accrued_mc=accrued_mc,
        held_mc=account.held_mc,
        free_mc=account.free_mc + accrued_mc,
        grant_mc=0 if account.unlimited else min(rules.grant_mc * domain.effective_share, CREDIT_TOTAL_MAX_MC),
        next_mc=following.granted_mc - following.lost_mc,
        next_us=next_us,
    )


def credit_details(state: State, name: str, now_us: int) -> CreditDetails:
    """Return the account of a domain with what it has elsewhere.

    Raises:
        Refused: There is no such domain, or it has no account.
    """
    account = account_of(state, name)
    ledger = state.ledger
    purses = (ledger.accounts[purse_id] for purse_id in ledger.of_job.values())
    loans = ledger.loans.values()
    return CreditDetails(
        **credit_view(state, account, now_us),
        purses_mc=sum(purse.balance_mc for purse in purses if purse.domain_id == account.domain_id),
        lent_mc=sum(loan.left_mc for loan in loans if loan.lender == account.account_id),
        borrowed_mc=sum(loan.left_mc for loan in loans if loan.borrower == account.account_id),
    )


def accounts_after(state: State, after: str, limit: int) -> list[CreditAccount]:
    """Return the accounts of the first domains, by name, whose names are larger than ``after``."""
    ledger, domains = state.ledger, state.domains
    named = (domains.domains[domain_id].name for domain_id in ledger.of_domain)
    names = nsmallest(limit, (name for name in named if name > after))
    return [ledger.accounts[ledger.of_domain[domains.by_name[name]]] for name in names]


def hold_view(state: State, hold: CreditHold) -> HoldView:
    """Return the view of a hold."""
    name = _domain_of(state, hold.account_id)
    return HoldView(hold=hold.hold_id, domain=name, amount_mc=hold.amount_mc, until_us=hold.until_us)


def holds_after(state: State, domain: str | None, after: int, limit: int) -> list[CreditHold]:
    """Return the first holds behind an id, of all or of one domain.

    Raises:
        Refused: There is no such domain, or it has no account.
    """
    whose = None if domain is None else account_of(state, domain).account_id
    holds = state.ledger.holds
    ids = (key for key, hold in holds.items() if key > after and whose in (None, hold.account_id))
    return [holds[HoldId(hold_id)] for hold_id in nsmallest(limit, ids)]


def credit_loan_view(state: State, loan: CreditLoan) -> CreditLoanView:
    """Return the view of a loan of credit."""
    return CreditLoanView(
        loan=loan.loan_id,
        lender=_domain_of(state, loan.lender),
        borrower=_domain_of(state, loan.borrower),
        left_mc=loan.left_mc,
        due_us=loan.due_us,
        overdue=loan.overdue,
    )


def credit_loans_after(state: State, domain: str | None, after: int, limit: int) -> list[CreditLoan]:
    """Return the first loans of credit behind an id, of all or those that one domain gave or took.

    Raises:
        Refused: There is no such domain, or it has no account.
    """
    whose = None if domain is None else account_of(state, domain).account_id
    loans = state.ledger.loans
    ids = (key for key, loan in loans.items() if key > after and whose in (None, loan.lender, loan.borrower))
    return [loans[loan_id] for loan_id in nsmallest(limit, ids)]


def credit_rules_view(state: State) -> CreditRulesView:
    """Return how credit is made and what it buys."""
    rules = state.ledger.rules
    return CreditRulesView(
        grant_mc=rules.grant_mc,
        period_us=rules.period_us,
        cap_mc=rules.cap_mc,
        half_life_us=rules.half_life_us,
        price_mc=rules.price_mc,
        income=rules.income,
        donors=rules.donors,
    )


def forecast(row: CreditView, rules: CreditRulesView, points: int) -> Forecast:
    """Return how much work a domain can pay for with so many points of priority, one or more.

    Raises:
        Refused: It is no such number.
    """
    hour_mc = checks.whole(points, "points", 1, limits.PRIORITY_MAX) * rules["price_mc"]
    is_free = row["unlimited"] or not hour_mc
    return Forecast(
        domain=row["domain"],
        points=points,
        price_mc=rules["price_mc"],
        free_mc=row["free_mc"],
        now_cpu_us=None if is_free else max(row["free_mc"], 0) * HOUR_CPU_US // hour_mc,
        period_cpu_us=None if is_free else row["grant_mc"] * HOUR_CPU_US // hour_mc,
        period_us=rules["period_us"],
    )


def _domain_of(state: State, account_id: AccountId) -> str:
    return state.domains.domains[state.ledger.accounts[account_id].domain_id].name
