"""What stride and start-time fair queueing share: tags that move with service, level by level in a tree of domains.

A domain's tag moves by size / share for what it is given, counted when it is leased by its estimate and set right when
the units end. Who has the least tag is next, at each level for itself. Tags are Fractions, so nothing is rounded.

Both algorithms were made for requests of one processor (or link) that always fit. On a machine with several processors
the work of a lease is counted when it starts, as in SFQ(D) (Jin, Chase and Kaur, SIGMETRICS 2004). Where a wide job
that is next does not fit, it gets a reservation and others may start beside it (``easy``);
:data:`meted.core.policy.ranked.Fill` has the other rules.

Tags are remembered in the index and not in the state, so these policies are for simulation only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from meted.core.ids import DomainId
from meted.core.policy.ranked import DomainRankedIndex, Fill
from meted.core.state import Job, Lease, State
from meted.core.terms import Terms

ZERO = Fraction(0)


class TaggedIndex(DomainRankedIndex):
    """Domains by their tags; subclasses say how a tag begins, and what virtual time is.

    Attributes:
        tags: Of each domain that ever had work waiting.
        times: Virtual time among the domains inside each; 0 is the top.
        waiting: For each domain, how many domains at or below it have jobs waiting.
        waiting_share: The shares of those inside each domain that have something waiting.
        running: How many leases those inside each domain hold.
    """

    by = "service received for each share"

    def __init__(self, state: State, fill: Fill) -> None:
        self.tags: dict[DomainId, Fraction] = {}
        self.times: dict[DomainId, Fraction] = {}
        self.waiting: Counter[DomainId] = Counter()
        self.waiting_share: Counter[DomainId] = Counter()
        self.running: Counter[DomainId] = Counter()
        self._counted: dict[DomainId, int] = {}  # with which share a domain is in that sum
        super().__init__(state, fill, examined_max=None)

    def arrives(self, domain_id: DomainId, parent_id: DomainId) -> None:
        """A domain among those of ``parent_id`` has something waiting again."""
        raise NotImplementedError

    def leaves(self, domain_id: DomainId, parent_id: DomainId) -> None:
        """A domain among those of ``parent_id`` has nothing waiting any more."""

    def serves(self, domain_id: DomainId, parent_id: DomainId, size: int) -> None:
        """A domain among those of ``parent_id`` is given ``size``; its tag is as it was before."""
        raise NotImplementedError

    def rank(self, domain_id: DomainId) -> Fraction:
        """Return the tag of a domain."""
        return self.tags[domain_id]

    def domain_waits(self, domain_id: DomainId, job: Job) -> None:
        """Give a tag to a domain that had nothing waiting, and to those above it that had nothing either."""
        for who, parent_id in self._levels(domain_id):
            self.waiting[who] += 1
            if self.waiting[who] == 1:
                self.arrives(who, parent_id)
                self._counted[who] = self.share(who)
                self.waiting_share[parent_id] += self._counted[who]

    def domain_rests(self, domain_id: DomainId) -> None:
        """A domain has nothing waiting any more, and perhaps some of those above it."""
        for who, parent_id in self._levels(domain_id):
            self.waiting[who] -= 1
            if not self.waiting[who]:
                self.waiting_share[parent_id] -= self._counted.pop(who)
                self.leaves(who, parent_id)

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """Charge what was leased, by its estimate, at every level."""
        size = lease.size * lease.count
        for who, parent_id in self._levels(terms.domain_id):
            self.running[parent_id] += 1
            self.serves(who, parent_id, size)
            self.tags[who] = self.tags.get(who, ZERO) + Fraction(size, self.share(who))

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Charge what units really took in place of their estimates."""
        width = lease.size // lease.estimate_us
        more = width * sum(run_us) - lease.size * len(run_us)
        for who, parent_id in self._levels(terms.domain_id):
            self.running[parent_id] -= is_over
            if more:
                self.tags[who] += Fraction(more, self.share(who))

    def share(self, domain_id: DomainId) -> int:
        """Return the share of a domain."""
        return self.state.domains.domains[domain_id].effective_share

    def _levels(self, domain_id: DomainId) -> list[tuple[DomainId, DomainId]]:
        """Return a domain and those above it, nearest first, each with its parent."""
        domains = self.state.domains
        return [(who, domains.domains[who].parent) for who in (domain_id, *domains.path(domain_id))]
