"""The tree of domains: where one may be put, what a change of it brings about, and when one closes or may go."""

from __future__ import annotations

from .. import limits
from ..commands import ChangeDomain, DomainRecord
from ..credit.state import ESCROW_NAME, PURSE_NAME, TREASURY_NAME
from ..domains.state import TOP
from ..errors import Reason, Refused
from ..events import DomainChanged, DomainClosed, DomainRemoved
from ..ids import DomainId
from ..state import Domain, State
from .draft import Draft
from .entitlements import check_open, find_domain
from .ledger import close as close_credit
from .ledger import is_closable
from .loans import end_loan, revoke
from .reweighting import add_reweighting


def find_parent(state: State, name: object) -> DomainId:
    """Return the id of the domain of that name, or of the top level if the name is empty; or refuse."""
    return TOP if name == "" else find_domain(state, name).domain_id


def check_name(name: str) -> None:
    """Refuse a name for a new domain that means an account of the pool in statements of credit."""
    word, _, number = name.partition(" ")
    if name in (TREASURY_NAME, ESCROW_NAME) or (word == PURSE_NAME and number.isdecimal()):
        raise Refused(
            Reason.NAME_TAKEN,
            f"{name!r} is an account of the pool in statements of credit, so no domain can be called so; take another "
            "name.",
        )


def check_place(state: State, parent_id: DomainId) -> None:
    """Refuse to put one more domain below a parent.

    As a parent has to be there before and never changes, no domain is ever below itself.
    """
    domains = state.domains
    if len(domains.domains) >= limits.DOMAINS_MAX:
        raise Refused(Reason.TOO_MANY, f"There are {limits.DOMAINS_MAX} domains already; remove some first.")
    if not parent_id:
        return
    parent = domains.domains[parent_id]
    check_open(state, parent)
    if len(domains.path(parent_id)) + 2 > limits.DOMAIN_DEPTH_MAX:
        raise Refused(
            Reason.TOO_DEEP,
            f"Domain {parent.name!r} is at level {limits.DOMAIN_DEPTH_MAX} of the tree, which is the last; "
            "choose a parent that is higher up.",
        )
    # Where there are sub-domains already, there are no jobs; so all jobs are looked at only for the first of them.
    if not parent.children and _has_live_jobs(state, parent_id):
        raise Refused(
            Reason.DOMAIN_IN_USE,
            f"Domain {parent.name!r} has jobs that have not ended, so it can have no sub-domains; "
            "wait for them or cancel them.",
        )


def _has_live_jobs(state: State, domain_id: DomainId) -> bool:
    fairness = state.jobs.accounts.get(domain_id)
    if fairness is None or not fairness.jobs:
        return False
    return any(job.terms.domain_id == domain_id and job.outcome is None for job in state.jobs.jobs.values())


def change(
    draft: Draft, domain_id: DomainId, to: ChangeDomain | DomainRecord, stamp_us: int, expires_us: int | None
) -> None:
    """Give a domain another base; the newest of its loans that this does not cover any more are revoked first."""
    domain = draft.domain(domain_id)
    guarantee = to.guarantee if domain.closed is None else None
    revoke(draft, domain_id, to.share, to.floor_share, guarantee, to.floor)
    changed = DomainChanged(
        draft.at_us,
        domain_id,
        to.share,
        to.guarantee,
        to.cap,
        to.floor_share,
        to.floor,
        stamp_us,
        expires_us,
    )
    add_reweighting(draft, changed, domain_id)


def close(draft: Draft, domain_id: DomainId, reason: str) -> None:
    """Close a domain: its loans end, and it is removed if there is nothing in it.

    What is queued in it runs on, at its own share. Where there is something in it, a timer looks again from time to
    time (:data:`meted.core.limits.CLOSED_CHECK_US`) and removes it once it is empty.
    """
    domain = draft.domain(domain_id)
    for loan_id in sorted({*domain.lends, *domain.borrows, *domain.passes}):
        end_loan(draft, draft.state.domains.loans[loan_id], "closed")
    draft.add(DomainClosed(draft.at_us, domain_id, reason))
    if is_done(draft.state, draft.domain(domain_id)):
        remove(draft, domain_id)


def remove(draft: Draft, domain_id: DomainId) -> None:
    """Remove a domain that has nothing left in it; its credit goes back to the treasury."""
    account_id = draft.state.ledger.of_domain.get(domain_id)
    if account_id is not None:
        close_credit(draft, account_id)
    draft.add(DomainRemoved(draft.at_us, domain_id))


def is_done(state: State, domain: Domain) -> bool:
    """Whether a domain is closed and has nothing left in it."""
    if domain.closed is None or domain.children or domain.lends or domain.borrows:
        return False
    fairness = state.jobs.accounts.get(domain.domain_id)
    if fairness is not None and fairness.jobs:
        return False
    account_id = state.ledger.of_domain.get(domain.domain_id)
    return account_id is None or is_closable(state.ledger.accounts[account_id])
