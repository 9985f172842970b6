"""What work costs: where a charge leaves the domain, those it is in, its user, its job and the virtual times.

Symbols of docs/fairness.md, and their names here:

* l, the size of a unit: ``size`` = width in thousandths of a cpu x time in us (:mod:`.estimates`);
* e, a domain's effective share; g = alpha e, the rate that it is owed; Phi, the sum of all shares beside it;
* S, the domain's start tag; V, the virtual time it is measured by, its parent's ``clock``; both scaled by 2**20.

A domain whose tag is not ahead of V is served from its *entitlement*: S += l / g. Else what it gets is from the *pool*,
and S stays. Either way V += l / Phi, and its usage grows. The same at each level of the tree. So who is charged for
what follows from the state alone: an account means the same under every policy, and policies can be exchanged.

V falls when work took less than it was charged for (:mod:`.falling`). It is kept as the furthest that it has been,
``clock``, and what it has fallen below that, ``debt``.

Inside a domain, users and the jobs of each user have fluid clocks of their own, V += l / (weights of those that wait);
there nothing moves while there is nobody to compete with, as it would all move in step.

All of it is linear in the units, each rounded against whom it is charged to (S up, V down). So a run that is split,
returned or finished in parts leaves bit-equal tags. With alpha = 1, and then alone, all that is served is owed to
somebody, and rounding could make it look as if it were not; so there V counts as a cpu-microsecond more
(:func:`.falling.reach`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from .falling import SCALE_BITS, clock_within, entitled_charge, moved, note_fallen, reach, standing
from .ids import DomainId
from .state import NO_ACCOUNT, NO_USER, Account, Job, Jobs, Lease, State, UserAccount
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
    account = state.jobs.accounts.get(domain_id, NO_ACCOUNT)
    ahead = clock_within(state.jobs, domain.parent) - account.tag
    return (state.rules.alpha_milli * domain.effective_share * ahead // 1000) >> SCALE_BITS


def arrive(state: State, domain_id: DomainId, user: str, priority: int, size: int) -> ArrivalTags:
    """Return the tags when a job of a domain comes to have units of ``size`` waiting.

    Idle time is not banked: whoever had nothing waiting starts at S = max(S, V). A job starts at V + l / w - l: at V
    for priority 0, so that jobs of one unit go first come, first served; forward by less than its own size for a higher
    priority, and back by some of its sizes for a lower one.
    """
    jobs = state.jobs
    account = jobs.accounts.get(domain_id)
    if account is None:
        account = Account(above=state.domains.path(domain_id))
    mine = account.users.get(user, NO_USER)
    return ArrivalTags(
        account.tag if account.backlog else _raised(state, domain_id, account, _clock_over(jobs, account, 0)),
        mine.tag if mine.backlog else max(mine.tag, account.clock - account.debt),
        mine.clock - mine.debt - ((-size << INNER_BITS) // job_weight(priority)) - size,
        tuple([(who, _arrived(state, account, level, who)) for level, who in enumerate(account.above, 1)])
        if account.above
        else (),
    )


def _arrived(state: State, account: Account, level: int, who: DomainId) -> int:
    inner = state.jobs.accounts.get(who, NO_ACCOUNT)
    return inner.tag if inner.backlog else _raised(state, who, inner, _clock_over(state.jobs, account, level))


def _raised(state: State, domain_id: DomainId, account: Account, clock: int) -> int:
    return clock if account.tag <= clock else standing(state, domain_id, account, clock)


def _clock_over(jobs: Jobs, account: Account, level: int) -> int:
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
        load = (size, count, used, epoch)
        may = ahead if level == len(account.above) else 0
        bit, *tags = _served(state, who, it, _over(state, account, level), load, covered >> level & 1, sold, may)
        charged |= bit << level * LEVEL_BITS
        levels.append(tags)
    return _tags(charged, levels, epoch, inner)


def _served(
    state: State,
    domain_id: DomainId,
    account: Account,
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


def _over(state: State, account: Account, level: int) -> tuple[int, int, int]:
    """Return clock and debt of V, and Phi, of what the domain ``level`` above that of ``account`` competes in."""
    if level < len(account.above):
        parent_id = account.above[level]
        parent = state.jobs.accounts[parent_id]
        return parent.clock, parent.debt, state.domains.phi(parent_id)
    return state.jobs.clock, state.jobs.debt, state.domains.total_share


def _tags(
    charged: int, levels: Sequence[Sequence[int]], epoch: int, inner: Inner, fallen: tuple[Fallen, ...] = ()
) -> ChargeTags:
    """Return tags of levels of (tag, usage, virtual time over it, its debt): the time over one is inside the next."""
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


def _charged_inside(account: Account, job: Job, size: int, count: int) -> tuple[int, Inner]:
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
        jobs_clock, jobs_debt = _advanced(jobs_clock, jobs_debt, count * ((size << INNER_BITS) // user.weight))
    if account.active > 1:
        charged |= TO_USER
        user_tag += count * size
        clock, debt = _advanced(clock, debt, count * (size // account.active))
    return charged, (job_tag, jobs_clock, jobs_debt, user_tag, clock, debt)


def settle(state: State, lease: Lease, run_us: Iterable[int], waits_again: bool) -> ChargeTags:
    """Return the tags after units of ``lease`` took ``run_us`` instead of what was estimated; none took 0 is a refund.

    V follows actual service in both directions (docs/fairness.md). Did it not fall it would run away from every tag,
    and a newcomer would wait for the whole history. ``waits_again`` says that units of the job now wait to be tried
    again. Whoever had nothing else waiting banks no idle time by that: it stands at V at least, and only then is the
    charge set right. So a refund is one in full, and it does not matter in which parts units come back.
    """
    jobs = state.jobs
    job = jobs.jobs[lease.job_id]
    domain_id = job.terms.domain_id
    account = jobs.accounts[domain_id]
    above = account.above
    width = lease.size // lease.estimate_us
    sizes = [width * took_us for took_us in run_us if took_us != lease.estimate_us]
    arrives = waits_again and not job.is_backlogged
    epoch = account.epoch
    if above:  # in an earlier epoch than that of any account, usage would be a number of any length
        epoch = max(epoch, *(jobs.accounts[who].epoch for who in above))
    inner: Inner = ()
    used = 0
    if sizes or arrives:
        inner = _settled_inside(account, job, lease, sizes, arrives)
        then = step_of(lease.leased_us, state.rules.half_life_us)
        since = epoch_of(then)
        if since > epoch:
            epoch = since
        used = expressed(_used_more(lease, sizes, then), since, epoch)
    elif not above and not jobs.debt:  # V has never been further than it is
        return ChargeTags(lease.charged, account.tag, account.usage, epoch, jobs.clock, 0, (), ())
    load = sizes, used, epoch, arrives
    fallen: list[Fallen] = []
    levels = []
    for level, who in enumerate((domain_id, *above)):
        it = jobs.accounts[who] if level else account
        charged = lease.charged >> level * LEVEL_BITS
        levels.append(_settled(state, who, it, _over(state, account, level), lease, charged, load, fallen))
    note_fallen(state, lease, account, fallen)
    return _tags(lease.charged, levels, epoch, inner, tuple(fallen))


def _used_more(lease: Lease, sizes: list[int], then: int) -> int:
    """Return what units of ``sizes`` count for as usage at a step, beyond what was charged for them; it may be less."""
    priority = lease.priority - lease.points
    # Loops rather than sums of lists, here and below: nearly always there is one unit.
    used = -len(sizes) * amount_at(lease.size, priority, then)
    for size in sizes:
        used += amount_at(size, priority, then)
        if lease.points > 0 and size > lease.size:  # beyond what was paid for, points count as usage after all
            beyond = size - lease.size
            used += amount_at(beyond, lease.priority, then) - amount_at(beyond, priority, then)
    return used


def _settled(
    state: State,
    who: DomainId,
    it: Account,
    over: tuple[int, int, int],
    lease: Lease,
    charged: int,
    load: tuple[list[int], int, int, bool],
    fallen: list[Fallen],
) -> tuple[int, int, int, int]:
    """Return, for one level, tag and usage of its domain after a settlement; clock and debt of V over it.

    ``over`` is these two before, and Phi; ``charged`` has the bits of this level lowest; ``load`` the sizes of the
    units that did not take what was estimated, what they count for as usage and in which epoch, and whether the job
    comes to wait again. What falls with V goes to ``fallen``.
    """
    clock, debt, phi = over
    sizes, used, epoch, arrives = load
    rules, now, served = state.rules, clock - debt, charged & (ENTITLED | GUARANTEED)
    tag = it.tag if it.tag <= now else standing(state, who, it, now)
    rises = arrives and not it.backlog and tag < now
    if sizes and served != GUARANTEED:
        many = len(sizes)
        if served == ENTITLED:
            share = state.domains.domains[who].effective_share
            tag -= many * entitled_charge(lease.size, share, rules.alpha_milli)
            for size in sizes:
                tag += entitled_charge(size, share, rules.alpha_milli)
        by = -many * clock_charge(lease.size, phi)
        for size in sizes:
            by += clock_charge(size, phi)
        clock, debt = _advanced(clock, debt, by)
    if rises or clock - debt < now:
        tag += moved(state, who, now, clock - debt, rises, tag - it.tag, fallen)
    usage = it.usage if it.epoch == epoch else expressed(it.usage, it.epoch, epoch)
    if rules.usage == "all" or not served:
        usage += used
    return tag, usage if usage > 0 else 0, clock, debt


def _settled_inside(account: Account, job: Job, lease: Lease, sizes: list[int], arrives: bool) -> Inner:
    if not arrives and not (sizes and lease.charged & (TO_JOB | TO_USER)):
        return ()
    user, many = account.users[job.terms.user], len(sizes)
    job_tag, jobs_clock, jobs_debt = job.tag, user.clock, user.debt
    user_tag, clock, debt = user.tag, account.clock, account.debt
    if arrives:
        job_tag = max(job_tag, jobs_clock - jobs_debt)
        if not user.backlog:
            user_tag = max(user_tag, clock - debt)
    if sizes and lease.charged & TO_JOB:
        weight = job_weight(lease.priority)
        job_tag += many * ((-lease.size << INNER_BITS) // weight)
        for size in sizes:
            job_tag -= (-size << INNER_BITS) // weight
        if user.weight:
            by = -many * ((lease.size << INNER_BITS) // user.weight)
            for size in sizes:
                by += (size << INNER_BITS) // user.weight
            jobs_clock, jobs_debt = _advanced(jobs_clock, jobs_debt, by)
    if sizes and lease.charged & TO_USER:
        user_tag += sum(sizes) - many * lease.size
        if account.active:
            by = -many * (lease.size // account.active)
            for size in sizes:
                by += size // account.active
            clock, debt = _advanced(clock, debt, by)
    return job_tag, jobs_clock, jobs_debt, user_tag, clock, debt


def _advanced(clock: int, debt: int, by: int) -> tuple[int, int]:
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
