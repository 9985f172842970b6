"""Usage that fades: forward decay, priorities as multipliers, and logarithms, all in integers.

Usage decays by half in each half-life. As that is the same for all domains, it is done the other way round: what is
added later counts for more, by 2**(t / half-life), and nothing ever has to be decayed (forward decay, Cormode,
Shkapenyuk, Srivastava and Xu, ICDE 2009). So that numbers stay small, time is cut into *epochs* of
:data:`EPOCH_HALF_LIVES`; a usage is expressed in the epoch of its last change, and shifted when it changes in a later
one. Factors and logarithms come from tables made by integer square roots, so they are the same on every machine.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import isqrt

from .limits import PRIORITY_STEPS_MAX

EPOCH_HALF_LIVES = 16
STEP_BITS = 24
"""A half-life has 2**24 steps; within one step all counts alike."""

_EPOCH_BITS = 4 + STEP_BITS
_HALF_LIFE_MASK = EPOCH_HALF_LIVES - 1
_FACTOR_BITS = 32
LOG_BITS = 32
"""Logarithms to the base of two are in units of 2**-32."""

_TABLE_BITS = 12
_TABLE_MASK = (1 << _TABLE_BITS) - 1
_LOG2_E = 6196328019
"""log2(e) in units of 2**-32."""


def _powers(root_bits: int) -> tuple[int, ...]:
    """Return 2**(k / 2**root_bits) in units of 2**-32, for k = 0 .. 4095."""
    bits = 256
    root = 2 << bits
    for _ in range(root_bits):
        root = isqrt(root << bits)
    powers, power = [], 1 << bits
    for _ in range(1 << _TABLE_BITS):
        powers.append(power >> (bits - _FACTOR_BITS))
        power = (power * root) >> bits
    return tuple(powers)


@cache
def logarithms() -> tuple[int, ...]:
    """Return log2(1 + k / 4096) in units of 2**-32, for k = 0 .. 4095: a bit by each squaring.

    Made when first asked for: it takes longer than all else at the start, and only some policies need it. Who cannot
    wait for it later, a server, asks for it once before it serves.
    """
    logs = []
    for k in range(1 << _TABLE_BITS):
        value, log = (1 << 62) + (k << (62 - _TABLE_BITS)), 0
        for _ in range(LOG_BITS):
            value = (value * value) >> 62
            log <<= 1
            if value >> 63:
                value >>= 1
                log |= 1
        logs.append(log)
    return tuple(logs)


_COARSE = _powers(_TABLE_BITS)
_FINE = _powers(2 * _TABLE_BITS)


@lru_cache(maxsize=256)
def step_of(at_us: int, half_life_us: int) -> int:
    """Return the step of decay that a time lies in; all that a pass decides is of one time."""
    return (at_us << STEP_BITS) // half_life_us


def epoch_of(step: int) -> int:
    """Return the epoch of a step."""
    return step >> _EPOCH_BITS


def amount_at(size: int, priority: int, step: int) -> int:
    """Return what ``size`` counts for as usage at a step, in that step's epoch.

    Each step of ``priority`` doubles it, so that one may have little soon or much at slack times (row P09).
    """
    doublings = step >> STEP_BITS & _HALF_LIFE_MASK
    if priority:
        scaled = size * _factor(step) << doublings + PRIORITY_STEPS_MAX + steps_of(priority)
        return scaled >> _FACTOR_BITS + PRIORITY_STEPS_MAX
    return size * _factor(step) << doublings >> _FACTOR_BITS


@lru_cache(maxsize=256)
def _factor(step: int) -> int:
    """Return 2**(the part of a half-life that has passed by a step), in units of 2**-32."""
    return (_COARSE[(step >> _TABLE_BITS) & _TABLE_MASK] * _FINE[step & _TABLE_MASK]) >> _FACTOR_BITS


def expressed(usage: int, epoch: int, in_epoch: int) -> int:
    """Return a usage of one epoch in another: what a later epoch counts for less."""
    shift = (in_epoch - epoch) * EPOCH_HALF_LIVES
    return usage >> shift if shift >= 0 else usage << -shift


def current(usage: int, epoch: int, step: int) -> int:
    """Return what a usage is worth at a step in units of size, as if it had been decaying all the time."""
    scaled = expressed(usage, epoch, epoch_of(step)) << _FACTOR_BITS
    return (scaled // _factor(step)) >> (step >> STEP_BITS & _HALF_LIFE_MASK)


def kept(amount: int, elapsed_us: int, half_life_us: int) -> int:
    """Return what is left of an amount of which half goes in each half-life, rounded down."""
    factor, shift = fading(elapsed_us, half_life_us)
    return amount * factor >> shift


def fading(elapsed_us: int, half_life_us: int) -> tuple[int, int]:
    """Return by what to multiply an amount, and by how much to shift it then, for what is left of it after a time."""
    step = step_of(elapsed_us, half_life_us)
    halvings, part = step >> STEP_BITS, step & ((1 << STEP_BITS) - 1)
    if not part:
        return 1, halvings
    # 2**-part as half of 2**(1 - part), which is in the tables
    return _factor((1 << STEP_BITS) - part), _FACTOR_BITS + halvings + 1


def log2(number: int) -> int:
    """Return the logarithm of a number >= 1 to the base of two, in units of 2**-32, to within some 2**-30.

    number = 2**bits (1 + k / 4096) (1 + rest) with rest < 2**-12; the logarithm of the last is two terms of its series.
    """
    bits = number.bit_length() - 1
    mantissa = number << (44 - bits) if bits < 44 else number >> (bits - 44)
    k = (mantissa >> 32) & _TABLE_MASK
    rest = ((mantissa << _TABLE_BITS) // (4096 + k)) - (1 << 44)
    scaled = rest * _LOG2_E
    series = (scaled >> 44) - (rest * scaled >> 89)
    return (bits << LOG_BITS) + logarithms()[k] + series


@lru_cache(maxsize=4096)
def log2_of_share(share: int) -> int:
    """Return the same of a share; there are few different ones, and each is asked for with every decision."""
    return log2(share)


def weighted(amount: int, priority: int) -> int:
    """Return an amount times 2**priority."""
    if not priority:
        return amount
    return amount << steps_of(priority) + PRIORITY_STEPS_MAX >> PRIORITY_STEPS_MAX


@lru_cache(maxsize=4096)
def job_weight(priority: int) -> int:
    """Return the weight of a job among the jobs of its user: 2**10 for priority 0, and twice as much each step."""
    return 1 << steps_of(priority) + PRIORITY_STEPS_MAX


@lru_cache(maxsize=4096)
def steps_of(priority: int) -> int:
    """Return how many doublings a priority is worth; beyond ten it counts as ten."""
    if -PRIORITY_STEPS_MAX <= priority <= PRIORITY_STEPS_MAX:
        return priority
    return PRIORITY_STEPS_MAX if priority > 0 else -PRIORITY_STEPS_MAX
