"""Points of priority in words: who has paid for some, what one more would cost, and whom it would leave behind."""

from __future__ import annotations

from ..credit.fees import HOUR_CPU_US, charge_mc, rest_us
from ..decide.jobs import reprioritise
from ..decide.ledger import coming_mc, credits_text
from ..ids import JobId
from ..limits import PRIORITY_MAX, PRIORITY_STEPS_MAX
from ..record import replaced
from ..state import Job, State
from .pool_orders import POOL_KEYS, goes_by_priority
from .ranks import BY_POOL, Order

PRICE_KNOWN = " for the rest of it"
"""Stands in a sentence on a point more whose price is known: then it can be asked how much earlier that would be."""

NAMED_DOMAINS_MAX = 3
"""Domains named in one sentence; the others are counted."""


def points_of(state: State, job_id: JobId | None) -> str:
    """Return which points of a job were bought or sold, as a part of a sentence; nothing where none were."""
    job = None if job_id is None else state.jobs.jobs.get(job_id)
    if job is None or not job.points:
        return ""
    return f", having {'paid for' if job.points > 0 else 'sold'} {_points(abs(job.points))}"


def of_a_point(state: State, job: Job, brings: str) -> str:
    """Return a sentence on what one more point for a job would cost its domain and bring, after a blank.

    Nothing is said where the domain pays for nothing: its priority costs usage.

    Args:
        state: The state that it is in.
        job: What waits.
        brings: What the point would bring, as a part of a sentence.
    """
    if job.points < 0:
        was = "was" if job.points == -1 else "were"
        return f" {_points(-job.points)} of it {was} sold, so it is served from the pool alone."
    ledger = state.ledger
    account_id = ledger.of_domain.get(job.terms.domain_id)
    if account_id is None or ledger.accounts[account_id].unlimited:
        return ""
    if job.points >= PRIORITY_STEPS_MAX or job.terms.priority >= PRIORITY_MAX:
        return ""
    cost_us = rest_us(state, job)
    if cost_us is None:
        price = credits_text(charge_mc(1, ledger.rules.price_mc, HOUR_CPU_US))
        return f" One more point (+1) would cost {price} for each cpu-hour of it, and {brings}."
    account = ledger.accounts[account_id]
    free_mc = account.free_mc + coming_mc(state, account, state.at_us)
    cost_mc = charge_mc(1, ledger.rules.price_mc, cost_us)
    short = f", of {credits_text(free_mc)} that its domain has free" if cost_mc > free_mc else ""
    return f" One more point (+1) would cost {credits_text(cost_mc)}{PRICE_KNOWN}{short}, and {brings}."


def before_job(state: State, job: Job, first: Job) -> str:
    """Return whether one more point would bring a job before ``first``, the next of its domain, as part of a sentence.

    It counts among the jobs of a user; users take turns, and only where these are even does it tell.
    """
    users, user = state.jobs.accounts[job.terms.domain_id].users, job.terms.user
    raised = reprioritise(state, job, job.terms.priority + 1, job.points + 1, state.at_us)
    if (users[user].tag, raised.job_tag, job.job_id) < (users[first.terms.user].tag, first.tag, first.job_id):
        return f"bring it before job {first.job_id}"
    return f"not bring it before job {first.job_id} yet" if first.terms.user == user else "change nothing between users"


def before_domains(state: State, job: Job, places: list[Order]) -> str:
    """Return before whom one more point would bring a job, as a part of a sentence.

    Args:
        state: The state that they are in.
        job: What is next of the domain whose place is the last, or of the one inside it that is next there.
        places: The places of those before that domain, and its own.
    """
    if len(places) < 2:
        return "bring its next unit no earlier"
    by, _, _, mine = places[-1]
    if by != BY_POOL:
        return "change nothing before it waits for the pool"
    domain = state.domains.domains[mine]
    if not goes_by_priority(state, domain.parent):
        return "bring it before nobody in this pool"
    raised = replaced(job, terms=replaced(job.terms, priority=job.terms.priority + 1))
    key = POOL_KEYS[state.rules.pool](state, mine, state.jobs.accounts[mine], domain.effective_share, raised)
    passed = [who for by, other, _, who in places[:-1] if by == BY_POOL and (other, who) > (key, mine)]
    if not passed:
        return "bring it before none of these yet"
    named = [repr(state.domains.domains[who].name) for who in passed[:NAMED_DOMAINS_MAX]]
    more = len(passed) - len(named)
    return f"bring it before {', '.join(named)}" + (f" and {more} more" if more else "")


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"
