"""All policies that a simulation can run, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Final

from meted.core.policy.base import Policy
from meted.core.policy.drf import Drf
from meted.core.policy.easy import Easy
from meted.core.policy.easy_sjbf import EasySjbf, EasySjf
from meted.core.policy.registry import POLICIES

from ..errors import SimulationError

_RIVALS: Final[Mapping[str, str]] = {
    "conservative": "conservative:Conservative",
    "multifactor": "multifactor:Multifactor",
    "fair-tree": "multifactor:FairTree",
    "condor": "condor:Condor",
    "go-d-docker": "god_docker:GodDocker",
    "least-used": "least_used:LeastUsed",
    "stride": "stride:Stride",
    "sfq": "sfq:Sfq",
    "static": "static:Static",
}
"""Where the policies are that only simulations have: each is loaded when it is asked for."""


def _rival(place: str) -> Policy:
    module, _, name = place.partition(":")
    made: Policy = getattr(import_module(f".{module}", __package__), name)()
    return made


WHOLE_QUEUE: Final[Mapping[str, Callable[[], Policy]]] = {
    policy.name: partial(policy, depth=None) for policy in (Easy, EasySjbf, EasySjf)
}
"""Backfilling as simulations use it: no bound on how far a pass looks behind the head."""

SIMULATED: Final[Mapping[str, Callable[[], Policy]]] = {
    **POLICIES,
    **WHOLE_QUEUE,
    Drf.name: partial(Drf, examined_max=None),
    **{name: partial(_rival, place) for name, place in _RIVALS.items()},
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
