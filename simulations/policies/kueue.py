"""Kueue's fair sharing: who is admitted next from a tree of cohorts that lend to one another.

Of one resource, and without preemption.

Kubernetes Kueue, KEP-1714 "Fair Sharing". The share of a queue is what it uses above its nominal quota, of all that can
be lent, divided by its weight; in a tree, a cohort has a share in the same way. From the top down, the child goes first
whose share *with the workload in question* would be the least.

What is ranked when makes the difference (issue 9345 of the project). Kueue takes one workload of each queue in a cycle
and ranks these once: queues that are behind by two get one each, as those who are ahead do. Ranked again after every
admission, the same workloads come out even. meted's own engine always ranks again.

Shares are exact here; Kueue rounds to thousandths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal

import attrs


@attrs.frozen
class Cohort:
    """A cohort, or a cluster queue if nothing is inside it.

    Attributes:
        nominal: What it may use without borrowing; of a cohort, beside what is inside it.
        weight: Twice the weight, half the share.
    """

    name: str
    nominal: int = 0
    weight: int = 1
    children: tuple[Cohort, ...] = ()


class Admission:
    """A tree and what runs in it.

    Attributes:
        usage: Of each queue, by name.
    """

    def __init__(self, root: Cohort, usage: Mapping[str, int] | None = None) -> None:
        """Start with some usage, by default none."""
        self.root = root
        self.usage: Counter[str] = Counter(usage or {})

    def admit(self, pending: Mapping[str, Sequence[int]], ranks: Literal["each", "cycle"] = "each") -> list[str]:
        """Admit what waits until nothing fits, and return whose turn it was.

        Args:
            pending: The amounts that the workloads of each queue ask for, in order; a head that does not fit stops its
                queue.
            ranks: ``each``: rank again after every admission; ``cycle``: one workload of each queue, ranked once.
        """
        left = {name: list(amounts) for name, amounts in pending.items()}
        admitted: list[str] = []
        while True:
            heads = {name: amounts[0] for name, amounts in left.items() if amounts}
            turns = []
            while heads:
                name = self._next(self.root, heads)
                if name is None:
                    break
                turns.append((name, heads.pop(name)))
                if ranks == "each" and self._fits(turns[-1][1]):
                    break
            taken = 0
            for name, amount in turns:
                if self._fits(amount):
                    self.usage[name] += left[name].pop(0)
                    admitted.append(name)
                    taken += 1
            if not taken:
                return admitted

    def share(self, name: str) -> Fraction:
        """Return the share of a queue or cohort.

        Raises:
            KeyError: There is none of that name.
        """
        found = {cohort.name: cohort for cohort in _all(self.root)}
        return self._share(found[name], 0)

    def _share(self, cohort: Cohort, more: int) -> Fraction:
        """Return the share of a cohort or queue, if it used so much more."""
        above = self._used(cohort) + more - _nominal(cohort)
        return Fraction(max(0, above), max(1, _nominal(self.root)) * cohort.weight)

    def _next(self, parent: Cohort, heads: Mapping[str, int]) -> str | None:
        """Return the queue below a cohort whose head goes first; ties go to the earlier child."""
        found: list[tuple[Fraction, int, str]] = []
        for at, child in enumerate(parent.children):
            name = self._next(child, heads) if child.children else child.name
            if name is not None and name in heads:
                found.append((self._share(child, heads[name]), at, name))
        return min(found)[2] if found else None

    def _fits(self, amount: int) -> bool:
        return self._used(self.root) + amount <= _nominal(self.root)

    def _used(self, cohort: Cohort) -> int:
        return self.usage[cohort.name] + sum(self._used(child) for child in cohort.children)


def _all(cohort: Cohort) -> Iterator[Cohort]:
    yield cohort
    for child in cohort.children:
        yield from _all(child)


def _nominal(cohort: Cohort) -> int:
    return cohort.nominal + sum(_nominal(child) for child in cohort.children)
