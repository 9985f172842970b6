"""Points of priority for credit: bought, given back, sold; paid for as work is done (rows P03-P07, P09).

PARK's ``nice(points, cost)`` with what it got wrong put right: the comparison, the -1 that meant unlimited, selling
that was refused, a cost that was left out, and points that were of no job. Buying puts points x price x cost into the
job's *purse*; each lease holds its fee there, each unit that ends pays for what it took, and what is left goes back
when the job has ended. A purse that cannot pay for one more unit ends the points, never the work.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import limits
from ..commands import NiceJob
from ..credit.fees import charge_mc, fee_of, refund_mc, rest_us, unit_fee_mc
from ..credit.state import ESCROW, TREASURY, CreditAccount
from ..errors import Reason, Refused
from ..estimates import width_milli
from ..events import (
    CreditClosed,
    CreditOpened,
    Event,
    FeeHeld,
    FeePosted,
    FeeVoided,
    JobEnded,
    PointsLapsed,
    PointsSold,
)
from ..ids import AccountId, JobId, LeaseId, TransferId
from ..state import Job, Lease, State
from . import checks
from .draft import Draft
from .jobs import find_job, reprioritise
from .ledger import move, need, need_room
from .overdue import settle

FUNDED = "funded"


def decide_nice(state: State, command: NiceJob, at_us: int) -> tuple[Event, ...]:
    """Judge a purchase or sale of points."""
    job = find_job(state, command.job_id)
    most = limits.PRIORITY_STEPS_MAX
    points = checks.whole(command.points, "points", -2 * most, 2 * most)
    if command.cost_us is not None:
        checks.whole(command.cost_us, "cost_us", 1, limits.TIME_MAX_US)
    if job.outcome is not None or job.stopped is not None:
        raise Refused(Reason.JOB_ENDED, f"Job {job.job_id} has ended or was stopped; its priority counts no more.")
    if not points:
        return ()
    priority = job.terms.priority + points
    checks.whole(priority, "the priority with these points", -limits.PRIORITY_MAX, limits.PRIORITY_MAX)
    account_id = state.ledger.of_domain.get(job.terms.domain_id)
    if account_id is None or state.ledger.accounts[account_id].unlimited:
        # It pays for nothing: its points are priority like any other, which counts as usage.
        return (reprioritise(state, job, priority, job.points, at_us),)
    total = job.points + points
    if not -most <= total <= most:
        raise Refused(
            Reason.OUT_OF_RANGE, f"Job {job.job_id} would have {total} points; at most {most} are bought or sold."
        )
    draft = Draft(state, at_us)
    settle(draft, account_id)
    _buy(draft, account_id, job, max(total, 0) - max(job.points, 0), command.cost_us)
    _sell(draft, account_id, job, max(-total, 0) - max(-job.points, 0), command.cost_us)
    draft.add(reprioritise(draft.state, job, priority, total, at_us))
    return tuple(draft.events)


def _buy(draft: Draft, account_id: AccountId, job: Job, points: int, cost_us: int | None) -> None:
    """Fill the purse of a job for so many more points, or give back from it for as many less."""
    ledger = draft.state.ledger
    purse_id = ledger.of_job.get(job.job_id)
    if points > 0:
        amount_mc = charge_mc(points, ledger.rules.price_mc, _cost_us(draft.state, job, cost_us))
        checks.whole(amount_mc, "the price", 0, limits.CREDIT_MAX_MC)
        need(draft.state, account_id, amount_mc)
        if purse_id is None:
            purse_id = AccountId(ledger.next_account_id)
            draft.add(CreditOpened(draft.at_us, purse_id, job.terms.domain_id, job.job_id))
        if amount_mc:
            move(draft, account_id, purse_id, amount_mc, "purse", job.job_id)
    elif points < 0 and purse_id is not None:
        amount_mc = ledger.accounts[purse_id].free_mc * -points // job.points
        if amount_mc:
            move(draft, purse_id, account_id, amount_mc, "purse_back", job.job_id)


def _sell(draft: Draft, account_id: AccountId, job: Job, points: int, cost_us: int | None) -> None:
    """Pay for so many more points that were sold, or take back what was paid for as many less.

    What is paid is set aside until the job has ended, and stays for the part of the work that was done by then: so
    whoever says too much, or cancels, has gained nothing. Where income is ``funded``, nothing is paid now: whoever
    makes room is paid from what others pay.
    """
    ledger = draft.state.ledger
    sale = ledger.sold.get(job.job_id)
    sold_mc = 0 if sale is None else sale.sold_mc
    if points > 0 and ledger.rules.income != FUNDED:
        cost_us = _cost_us(draft.state, job, cost_us)
        known_us = rest_us(draft.state, job)
        if known_us is not None and cost_us > known_us:
            known_s = known_us // limits.SECOND_US
            raise Refused(
                Reason.OUT_OF_RANGE,
                f"The rest of job {job.job_id} is estimated at {known_s} cpu-seconds, so no more can be sold.",
            )
        amount_mc = refund_mc(points, ledger.rules.price_mc, cost_us)
        checks.whole(sold_mc + amount_mc, "what is paid", 0, limits.CREDIT_MAX_MC)
        need_room(draft.state, amount_mc)
        if amount_mc:
            done_us = _done_us(draft.state, job)
            from_us = done_us if sale is None else sale.from_us
            basis_us = max(0 if sale is None else sale.basis_us, done_us - from_us + cost_us)
            move(draft, TREASURY, account_id, amount_mc, "nice", job.job_id)
            draft.add(PointsSold(draft.at_us, job.job_id, account_id, sold_mc + amount_mc, basis_us, from_us))
    elif points < 0 and sale is not None:
        amount_mc = -(sold_mc * points // -job.points)
        left_mc = sold_mc - amount_mc
        draft.add(PointsSold(draft.at_us, job.job_id, account_id, left_mc, sale.basis_us, sale.from_us))
        move(draft, account_id, TREASURY, amount_mc, "nice_back", job.job_id)


def _done_us(state: State, job: Job) -> int:
    """Return the cpu time that units of a job took so far, in cpu-microseconds."""
    return job.measured_us * width_milli(job.terms.request, state.workers.capacity) // 1000


def _cost_us(state: State, job: Job, cost_us: int | None) -> int:
    if cost_us is None:
        cost_us = rest_us(state, job)
    if cost_us is None:
        raise Refused(
            Reason.OUT_OF_RANGE,
            f"Nothing is known of how long the units of job {job.job_id} take; "
            "say what it will cost in cpu time, like --cost 3h.",
        )
    return cost_us


def fee_held(state: State, job: Job, lease_id: LeaseId, size: int, count: int, at_us: int) -> FeeHeld | None:
    """Return what is set aside for a lease of ``count`` units of a job with points that were bought, each of this size.

    It is for as many of them as its purse is enough for. None if that is no unit: then its points lapse.
    """
    ledger, job_id = state.ledger, job.job_id
    if job_id not in ledger.of_job:
        return None
    purse_id = ledger.of_job[job_id]
    unit_mc, purse = unit_fee_mc(job.points, ledger.rules.price_mc, size, lease_id), ledger.accounts[purse_id]
    free_mc = purse.balance_mc - purse.held_mc
    if free_mc < unit_mc * count:
        count = free_mc // unit_mc
    return FeeHeld(at_us, lease_id, purse_id, unit_mc, count) if count else None


def lapsed(state: State, job: Job, at_us: int) -> tuple[Event, ...]:
    """Return what happens when a purse is empty: the job goes on at its own priority, and is ranked anew."""
    return PointsLapsed(at_us, job.job_id, job.points), reprioritise(state, job, job.own_priority, 0, at_us)


def fee_posted(state: State, lease: Lease, run_us: Sequence[int], at_us: int) -> FeePosted | None:
    """Return what is paid for units of a lease that took so long; None if it is not paid for."""
    ledger, lease_id = state.ledger, lease.lease_id
    if lease_id not in ledger.fees:
        return None
    fee = ledger.fees[lease_id]
    estimate_us, unit_mc = lease.estimate_us, fee.unit_mc
    amount_mc = took_all_us = unpaid_size = 0
    for took_us in run_us:
        if took_us >= estimate_us:
            took_all_us += estimate_us
            amount_mc += unit_mc
        else:
            took_all_us += took_us
            amount_mc += fee_of(unit_mc, took_us, estimate_us)
    payee = TREASURY
    if ledger.rules.income == FUNDED:
        payee = ESCROW
        if amount_mc:
            unpaid_size = took_all_us * (lease.size // estimate_us)
    transfer_id = TransferId(ledger.next_transfer_id)
    return FeePosted(at_us, transfer_id, lease_id, len(run_us), fee.account_id, payee, amount_mc, unpaid_size)


def fee_voided(state: State, lease: Lease, count: int, at_us: int) -> tuple[Event, ...]:
    """Return what becomes of what was set aside for ``count`` units of a lease that came back."""
    return (FeeVoided(at_us, lease.lease_id, count),) if lease.lease_id in state.ledger.fees else ()


def with_purses(state: State, events: tuple[Event, ...], at_us: int) -> tuple[Event, ...]:
    """Return events that end jobs, and with each end what is left in its purse, and what was sold and not delivered."""
    draft = Draft(state, at_us, events)
    for event in events:
        if type(event) is JobEnded:
            _close_purse(draft, event.job_id)
            _settle_sale(draft, event.job_id)
    return tuple(draft.events)


def _owner(state: State, job_id: JobId) -> CreditAccount | None:
    account_id = state.ledger.of_domain.get(state.jobs.jobs[job_id].terms.domain_id)
    return None if account_id is None else state.ledger.accounts[account_id]


def _close_purse(draft: Draft, job_id: JobId) -> None:
    purse_id, owner = draft.state.ledger.of_job.get(job_id), _owner(draft.state, job_id)
    if purse_id is None:
        return
    assert owner is not None, "an account with purses is not closed"
    left_mc = draft.state.ledger.accounts[purse_id].balance_mc
    if left_mc:
        move(draft, purse_id, owner.account_id, left_mc, "purse_back", job_id)
    draft.add(CreditClosed(draft.at_us, purse_id))


def _settle_sale(draft: Draft, job_id: JobId) -> None:
    """Leave its domain what was paid for the part of the work that was done, and take back the rest."""
    sale, owner = draft.state.ledger.sold.get(job_id), _owner(draft.state, job_id)
    if sale is None:
        return
    assert owner is not None, "an account with what was paid set aside is not closed"
    done_us = min(_done_us(draft.state, draft.state.jobs.jobs[job_id]) - sale.from_us, sale.basis_us)
    back_mc = sale.sold_mc - sale.sold_mc * done_us // sale.basis_us
    draft.add(PointsSold(draft.at_us, job_id, owner.account_id, 0, 0, 0))
    if back_mc:
        move(draft, owner.account_id, TREASURY, back_mc, "nice_back", job_id)
