"""What falls due by itself, as a state says: by each time all of it has happened, also where the server was away."""

from __future__ import annotations

from collections.abc import Iterator

from meted.core.credit.state import ESCROW
from meted.core.state import State


def deadlines(state: State) -> Iterator[tuple[int, str]]:
    """Yield when something is due to happen without anybody asking, in microseconds, and what.

    Of loans of credit that are overdue nothing is promised but that they are paid of what comes in.
    """
    for loan_id, loan in state.domains.loans.items():
        if not loan.started:
            yield loan.start_us, f"loan {loan_id} starts"
        ends_us = [due_us for due_us in (loan.expiry_us, loan.ends_us) if due_us is not None]
        if ends_us:
            yield min(ends_us), f"loan {loan_id} ends"
    for domain in state.domains.domains.values():
        if domain.expires_us is not None and domain.closed is None:
            yield domain.expires_us, f"domain {domain.name!r} closes"
    for hold_id, hold in state.ledger.holds.items():
        if hold.until_us is not None:
            yield hold.until_us, f"hold {hold_id} is voided"
    for debt_id, debt in state.ledger.loans.items():
        if not debt.overdue:
            yield debt.due_us, f"loan of credit {debt_id} is paid back"


def missed(state: State) -> Iterator[str]:
    """Yield what should have happened by the time of the last event of a batch: timers run before all else in it."""
    for due_us, what in deadlines(state):
        if due_us <= state.at_us:
            yield f"At {state.at_us} us {what}, which should have been at {due_us} us, and has not happened."


def awaited(state: State) -> str:
    """Return something that is still to happen by itself, or nothing."""
    for due_us, what in sorted(deadlines(state)):
        return f"{what} only at {due_us} us."
    left_mc = state.ledger.accounts[ESCROW].balance_mc
    return f"{left_mc} thousandths of a credit are in escrow, and nobody is paid them." if left_mc else ""
