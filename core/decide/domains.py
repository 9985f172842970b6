"""Domains: registered, changed, removed. Whose records come from elsewhere are judged in :mod:`.records`."""

from __future__ import annotations

from typing import assert_never

from .. import limits
from ..commands import (
    ChangeDomain,
    CreateDomain,
    DeliverRecords,
    DomainCommand,
    EndLoan,
    ExpireDomain,
    OfferLoan,
    RecallLoan,
    RemoveDomain,
    SetLoans,
    StartLoan,
)
from ..errors import Reason, Refused
from ..events import DomainCreated, Event
from ..ids import DomainId
from ..state import Domain, State
from . import checks
from .draft import Draft
from .entitlements import check_entitlement, find_domain
from .ledger import check_closable
from .loan_lists import set_loans
from .loans import decide_loans
from .records import deliver, expire
from .tree import change, check_name, check_place, find_parent, remove


def decide_domains(state: State, command: DomainCommand, at_us: int) -> tuple[Event, ...]:
    """Judge a command on domains and loans."""
    match command:
        case CreateDomain():
            return _create(state, command, at_us)
        case ChangeDomain():
            return _change(state, command, at_us)
        case RemoveDomain():
            domain = find_domain(state, command.name)
            _check_unused(state, domain)
            draft = Draft(state, at_us)
            remove(draft, domain.domain_id)
            return tuple(draft.events)
        case OfferLoan() | RecallLoan() | StartLoan() | EndLoan():
            return decide_loans(state, command, at_us)
        case SetLoans():
            return set_loans(state, command, at_us)
        case DeliverRecords():
            return deliver(state, command, at_us)
        case ExpireDomain():
            return expire(state, command, at_us)
        case _:
            assert_never(command)


def _create(state: State, command: CreateDomain, at_us: int) -> tuple[Event, ...]:
    checks.text(command.name, "the domain's name", limits.NAME_BYTES_MAX, empty=False)
    check_entitlement(command.share, command.guarantee, command.cap, command.floor_share, command.floor)
    parent = find_parent(state, command.parent)
    known = state.domains.by_name.get(command.name)
    if known is not None:
        domain = state.domains.domains[known]
        if domain.parent == parent and _terms(domain) == _terms(command):
            return ()
        raise Refused(Reason.NAME_TAKEN, f"There is a domain {command.name!r} already; change it or take another name.")
    check_name(command.name)
    check_place(state, parent)
    created = DomainCreated(
        at_us,
        DomainId(state.domains.next_domain_id),
        command.name,
        parent,
        command.share,
        command.guarantee,
        command.cap,
        command.floor_share,
        command.floor,
        0,
        None,
    )
    return (created,)


def _change(state: State, command: ChangeDomain, at_us: int) -> tuple[Event, ...]:
    domain = find_domain(state, command.name)
    check_entitlement(command.share, command.guarantee, command.cap, command.floor_share, command.floor)
    if _terms(domain) == _terms(command):
        return ()
    draft = Draft(state, at_us)
    change(draft, domain.domain_id, command, domain.stamp_us, domain.expires_us)
    return tuple(draft.events)


def _terms(one: Domain | CreateDomain | ChangeDomain) -> tuple[object, ...]:
    return one.share, one.guarantee, one.cap, one.floor_share, one.floor


def _check_unused(state: State, domain: Domain) -> None:
    fairness = state.jobs.accounts.get(domain.domain_id)
    if fairness is not None and fairness.jobs:
        raise Refused(
            Reason.DOMAIN_IN_USE,
            f"Domain {domain.name!r} still has {fairness.jobs} jobs; delete or archive them first.",
        )
    if domain.children:
        raise Refused(
            Reason.DOMAIN_IN_USE, f"Domain {domain.name!r} still has {domain.children} sub-domains; remove them first."
        )
    if domain.lends or domain.borrows:
        raise Refused(
            Reason.DOMAIN_IN_USE,
            f"Domain {domain.name!r} still lends {len(domain.lends)} times and borrows {len(domain.borrows)} times; "
            "recall these loans first.",
        )
    account_id = state.ledger.of_domain.get(domain.domain_id)
    if account_id is not None:
        check_closable(state, state.ledger.accounts[account_id])
