"""What a unit costs its domain: estimate, width, size, and the virtual times they move (docs/fairness.md).

Symbols of docs/fairness.md, and their names here:

* l, the size of a unit: ``size`` = width in thousandths of a cpu x time in us. The width of a request is its largest
  share of the pool over all resources (dominant share, DRF, Ghodsi et al., NSDI 2011), expressed in thousandths of
  a cpu; so for a request of cpus alone it is just those.
* g, the domain's share; Phi, the sum of all shares.
* S, the domain's start tag; V, the virtual time (``clock``); both scaled by 2**20, in units of size per share.

Whatever the policy, every lease is charged and settled in this way; a policy only says who is next. So an account
means the same under every policy, and a policy can be exchanged under way.

All of it is linear in the units: the charge of a run is the sum of its units' charges, each rounded up against the
domain by itself. So a run that is split, returned or finished in parts leaves bit-equal tags.
"""

from __future__ import annotations

from collections.abc import Iterable

from .ids import DomainId
from .limits import ESTIMATE_MIN_US, ESTIMATE_UNKNOWN_US, STAY_UNKNOWN_US
from .record import record
from .resources import Resources
from .state import Account, Job, Jobs, Lease, State
from .terms import Requeued

SCALE_BITS = 20
NO_ACCOUNT = Account()


@record
class Tags:
    """Where a charge leaves the domain's start tag, the virtual time and its debt."""

    domain_tag: int
    clock: int
    debt: int


def known_estimate_us(jobs: Jobs, job: Job) -> int | None:
    """Return the estimated run time of one unit of ``job`` in microseconds, or None if nothing at all is known.

    The request's time, else the mean of the job's own units so far, else of its domain's.
    """
    if job.terms.time_request_us is not None:
        return job.terms.time_request_us
    if job.measured_count:
        return max(ESTIMATE_MIN_US, job.measured_us // job.measured_count)
    account = jobs.accounts.get(job.terms.domain_id, NO_ACCOUNT)
    if account.measured_count:
        return max(ESTIMATE_MIN_US, account.measured_us // account.measured_count)
    return None


def estimate_us(jobs: Jobs, job: Job) -> int:
    """Return the run time that a unit of ``job`` is charged for in advance: what is known, else one run quantum.

    Too little is set right when the unit ends, at its domain's cost alone. Too much would not be: while a domain is
    alone, V follows its tag, and who comes then would wait for service that nobody has received.
    """
    known_us = known_estimate_us(jobs, job)
    return ESTIMATE_UNKNOWN_US if known_us is None else known_us


def stay_us(jobs: Jobs, job: Job) -> int:
    """Return how long a unit of ``job`` may be expected to hold its place: what is known, else cautiously a minute."""
    known_us = known_estimate_us(jobs, job)
    return STAY_UNKNOWN_US if known_us is None else known_us


def width_milli(request: Resources, pool: Resources) -> int:
    """Return the largest share of ``pool`` that ``request`` takes, in thousandths of a cpu (at least 1)."""
    width = request.cpu_milli
    if request.mem_bytes or request.generic:
        cpus = pool.cpu_milli or 1000
        for name, amount in request.items():
            offered = pool.amount(name)
            if offered:
                width = max(width, -(-amount * cpus // offered))
    return width or 1


def unit_charge(size: int, share: int) -> int:
    """Return what one unit of ``size`` moves the tag of a domain of ``share``, rounded up against the domain."""
    return -((-size << SCALE_BITS) // share)


def lag(jobs: Jobs, account: Account, share: int) -> int:
    """Return what a domain is owed: g (V - S), in units of size (thousandths of a cpu x us); negative if ahead."""
    return (share * (jobs.clock - account.tag)) >> SCALE_BITS


def start_tag(state: State, domain_id: DomainId) -> int:
    """Return the tag of a domain that gets work now: idle time is not banked, S = max(S, V)."""
    account = state.jobs.accounts.get(domain_id, NO_ACCOUNT)
    return account.tag if account.backlog else max(account.tag, state.jobs.clock)


def charge(state: State, domain_id: DomainId, size: int, count: int, clock_floor: int) -> Tags:
    """Return the tags after ``count`` units of ``size`` each are leased for a domain.

    V is first raised to ``clock_floor``, the least tag of any domain that could be served (WF2Q+, Bennett and Zhang,
    INFOCOM 1996: V = max(V + l/Phi, min S)). A V without debt would be raised as far, so that no debt is left then.

    A domain whose work could not be served for a while (back-off, no fitting worker) has fallen behind a clock that no
    service had moved, and would shut out all others when it returns. So it keeps a claim of at most what others are
    ahead of the clock together, and twice the largest lease there ever was. A domain that could be served never has
    more: what all are owed adds up to zero, however wrong estimates are.
    It is measured against V less its debt, which is where service alone has moved V.
    """
    jobs = state.jobs
    share = state.domains.domains[domain_id].share
    total_share = state.domains.total_share
    clock, debt = (jobs.clock, jobs.debt) if clock_floor <= jobs.clock else (clock_floor, 0)
    tag = jobs.accounts[domain_id].tag
    limit = clock - debt - unit_charge(2 * max(jobs.largest_size, size * count), share)
    if tag < limit:
        tag = max(tag, limit - _ahead(state, clock - debt) // share)
    tag += count * unit_charge(size, share)
    return _advanced(tag, clock, debt, count * ((size << SCALE_BITS) // total_share))


def _ahead(state: State, clock: int) -> int:
    """Return what all domains have had in advance of ``clock`` together: the sum of g (S - V) over those ahead."""
    domains = state.domains.domains
    tags = ((who, account.tag) for who, account in state.jobs.accounts.items() if account.tag > clock)
    return sum(domains[who].share * (tag - clock) for who, tag in tags if who in domains)


def settle(state: State, lease: Lease, domain_id: DomainId, run_us: Iterable[int]) -> Tags:
    """Return the tags after units of ``lease`` took ``run_us`` instead of what was estimated; none took 0 is a refund.

    V follows actual service in both directions and stays monotone: service that was over-estimated is owed as debt,
    and later advances pay it first (docs/fairness.md). Without the debt V would run away from every tag, and a newcomer
    would wait for the whole history.
    """
    jobs = state.jobs
    share = state.domains.domains[domain_id].share
    total_share = state.domains.total_share
    width = lease.size // lease.estimate_us
    tag = jobs.accounts[domain_id].tag
    estimated, estimated_clock = unit_charge(lease.size, share), (lease.size << SCALE_BITS) // total_share
    moved = 0
    for took_us in run_us:
        scaled = (width * took_us) << SCALE_BITS
        tag -= (-scaled // share) + estimated
        moved += scaled // total_share - estimated_clock
    return _advanced(tag, jobs.clock, jobs.debt, moved)


def _advanced(tag: int, clock: int, debt: int, by: int) -> Tags:
    paid = min(debt, by)  # a negative ``by`` adds to the debt
    return Tags(tag, clock + by - paid, debt - paid)


def next_run(job: Job, at_us: int) -> Requeued | None:
    """Return the run of units of ``job`` to lease next: what came back and is due first, then fresh ones; or None."""
    for run in job.requeued:
        if run.not_before_us <= at_us:
            return run
    if job.next_index < job.terms.count:
        return Requeued(job.next_index, job.terms.count - job.next_index, 0, 0, 0, 0)
    return None


def clock_within(jobs: Jobs, parent_id: DomainId) -> int:
    """Return the virtual time V among the children of a domain (0: at the top level), scaled by 2**20."""
    return jobs.accounts.get(parent_id, NO_ACCOUNT).clock if parent_id else jobs.clock
