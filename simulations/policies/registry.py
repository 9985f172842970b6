"""All policies that a simulation can run, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from meted.core.policy.base import Policy
from meted.core.policy.drf import Drf
from meted.core.policy.easy import Easy
from meted.core.policy.easy_sjbf import EasySjbf, EasySjf
from meted.core.policy.registry import POLICIES

from ..errors import SimulationError
from .condor import Condor
from .conservative import Conservative
from .god_docker import GodDocker
from .least_used import LeastUsed
from .multifactor import FairTree, Multifactor
from .sfq import Sfq
from .static import Static
from .stride import Stride

_RIVALS: Final[tuple[type[Policy], ...]] = (
    Conservative,
    Multifactor,
    FairTree,
    Condor,
    GodDocker,
    LeastUsed,
    Stride,
    Sfq,
    Static,
)

WHOLE_QUEUE: Final[Mapping[str, Callable[[], Policy]]] = {
    policy.name: partial(policy, depth=None) for policy in (Easy, EasySjbf, EasySjf)
}
"""Backfilling as simulations use it: no bound on how far a pass looks behind the head."""

SIMULATED: Final[Mapping[str, Callable[[], Policy]]] = {
    **POLICIES,
    **WHOLE_QUEUE,
    Drf.name: partial(Drf, examined_max=None),
    **{policy.name: policy for policy in _RIVALS},
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
