"""Schedulers that the entitlement clock is compared with: start-time fair queueing, stride, dominant resource fairness.

Each as in its paper, by linear scans: Goyal, Vin and Cheng (SIGCOMM 1996); Waldspurger and Weihl (1995); Ghodsi and
others (NSDI 2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class StartTimeFairQueueing:
    """Least start tag first; v is the start tag of what was last served; S = max(v, F)."""

    weights: list[int]
    time: Fraction = Fraction(0)
    tags: list[Fraction] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tags = [Fraction(0)] * len(self.weights)

    def wake(self, who: int) -> None:
        """Have somebody wait who did not."""
        self.tags[who] = max(self.tags[who], self.time)

    def choose(self, waiting: list[int]) -> int:
        """Return who is next."""
        return min(waiting, key=lambda who: (self.tags[who], who))

    def serve(self, who: int, size: int) -> None:
        """Charge for a unit."""
        self.time = self.tags[who]
        self.tags[who] += Fraction(size, self.weights[who])


def stride(strides: Mapping[str, int], count: int) -> str:
    """Return who is served in ``count`` turns: least pass first, the first pass being the stride."""
    passes = dict(strides)
    order = ""
    for _ in range(count):
        name = min(passes, key=lambda who: (passes[who], who))
        order += name
        passes[name] += strides[name]
    return order


def dominant_resource_fairness(
    capacity: tuple[int, ...], demands: Mapping[str, tuple[int, ...]], ties: str
) -> list[tuple[str, dict[str, Fraction]]]:
    """Return who is served in turn, with all dominant shares after it, until the next in order does not fit."""
    used = {name: [0] * len(capacity) for name in demands}
    shares = {name: Fraction(0) for name in demands}
    turns: list[tuple[str, dict[str, Fraction]]] = []
    while True:
        name = min(demands, key=lambda who: (shares[who], ties.index(who)))
        taken = [sum(mine[at] for mine in used.values()) for at in range(len(capacity))]
        if any(taken[at] + demands[name][at] > capacity[at] for at in range(len(capacity))):
            return turns
        used[name] = [have + more for have, more in zip(used[name], demands[name], strict=True)]
        shares[name] = max(Fraction(used[name][at], capacity[at]) for at in range(len(capacity)))
        turns.append((name, dict(shares)))


def accepted_loans(base: int, floor: int, amounts: list[int]) -> list[bool]:
    """Return which loans of one lender are accepted, in order: what stays is never below the floor (PlanetLab)."""
    accepted = []
    for amount in amounts:
        accepted.append(amount <= base - floor)
        base -= amount if accepted[-1] else 0
    return accepted
