"""What all judges of credit do: find and open accounts, bring them up to date, move credit between them."""

from __future__ import annotations

from .. import limits
from ..credit.accrual import Accrual, accrual, has_accrued
from ..credit.karma import grant_due, per_share
from ..credit.state import NO_JOB, TREASURY, CreditAccount
from ..errors import Reason, Refused
from ..events import CreditClosed, CreditMoved, CreditOpened, CreditSettled, GrantMarked
from ..ids import AccountId, DomainId, TransferId
from ..state import State
from . import checks
from .draft import Draft
from .entitlements import find_domain


def find_id(state: State, name: object) -> DomainId:
    """Return the id of the domain of that name, or refuse; half the cost of :func:`find_domain`."""
    domain_id = state.domains.by_name.get(name) if type(name) is str else None
    return find_domain(state, name).domain_id if domain_id is None else domain_id


def account_of(state: State, name: object) -> CreditAccount:
    """Return the account of the domain of that name, or refuse."""
    account_id = state.ledger.of_domain.get(find_id(state, name))
    if account_id is None:
        raise Refused(Reason.NO_ACCOUNT, f"Domain {name!r} has no account of credit; open one, or grant it some first.")
    return state.ledger.accounts[account_id]


def name_of(state: State, account: CreditAccount) -> str:
    """Return the name of the domain of an account."""
    return state.domains.domains[account.domain_id].name


def open_account(draft: Draft, domain_id: DomainId) -> AccountId:
    """Return the account of a domain, which gets one if it has none."""
    found = draft.state.ledger.of_domain.get(domain_id)
    if found is not None:
        return found
    account_id = AccountId(draft.state.ledger.next_account_id)
    draft.add(CreditOpened(draft.at_us, account_id, domain_id, NO_JOB))
    return account_id


def post_accrued(draft: Draft, account_id: AccountId) -> None:
    """Post what has accrued to the account of a domain: grants, demurrage, and what is above its cap."""
    due = accrued(draft.state, draft.state.ledger.accounts[account_id], draft.at_us)
    if due is None:
        return
    if due.granted_mc:
        move(draft, TREASURY, account_id, due.granted_mc, "grant")
    if due.lost_mc:
        move(draft, account_id, TREASURY, due.lost_mc, "demurrage")
    account = draft.state.ledger.accounts[account_id]
    if due.settled_us != account.settled_us:
        draft.add(CreditSettled(draft.at_us, account_id, due.settled_us))
    if due.mark is not None:
        draft.add(GrantMarked(draft.at_us, account.domain_id, due.mark))


def accrued(state: State, account: CreditAccount, at_us: int) -> Accrual | None:
    """Return what is to be posted to the account of a domain, as far as there may be so much credit, or None."""
    standing = state.ledger.karma.standings.get(account.domain_id)
    if standing is None and not has_accrued(state.ledger, account, at_us):
        return None
    share = state.domains.domains[account.domain_id].effective_share
    due = accrual(state.ledger, account, share, at_us)
    mark = None
    if standing is not None and not account.unlimited:
        more_mc, mark = grant_due(standing, share, per_share(state, at_us))
        if more_mc and due is None:
            due = Accrual(more_mc, 0, account.settled_us)
        elif more_mc and due is not None:
            due = Accrual(due.granted_mc + more_mc, due.lost_mc, due.settled_us)
        else:
            mark = None
    if due is None:
        return None
    room = room_mc(state)
    granted_mc = min(due.granted_mc, room)
    return Accrual(granted_mc, granted_mc - min(due.granted_mc - due.lost_mc, room), due.settled_us, mark)


def coming_mc(state: State, account: CreditAccount, at_us: int) -> int:
    """Return by how much the balance of the account of a domain rises, or falls, as what has accrued is posted."""
    due = accrued(state, account, at_us)
    return 0 if due is None else due.granted_mc - due.lost_mc


def room_mc(state: State) -> int:
    """Return how much credit the treasury may still make."""
    return limits.CREDIT_TOTAL_MAX_MC + state.ledger.accounts[TREASURY].balance_mc


def need_room(state: State, amount_mc: int) -> None:
    """Refuse what would make more credit than there may be."""
    if amount_mc > room_mc(state):
        raise Refused(
            Reason.TOO_LARGE,
            f"There may be {credits_text(limits.CREDIT_TOTAL_MAX_MC)} in all, and this would be more; "
            f"at most {credits_text(room_mc(state))} can be added.",
        )


def need(state: State, account_id: AccountId, amount_mc: int) -> None:
    """Refuse what an account cannot pay."""
    account = state.ledger.accounts[account_id]
    if amount_mc > account.free_mc:
        raise Refused(
            Reason.NOT_ENOUGH_CREDIT,
            f"Domain {name_of(state, account)!r} has {credits_text(account.free_mc)} free and would need "
            f"{credits_text(amount_mc)}; take less, or wait until more has come in.",
        )


def move(
    draft: Draft,
    debit: AccountId,
    credit: AccountId,
    amount_mc: int,
    kind: str,
    reference: int = 0,
    note: str = "",
) -> None:
    """Move credit that is there; see :class:`meted.core.credit.events.CreditMoved`."""
    transfer_id = TransferId(draft.state.ledger.next_transfer_id)
    draft.add(CreditMoved(draft.at_us, transfer_id, debit, credit, amount_mc, kind, reference, note))


def is_closable(account: CreditAccount) -> bool:
    """Whether nothing depends on an account any more."""
    return not account.held_mc and not account.ties


def check_closable(state: State, account: CreditAccount) -> None:
    """Refuse to close an account that something still depends on."""
    if not is_closable(account):
        raise Refused(
            Reason.ACCOUNT_IN_USE,
            f"The account of domain {name_of(state, account)!r} has {credits_text(account.held_mc)} held, "
            f"and loans of credit or purses of jobs: {account.ties}; repay, void or take these back first.",
        )


def close(draft: Draft, account_id: AccountId) -> None:
    """Close an account of a domain that can be closed; what is in it goes back to the treasury."""
    post_accrued(draft, account_id)
    balance_mc = draft.state.ledger.accounts[account_id].balance_mc
    if balance_mc:
        move(draft, account_id, TREASURY, balance_mc, "withdrawal")
    draft.add(CreditClosed(draft.at_us, account_id))


def credits_text(amount_mc: int) -> str:
    """Return an amount in credits for people, as ``12.5 credits``."""
    whole, rest = divmod(abs(amount_mc), 1000)
    sign = "-" if amount_mc < 0 else ""
    number = f"{sign}{checks.short(whole)}" + (f".{rest:03d}".rstrip("0") if rest else "")
    return f"{number} credit" if number == "1" else f"{number} credits"


def check_limited(state: State, account: CreditAccount) -> None:
    """Refuse where the account pays for nothing, as it has nothing to give away."""
    if account.unlimited:
        raise Refused(
            Reason.NOT_ENOUGH_CREDIT,
            f"Domain {name_of(state, account)!r} is unlimited: it pays for nothing, so it has no credit to give away.",
        )
