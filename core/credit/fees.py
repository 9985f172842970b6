"""What priority costs: the fee for a unit of work, and the price of points for the rest of a job (policy: a point costs
the same for each cpu-hour).
"""

from __future__ import annotations

from functools import lru_cache

from ..estimates import known_estimate_us, width_milli
from ..ids import LeaseId
from ..state import Job, State

HOUR_SIZE = 3_600_000_000_000
"""Units of size (thousandths of a cpu x us) in a cpu-hour."""

HOUR_CPU_US = 3_600_000_000
"""Cpu-microseconds in a cpu-hour."""


_WEYL = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio, an odd number: its multiples modulo 2**64 fill the range evenly (Weyl; Knuth 6.4)."""

_FRACTION_BITS = 64
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1


def unit_fee_mc(points: int, price_mc: int, size: int, lease_id: LeaseId) -> int:
    """Return the fee for a unit of this size with so many points that were bought.

    It is rounded down or up by the lease, so that what many short units cost comes to their price: rounded up each, a
    unit of ten milliseconds would cost a hundred times as much.
    """
    whole_mc, up_from = _whole_and_rest(points * price_mc * size)
    return whole_mc + (lease_id * _WEYL & _FRACTION_MASK >= up_from)


@lru_cache(maxsize=4096)
def _whole_and_rest(price: int) -> tuple[int, int]:
    """Return a price in thousandths of a credit, rounded down, and from which fraction on it is rounded up.

    The price is for an hour, times :data:`HOUR_SIZE`; the fraction is in units of 2**-64. The greater the rest is, the
    more fractions there are that round it up.
    """
    whole_mc, rest = divmod(price, HOUR_SIZE)
    return whole_mc, -((rest - HOUR_SIZE << _FRACTION_BITS) // HOUR_SIZE)


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
