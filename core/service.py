"""What work costs: where a charge leaves the domain, those it is in, its user, its job and the virtual times.

Symbols of docs/fairness.md, and their names here:

* l, the size of a unit: ``size`` = width in thousandths of a cpu x time in us (:mod:`.estimates`);
* e, a domain's effective share; g = alpha e, the rate that it is owed; Phi, the sum of all shares beside it;
* S, the domain's start tag; V, the virtual time it is measured by, its parent's ``clock``; both scaled by 2**20.

A domain whose tag is not ahead of V is served from its *entitlement*: S += l / g. Else what it gets is from the *pool*,
and S stays. Either way V += l / Phi, and its usage grows. The same at each level of the tree. So who is charged for
what follows from the state alone: an account means the same under every policy, and policies can be exchanged.

A lease is charged by its estimate when it is given. What its units really took is set right as they come back
(:mod:`.settlement`); V falls where they took less than was charged for them (:mod:`.falling`). It is kept as the
furthest that it has been, ``clock``, and what it has fallen below that, ``debt``.

Inside a domain, users and the jobs of each user have fluid clocks of their own, V += l / (weights of those that wait);
there nothing moves while there is nobody to compete with, as it would all move in step.

All of it is linear in the units, each rounded against whom it is charged to (S up, V down). So a run that is split,
returned or finished in parts leaves bit-equal tags. With alpha = 1, and then alone, all that is served is owed to
somebody, and rounding could make it look as if it were not; so there V counts as a cpu-microsecond more
(:func:`.falling.reach`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .estimates import estimate_us, run_units, width_milli
from .falling import SCALE_BITS, clock_within, entitled_charge, reach, standing
from .ids import DomainId
from .state import NO_USER, NOTHING_RECEIVED, FairnessAccount, Job, Jobs, State, UserAccount
from .tags import ENTITLED, GUARANTEED, LEVEL_BITS, TO_JOB, TO_USER, ArrivalTags, ChargeTags, Fallen, Inner
from .usage import amount_at, epoch_of, expressed, job_weight, step_of

INNER_BITS = 10
"""Tags inside a domain are scaled by the weight of priority 0."""


def clock_charge(size: int, phi: int) -> int:
    """Return l / Phi: what ``size`` moves the virtual time of domains with shares of ``phi`` together, rounded down."""
    return (size << SCALE_BITS) // phi


def lag(state: State, domain_id: DomainId) -> int:
    """Return what a domain is owed: g (V - S), in units of size (thousandths of a cpu x us); negative if ahead."""
    domain = state.domains.domains[domain_id]
    account = state.jobs.accounts.get(domain_id, NOTHING_RECEIVED)
    ahead = clock_within(state.jobs, domain.parent) - account.tag
    return (state.rules.alpha_milli * domain.effective_share * ahead // 1000) >> SCALE_BITS


def run_size(state: State, job: Job) -> int:
    """Return the size of the largest run of a job, by what its units are estimated to take."""
    unit_us = estimate_us(state.jobs, job)
    return width_milli(job.terms.request, state.workers.capacity) * unit_us * run_units(unit_us, job.terms.count)


def arrive(state: State, domain_id: DomainId, user: str, priority: int, size: int) -> ArrivalTags:
    """Return the tags when a job of a domain comes to have units of ``size`` waiting.

    Idle time is not banked: whoever had nothing waiting starts at S = max(S, V). A job starts at V + l / w - l: at V
    for priority 0, so that jobs of one unit go first come, first served; forward by less than its own size for a higher
    priority, and back by some of its sizes for a lower one.
    """
    jobs = state.jobs
    account = jobs.accounts.get(domain_id)
    if account is None:
        account = FairnessAccount(above=state.domains.path(domain_id))
    mine = account.users.get(user, NO_USER)
    return ArrivalTags(
        account.tag if account.backlog else _raised(state, domain_id, account, _clock_over(jobs, account, 0)),
        mine.tag if mine.backlog else max(mine.tag, account.clock - account.debt),
        mine.clock - mine.debt - ((-size << INNER_BITS) // job_weight(priority)) - size,
        tuple([(who, _arrived(state, account, level, who)) for level, who in enumerate(account.above, 1)])
        if account.above
        else (),
    )


def _arrived(state: State, account: FairnessAccount, level: int, who: DomainId) -> int:
    inner = state.jobs.accounts.get(who, NOTHING_RECEIVED)
    return inner.tag if inner.backlog else _raised(state, who, inner, _clock_over(state.jobs, account, level))


def _raised(state: State, domain_id: DomainId, account: FairnessAccount, clock: int) -> int:
    return clock if account.tag <= clock else standing(state, domain_id, account, clock)


def _clock_over(jobs: Jobs, account: FairnessAccount, level: int) -> int:
    """Return the virtual time by which the domain ``level`` above that of ``account`` is measured."""
    return clock_within(jobs, account.parent(level))


def charge(state: State, job: Job, size: int, count: int, at_us: int, covered: int, ahead: int = 0) -> ChargeTags:
    """Return the tags after ``count`` units of ``size`` each of a job are leased.

    ``covered`` has bit i set where the domain i levels above that of the job is within its guarantee. By ``ahead`` the
    tag of the domain at the top may be ahead of V where that is served from its entitlement all the same.
    """
    jobs = state.jobs
    terms = job.terms
    domain_id = terms.domain_id
    account = jobs.accounts[domain_id]
    charged, inner = _charged_inside(account, job, size, count)
    points = job.points
    step = step_of(at_us, state.rules.half_life_us)
    used, epoch = count * amount_at(size, terms.priority - points, step), epoch_of(step)
    if not account.above:
        over = (jobs.clock, jobs.debt, state.domains.total_share)
        load = (size, count, used, epoch)
        bit, tag, usage, clock, debt = _served(state, domain_id, account, over, load, covered & 1, points < 0, ahead)
        return ChargeTags(charged + bit, tag, usage, epoch, clock, debt, inner, ())
    levels = []
    for level, who in enumerate((domain_id, *account.above)):
        it = jobs.accounts[who] if level else account
        sold = not level and points < 0
        over = virtual_time_over(state, account, level)
        load = (size, count, used, epoch)
        may = ahead if level == len(account.above) else 0
        bit, *tags = _served(state, who, it, over, load, covered >> level & 1, sold, may)
        charged |= bit << level * LEVEL_BITS
        levels.append(tags)
    return tags_of(charged, levels, epoch, inner)


def _served(
    state: State,
    domain_id: DomainId,
    account: FairnessAccount,
    over: tuple[int, int, int],
    load: tuple[int, int, int, int],
    is_covered: int,
    is_sold: bool,
    ahead: int,
) -> tuple[int, int, int, int, int]:
    """Return, for one level, how it was served; its tag and usage after it; clock and debt of V over it.

    ``over`` is these two, and Phi; ``load`` the size of a unit, how many, what they are together as usage, and in which
    epoch. What was sold (points of its priority) comes from the pool.
    """
    clock, debt, phi = over
    size, count, used, epoch = load
    tag, rules, served = account.tag, state.rules, 0
    if is_covered:
        served, by = GUARANTEED, 0
    else:
        by = count * clock_charge(size, phi)
        now = clock - debt
        if not is_sold and (tag <= now or tag <= reach(now, rules) + ahead):
            served = ENTITLED
            alpha, share = rules.alpha_milli, state.domains.domains[domain_id].effective_share
            largest = max(state.jobs.largest_size, size * count)
            limit = now - entitled_charge(2 * largest, share, alpha)
            if tag < limit:
                tag = _claimed(state, domain_id, tag, now, limit)
            tag += count * entitled_charge(size, share, alpha)
        else:
            tag = standing(state, domain_id, account, now)
    if served and rules.usage != "all":
        used = 0
    paid = debt if debt < by else by
    usage = account.usage if account.epoch == epoch else expressed(account.usage, account.epoch, epoch)
    return served, tag, usage + used, clock + by - paid, debt - paid


def virtual_time_over(state: State, account: FairnessAccount, level: int) -> tuple[int, int, int]:
    """Return clock and debt of V, and Phi, of what the domain ``level`` above that of ``account`` competes in."""
    if level < len(account.above):
        parent_id = account.above[level]
        parent = state.jobs.accounts[parent_id]
        return parent.clock, parent.debt, state.domains.phi(parent_id)
    return state.jobs.clock, state.jobs.debt, state.domains.total_share


def tags_of(
    charged: int, levels: Sequence[Sequence[int]], epoch: int, inner: Inner, fallen: tuple[Fallen, ...] = ()
) -> ChargeTags:
    """Return the tags after a charge, given those of each level, from the job's own domain to the top.

    A level is (tag of its domain, its usage, clock and debt of V over it); V over one level is that inside the next.
    """
    tag, usage, *_ = levels[0]
    above = tuple((it[0], it[1], below[2], below[3]) for below, it in pairwise(levels))
    return ChargeTags(charged, tag, usage, epoch, levels[-1][2], levels[-1][3], inner, above, fallen)


def _claimed(state: State, domain_id: DomainId, tag: int, clock: int, limit: int) -> int:
    """Return the tag of a domain with no more claim than it may have.

    A domain whose work could not be served for a while (back-off, no fitting worker) has fallen behind a clock that
    others' service has moved, and would shut out all others when it returns. So it keeps a claim of at most twice the
    largest lease there ever was, up to ``limit``, and what others beside it are ahead of the clock together. A domain
    that could be served never has more, however wrong estimates are. ``clock`` is V.
    """
    domains = state.domains.domains
    domain = domains[domain_id]
    beside = (
        (domains[who].effective_share, account.tag - clock)
        for who, account in state.jobs.accounts.items()
        if account.tag > clock and who in domains and domains[who].parent == domain.parent
    )
    return max(tag, limit - sum(share * ahead for share, ahead in beside) // domain.effective_share)


def _charged_inside(account: FairnessAccount, job: Job, size: int, count: int) -> tuple[int, Inner]:
    """Return whether job and user are charged, and where that leaves them and the clocks inside the domain."""
    user = account.users[job.terms.user]
    if user.backlog < 2 and account.active < 2:
        return 0, ()
    charged, job_tag, user_tag = 0, job.tag, user.tag
    jobs_clock, jobs_debt = user.clock, user.debt
    clock, debt = account.clock, account.debt
    if user.backlog > 1:
        charged = TO_JOB
        job_tag += count * -((-size << INNER_BITS) // job_weight(job.terms.priority))
        jobs_clock, jobs_debt = advanced(jobs_clock, jobs_debt, count * ((size << INNER_BITS) // user.weight))
    if account.active > 1:
        charged |= TO_USER
        user_tag += count * size
        clock, debt = advanced(clock, debt, count * (size // account.active))
    return charged, (job_tag, jobs_clock, jobs_debt, user_tag, clock, debt)


def advanced(clock: int, debt: int, by: int) -> tuple[int, int]:
    """Return virtual time and its debt after an advance; a negative one adds to the debt, a later one pays it first."""
    paid = debt if debt < by else by
    return clock + by - paid, debt - paid


def reprioritised(user: UserAccount, job: Job, size: int, priority: int) -> int:
    """Return the tag of a job, whose next unit is of this size, with another priority.

    The tag is F - l (:func:`arrive`), and what the job is owed among its user's jobs, w (V - F), stays (P10a): one that
    has just come stands where it would had it come with that priority. Where F lies behind V already that would bring a
    higher priority back and a lower one forward, so there the tag stays.
    """
    now = user.clock - user.debt
    before, after = job_weight(job.terms.priority), job_weight(priority)
    tag = now - (now - job.tag - size) * before // after - size
    return min(tag, job.tag) if after > before else max(tag, job.tag)
