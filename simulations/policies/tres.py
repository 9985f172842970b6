"""Slurm's billing of trackable resources: how several resources become the one amount that usage is counted in.

Slurm, "Trackable RESources", ``TRESBillingWeights`` and ``PriorityFlags=MAX_TRES``. Each resource is multiplied by its
weight. By default the products are summed; with ``MAX_TRES`` it is the largest of those that belong to a node (cpus,
memory, devices), and to that those of the whole cluster (licences) are added. The latter is near to a dominant share,
if weights are chosen as one over the amount of each resource.

*Quirk*: by default a job that takes one cpu and all the memory of a node is billed as the weights say, however little
that is, and not for the node that nobody else can use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction


def billing(
    amounts: Mapping[str, int | Fraction],
    weights: Mapping[str, int | Fraction],
    *,
    max_of_node: bool = False,
    cluster_wide: Collection[str] = (),
) -> Fraction:
    """Return what a job is billed for each second.

    Args:
        amounts: What it holds of each resource, in the units that the weights are for.
        weights: Of each resource that counts.
        max_of_node: ``MAX_TRES``: take the largest of what belongs to nodes.
        cluster_wide: The resources that belong to no node.
    """
    billed = {name: Fraction(amounts.get(name, 0)) * weight for name, weight in weights.items()}
    if not max_of_node:
        return sum(billed.values(), Fraction(0))
    wide = [part for name, part in billed.items() if name in cluster_wide]
    return max((part for name, part in billed.items() if name not in cluster_wide), default=Fraction(0)) + sum(wide)
