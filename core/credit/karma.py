"""What karma comes to in a state: guarantees in slots, grants that have accrued, and who is how rich."""

from __future__ import annotations

from ..ids import DomainId
from ..limits import KARMA_DONATION_MIN_MILLI
from ..state import State
from .fees import HOUR_SIZE
from .slices import Slice, Standing
from .state import CreditAccount

KARMA = "karma"
"""The name of this order of the pool among the rules."""

KARMA_BEGINS = "karma begins"
"""The note of what a domain is given when it begins under karma."""

NO_STANDING = Standing()

_SHARE_BITS = 64
_RICHES_BITS = 32
_NEARLY = 1 << 32
"""Divisions lose less than this of 2**64: a grant that is so near to a whole thousandth is one."""


def guaranteed_milli(state: State, share: int) -> int:
    """Return G, what a domain at the top with this share may hold for nothing, in thousandths of a cpu."""
    phi = state.domains.total_share
    return state.rules.alpha_milli * state.workers.capacity.cpu_milli * share // (1000 * phi) if phi else 0


def left_milli(state: State, domain_id: DomainId) -> int:
    """Return what a domain at the top may still hold for nothing, in thousandths of a cpu."""
    share = state.domains.domains[domain_id].effective_share
    return max(0, guaranteed_milli(state, share) - state.ledger.karma.standings.get(domain_id, NO_STANDING).free_milli)


def per_share(state: State, at_us: int) -> int:
    """Return what a unit of share has been granted by a time, in thousandths of a credit times 2**64.

    Under karma all domains at the top together are granted (1 - alpha) m slots, at the price of a slot, by share.
    """
    karma, phi = state.ledger.karma, state.domains.total_share
    if state.rules.pool != KARMA or not phi:
        return karma.per_share
    size = state.workers.capacity.cpu_milli * (at_us - karma.at_us)
    worth = state.ledger.rules.price_mc * (1000 - state.rules.alpha_milli) * size
    return karma.per_share + (worth << _SHARE_BITS) // (1000 * phi * HOUR_SIZE)


def grant_due(standing: Standing, share: int, until: int) -> tuple[int, int]:
    """Return what is to be posted to a domain of this share, in whole thousandths, and where its mark is then.

    What is less than a thousandth stays due. ``until`` is what :func:`per_share` gives.
    """
    granted_mc = (share * (until - standing.mark) + _NEARLY) >> _SHARE_BITS
    return granted_mc, standing.mark + (granted_mc << _SHARE_BITS) // share


def riches(standing: Standing, share: int, amount_mc: int) -> int:
    """Return an amount for each unit of share, less what was granted of it: in units of 2**-32 thousandths.

    As all are granted alike for each unit of share, the order of these is that of what domains really have at any
    time, and does not change because time passes.
    """
    return ((amount_mc << _SHARE_BITS) // share - standing.mark + (_NEARLY >> 1)) >> _RICHES_BITS


def account_of_domain(state: State, domain_id: DomainId) -> CreditAccount | None:
    """Return the account of a domain, or None if it has none."""
    account_id = state.ledger.of_domain.get(domain_id)
    return None if account_id is None else state.ledger.accounts[account_id]


def donated_milli(state: State, domain_id: DomainId) -> int:
    """Return what of a domain's guarantee is to be had for others, in thousandths of a cpu.

    Nothing while something of it waits, and nothing if it is so little that each unit would have to be paid to many.
    """
    domain = state.domains.domains.get(domain_id)
    standing = state.ledger.karma.standings.get(domain_id)
    if domain is None or standing is None:
        return 0
    fairness = state.jobs.accounts.get(domain_id)
    if fairness is not None and fairness.backlog:
        return 0
    account = account_of_domain(state, domain_id)
    if account is None or account.unlimited:
        return 0
    held = standing.free_milli + standing.lent_milli
    donated = guaranteed_milli(state, domain.effective_share) - held
    return donated if donated >= KARMA_DONATION_MIN_MILLI else 0


def part_of(slice_: Slice, milli: int, amount_mc: int) -> int:
    """Return what a donor of so much of a slice gets of an amount, rounded down."""
    return amount_mc * milli // slice_.priced_milli
