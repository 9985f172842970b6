"""Dominant resource fairness as its paper states it: tasks without end, one after the other, in one pool.

Ghodsi, Zaharia, Hindman, Konwinski, Shenker and Stoica, "Dominant Resource Fairness", NSDI 2011, section 4.
It is a calculation to hold published numbers against; the policy is :mod:`meted.core.policy.drf`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from meted.core.policy.drf import dominant_share
from meted.core.resources import NOTHING, Resources


def progressive_filling(
    pool: Resources, demands: Mapping[str, Resources], ties: Iterable[str]
) -> list[tuple[str, dict[str, Fraction]]]:
    """Return the paper's algorithm step by step: who gets a task, and all dominant shares after it.

    Args:
        pool: All that there is.
        demands: What a task of each user takes; each has as many tasks as there is room for.
        ties: The users, who goes first among equals first.

    Returns:
        A step for each task, until one of the user who is next does not fit.
    """
    order = {name: at for at, name in enumerate(ties)}
    held = dict.fromkeys(order, NOTHING)
    steps: list[tuple[str, dict[str, Fraction]]] = []
    free = pool
    while True:
        shares = {name: dominant_share(amount, pool) for name, amount in held.items()}
        if steps:
            steps[-1] = steps[-1][0], shares
        name = min(order, key=lambda who: (shares[who], order[who]))
        if not demands[name].fits(free) or demands[name] == NOTHING:
            return steps
        free = free.minus(demands[name])
        held[name] = held[name].plus(demands[name])
        steps.append((name, shares))
