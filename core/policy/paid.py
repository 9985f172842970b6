"""Who went before by paying: how many units ahead of a job had points of priority bought for them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable

from ..credit.fees import HOUR_SIZE
from ..estimates import estimate_us, width_milli
from ..ids import DomainId
from ..record import replaced
from ..service import INNER_BITS
from ..state import Job, State
from ..usage import amount_at, epoch_of, expressed, job_weight, step_of
from .pool_orders import POOL_KEYS, goes_by_priority
from .queues import tag_key
from .ranks import BY_POOL, Order

PAID_JOBS_EXAMINED_MAX = 64
"""Jobs with a purse that are looked at for units ahead of another; where there are more it is *at least* so many."""

Ready = Callable[[Job], int]
"""How many units of a job wait for nothing but their turn and room."""


def paid_ahead(state: State, job: Job, places: list[Order], ready: Ready) -> str:
    """Return how many units ahead of a job were paid for, and at how many points, as a sentence after a blank.

    Nothing is said where none were. Those count whose points may have brought them there:

    * of jobs of the same user that stand before it;
    * where its domain waits in the pool, of jobs of domains that come before it there, by an order that priority counts
      in. Whoever comes before by what it is owed, or as users take turns, is there whatever was paid.

    Of each job it is the units that would start, one after another, before it is this one's turn, if nothing else
    happened: each puts its job back among those of its user, or counts as usage and puts its domain back. And it is no
    more than what is in its purse pays for, by estimates. A job that waits behind others of its domain is told of the
    units before the next of these.

    Args:
        state: The state that they are in.
        job: It waits.
        places: The places of the domains beside its own, or of those beside one that this is in, up to its own.
        ready: Says of any job how many of its units wait for their turn.
    """
    domains = state.domains
    before: set[DomainId] = set()
    if places and places[-1][0] == BY_POOL and goes_by_priority(state, domains.domains[places[-1][3]].parent):
        before = {who for by, _, _, who in places[:-1] if by == BY_POOL}
    paid: Counter[int] = Counter()
    rivals: list[tuple[int, DomainId, Job, int]] = []
    for looked_at, job_id in enumerate(state.ledger.of_job):
        if looked_at == PAID_JOBS_EXAMINED_MAX:
            break
        other = state.jobs.jobs[job_id]
        most = min(ready(other), _affordable(state, other)) if other.points > 0 else 0
        if not most or job_id == job.job_id:
            continue
        if (other.terms.domain_id, other.terms.user) == (job.terms.domain_id, job.terms.user):
            paid[other.points] += _before_at_home(state, job, other, most)
            continue
        above = other.terms.domain_id, *domains.path(other.terms.domain_id)
        rivals += [(other.points, who, other, most) for who in above if who in before]
    used: Counter[DomainId] = Counter()
    for points, who, other, most in sorted(rivals, key=lambda rival: rival[:2]):
        each = amount_at(_size(state, other), other.own_priority, step_of(state.at_us, state.rules.half_life_us))
        count = _before_in_pool(state, places[-1], who, other, most, used[who], each)
        used[who] += count * each
        paid[points] += count
    return _said(+paid, len(state.ledger.of_job) > PAID_JOBS_EXAMINED_MAX)


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


def _before_in_pool(state: State, mine: Order, who: DomainId, job: Job, most: int, used: int, each: int) -> int:
    """Return how many of so many units of a job start before it is the turn of ``mine``, when ``used`` was started.

    ``who`` is its domain, or what that is in, and ``each`` what a unit counts as usage.
    """
    account, share = state.jobs.accounts[who], state.domains.domains[who].effective_share
    epoch = epoch_of(step_of(state.at_us, state.rules.half_life_us))
    usage = expressed(account.usage, account.epoch, epoch) + used
    place = POOL_KEYS[state.rules.pool]

    def after(started: int) -> tuple[int, DomainId]:
        return place(state, who, replaced(account, usage=usage + started * each, epoch=epoch), share, job), who

    return bisect_left(range(most), (mine[1], mine[3]), key=after)
