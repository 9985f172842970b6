"""Start-time fair queueing, on many processors.

Goyal, Vin and Cheng, "Start-time Fair Queuing", SIGCOMM 1996; for several servers SFQ(D), Jin, Chase and Kaur,
"Interposed Proportional Sharing for a Storage Service Utility", SIGMETRICS 2004. A domain that comes to wait starts at
S = max(v, F), where F is the end of what it was given last; who has the least S is next; then S moves by size / share.
v, the virtual time, is the start tag of what was dispatched last; once nothing waits and nothing runs, it is the
largest F of all.

- *Promise*: any two domains with work waiting stay within L_i / w_i + L_j / w_j of one another in service for each
  share, however many processors there are; what a domain is ahead or behind of its ideal can grow with the number of
  domains (one with share n - 1 beside n - 1 with share 1: n - 1 halves of a unit).
- *No banking*: whoever was idle starts at v; fresh and small domains are served at once. What somebody was ahead is
  forgotten when v passes it, at the latest when all is idle.
- *Time*: since service is charged when it starts, v runs ahead by what is in flight.
- *Trees*: each level has its own tags and its own v, as in the paper's hierarchical form.
- *Ties* go to the lower id.
"""

from __future__ import annotations

from ...ids import DomainId
from ...limits import PASS_EXAMINED_MAX
from ...state import State
from ..memory import Remembering
from ..ranked import Fill
from .tagged import ZERO, TaggedIndex, Tags


class SfqIndex(TaggedIndex):
    """Domains by start tag."""

    by = "start tag"

    def arrives(self, domain_id: DomainId, parent_id: DomainId) -> None:
        """Start at the virtual time, or where what the domain was given last ends, if that is later."""
        time = self.times.get(parent_id, ZERO)
        if not self.waiting_share[parent_id] and not self.running[parent_id]:
            domains = self.state.domains.domains
            beside = (tag for who, tag in self.tags.items() if who in domains and domains[who].parent == parent_id)
            time = max(time, max(beside, default=ZERO))
            self.times = self.times.set(parent_id, time)
        self.tags = self.tags.set(domain_id, max(time, self.tags.get(domain_id, ZERO)))

    def serves(self, domain_id: DomainId, parent_id: DomainId, size: int) -> None:
        """Move virtual time to the start tag of what is dispatched; corrections of tags never turn it back."""
        time = max(self.times.get(parent_id, ZERO), self.tags.get(domain_id, ZERO))
        self.times = self.times.set(parent_id, time)


class Sfq(Remembering):
    """Start-time fair queueing; ``fill`` and ``examined_max`` as for :class:`.stride.Stride`."""

    name = "sfq"
    remembers = Tags

    def __init__(self, fill: Fill = "easy", examined_max: int | None = PASS_EXAMINED_MAX) -> None:
        self.fill = fill
        self.examined_max = examined_max

    def index(self, state: State, memory: Tags | None = None) -> SfqIndex:
        """Return an index of ``state`` with what is remembered there."""
        return SfqIndex(state, self.fill, self.examined_max, memory)
