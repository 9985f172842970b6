"""Fees of leases: they come with each unit that is paid for, so each event is folded in one function."""

from __future__ import annotations

from ..credit.state import Fee, Ledger
from ..events import FeeHeld, FeePosted, FeeVoided
from ..record import replaced


def fee_held(ledger: Ledger, event: FeeHeld) -> Ledger:
    """A lease was given out, and what its units may cost is set aside."""
    account_id, unit_mc, units = event.account_id, event.unit_mc, event.units
    purse = ledger.accounts[account_id]
    return replaced(
        ledger,
        accounts=ledger.accounts.set(account_id, replaced(purse, held_mc=purse.held_mc + unit_mc * units)),
        fees=ledger.fees.set(event.lease_id, Fee(account_id, unit_mc, units)),
    )


def fee_posted(ledger: Ledger, event: FeePosted) -> Ledger:
    """Units have ended and are paid for."""
    accounts, payers, amount_mc, units = ledger.accounts.mutate(), ledger.payers, event.amount_mc, event.units
    fees, lease_id, purse = ledger.fees, event.lease_id, accounts[event.debit]
    fee = fees[lease_id]
    held_mc, left = purse.held_mc - fee.unit_mc * units, fee.units - units
    accounts[event.debit] = replaced(purse, balance_mc=purse.balance_mc - amount_mc, held_mc=held_mc)
    if amount_mc:
        payee = accounts[event.credit]
        accounts[event.credit] = replaced(payee, balance_mc=payee.balance_mc + amount_mc)
    if event.size and purse.domain_id not in payers:
        payers = payers.set(purse.domain_id, event.transfer_id)
    next_id = event.transfer_id + 1
    return replaced(
        ledger,
        accounts=accounts.finish(),
        fees=fees.set(lease_id, replaced(fee, units=left)) if left else fees.delete(lease_id),
        unpaid_size=ledger.unpaid_size + event.size,
        payers=payers,
        paid_mc=ledger.paid_mc + amount_mc,
        next_transfer_id=next_id if next_id > ledger.next_transfer_id else ledger.next_transfer_id,
    )


def fee_voided(ledger: Ledger, event: FeeVoided) -> Ledger:
    """Units came back, and what was set aside for them is free again."""
    fees, lease_id = ledger.fees, event.lease_id
    fee = fees[lease_id]
    purse, left = ledger.accounts[fee.account_id], fee.units - event.units
    return replaced(
        ledger,
        accounts=ledger.accounts.set(
            fee.account_id, replaced(purse, held_mc=purse.held_mc - fee.unit_mc * event.units)
        ),
        fees=fees.set(lease_id, replaced(fee, units=left)) if left else fees.delete(lease_id),
    )
