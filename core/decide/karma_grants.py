"""Karma: what everybody is granted. What has accrued is posted before anything changes its rate, or who gets it."""

from __future__ import annotations

from ..credit.karma import KARMA, KARMA_BEGINS, grant_due, per_share
from ..credit.state import TREASURY
from ..domains.state import TOP
from ..events import (
    CreditRulesChanged,
    DomainChanged,
    DomainCreated,
    DomainRemoved,
    Event,
    GrantAccrued,
    GrantMarked,
    KarmaLeft,
    LoanEnded,
    LoanStarted,
    RulesChanged,
    WorkerJoined,
    WorkerLost,
)
from ..ids import DomainId
from ..state import State
from .draft import Draft
from .ledger import move, open_account, room_mc

_RATE_CHANGES = frozenset(
    {
        *(RulesChanged, CreditRulesChanged, WorkerJoined, WorkerLost),
        *(DomainCreated, DomainChanged, DomainRemoved, LoanStarted, LoanEnded),
    }
)
"""After these, grants accrue at another rate, or to others."""


def with_karma(state: State, events: tuple[Event, ...], at_us: int) -> tuple[Event, ...]:
    """Return the events, and with what changes the rate of grants or who gets them, what has accrued until then."""
    if _RATE_CHANGES.isdisjoint(map(type, events)):
        return events
    draft = Draft(state, at_us, events)
    until = per_share(state, at_us)
    draft.add(GrantAccrued(at_us, until))
    for event in events:
        match event:
            case DomainChanged():
                _settle_share(draft, state, event.domain_id, until)
            case LoanStarted() | LoanEnded():
                loan = draft.state.domains.loans.get(event.loan_id) or state.domains.loans[event.loan_id]
                _settle_share(draft, state, loan.lender, until)
                _settle_share(draft, state, loan.borrower, until)
            case DomainCreated():
                _join(draft, event.domain_id)
            case DomainRemoved() if event.domain_id in draft.state.ledger.karma.standings:
                draft.add(KarmaLeft(at_us, event.domain_id))
            case RulesChanged():
                for domain_id in sorted(draft.state.domains.domains):
                    _join(draft, domain_id)
            case _:
                pass
    return tuple(draft.events)


def _settle_share(draft: Draft, before: State, domain_id: DomainId, until: int) -> None:
    """Post the grants of a domain whose share has changed; until now it had the share that it had before."""
    standing = draft.state.ledger.karma.standings.get(domain_id)
    account_id = draft.state.ledger.of_domain.get(domain_id)
    was = before.domains.domains.get(domain_id)
    if standing is None or account_id is None or was is None:
        return
    if was.effective_share == draft.domain(domain_id).effective_share:
        return
    granted_mc, mark = grant_due(standing, was.effective_share, until)
    granted_mc = min(granted_mc, room_mc(draft.state))
    if granted_mc and not draft.state.ledger.accounts[account_id].unlimited:
        move(draft, TREASURY, account_id, granted_mc, "grant")
    draft.add(GrantMarked(draft.at_us, domain_id, mark))


def _join(draft: Draft, domain_id: DomainId) -> None:
    """Let a domain at the top begin, if it has not: with an account, and what everybody begins with."""
    state = draft.state
    domain = state.domains.domains.get(domain_id)
    if domain is None or domain.parent != TOP or state.rules.pool != KARMA or domain_id in state.ledger.karma.standings:
        return
    account_id = open_account(draft, domain_id)
    draft.add(GrantMarked(draft.at_us, domain_id, state.ledger.karma.per_share))
    start_mc = min(state.rules.start_mc * domain.effective_share, room_mc(draft.state))
    if start_mc and not draft.state.ledger.accounts[account_id].unlimited:
        move(draft, TREASURY, account_id, start_mc, "grant", 0, KARMA_BEGINS)
