"""Stride scheduling, on many processors.

Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource Management", MIT/LCS/TM-528, 1995,
sections 2 and 3. Who has the least pass is next, and then its pass moves by its stride: one quantum / share. The
quantum is a processor-second; more or less of it moves a pass in proportion, so that a unit of any size moves it by
size / share.

- *Joining*: a domain keeps ``remain``, how far its pass was from the global pass when it had nothing waiting any more,
  and joins at global pass + remain. So a debt is paid later and a lead is kept, unlike SFQ, where idling clears it. At
  its first time ``remain`` is one stride: of units of one quantum, who has a large share goes first.
- *Global pass* moves by size / (the shares of those who have something waiting).
- *Promise*: of two domains that wait all the time, service for each share differs by a quantum at most; from its ideal
  a domain can be as many quanta away as there are domains. The paper's hierarchical form, which bounds that by the
  logarithm, pairs clients in a binary tree; here the levels are those of the tree of domains.
- *Ties* go to the lower id.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from ...ids import DomainId
from ...limits import PASS_EXAMINED_MAX
from ...state import State
from ..memory import Remembering
from ..ranked import Fill
from .tagged import ZERO, TaggedIndex, Tags, bounded

QUANTUM: Final = 1000 * 1_000_000
"""A processor-second, in thousandths of a cpu x us."""


class StrideIndex(TaggedIndex):
    """Domains by pass."""

    by = "pass"

    def arrives(self, domain_id: DomainId, parent_id: DomainId) -> None:
        """Join as far from the global pass as the domain was when it left, or by a stride if it was never there."""
        time = self.times.get(parent_id, ZERO)
        left_at = self.left_at.get(domain_id)
        if left_at is not None:
            self.left_at = self.left_at.delete(domain_id)
            self.move(domain_id, time - left_at)
        else:
            self.tags = self.tags.set(domain_id, time + Fraction(QUANTUM, self.share(domain_id)))

    def leaves(self, domain_id: DomainId, parent_id: DomainId) -> None:
        """Remember where the global pass was."""
        self.left_at = self.left_at.set(domain_id, self.times.get(parent_id, ZERO))

    def serves(self, domain_id: DomainId, parent_id: DomainId, size: int) -> None:
        """Move the global pass."""
        if self.waiting_share[parent_id]:
            by = Fraction(size, self.waiting_share[parent_id])
            self.times = self.times.set(parent_id, bounded(self.times.get(parent_id, ZERO) + by))


class Stride(Remembering):
    """Stride scheduling.

    ``fill`` says what becomes of what does not fit (:mod:`..ranked`); ``examined_max`` bounds how many jobs a pass
    looks at, None not at all, for simulations.
    """

    name = "stride"
    remembers = Tags

    def __init__(self, fill: Fill = "easy", examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.fill = fill
        self.examined_max = examined_max

    def index(self, state: State, memory: Tags | None = None) -> StrideIndex:
        """Return an index of ``state`` with what is remembered there."""
        return StrideIndex(state, self.fill, self.examined_max, memory)
