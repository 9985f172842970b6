"""What priority costs: the fee for a unit of work, and the price of points for the rest of a job (policy: a point costs
the same for each cpu-hour).
"""

from __future__ import annotations

from .estimates import known_estimate_us, width_milli
from .state import Job, State

HOUR_SIZE = 3_600_000_000_000
"""Units of size (thousandths of a cpu x us) in a cpu-hour."""

HOUR_CPU_US = 3_600_000_000
"""Cpu-microseconds in a cpu-hour."""


def unit_fee_mc(points: int, price_mc: int, size: int) -> int:
    """Return the fee for a unit of this size with so many points that were bought, rounded up."""
    return -(-points * price_mc * size // HOUR_SIZE)


def fee_of(unit_mc: int, took_us: int, estimate_us: int) -> int:
    """Return what of a unit's hold is due for what it took: in proportion, rounded up, and at most all of it."""
    return unit_mc if took_us >= estimate_us else -(-unit_mc * took_us // estimate_us)


def charge_mc(points: int, price_mc: int, cost_us: int) -> int:
    """Return the price of so many points for this much cpu time, rounded up (PARK: points x cost)."""
    return -(-points * price_mc * cost_us // HOUR_CPU_US)


def refund_mc(points: int, price_mc: int, cost_us: int) -> int:
    """Return what is paid for so many points, rounded down."""
    return points * price_mc * cost_us // HOUR_CPU_US


def rest_us(state: State, job: Job) -> int | None:
    """Return what the units of a job that have not ended should take, in cpu-microseconds; None if nothing is known."""
    estimated_us = known_estimate_us(state.jobs, job)
    if estimated_us is None:
        return None
    units = job.terms.count - job.ended_count
    return units * estimated_us * width_milli(job.terms.request, state.workers.capacity) // 1000
