"""Domains: who is charged and what they are entitled to. What loans do to that is in :mod:`.loans`."""

from __future__ import annotations

from typing import assert_never

from ..events import (
    DomainChanged,
    DomainClosed,
    DomainCreated,
    DomainEvent,
    DomainOpened,
    DomainRemoved,
    LagRemainderKept,
    LoanBackedOff,
    LoanEnded,
    LoanMade,
    LoanRecalled,
    LoanRefused,
    LoanStarted,
    MinimumStampSet,
    RecordRefused,
    RecordsConfirmed,
)
from ..ids import DomainId
from ..record import replaced
from ..state import Domain, Domains
from .loans import reduce_loans


def reduce_domains(domains: Domains, event: DomainEvent) -> Domains:
    """Return the slice after ``event``."""
    match event:
        case LoanMade() | LoanStarted() | LoanRecalled() | LoanEnded() | LoanRefused() | LoanBackedOff():
            return reduce_loans(domains, event)
        case DomainCreated():
            return _created(domains, event)
        case DomainChanged():
            return _changed(domains, event)
        case DomainRemoved():
            old = domains.domains[event.domain_id]
            domains = replaced(
                domains, domains=domains.domains.delete(event.domain_id), by_name=domains.by_name.delete(old.name)
            )
            return _shared(domains, old.parent, -old.share, -1)
        case DomainClosed():
            old = domains.domains[event.domain_id]
            guarantee = old.effective_guarantee.minus(old.guarantee)
            return _with(domains, replaced(old, closed=event.reason, effective_guarantee=guarantee))
        case DomainOpened():
            old = domains.domains[event.domain_id]
            guarantee = old.effective_guarantee.plus(old.guarantee)
            return _with(domains, replaced(old, closed=None, effective_guarantee=guarantee))
        case LagRemainderKept():
            return _with(domains, replaced(domains.domains[event.domain_id], remainder=event.remainder))
        case RecordsConfirmed():
            found = domains.domains.mutate()
            for domain_id in event.domain_ids:
                found[domain_id] = replaced(found[domain_id], stamp_us=event.stamp_us)
            return replaced(domains, domains=found.finish())
        case MinimumStampSet():
            return replaced(domains, min_stamp_us=event.stamp_us)
        case RecordRefused():
            return domains
        case _:
            assert_never(event)


def _created(domains: Domains, event: DomainCreated) -> Domains:
    domain = Domain(
        event.domain_id,
        event.name,
        event.parent,
        event.share,
        event.guarantee,
        event.cap,
        event.floor_share,
        event.floor,
        event.share,
        event.guarantee,
        event.stamp_us,
        event.expires_us,
    )
    domains = replaced(
        _with(domains, domain),
        by_name=domains.by_name.set(event.name, event.domain_id),
        next_domain_id=max(domains.next_domain_id, event.domain_id + 1),
    )
    return _shared(domains, event.parent, event.share, 1)


def _changed(domains: Domains, event: DomainChanged) -> Domains:
    old = domains.domains[event.domain_id]
    guarantee = old.effective_guarantee
    if old.closed is None:
        guarantee = guarantee.plus(event.guarantee.minus(old.guarantee))
    domain = replaced(
        old,
        share=event.share,
        guarantee=event.guarantee,
        cap=event.cap,
        floor_share=event.floor_share,
        floor=event.floor,
        effective_share=old.effective_share + event.share - old.share,
        effective_guarantee=guarantee,
        stamp_us=event.stamp_us,
        expires_us=event.expires_us,
    )
    return _shared(_with(domains, domain), old.parent, event.share - old.share, 0)


def _with(domains: Domains, domain: Domain) -> Domains:
    return replaced(domains, domains=domains.domains.set(domain.domain_id, domain))


def _shared(domains: Domains, parent_id: DomainId, share: int, count: int) -> Domains:
    """Return the slice with so much more share, and so many more children, below a parent."""
    if not parent_id:
        return replaced(domains, total_share=domains.total_share + share)
    parent = domains.domains[parent_id]
    return _with(
        domains, replaced(parent, children=parent.children + count, children_share=parent.children_share + share)
    )


def skip_domain_ids(domains: Domains, count: int) -> Domains:
    """Return the slice with ``count`` ids of domains and of loans never to be given."""
    return replaced(domains, next_domain_id=domains.next_domain_id + count, next_loan_id=domains.next_loan_id + count)
