"""The order of the pool: who gets what nobody is owed. One static key a domain, least first.

A pool order is a function of what a domain has used and of the job that it would run next, never of the time: usage of
all fades alike, and all wait at the same pace, so time alone changes no order and nothing is sorted again because it
passes (policy.md's static key; Slurm and HTCondor compute their priorities anew in each period instead).
"""

from __future__ import annotations

from collections.abc import Callable

from ..ids import DomainId
from ..state import FairnessAccount, Job, State
from ..usage import EPOCH_HALF_LIVES, LOG_BITS, log2, log2_of_share, steps_of

PoolKey = Callable[[State, DomainId, FairnessAccount, int, Job], int]
"""(state, domain, its account, its effective share, the job it would run next) -> its place in the pool."""


def decay_key(state: State, _domain_id: DomainId, account: FairnessAccount, share: int, job: Job) -> int:
    """Return log2(X / e) + t / aging - p in units of 2**-32 bits: least usage for its share, by age and by priority.

    Who has used twice as much for its share comes one bit later. A job that was submitted one aging time later comes
    one bit later. Each step of priority brings its domain forward by one bit, and is paid for with twice the usage.
    """
    key = log2(account.usage) + ((account.epoch * EPOCH_HALF_LIVES) << LOG_BITS) if account.usage else 0
    terms = job.terms
    if terms.priority:
        key -= steps_of(terms.priority) << LOG_BITS
    aging_us = state.rules.aging_us
    if aging_us is not None:
        key += (job.submitted_us << LOG_BITS) // aging_us
    return key - log2_of_share(share)


def fifo_key(_state: State, _domain_id: DomainId, _account: FairnessAccount, _share: int, job: Job) -> int:
    """Return when the job was submitted."""
    return job.submitted_us
