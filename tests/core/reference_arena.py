"""A pool of identical slots driven by the reference clock alone, and the bounds of its service, measured on the way.

Service is counted when it is dispatched. Where a bound is about a node of the tree, "the pool" is what that node gets:
so the same lines measure a flat set of domains and every level of a tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from .reference_clock import ENTITLED, Choice, Domain, Lease, ReferenceClock


@dataclass
class Arena:
    """Slots, what runs there, and the worst of what was seen of each bound, as a part of it.

    Attributes:
        longest: The size of the largest unit of each leaf.
        first_in_first_out: Whether a leaf shows the clock one unit at a time, in order of submission.
        real: The size that a unit turns out to have.
        passes_over: Whether what does not fit is passed over; else nothing is served until it fits.
    """

    clock: ReferenceClock
    slots: int
    longest: dict[int, int]
    first_in_first_out: bool = False
    order: list[int] = field(default_factory=list)
    worst: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    running: list[tuple[int, Lease]] = field(default_factory=list)
    entitled: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    least: dict[int, Fraction] = field(default_factory=dict)
    hidden: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    since: dict[int, tuple[int, bool]] = field(default_factory=dict)
    jobs: int = 0
    real: Callable[[int], int] = lambda size: size
    passes_over: bool = False

    def submit(self, leaf: int, size: int, user: str = "u", count: int = 1, priority: int = 0, width: int = 1) -> None:
        """Have units wait; of one that takes ``width`` slots, ``size`` is the area."""
        if not self.clock.waiting(leaf):
            domain = self.clock.domains[leaf]
            self.since[leaf] = (self.clock.now, domain.tag <= self.clock.time_over(domain).now)
        elif self.first_in_first_out:
            self.hidden[leaf] += [size] * count
            return
        if self.first_in_first_out:
            self.hidden[leaf] += [size] * (count - 1)
            count = 1
        self.jobs += 1
        self.clock.submit(leaf, user, self.jobs, size, priority, count, width)

    @property
    def free(self) -> int:
        """How many slots are free."""
        return self.slots - sum(lease.choice.job.width for _, lease in self.running)

    def run_pass(self) -> None:
        """Fill the free slots."""
        while self.free:
            choice = self.clock.choose(self.free if self.passes_over else None)
            if choice is None or choice.job.width > self.free:
                break
            self._before(choice)
            lease = self.clock.dispatch(choice)
            self.running.append((self.clock.now + self.real(lease.size) // choice.job.width, lease))
            self.order.append(choice.leaf.domain_id)
            self._after(choice)
        if all(job.width == 1 for job in self.clock.jobs.values()):
            assert not (self.free and self.clock.waiting(0)), "slots are free while work waits (P7)"

    def _before(self, choice: Choice) -> None:
        clock, leaf = self.clock, choice.leaf.domain_id
        for domain, tier in zip(choice.path, choice.tiers, strict=True):
            if tier == ENTITLED:
                size = choice.job.size if self.first_in_first_out else self.longest_in(domain.domain_id)
                late = clock.time_over(domain).now - clock.deadline(domain, size)
                self.note("deadline", clock.phi(domain.parent) * late, self.longest_in(domain.parent))
                self.entitled[domain.domain_id] += choice.job.size
        if not choice.leaf.parent:
            self._note_wait(choice.leaf)
        self.since[leaf] = (clock.now, False)
        if self.hidden[leaf]:
            self.jobs += 1
            clock.submit(leaf, "u", self.jobs, self.hidden[leaf].pop(0))

    def _after(self, choice: Choice) -> None:
        for domain in choice.path:
            for other in self.clock.children(domain.parent):
                self._note_interval(other)
        for leaf in self.longest:
            self._note_path(self.clock.domains[leaf])

    def _note_interval(self, domain: Domain) -> None:
        """P4 and P6, of tier 1 alone; and the lag by the clock's own account (I1)."""
        who = domain.domain_id
        if not self.clock.waiting(who):
            self.least.pop(who, None)
            return
        part = Fraction(self.clock.alpha_milli * domain.share, 1000 * self.clock.phi(domain.parent))
        whole = sum(child.served for child in self.clock.children(domain.parent))
        behind = part * whole - self.entitled[who]
        self.least[who] = min(behind, self.least.get(who, behind))
        largest, mine = self.longest_in(domain.parent), self.longest_in(who)
        self.note("interval", behind - self.least[who], 2 * mine + (largest - mine) * part)
        self.note("lag", self.clock.lag(domain), largest)

    def _note_path(self, leaf: Domain) -> None:
        """A leaf of a tree: parts multiply along its path, and the bound of a level counts by the part below it."""
        who = -leaf.domain_id
        if not self.clock.waiting(leaf.domain_id):
            self.least.pop(who, None)
            return
        part, bound = Fraction(1), Fraction(0)
        for domain in self.clock.path(leaf.domain_id):
            own = Fraction(self.clock.alpha_milli * domain.share, 1000 * self.clock.phi(domain.parent))
            largest, mine = self.longest_in(domain.parent), self.longest_in(domain.domain_id)
            bound += part * (2 * mine + (largest - mine) * own)
            part *= own
        behind = part * sum(child.served for child in self.clock.children(0)) - leaf.served
        self.least[who] = min(behind, self.least.get(who, behind))
        self.note("path", behind - self.least[who], bound)

    def _note_wait(self, domain: Domain) -> None:
        """P5 and P6: how long a head of queue waited."""
        since, fresh = self.since[domain.domain_id]
        owed = Fraction(self.clock.alpha_milli * domain.share, 1000)
        largest, mine = self.longest_in(0), self.longest_in(domain.domain_id)
        ahead = (1 if fresh else 2) * self.clock.phi(0) * mine / owed
        self.note("fresh" if fresh else "head", self.clock.now - since, largest + (ahead + largest) / self.slots)

    def longest_in(self, node: int) -> int:
        """Return the size of the largest unit inside a node."""
        return max(
            size
            for leaf, size in self.longest.items()
            if not node or any(it.domain_id == node for it in self.clock.path(leaf))
        )

    def note(self, name: str, seen: Fraction | int, bound: Fraction | int) -> None:
        """Remember the worst."""
        self.worst[name] = max(self.worst[name], Fraction(seen) / bound)

    def advance(self) -> None:
        """Go on to when the next units end."""
        if self.running:
            self.clock.now = min(end for end, _ in self.running)
            for entry in [entry for entry in self.running if entry[0] == self.clock.now]:
                self.running.remove(entry)
                _, lease = entry
                real = self.real(lease.size)
                for domain, tier in zip(lease.choice.path, lease.choice.tiers, strict=True):
                    if tier == ENTITLED:
                        self.entitled[domain.domain_id] += real - lease.size
                self.clock.finish(lease, real)
