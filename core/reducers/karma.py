"""Karma's part of the ledger: slices that leases hold, and the standings of domains."""

from __future__ import annotations

from typing import assert_never

from ..credit.karma import NO_STANDING, part_of
from ..credit.slices import Slice, Standing
from ..credit.state import Ledger
from ..events import GrantAccrued, GrantMarked, KarmaEvent, KarmaLeft, SliceEnded, SliceHeld
from ..ids import DomainId
from ..record import replaced


def reduce_karma(ledger: Ledger, event: KarmaEvent) -> Ledger:
    """Return the ledger after ``event``."""
    karma = ledger.karma
    match event:
        case SliceHeld():
            made = Slice(
                event.domain_id,
                event.unit_mc,
                event.waived_mc,
                event.units,
                event.free_milli,
                event.priced_milli,
                event.donors,
            )
            ledger = replaced(ledger, karma=replaced(karma, slices=karma.slices.set(event.lease_id, made)))
            return _held(_set_aside(ledger, made, event.units), made, 1)
        case SliceEnded():
            found = karma.slices[event.lease_id]
            left = found.units - event.units
            if left:
                slices = karma.slices.set(event.lease_id, replaced(found, units=left))
            else:
                slices = karma.slices.delete(event.lease_id)
            ledger = _set_aside(replaced(ledger, karma=replaced(karma, slices=slices)), found, -event.units)
            return ledger if left else _held(ledger, found, -1)
        case GrantMarked():
            return _with(ledger, event.domain_id, replaced(_standing(ledger, event.domain_id), mark=event.mark))
        case KarmaLeft():
            return replaced(ledger, karma=replaced(karma, standings=karma.standings.delete(event.domain_id)))
        case GrantAccrued():
            return replaced(ledger, karma=replaced(karma, at_us=event.at_us, per_share=event.per_share))
        case _:
            assert_never(event)


def _standing(ledger: Ledger, domain_id: DomainId) -> Standing:
    return ledger.karma.standings.get(domain_id, NO_STANDING)


def _with(ledger: Ledger, domain_id: DomainId, standing: Standing) -> Ledger:
    karma = ledger.karma
    return replaced(ledger, karma=replaced(karma, standings=karma.standings.set(domain_id, standing)))


def _set_aside(ledger: Ledger, slice_: Slice, units: int) -> Ledger:
    """Set aside what so many units cost, or free it again, and tell donors what is due."""
    if slice_.unit_mc:
        account_id = ledger.of_domain[slice_.domain_id]
        account = ledger.accounts[account_id]
        account = replaced(account, held_mc=account.held_mc + slice_.unit_mc * units)
        ledger = replaced(ledger, accounts=ledger.accounts.set(account_id, account))
        for donor, milli in slice_.donors:
            standing = ledger.karma.standings.get(donor)
            if standing is not None:
                due_mc = standing.due_mc + part_of(slice_, milli, slice_.unit_mc) * units
                ledger = _with(ledger, donor, replaced(standing, due_mc=due_mc))
    if slice_.waived_mc:
        standing = _standing(ledger, slice_.domain_id)
        waived_mc = standing.waived_mc + slice_.waived_mc * units
        ledger = _with(ledger, slice_.domain_id, replaced(standing, waived_mc=waived_mc))
    return ledger


def _held(ledger: Ledger, slice_: Slice, sign: int) -> Ledger:
    """Count what a slice holds of guarantees, or count it no more."""
    if slice_.free_milli:
        standing = _standing(ledger, slice_.domain_id)
        free_milli = standing.free_milli + sign * slice_.free_milli
        ledger = _with(ledger, slice_.domain_id, replaced(standing, free_milli=free_milli))
    for donor, milli in slice_.donors:
        lender = ledger.karma.standings.get(donor)
        if lender is not None:
            ledger = _with(ledger, donor, replaced(lender, lent_milli=lender.lent_milli + sign * milli))
    return ledger
