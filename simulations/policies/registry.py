"""All policies that a simulation can run, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from meted.core.policies import POLICIES
from meted.core.policy.base import Policy
from meted.core.policy.easy import Easy
from meted.core.policy.easy_sjbf import EasySjbf, EasySjf

from ..errors import SimulationError
from .conservative import Conservative

WHOLE_QUEUE: Final[Mapping[str, Callable[[], Policy]]] = {
    policy.name: partial(policy, depth=None) for policy in (Easy, EasySjbf, EasySjf)
}
"""Backfilling as simulations use it: no bound on how far a pass looks behind the head."""

SIMULATED: Final[Mapping[str, Callable[[], Policy]]] = {
    **POLICIES,
    **WHOLE_QUEUE,
    Conservative.name: Conservative,
}
"""What makes each policy; live ones first."""


def policy_names() -> list[str]:
    """Return the names, sorted."""
    return sorted(SIMULATED)


def make_policy(name: str) -> Policy:
    """Return a new policy of that name.

    Raises:
        SimulationError: There is none of that name.
    """
    make = SIMULATED.get(name)
    if make is None:
        raise SimulationError(f"there is no policy {name}; choose one of {', '.join(policy_names())}.")
    return make()
