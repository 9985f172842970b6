"""Who made room for what others paid for is paid from escrow: the poorest first (Karma's rule)."""

from __future__ import annotations

from collections.abc import Iterable

from .. import limits
from ..commands import PayDonors
from ..credit.karma import KARMA
from ..credit.state import ESCROW, NICE, TREASURY, CreditAccount, Ledger
from ..errors import Reason, Refused
from ..events import AccountReweighted, DonorPaid, Event
from ..falling import entitled_charge
from ..ids import AccountId, TransferId
from ..service import lag
from ..state import State
from . import checks
from .draft import Draft


def room_made(state: State, account: CreditAccount) -> int:
    """Return how much of what a domain is owed it may sell, in units of size (thousandths of a cpu x us).

    What it is owed and has not used is g (V - S). A domain that has nothing waiting needs none of that. One that waits
    keeps a claim of the two largest leases, as whoever could not be served does: whoever wants its turn is never owed
    more, so only work whose points were sold, or that a cap or a missing worker holds back, makes room. Nobody is paid
    from what it paid itself; and by the rule ``nice`` nobody is who has no work under way of which it sold points.
    """
    domain_id, ledger = account.domain_id, state.ledger
    if not domain_id or domain_id in ledger.payers or account.unlimited:
        return 0
    if state.rules.pool == KARMA:  # what is left to others is paid for by whoever holds it, and is not sold again
        return 0
    if ledger.rules.donors == NICE and domain_id not in state.jobs.sellers:
        return 0
    fairness = state.jobs.accounts.get(domain_id)
    if fairness is None or (fairness.tag >= state.jobs.clock and not fairness.above):  # it is owed nothing
        return 0
    claim = 2 * state.jobs.largest_size if fairness.backlog else 0
    return max(0, lag(state, domain_id) - claim)


def pay_donors(draft: Draft, command: PayDonors) -> None:
    """Pay those of the accounts that made room, in this order; where nobody did, pay the treasury.

    Each sells as much as it may of what was paid for: its start tag moves by that, so nothing is sold twice, and
    its price is the mean of what is in escrow.
    """
    check_accounts(draft.state, command.account_ids)
    state, paid = draft.state, 0
    for account in _who_may_be_paid(state.ledger, command.account_ids):
        if not state.ledger.unpaid_size or paid >= limits.CREDIT_DONORS_MAX:
            break
        size = min(state.ledger.unpaid_size, room_made(state, account))
        if not size:
            continue
        draft.add(_pay(state, account.account_id, size, draft.at_us))
        domain = draft.domain(account.domain_id)
        fairness = state.jobs.accounts[domain.domain_id]
        sold = entitled_charge(size, domain.effective_share, state.rules.alpha_milli)
        draft.add(AccountReweighted(draft.at_us, domain.domain_id, fairness.tag + sold, ()))
        paid += 1
        state = draft.state
    if state.ledger.unpaid_size and not paid:
        draft.add(_pay(state, TREASURY, state.ledger.unpaid_size, draft.at_us))


def _who_may_be_paid(ledger: Ledger, account_ids: Iterable[AccountId]) -> list[CreditAccount]:
    """Return those of the accounts that are still there, no purses, and of nobody who has to pay."""
    accounts, payers = ledger.accounts, ledger.payers
    found = [accounts[account_id] for account_id in account_ids if account_id in accounts]
    return [account for account in found if account.domain_id not in payers and not account.job_id]


def _pay(state: State, account_id: AccountId, size: int, at_us: int) -> Event:
    ledger = state.ledger
    amount_mc = ledger.accounts[ESCROW].balance_mc * size // ledger.unpaid_size
    return DonorPaid(at_us, TransferId(ledger.next_transfer_id), account_id, amount_mc, size)


def check_accounts(state: State, account_ids: object) -> None:
    """Refuse a list of accounts that is too long, or has one that there never was."""
    accounts = checks.items(account_ids, "account_ids", limits.CREDIT_DONORS_EXAMINED_MAX)
    end = state.ledger.next_account_id
    for account_id in accounts:
        if type(account_id) is int and 0 < account_id < end:
            continue
        number = checks.whole(account_id, "an account", 1, limits.TIME_MAX_US)
        if number >= end:
            raise Refused(Reason.NO_ACCOUNT, f"There has never been an account {number}; name others.")
