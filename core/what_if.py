"""What if a job had more points of priority: the state of a moment as it would be then, for a forecast from it."""

from __future__ import annotations

from .commands import GrantCredit, NiceJob
from .credit.fees import charge_mc, rest_us
from .decide import decide
from .decide.jobs import find_job
from .errors import Reason, Refused
from .events import Event
from .ids import JobId
from .limits import CREDIT_MAX_MC
from .reducers import fold
from .state import State


def price_of_points(state: State, job_id: int, points: int) -> int | None:
    """Return what so many points for the rest of a job would cost its domain, in thousandths of a credit.

    None where nothing is known of how long its units take, and 0 where its domain pays for nothing.

    Raises:
        Refused: There is no such job.
    """
    job = find_job(state, job_id)
    account_id = state.ledger.of_domain.get(job.terms.domain_id)
    if account_id is None or state.ledger.accounts[account_id].unlimited:
        return 0
    cost_us = rest_us(state, job)
    return None if cost_us is None else charge_mc(points, state.ledger.rules.price_mc, cost_us)


def with_points(state: State, at_us: int, job_id: int, points: int) -> State:
    """Return a state after :func:`events_of_points`."""
    return fold(state, events_of_points(state, at_us, job_id, points))


def events_of_points(state: State, at_us: int, job_id: int, points: int) -> tuple[Event, ...]:
    """Return what would happen if so many points more were bought for a job, whether or not its domain can pay.

    Args:
        state: Where to start from.
        at_us: Now, in microseconds.
        job_id: The job.
        points: How many, one or more.

    Raises:
        Refused: There is no such job, it has ended, it has as many points as there may be, or nothing is known of how
            long its units take, so that nobody knows what they cost; or some of its points were sold.
    """
    price_mc = price_of_points(state, job_id, points)
    job = find_job(state, job_id)
    if job.points < 0:
        raise Refused(Reason.OUT_OF_RANGE, f"Points of job {job_id} were sold; take these back first.")
    granted: tuple[Event, ...] = ()
    if price_mc:
        domain = state.domains.domains[job.terms.domain_id].name
        granted = decide(state, GrantCredit(at_us, domain, min(price_mc, CREDIT_MAX_MC)), at_us)
    return (*granted, *decide(fold(state, granted), NiceJob(at_us, JobId(job_id), points), at_us))
