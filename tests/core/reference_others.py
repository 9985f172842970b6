"""Schedulers that the entitlement clock is compared with: start-time fair queueing, stride, dominant resource fairness.

Each as in its paper, by linear scans: Goyal, Vin and Cheng (SIGCOMM 1996); Waldspurger and Weihl (1995); Ghodsi and
others (NSDI 2011), with the two other divisions that the last holds it against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations


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


def asset_fairness(capacity: tuple[int, ...], demands: Mapping[str, tuple[int, ...]]) -> dict[str, Fraction]:
    """Return the tasks of each, parts of tasks included: all hold the same sum of parts of resources, till one is gone.

    Args:
        capacity: How much there is of each resource.
        demands: How much of each resource a task takes, by whose it is.
    """
    task = {name: sum(map(Fraction, demand, capacity), Fraction(0)) for name, demand in demands.items()}
    taken = [sum(Fraction(demand[at]) / task[name] for name, demand in demands.items()) for at in range(len(capacity))]
    level = min(have / more for have, more in zip(capacity, taken, strict=True) if more)
    return {name: level / one for name, one in task.items()}


def equal_incomes(
    capacity: tuple[int, ...], demands: tuple[tuple[int, ...], tuple[int, ...]]
) -> tuple[Fraction, Fraction]:
    """Return the tasks of two who buy with equal incomes at prices that clear the market (CEEI): their largest product.

    It is where two resources are used up, or where one is and both spend half of it.
    """
    limits = [(a, b, c) for a, b, c in zip(*demands, capacity, strict=True) if a or b]
    found = [(Fraction(c, 2 * a), Fraction(c, 2 * b)) for a, b, c in limits if a and b]
    for (a, b, c), (d, e, f) in combinations(limits, 2):
        if a * e != b * d:
            found.append((Fraction(c * e - b * f, a * e - b * d), Fraction(a * f - c * d, a * e - b * d)))
    fitting = [(x, y) for x, y in found if x >= 0 <= y and all(a * x + b * y <= c for a, b, c in limits)]
    return max(fitting, key=lambda pair: pair[0] * pair[1])


def accepted_loans(base: int, floor: int, amounts: list[int]) -> list[bool]:
    """Return which loans of one lender are accepted, in order: what stays is never below the floor (PlanetLab)."""
    accepted = []
    for amount in amounts:
        accepted.append(amount <= base - floor)
        base -= amount if accepted[-1] else 0
    return accepted
