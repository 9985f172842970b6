"""Who went before by paying: how many units ahead of a job had points of priority bought for them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from heapq import nsmallest

from ..credit.fees import HOUR_SIZE
from ..estimates import estimate_us, width_milli
from ..ids import DomainId
from ..record import replaced
from ..service import INNER_BITS
from ..state import Job, State
from ..usage import job_weight
from .pool_orders import goes_by_priority
from .queues import tag_key
from .race import RACE_RUNS_MAX, Entry, Race, Runner
from .ranks import BY_GUARANTEE, BY_POOL, Place

PAID_JOBS_EXAMINED_MAX = 64
"""Jobs with a purse, the oldest, that are looked at for units ahead of another; with more it is *at least* so many."""

Ready = Callable[[Job], int]
"""How many units of a job wait for nothing but their turn and room."""


def paid_ahead(state: State, job: Job, places: list[Place], behind: list[Place], ready: Ready) -> str:
    """Return how many units ahead of a job were paid for, and at how many points, as a sentence after a blank.

    Nothing is said where none were. Those count whose points may have brought them there:

    * of jobs of the same user that stand before it;
    * where its domain waits in the pool, of jobs of domains beside it that are served from the pool before it, by an
      order that priority counts in. What these get by what they are owed, or as users take turns, they get whatever was
      paid; one that is owed something now may come before by its points after that.

    Of each job it is the units that would start before it is this one's turn, if nothing else happened. Each that
    starts puts its job back among those of its user. Among domains all that wait are served in turns (:mod:`.race`),
    up to where this one comes, from the pool or by what it is owed by then; and it is no more than what is in the
    job's purse pays for, by estimates. A job that waits behind others of its domain is told of the units before the
    next of these.

    Args:
        state: The state that they are in.
        job: It waits.
        places: The places of the domains beside its own, or of those beside one that this is in, up to its own.
        behind: The places of those beside it that come later.
        ready: Says of any job how many of its units wait for their turn.
    """
    beside = _beside_in_pool(state, places, behind)
    paid: Counter[int] = Counter()
    rivals: dict[DomainId, list[Entry]] = {}
    for job_id in nsmallest(PAID_JOBS_EXAMINED_MAX, state.ledger.of_job):
        other = state.jobs.jobs[job_id]
        most = min(ready(other), _affordable(state, other)) if other.points > 0 else 0
        if not most or job_id == job.job_id:
            continue
        domain_id = other.terms.domain_id
        if (domain_id, other.terms.user) == (job.terms.domain_id, job.terms.user):
            paid[other.points] += _before_at_home(state, job, other, most)
        else:
            for who in beside.intersection((domain_id, *state.domains.path(domain_id))):
                rivals.setdefault(who, []).append((other, most))
    is_least = len(state.ledger.of_job) > PAID_JOBS_EXAMINED_MAX
    if rivals:
        more, goes_on = _before_in_pool(state, places, behind, rivals, ready)
        paid, is_least = paid + more, is_least or goes_on
    return _said(+paid, is_least)


def _beside_in_pool(state: State, places: list[Place], behind: list[Place]) -> set[DomainId]:
    """Return the domains beside the last of the places, if that waits in the pool and they go by priority there."""
    if not places:
        return set()
    by, _, _, mine = places[-1][0]
    if by != BY_POOL or not goes_by_priority(state, state.domains.domains[mine].parent):
        return set()
    return {order[3] for order, _ in (*places[:-1], *behind)}


def _said(paid: Counter[int], is_least: bool) -> str:
    if not paid:
        return ""
    (points, units), *others = sorted(paid.items())
    first = f"{units} {'unit' if units == 1 else 'units'} ahead of it {'was' if units == 1 else 'were'} paid for"
    more = "".join(f", {many} at +{level}" for level, many in others)
    return f" {'At least ' if is_least else ''}{first} at +{points}{more}."


def _size(state: State, job: Job) -> int:
    return width_milli(job.terms.request, state.workers.capacity) * estimate_us(state.jobs, job)


def _affordable(state: State, job: Job) -> int:
    """Return for how many units what is in the purse of a job is enough, up to rounding."""
    ledger = state.ledger
    fee = job.points * ledger.rules.price_mc * _size(state, job)
    free_mc = ledger.accounts[ledger.of_job[job.job_id]].free_mc
    return -(-free_mc * HOUR_SIZE // fee) if fee else job.terms.count


def _before_at_home(state: State, job: Job, other: Job, most: int) -> int:
    """Return how many of so many units of another job of the same user start before this job."""
    step = -((-_size(state, other) << INNER_BITS) // job_weight(other.terms.priority))
    mine = tag_key(job)
    return bisect_left(range(most), mine, key=lambda started: tag_key(replaced(other, tag=other.tag + started * step)))


def _before_in_pool(
    state: State, places: list[Place], behind: list[Place], rivals: dict[DomainId, list[Entry]], ready: Ready
) -> tuple[Counter[int], bool]:
    """Return how many units of jobs of other domains start before it is the turn of a domain, by their points.

    And whether there may be more.
    """
    others = []
    for order, head in (*places[:-1], *behind):
        if order[0] != BY_GUARANTEE:
            job = state.jobs.jobs[head]
            entries = sorted(rivals.get(order[3], ()), key=lambda entry: (entry[0].points, entry[0].job_id))
            others.append(Runner(state, order[3], entries or [(job, max(1, ready(job)))]))
    order, head = places[-1]
    job = state.jobs.jobs[head]
    runs = Race(state, Runner(state, order[3], [(job, max(1, ready(job)))]), others).runs()
    found: Counter[int] = Counter()
    for other, count, is_owed in runs:
        if other.points > 0 and not is_owed:
            found[other.points] += count
    return found, len(runs) >= RACE_RUNS_MAX
