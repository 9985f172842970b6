"""Least decayed usage: the domain with the least usage for each share is next.

The plainest of the rules that remember: what HTCondor, Slurm and PBS have in common, without slices, age or size. The
usage is the account's own (:mod:`...usage`): all service, with the half-life of the rules of the pool, a day
unless set, and counted when it is leased. So a burst is ranked by at once, and not only while it runs.

- *No guarantee*: who comes back from a long absence shuts out all others until usages are even again, which a short
  half-life bounds and nothing else does.
- *What does not fit*: the first has a reservation and others may start beside it (``easy``).
- *Trees*: level by level. *Ties* go to the lower id.
- The index is a projection of the state, in integers and Fractions.
"""

from __future__ import annotations

from fractions import Fraction

from ...ids import DomainId
from ...limits import PASS_EXAMINED_MAX
from ...state import NOTHING_RECEIVED, State
from ...usage import epoch_of, expressed, step_of
from ..base import Index
from ..ranked import DomainRankedIndex, Fill


class LeastUsedIndex(DomainRankedIndex):
    """Domains by usage."""

    by = "decayed usage for each share"

    def rank(self, domain_id: DomainId) -> Fraction:
        """Return the usage of a domain for each unit of its share, as all usages are expressed now."""
        state = self.state
        account = state.jobs.accounts.get(domain_id, NOTHING_RECEIVED)
        epoch = epoch_of(step_of(max(self.now_us, state.at_us), state.rules.half_life_us))
        usage = expressed(account.usage, account.epoch, epoch)
        return Fraction(usage, state.domains.domains[domain_id].effective_share)


class LeastUsed:
    """Least decayed usage first; ``fill`` and ``examined_max`` as for :class:`.stride.Stride`."""

    name = "least-used"

    def __init__(self, fill: Fill = "easy", examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.fill = fill
        self.examined_max = examined_max

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return LeastUsedIndex(state, self.fill, self.examined_max)
