"""Domains: who is charged and what they are entitled to."""

from __future__ import annotations

from typing import assert_never

from ..events import DomainChanged, DomainCreated, DomainEvent, DomainRemoved
from ..state import Domain, Domains


def reduce_domains(domains: Domains, event: DomainEvent) -> Domains:
    """Return the slice after ``event``."""
    match event:
        case DomainCreated():
            domain = Domain(event.domain_id, event.name, event.share, event.cap)
            return Domains(
                domains.domains.set(event.domain_id, domain),
                domains.by_name.set(event.name, event.domain_id),
                domains.total_share + event.share,
                max(domains.next_domain_id, event.domain_id + 1),
            )
        case DomainChanged():
            old = domains.domains[event.domain_id]
            domain = Domain(event.domain_id, old.name, event.share, event.cap)
            return Domains(
                domains.domains.set(event.domain_id, domain),
                domains.by_name,
                domains.total_share - old.share + event.share,
                domains.next_domain_id,
            )
        case DomainRemoved():
            old = domains.domains[event.domain_id]
            return Domains(
                domains.domains.delete(event.domain_id),
                domains.by_name.delete(old.name),
                domains.total_share - old.share,
                domains.next_domain_id,
            )
        case _:
            assert_never(event)


def skip_domain_ids(domains: Domains, count: int) -> Domains:
    """Return the slice with ``count`` ids never to be given."""
    return Domains(domains.domains, domains.by_name, domains.total_share, domains.next_domain_id + count)
