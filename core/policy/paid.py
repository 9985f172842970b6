"""Who went before by paying: how many units ahead of a job had points of priority bought for them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from heapq import nsmallest

from ..credit.fees import HOUR_SIZE
from ..estimates import estimate_us, width_milli
from ..falling import clock_within, reach
from ..ids import DomainId, JobId
from ..record import replaced
from ..service import INNER_BITS, clock_charge
from ..state import Job, State
from ..usage import amount_at, epoch_of, expressed, job_weight, step_of
from .pool_orders import POOL_KEYS, goes_by_priority
from .queues import tag_key
from .ranks import BY_POOL, NEVER, Place

PAID_JOBS_EXAMINED_MAX = 64
"""Jobs with a purse, the oldest, that are looked at for units ahead of another; with more it is *at least* so many."""

Rival = tuple[int, int, JobId, DomainId, int]
"""(as which, its points, a job of another domain that was paid for, that domain or one that it is in, units)."""

Ready = Callable[[Job], int]
"""How many units of a job wait for nothing but their turn and room."""


def paid_ahead(state: State, job: Job, places: list[Place], ready: Ready) -> str:
    """Return how many units ahead of a job were paid for, and at how many points, as a sentence after a blank.

    Nothing is said where none were. Those count whose points may have brought them there:

    * of jobs of the same user that stand before it;
    * where its domain waits in the pool, of jobs of domains that come before it there, by an order that priority counts
      in. Whoever comes before by what it is owed, or as users take turns, is there whatever was paid.

    Of each job it is the units that would start before it is this one's turn, if nothing else happened. Each that
    starts puts its job back among those of its user. In the pool it counts as usage, which puts its domain back, and
    moves V, by which the other domain is owed its turn in the end. And it is no more than what is in the job's purse
    pays for, by estimates. A job that waits behind others of its domain is told of the units before the next of these.

    Args:
        state: The state that they are in.
        job: It waits.
        places: The places of the domains beside its own, or of those beside one that this is in, up to its own.
        ready: Says of any job how many of its units wait for their turn.
    """
    before = _before_by_priority(state, places)
    paid: Counter[int] = Counter()
    rivals: list[Rival] = []
    for job_id in nsmallest(PAID_JOBS_EXAMINED_MAX, state.ledger.of_job):
        other = state.jobs.jobs[job_id]
        most = min(ready(other), _affordable(state, other)) if other.points > 0 else 0
        if not most or job_id == job.job_id:
            continue
        domain_id = other.terms.domain_id
        if (domain_id, other.terms.user) == (job.terms.domain_id, job.terms.user):
            paid[other.points] += _before_at_home(state, job, other, most)
        else:
            above = domain_id, *state.domains.path(domain_id)
            rivals += [(before[who], other.points, job_id, who, most) for who in above if who in before]
    if rivals:
        paid += _before_in_pool(state, places[-1], rivals)
    return _said(+paid, len(state.ledger.of_job) > PAID_JOBS_EXAMINED_MAX)


def _before_by_priority(state: State, places: list[Place]) -> dict[DomainId, int]:
    """Return the domains that come before the last in the pool, and as which, if they go by priority there."""
    if not places:
        return {}
    by, _, _, mine = places[-1][0]
    if by != BY_POOL or not goes_by_priority(state, state.domains.domains[mine].parent):
        return {}
    return {order[3]: at for at, (order, _) in enumerate(places[:-1]) if order[0] == BY_POOL}


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


def _before_in_pool(state: State, mine: Place, rivals: list[Rival]) -> Counter[int]:
    """Return how many units of jobs of other domains start before it is the turn of a domain, by their points."""
    order, head = mine
    step = step_of(state.at_us, state.rules.half_life_us)
    phi = state.domains.phi(state.domains.domains[order[3]].parent)
    left = _until_owed(state, order[3], head)
    found: Counter[int] = Counter()
    used: Counter[DomainId] = Counter()
    # Of each domain those with few points are first: when these are no longer before it, those with more may be.
    for _, points, job_id, who, most in sorted(rivals):
        job = state.jobs.jobs[job_id]
        size = _size(state, job)
        each, moves = amount_at(size, job.own_priority, step), clock_charge(size, phi)
        if moves:
            most = min(most, -(-left // moves))
        count = bisect_left(range(most), (order[1], order[3]), key=_places_of(state, who, job, used[who], each))
        found[points] += count
        used[who] += count * each
        left -= min(left, count * moves)
    return found


def _places_of(state: State, who: DomainId, job: Job, used: int, each: int) -> Callable[[int], tuple[int, DomainId]]:
    """Return what gives the place in the pool of a domain with a job when so many of its units have started.

    ``used`` is what others have used by then, and ``each`` what a unit counts as usage.
    """
    account, share = state.jobs.accounts[who], state.domains.domains[who].effective_share
    epoch = epoch_of(step_of(state.at_us, state.rules.half_life_us))
    usage = expressed(account.usage, account.epoch, epoch) + used
    pool_key = POOL_KEYS[state.rules.pool]

    def place(started: int) -> tuple[int, DomainId]:
        then = replaced(account, usage=usage + started * each, epoch=epoch)
        return pool_key(state, who, then, share, job), who

    return place


def _until_owed(state: State, domain_id: DomainId, head: JobId) -> int:
    """Return how far V is from where a domain in the pool, whose next job is ``head``, is owed its turn."""
    job = state.jobs.jobs[head]
    if job.points < 0 and job.terms.domain_id == domain_id:  # sold: it waits for the pool
        return NEVER
    now = clock_within(state.jobs, state.domains.domains[domain_id].parent)
    return max(0, state.jobs.accounts[domain_id].tag - reach(now, state.rules))
