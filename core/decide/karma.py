"""Karma: what a lease holds of the pool, what is paid for it and to whom; :mod:`.karma_grants` is what is granted.

The rule itself, and where it is from: :mod:`meted.core.policy.pool_karma`.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import limits
from ..credit.fees import HOUR_SIZE, fee_of, unit_fee_mc
from ..credit.karma import (
    KARMA,
    NO_STANDING,
    account_of_domain,
    donated_milli,
    left_milli,
    part_of,
)
from ..credit.slices import Slice
from ..credit.state import TREASURY
from ..errors import Reason, Refused
from ..events import (
    CreditMoved,
    Event,
    PointsLapsed,
    SliceEnded,
    SliceHeld,
    UnitsLeased,
)
from ..ids import DomainId, LeaseId, TransferId
from ..record import record, replaced
from ..service import clock_charge
from ..state import Job, Lease, State
from . import checks
from .draft import Draft
from .ledger import accrued, post_accrued


@record
class Plan:
    """What a lease that is about to be given out would hold.

    Attributes:
        count: How many of its units there is credit for, or all of them if nothing is paid.
        ahead: How far ahead of the virtual time the domain may be and still be served from its entitlement.
        settles: Whether what has accrued to the domain's account is needed to pay for it.
        held: What is set aside; ``units`` is 0 yet.
    """

    count: int
    ahead: int
    settles: bool
    held: SliceHeld


def plan_slice(
    state: State, job: Job, size: int, count: int, estimate_us: int, at_us: int, covered: int, donors: object
) -> Plan | None:
    """Return what units of a job would hold of the pool; None under another order, or where a guarantee covers them.

    Args:
        state: Before the lease.
        job: Whose units they are.
        size: Of one unit, by its estimate.
        count: How many units, one after another.
        estimate_us: How long one should take.
        at_us: Now.
        covered: As in :class:`meted.core.commands.LeaseUnits`.
        donors: The domains to look at for what they donate, as the policy names them.

    Raises:
        Refused: ``donors`` are no ids of domains, or too many.
    """
    named = _checked(state, donors) if donors != () else ()
    if state.rules.pool != KARMA:
        return None
    above = state.jobs.accounts[job.terms.domain_id].above
    domain_id = above[-1] if above else job.terms.domain_id
    if covered >> len(above) & 1:
        return None
    width_milli = size // estimate_us
    free_milli = min(width_milli, left_milli(state, domain_id))
    priced_milli = width_milli - free_milli
    ahead = 0
    if not priced_milli:
        ahead = clock_charge(state.workers.capacity.cpu_milli * estimate_us * count, state.domains.total_share)
    lease_id = LeaseId(state.jobs.next_lease_id)
    fee_mc = unit_fee_mc(1, state.ledger.rules.price_mc, priced_milli * estimate_us, lease_id)
    units, settles = _affordable(state, domain_id, fee_mc, count, at_us)
    unit_mc, waived_mc = (fee_mc, 0) if units else (0, fee_mc)
    given = _donors(state, domain_id, named, priced_milli) if unit_mc else ()
    held = SliceHeld(at_us, lease_id, domain_id, unit_mc, waived_mc, 0, free_milli, priced_milli, given)
    return Plan(units or count, ahead, settles and bool(units), held)


def _checked(state: State, donors: object) -> tuple[int, ...]:
    named = checks.distinct_ids(donors, "donors", limits.KARMA_DONORS_MAX)
    for number in named:
        if not 1 <= number < state.domains.next_domain_id:
            raise Refused(Reason.UNKNOWN_DOMAIN, f"There has never been a domain {checks.short(number)}; name others.")
    return named


def _affordable(state: State, domain_id: DomainId, fee_mc: int, count: int, at_us: int) -> tuple[int, bool]:
    """Return for how many units a domain can pay, and whether it needs what has accrued for that.

    All of them where nothing is to be paid; none without an account.
    """
    account = account_of_domain(state, domain_id)
    if not fee_mc:
        return count, False
    if account is None or account.unlimited:
        return 0, False
    if account.free_mc >= fee_mc * count:
        return count, False
    due = accrued(state, account, at_us)
    free_mc = account.free_mc + (0 if due is None else due.granted_mc - due.lost_mc)
    return min(count, max(0, free_mc) // fee_mc), due is not None


def _donors(
    state: State, domain_id: DomainId, named: tuple[int, ...], priced_milli: int
) -> tuple[tuple[DomainId, int], ...]:
    """Return from whose guarantees a slice is taken, and how much of each; in the order in which they are named."""
    given: list[tuple[DomainId, int]] = []
    for number in named:
        donor = DomainId(number)
        milli = min(priced_milli, donated_milli(state, donor)) if donor != domain_id else 0
        if milli:
            given.append((donor, milli))
            priced_milli -= milli
    return tuple(given)


def with_slice(state: State, events: tuple[Event, ...], plan: Plan) -> tuple[Event, ...]:
    """Return the events of a lease, and what it holds.

    Who cannot pay is served all the same; that this begins is told as with points that nobody pays for any more.
    """
    leased = events[0]
    assert type(leased) is UnitsLeased
    held = plan.held
    if plan.settles:
        draft = Draft(state, leased.at_us, events)
        post_accrued(draft, draft.state.ledger.of_domain[held.domain_id])
        events = tuple(draft.events)
    waived_mc = held.waived_mc
    if waived_mc:
        account = account_of_domain(state, held.domain_id)
        if account is not None and account.unlimited:
            waived_mc = 0
        elif not state.ledger.karma.standings.get(held.domain_id, NO_STANDING).waived_mc:
            events = *events, PointsLapsed(leased.at_us, leased.job_id, 0)
    return *events, replaced(held, units=leased.count, waived_mc=waived_mc)


def slice_posted(
    state: State, events: tuple[Event, ...], lease: Lease, run_us: Iterable[int], at_us: int
) -> tuple[Event, ...]:
    """Return the events of units that have ended, and what is paid for what they took.

    What was lent goes to those who donated it, in proportion; the rest, with what is rounded off, to the treasury.
    What took longer than was estimated is paid for as well, as far as there is credit.
    """
    ledger = state.ledger
    held = ledger.karma.slices.get(lease.lease_id)
    if held is None:
        return events
    took = list(run_us)
    ended = SliceEnded(at_us, lease.lease_id, len(took))
    payer = account_of_domain(state, held.domain_id)
    if payer is None or payer.unlimited or held.waived_mc:
        return *events, ended
    cost_mc = sum([_cost_mc(held, lease, took_us, ledger.rules.price_mc) for took_us in took])
    amount_mc = min(cost_mc, payer.free_mc + held.unit_mc * len(took))
    parts = [(ledger.of_domain.get(donor), part_of(held, milli, amount_mc)) for donor, milli in held.donors]
    paid = [(payee, part_mc) for payee, part_mc in parts if payee is not None and part_mc]
    left_mc = amount_mc - sum([part_mc for _, part_mc in paid])
    if left_mc:
        paid.append((TREASURY, left_mc))
    # A purse may have paid beside, and each of these is a transfer.
    first = ledger.next_transfer_id + len(events) - 1
    moved = [
        CreditMoved(at_us, TransferId(number), payer.account_id, payee, part_mc, "slice", lease.job_id, "")
        for number, (payee, part_mc) in enumerate(paid, first)
    ]
    return *events, ended, *moved


def _cost_mc(held: Slice, lease: Lease, took_us: int, price_mc: int) -> int:
    """Return the cost of a unit. Beyond what was said it goes by what it took, as the fee of a short one may be 0."""
    if took_us <= lease.estimate_us:
        return fee_of(held.unit_mc, took_us, lease.estimate_us)
    return max(held.unit_mc, price_mc * held.priced_milli * took_us // HOUR_SIZE)


def slice_voided(state: State, lease: Lease, count: int, at_us: int) -> tuple[Event, ...]:
    """Return what becomes of what ``count`` units of a lease held that came back."""
    return (SliceEnded(at_us, lease.lease_id, count),) if lease.lease_id in state.ledger.karma.slices else ()
