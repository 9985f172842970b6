"""How large a unit is: its estimated time, its width, and the run of units to lease next.

The *width* of a request is its largest share of the pool over all resources (dominant share, DRF, Ghodsi et al.,
NSDI 2011), expressed in thousandths of a cpu; so for a request of cpus alone it is just those. The *size* of a unit is
width x time.
"""

from __future__ import annotations

from .limits import ESTIMATE_MIN_US, ESTIMATE_UNKNOWN_US, RUN_QUANTUM_US, RUN_UNITS_MAX, STAY_UNKNOWN_US
from .resources import Resources
from .state import NOTHING_RECEIVED, Job, Jobs
from .terms import Requeued, Terms


def known_estimate_us(jobs: Jobs, job: Job) -> int | None:
    """Return the estimated run time of one unit of ``job`` in microseconds, or None if nothing at all is known.

    The request's time, else the mean of the job's own units so far, else of its domain's.
    """
    if job.terms.time_request_us is not None:
        return job.terms.time_request_us
    if job.measured_count:
        return max(ESTIMATE_MIN_US, job.measured_us // job.measured_count)
    return domain_estimate_us(jobs, job.terms)


def estimate_us(jobs: Jobs, job: Job) -> int:
    """Return the run time that a unit of ``job`` is charged for in advance: what is known, else one run quantum.

    Too little is set right when the unit ends, at its domain's cost alone; too much holds up its domain until then.
    """
    known_us = known_estimate_us(jobs, job)
    return ESTIMATE_UNKNOWN_US if known_us is None else known_us


def first_estimate_us(jobs: Jobs, terms: Terms) -> int:
    """Return what :func:`estimate_us` would for a job of these terms of which no unit has run yet."""
    known_us = terms.time_request_us or domain_estimate_us(jobs, terms)
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


def next_run(job: Job, at_us: int) -> Requeued | None:
    """Return the run of units of ``job`` to lease next: what came back and is due first, then fresh ones; or None."""
    for run in job.requeued:
        if run.not_before_us <= at_us:
            return run
    if job.next_index < job.terms.count:
        return Requeued(job.next_index, job.terms.count - job.next_index, 0, 0, 0, 0)
    return None


def run_units(unit_us: int, available: int) -> int:
    """Return how many of so many units are leased as one run: about a run quantum of work (docs/fairness.md)."""
    return max(1, min(RUN_QUANTUM_US // unit_us, available, RUN_UNITS_MAX))


def domain_estimate_us(jobs: Jobs, terms: Terms) -> int | None:
    """Return the mean run time of all units of the terms' domain so far, or None if none has ended."""
    account = jobs.accounts.get(terms.domain_id, NOTHING_RECEIVED)
    return max(ESTIMATE_MIN_US, account.measured_us // account.measured_count) if account.measured_count else None
