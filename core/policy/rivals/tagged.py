"""What stride and start-time fair queueing share: tags that move with service, level by level in a tree of domains.

A domain's tag moves by size / share for what it is given, counted when it is leased by its estimate and set right when
the units end. Who has the least tag is next, at each level for itself. Tags are Fractions, so nothing is rounded until
a denominator needs more than ``PRECISE_BITS``: then it is rounded down to that many places behind the point. (There is
one denominator for all shares that ever were, and for all sums of them; of a thousand domains in a year there would be
a million digits.)

Both algorithms were made for requests of one processor (or link) that always fit. On a machine with several processors
the work of a lease is counted when it starts, as in SFQ(D) (Jin, Chase and Kaur, SIGMETRICS 2004). Where a wide job
that is next does not fit, it gets a reservation and others may start beside it (``easy``);
:data:`meted.core.policy.ranked.Fill` has the other rules.

Tags are no part of the state, but of the policy's memory (:mod:`..memory`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from immutables import Map

from ...events import DomainRemoved, Event
from ...ids import DomainId
from ...record import record
from ...state import Job, Lease, State
from ...terms import Terms
from ..memory import MemoryIndex
from ..ranked import DomainRankedIndex, Fill

ZERO = Fraction(0)

PRECISE_BITS = 2_048
"""Bits behind the point that tags may have: what is rounded off in all the time there is orders nothing."""


@record
class Tags:
    """What is remembered of service.

    Attributes:
        tags: Of each domain that ever had work waiting, until it is removed.
        times: Virtual time among the domains inside each; 0 is the top.
        counted: With which share each domain that has something waiting counts; its share may be another by now.
        left_at: Of each domain that has nothing waiting any more, what time it was then; where that matters.
    """

    tags: Map[DomainId, Fraction] = Map()
    times: Map[DomainId, Fraction] = Map()
    counted: Map[DomainId, int] = Map()
    left_at: Map[DomainId, Fraction] = Map()


class TaggedIndex(MemoryIndex, DomainRankedIndex):
    """Domains by their tags; subclasses say how a tag begins, and what virtual time is.

    Attributes:
        tags, times, left_at: As in :class:`Tags`.
        waiting: For each domain, how many domains at or below it have jobs waiting.
        waiting_share: The shares of those inside each domain that have something waiting.
        running: How many leases those inside each domain hold.
    """

    by = "service received for each share"

    def __init__(self, state: State, fill: Fill, examined_max: int | None, memory: Tags | None) -> None:
        known = Tags() if memory is None else memory
        self.tags, self.times, self.left_at, self._counted = known.tags, known.times, known.left_at, known.counted
        self.waiting: Counter[DomainId] = Counter()
        self.waiting_share: Counter[DomainId] = Counter()
        self.running: Counter[DomainId] = Counter()
        self._is_recalling = memory is not None  # what the state tells of is remembered
        super().__init__(state, fill, examined_max)
        self._is_recalling = False

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

    def remembered(self) -> Tags:
        """Return tags and times as they are."""
        return Tags(self.tags, self.times, self._counted, self.left_at)

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``; who is removed is forgotten."""
        super().update(event, state)
        if type(event) is DomainRemoved:
            self.tags = _without(self.tags, event.domain_id)
            self.times = _without(self.times, event.domain_id)
            self.left_at = _without(self.left_at, event.domain_id)

    def domain_waits(self, domain_id: DomainId, job: Job) -> None:
        """Give a tag to a domain that had nothing waiting, and to those above it that had nothing either."""
        for who, parent_id in self._levels(domain_id):
            self.waiting[who] += 1
            if self.waiting[who] == 1:
                if not self._is_recalling:
                    self.arrives(who, parent_id)
                    self._counted = self._counted.set(who, self.share(who))
                self.waiting_share[parent_id] += self._counted[who]

    def domain_rests(self, domain_id: DomainId) -> None:
        """A domain has nothing waiting any more, and perhaps some of those above it."""
        for who, parent_id in self._levels(domain_id):
            self.waiting[who] -= 1
            if not self.waiting[who]:
                self.waiting_share[parent_id] -= self._counted[who]
                self._counted = self._counted.delete(who)
                self.leaves(who, parent_id)

    def lease_given(self, lease: Lease, terms: Terms) -> None:
        """Charge what was leased, by its estimate, at every level."""
        size = lease.size * lease.count
        for who, parent_id in self._levels(terms.domain_id):
            self.running[parent_id] += 1
            if not self._is_recalling:
                self.serves(who, parent_id, size)
                self.move(who, Fraction(size, self.share(who)))

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Charge what units really took in place of their estimates."""
        width = lease.size // lease.estimate_us
        more = width * sum(run_us) - lease.size * len(run_us)
        for who, parent_id in self._levels(terms.domain_id):
            self.running[parent_id] -= is_over
            if more:
                self.move(who, Fraction(more, self.share(who)))

    def move(self, domain_id: DomainId, by: Fraction) -> None:
        """Move the tag of a domain; one that it does not have yet begins at 0."""
        self.tags = self.tags.set(domain_id, bounded(self.tags.get(domain_id, ZERO) + by))

    def share(self, domain_id: DomainId) -> int:
        """Return the share of a domain."""
        return self.state.domains.domains[domain_id].effective_share

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew of state and memory."""
        sums = [sorted(item for item in counts.items() if item[1]) for counts in (self.waiting_share, self.running)]
        return super().summary(), self.remembered(), sums

    def _levels(self, domain_id: DomainId) -> list[tuple[DomainId, DomainId]]:
        """Return a domain and those above it, nearest first, each with its parent."""
        domains = self.state.domains
        return [(who, domains.domains[who].parent) for who in (domain_id, *domains.path(domain_id))]


def bounded(value: Fraction) -> Fraction:
    """Return a value with ``PRECISE_BITS`` behind the point at most, rounded down if it has to be."""
    if value.denominator.bit_length() <= PRECISE_BITS:
        return value
    return Fraction((value.numerator << PRECISE_BITS) // value.denominator, 1 << PRECISE_BITS)


def _without(entries: Map[DomainId, Fraction], domain_id: DomainId) -> Map[DomainId, Fraction]:
    return entries.delete(domain_id) if domain_id in entries else entries
