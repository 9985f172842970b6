"""What work took: the charge of a lease is set right as its units end or come back; :mod:`.service` has the symbols."""

from __future__ import annotations

from collections.abc import Iterable

from .falling import entitled_charge, moved, note_fallen, standing
from .ids import DomainId
from .service import INNER_BITS, advanced, clock_charge, tags_of, virtual_time_over
from .state import FairnessAccount, Job, Lease, State
from .tags import ENTITLED, GUARANTEED, LEVEL_BITS, TO_JOB, TO_USER, ChargeTags, Fallen, Inner
from .usage import amount_at, epoch_of, expressed, job_weight, step_of


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
        levels.append(_settled(state, who, it, virtual_time_over(state, account, level), lease, charged, load, fallen))
    note_fallen(state, lease, account, fallen)
    return tags_of(lease.charged, levels, epoch, inner, tuple(fallen))


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
    it: FairnessAccount,
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
        clock, debt = advanced(clock, debt, by)
    if rises or clock - debt < now:
        tag += moved(state, who, now, clock - debt, rises, tag - it.tag, fallen)
    usage = it.usage if it.epoch == epoch else expressed(it.usage, it.epoch, epoch)
    if rules.usage == "all" or not served:
        usage += used
    return tag, usage if usage > 0 else 0, clock, debt


def _settled_inside(account: FairnessAccount, job: Job, lease: Lease, sizes: list[int], arrives: bool) -> Inner:
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
            jobs_clock, jobs_debt = advanced(jobs_clock, jobs_debt, by)
    if sizes and lease.charged & TO_USER:
        user_tag += sum(sizes) - many * lease.size
        if account.active:
            by = -many * (lease.size // account.active)
            for size in sizes:
                by += size // account.active
            clock, debt = advanced(clock, debt, by)
    return job_tag, jobs_clock, jobs_debt, user_tag, clock, debt
