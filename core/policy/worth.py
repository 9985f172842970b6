"""Points of priority in words: who has paid for some, what one more would cost, and whom it would leave behind."""

from __future__ import annotations

from ..credit.fees import HOUR_CPU_US, charge_mc, rest_us
from ..decide.ledger import coming_mc, credits_text
from ..ids import DomainId, JobId
from ..limits import PRIORITY_MAX, PRIORITY_STEPS_MAX
from ..record import replaced
from ..state import Job, State
from .pool_orders import POOL_KEYS
from .ranks import BY_POOL, Order

NAMED_DOMAINS_MAX = 3
"""Domains named in one sentence; the others are counted."""


def points_of(state: State, job_id: JobId | None) -> str:
    """Return which points of a job were bought or sold, as a part of a sentence; nothing where none were."""
    job = None if job_id is None else state.jobs.jobs.get(job_id)
    if job is None or not job.points:
        return ""
    return f", having {'paid for' if job.points > 0 else 'sold'} {_points(abs(job.points))}"


def of_a_point(state: State, job: Job, mine: DomainId, ahead: list[Order]) -> str:
    """Return sentences on what one more point for a job would cost its domain and bring, each after a blank.

    Nothing is said where the domain pays for nothing: its priority costs usage.

    Args:
        state: The state that they are in.
        job: What is next of ``mine``; it waits for the pool.
        mine: Its domain, or one that this is in.
        ahead: The places of those before ``mine``.
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
    brought = _brought(state, job, mine, ahead)
    cost_us = rest_us(state, job)
    if cost_us is None:
        price = credits_text(charge_mc(1, ledger.rules.price_mc, HOUR_CPU_US))
        return f" One more point (+1) would cost {price} for each cpu-hour of it{brought}."
    account = ledger.accounts[account_id]
    free_mc = account.free_mc + coming_mc(state, account, state.at_us)
    cost_mc = charge_mc(1, ledger.rules.price_mc, cost_us)
    short = f", of {credits_text(free_mc)} that its domain has free" if cost_mc > free_mc else ""
    return f" One more point (+1) would cost {credits_text(cost_mc)} for the rest of it{short}{brought}."


def _brought(state: State, job: Job, mine: DomainId, ahead: list[Order]) -> str:
    """Return before whom one more point would bring a job, as a part of a sentence."""
    domain = state.domains.domains[mine]
    raised = replaced(job, terms=replaced(job.terms, priority=job.terms.priority + 1))
    key = POOL_KEYS[state.rules.pool](state, mine, state.jobs.accounts[mine], domain.effective_share, raised)
    passed = [who for by, other, _, who in ahead if by == BY_POOL and (other, who) > (key, mine)]
    if not passed:
        return ", and bring it before none of these yet"
    named = [repr(state.domains.domains[who].name) for who in passed[:NAMED_DOMAINS_MAX]]
    more = len(passed) - len(named)
    return f", and bring it before {', '.join(named)}" + (f" and {more} more" if more else "")


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"
