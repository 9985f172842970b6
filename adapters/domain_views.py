"""What people and scripts are shown of domains and the rules of fairness; the keys are stable names.

Amounts of service are integers of cpu time in microseconds: thousandths of a cpu times microseconds, divided by 1,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import TypedDict

from meted.core.domains.state import Domain
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
