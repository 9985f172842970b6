"""Dominant resource fairness: who holds the least of what it holds most of is next.

Ghodsi, Zaharia, Hindman, Konwinski, Shenker and Stoica, "Dominant Resource Fairness", NSDI 2011, section 4. A domain's
dominant share is the largest part of any resource of the pool that it holds now, divided by its share (the weighted
form, with one weight for all resources). The domain with the least gets one unit; then all are ranked again.

What it promises is about now, with demands that do not end: sharing incentive, no envy, no gain by asking for more
than is used. It has no memory: who held nothing for a week is due no more than who held the pool until this morning.
With one resource it is max-min fairness over what is held.

- *What does not fit.* The paper stops there ("the cluster is full"). Here the first that does not fit gets a
  reservation and others may start beside it (``easy``), so that room is used and wide units get their turn;
  ``fill="strict"`` is the paper's form, ``"first-fit"`` that of a resource manager that offers what is free.
- *Trees.* The rank is taken level by level, of all that a domain and those inside it hold. This is the plain
  hierarchical form: a parent whose children use different resources is held back by one child's dominant resource
  (Bhattacharya and others, "Hierarchical scheduling for diverse datacenter workloads", SoCC 2013, section 4, which
  rescales against that).
- *Ties* go to the lower id.

The index is a projection of the state, in integers and Fractions; it may run live.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..ids import DomainId
from ..limits import PASS_EXAMINED_MAX
from ..resources import NOTHING, Resources
from ..state import Lease, State
from ..terms import Terms
from .base import Index
from .ranked import DomainRankedIndex, Fill
from .room import Free


def dominant_share(held: Resources, pool: Resources) -> Fraction:
    """Return the largest part of any resource of ``pool`` that ``held`` is; what the pool lacks does not count."""
    shares = (Fraction(amount, pool.amount(name)) for name, amount in held.items() if pool.amount(name))
    return max(shares, default=Fraction(0))


class DrfIndex(DomainRankedIndex):
    """Domains by dominant share."""

    by = "dominant share"

    def __init__(self, state: State, fill: Fill, examined_max: int | None) -> None:
        self._used: dict[DomainId, Free] = {}
        self._ranks: dict[DomainId, Fraction] = {}
        super().__init__(state, fill, examined_max)

    def rank(self, domain_id: DomainId) -> Fraction:
        """Return what a domain holds of what it holds most of, for each unit of its share."""
        rank = self._ranks.get(domain_id)
        if rank is None:
            used = self._used.get(domain_id)
            held = dominant_share(used.amount(), self.state.workers.capacity) if used is not None else Fraction(0)
            rank = self._ranks[domain_id] = held * Fraction(1, self.state.domains.domains[domain_id].effective_share)
        return rank

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """Count what a lease holds, for its domain and those that it is in."""
        for who in self._line_up(terms.domain_id):
            self._used.setdefault(who, Free(NOTHING)).give(terms.request)
            self._ranks.pop(who, None)

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Count what a lease held no more, once it is over."""
        if not is_over:
            return
        for who in self._line_up(terms.domain_id):
            used = self._used[who]
            used.take(terms.request)
            if used.amount() == NOTHING:
                del self._used[who]
            self._ranks.pop(who, None)

    def domain_changed(self, domain_id: DomainId) -> None:
        """A domain's share has changed, or something else of it."""
        self._ranks.pop(domain_id, None)

    def pool_changed(self) -> None:
        """There is more or less of some resource, so that all parts of it are others."""
        self._ranks.clear()

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew."""
        return super().summary(), [(domain_id, used.amount()) for domain_id, used in sorted(self._used.items())]


class Drf:
    """Dominant resource fairness.

    ``fill`` says what becomes of what does not fit (:mod:`.ranked`); ``examined_max`` bounds how many jobs a pass looks
    at, None not at all, for simulations.
    """

    name = "drf"

    def __init__(self, fill: Fill = "easy", examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.fill = fill
        self.examined_max = examined_max

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return DrfIndex(state, self.fill, self.examined_max)
