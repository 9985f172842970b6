"""Who is ahead and why, in words: what a domain is owed, what it has used, and what would change the order."""

from __future__ import annotations

from ..credit.karma import KARMA, account_of_domain, left_milli
from ..decide.ledger import coming_mc, credits_text
from ..domains.state import TOP
from ..ids import DomainId, JobId
from ..resources import format_amount
from ..service import lag
from ..state import NOTHING_RECEIVED, Job, State
from ..usage import current, step_of
from .pool_orders import goes_by_priority
from .ranks import BY_ENTITLEMENT, BY_GUARANTEE, BY_POOL, Place
from .worth import NAMED_DOMAINS_MAX, before_domains, before_job, of_a_point, points_of

MILLI_CPU_MS = 1_000_000
"""Units of size (thousandths of a cpu x us) in a thousandth of a cpu-second."""


def at_home(state: State, job: Job, first: JobId, paid: str = "") -> str:
    """Return sentences on the job of the same domain that goes before ``job``, and what a point would bring.

    ``paid`` says between them who has paid.
    """
    other = state.jobs.jobs[first]
    worth = of_a_point(state, job, before_job(state, job, other))
    if other.terms.user != job.terms.user:
        whose = f"user {other.terms.user!r}" if other.terms.user else "a user without a name"
        return (
            f"Job {first} of the same domain goes before it: {whose} has had less since both have waited, "
            f"and users of a domain take turns, whatever their priorities.{paid}{worth}"
        )
    advice = "" if worth else "; a higher priority would let this one start earlier"
    if other.terms.priority > job.terms.priority:
        return (
            f"Job {first} of the same user goes before it, as it has priority {other.terms.priority} and this has "
            f"{job.terms.priority}{advice}.{paid}{worth}"
        )
    return (
        f"Job {first} of the same user goes before it: it is due earlier, as jobs of a user take turns by priority"
        f"{advice}.{paid}{worth}"
    )


def among_domains(state: State, job: Job, mine: DomainId, places: list[Place], paid: str = "") -> str:
    """Return sentences on the domains whose places come before that of ``mine``, which is the last of them.

    ``job`` is the next of ``mine``, or of the domain inside it that is next there. ``paid`` says who has paid, before
    what is said of a point more.
    """
    worth = of_a_point(state, job, before_domains(state, job, [order for order, _ in places]))
    if len(places) < 2:
        by = places[0][0][0] if places else BY_ENTITLEMENT
        return f"Its domain {_name(state, mine)} is next ({_why(state, by, mine, job.job_id)}).{paid}{worth}"
    ahead = places[:-1]
    named = [f"{_name(state, it[3])} ({_why(state, it[0], it[3], head)})" for it, head in ahead[:NAMED_DOMAINS_MAX]]
    more = len(ahead) - len(named)
    listed = ", ".join(named) + (f" and {more} more" if more else "")
    by = places[-1][0][0]
    own = f"{_name(state, mine)} ({_why(state, by, mine, job.job_id)})"
    said = f"Ahead of its domain {own}: {listed}."
    advice = "" if by == BY_POOL and job.points < 0 else f" {_advice(state, by, mine)}"
    return f"{said}{advice}{paid}{worth}"


def _advice(state: State, by: int, mine: DomainId) -> str:
    if by == BY_GUARANTEE:
        return "It is within its guarantee and starts as soon as its turn and room come."
    if by == BY_ENTITLEMENT:
        return "It is owed this and comes as these are served; a larger or borrowed share would be sooner."
    if goes_by_priority(state, state.domains.domains[mine].parent):
        order, more = "", ", a guarantee or, in the pool, a higher priority"
    elif state.rules.pool == KARMA:
        order, more = ", where the richest come first", ", more credit or a guarantee"
    else:
        order, more = ", where who came first is first", " or a guarantee"
    return (
        f"It has had what its share entitles it to for now, so it waits for the pool{order}; a larger or borrowed "
        f"share{more} would bring it forward."
    )


def _why(state: State, by: int, domain_id: DomainId, head: JobId | None = None) -> str:
    if by == BY_GUARANTEE:
        return "within its guarantee"
    if by == BY_ENTITLEMENT:
        return _owed(state, domain_id)
    if state.rules.pool == KARMA and state.domains.domains[domain_id].parent == TOP:
        return _riches(state, domain_id)
    fairness = state.jobs.accounts.get(domain_id, NOTHING_RECEIVED)
    used = current(fairness.usage, fairness.epoch, step_of(state.at_us, state.rules.half_life_us))
    return f"in the pool, having used {_cpu_seconds(used)} lately{points_of(state, head)}"


def _riches(state: State, domain_id: DomainId) -> str:
    """Return what decides under karma: what is left of the guarantee, or how much credit there is."""
    left = left_milli(state, domain_id)
    if left:
        return f"in the pool, with {format_amount('cpu', left)} left of its guarantee"
    account = account_of_domain(state, domain_id)
    if account is None or account.unlimited:
        return "in the pool, paying for nothing"
    return f"in the pool, having {credits_text(account.free_mc + coming_mc(state, account, state.at_us))}"


def _owed(state: State, domain_id: DomainId) -> str:
    owed = lag(state, domain_id)
    return f"{'ahead by' if owed < 0 else 'owed'} {_cpu_seconds(abs(owed))}"


def _cpu_seconds(size: int) -> str:
    seconds, milli = divmod(size // MILLI_CPU_MS, 1000)
    return f"{seconds}.{milli:03d} cpu-seconds"


def _name(state: State, domain_id: DomainId) -> str:
    return repr(state.domains.domains[domain_id].name)
