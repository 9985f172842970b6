"""Domains: registered, changed, removed."""

from __future__ import annotations

from typing import assert_never

from .. import limits
from ..commands import ChangeDomain, CreateDomain, DomainCommand, RemoveDomain
from ..errors import Reason, Refused
from ..events import AccountReweighted, DomainChanged, DomainCreated, DomainRemoved, Event
from ..ids import DomainId
from ..state import Domain, State
from . import checks


def decide_domains(state: State, command: DomainCommand, at_us: int) -> tuple[Event, ...]:
    """Judge a command on domains."""
    match command:
        case CreateDomain():
            return _create(state, command, at_us)
        case ChangeDomain():
            return _change(state, command, at_us)
        case RemoveDomain():
            domain = find_domain(state, command.name)
            account = state.jobs.accounts.get(domain.domain_id)
            if account is not None and account.jobs:
                raise Refused(
                    Reason.DOMAIN_IN_USE,
                    f"Domain {domain.name!r} still has {account.jobs} jobs; delete or archive them first.",
                )
            return (DomainRemoved(at_us, domain.domain_id),)
        case _:
            assert_never(command)


def find_domain(state: State, name: object) -> Domain:
    """Return the domain of that name, or refuse."""
    checks.text(name, "the domain's name", limits.NAME_BYTES_MAX, empty=False)
    domain_id = state.domains.by_name.get(str(name))
    if domain_id is None:
        raise Refused(Reason.UNKNOWN_DOMAIN, f"There is no domain {name!r}; create it first.")
    return state.domains.domains[domain_id]


def _create(state: State, command: CreateDomain, at_us: int) -> tuple[Event, ...]:
    checks.text(command.name, "the domain's name", limits.NAME_BYTES_MAX, empty=False)
    checks.whole(command.share, "share", 1, limits.SHARE_MAX)
    if command.cap is not None:
        checks.resources(command.cap, "cap")
    known = state.domains.by_name.get(command.name)
    if known is not None:
        domain = state.domains.domains[known]
        if (domain.share, domain.cap) == (command.share, command.cap):
            return ()
        raise Refused(Reason.NAME_TAKEN, f"There is a domain {command.name!r} already; change it or take another name.")
    return (DomainCreated(at_us, DomainId(state.domains.next_domain_id), command.name, command.share, command.cap),)


def _change(state: State, command: ChangeDomain, at_us: int) -> tuple[Event, ...]:
    domain = find_domain(state, command.name)
    checks.whole(command.share, "share", 1, limits.SHARE_MAX)
    if command.cap is not None:
        checks.resources(command.cap, "cap")
    if (domain.share, domain.cap) == (command.share, command.cap):
        return ()
    changed = DomainChanged(at_us, domain.domain_id, command.share, command.cap)
    account = state.jobs.accounts.get(domain.domain_id)
    if account is None or command.share == domain.share:
        return (changed,)
    # S' = V - (V - S) g / g': what the domain is owed, or has had in advance, stays as it is (docs/fairness.md, P10a).
    clock = state.jobs.clock
    tag = clock - (clock - account.tag) * domain.share // command.share
    return changed, AccountReweighted(at_us, domain.domain_id, tag)
