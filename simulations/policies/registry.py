"""All policies that a simulation can run, by name; some have parameters, as in ``multifactor:age=2000,size=0``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from meted.adapters.live_policies import FILL, LIVE_TUNABLE
from meted.adapters.policy_parameters import Tunable, UnknownPolicy, Value, fields_of, policy_said, read_policy
from meted.core.policy.base import Policy
from meted.core.policy.drf import Drf
from meted.core.policy.easy import Easy
from meted.core.policy.easy_sjbf import EasySjbf, EasySjf
from meted.core.policy.registry import POLICIES
from meted.core.policy.rivals.conservative import Conservative
from meted.core.policy.rivals.least_used import LeastUsed
from meted.core.policy.rivals.recent_jobs import RecentJobs
from meted.core.policy.rivals.sfq import Sfq
from meted.core.policy.rivals.static import Static
from meted.core.policy.rivals.stride import Stride

from ..errors import SimulationError
from .condor import Condor
from .easy_plus_plus import Predicting, StudiedEasyPlusPlus
from .fading import DAY_US
from .god_docker import GodDocker
from .god_docker_score import ScoreWeights
from .lottery import ALWAYS_MILLI, Lottery
from .multifactor import FairTree, Multifactor, Weights

_RIVALS: Final[tuple[type[Policy], ...]] = (
    StudiedEasyPlusPlus,
    Multifactor,
    FairTree,
    Condor,
    GodDocker,
    Lottery,
)

_RANKED: Final = (Drf, LeastUsed, RecentJobs, Static, Stride, Sfq)

WHOLE_QUEUE: Final[Mapping[str, Callable[[], Policy]]] = {
    **{policy.name: partial(policy, depth=None) for policy in (Easy, EasySjbf, EasySjf)},
    Conservative.name: partial(Conservative, depth=None, slack_us=0),
}
"""Backfilling as simulations use it: no bound on how far a pass looks behind the head, or on who has a place."""

SIMULATED: Final[Mapping[str, Callable[[], Policy]]] = {
    **POLICIES,
    **WHOLE_QUEUE,
    **{policy.name: partial(policy, examined_max=None) for policy in _RANKED},
    **{policy.name: policy for policy in _RIVALS},
}
"""What makes each policy; live ones first."""


_WEIGHTS: Final[Mapping[str, Value]] = fields_of(Weights())

_SCORE_WEIGHTS: Final[Mapping[str, Value]] = fields_of(ScoreWeights())


def _weighted(policy: Callable[..., Policy], weights: type, names: Mapping[str, Value], **more: Value) -> Tunable:
    """Return a policy that takes some of its parameters as one object."""

    def make(**given: Value) -> Policy:
        rest = {name: value for name, value in given.items() if name not in names}
        return policy(weights=weights(**{name: given[name] for name in names}), **rest)

    return Tunable({**names, **more}, make)


TUNABLE: Final[Mapping[str, Tunable]] = {
    **{
        policy.name: Tunable(LIVE_TUNABLE[policy.name].defaults, partial(policy, examined_max=None))
        for policy in _RANKED
        if policy.name in LIVE_TUNABLE
    },
    Lottery.name: Tunable({"seed": 0, "switch_milli": ALWAYS_MILLI, **FILL}, Lottery),
    Multifactor.name: _weighted(Multifactor, Weights, _WEIGHTS, fill="easy"),
    FairTree.name: _weighted(FairTree, Weights, _WEIGHTS, merge_ties=True, fill="easy"),
    Condor.name: Tunable({"half_life_us": DAY_US}, Condor),
    StudiedEasyPlusPlus.name: Tunable(
        fields_of(Predicting()),
        lambda **given: StudiedEasyPlusPlus(Predicting(**given)),
    ),
    GodDocker.name: _weighted(GodDocker, ScoreWeights, _SCORE_WEIGHTS, stops_at_gap=True),
}
"""The policies that have parameters."""


def policy_names() -> list[str]:
    """Return the names, sorted."""
    return sorted(SIMULATED)


def make_policy(policy: str) -> Policy:
    """Return a new policy of that name, with the parameters that may stand behind it.

    Raises:
        SimulationError: There is none of that name, or it has no such parameters.
    """
    name, given = _read(policy)
    make = SIMULATED.get(name)
    if make is None:
        raise SimulationError(f"there is no policy {name}; choose one of {', '.join(policy_names())}.")
    return TUNABLE[name].of(given) if given else make()


def policy_text(policy: str) -> str:
    """Return a policy with its parameters written in one way, whatever way they were written.

    Raises:
        SimulationError: It has no such parameters.
    """
    return policy_said(*_read(policy))


def policy_parameters(policy: str) -> dict[str, Value]:
    """Return all parameters that a policy goes by, by name; empty where it has none.

    Raises:
        SimulationError: It has no such parameters.
    """
    name, given = _read(policy)
    return {**TUNABLE[name].defaults, **given} if name in TUNABLE else {}


def _read(policy: str) -> tuple[str, dict[str, Value]]:
    """Return the name of a policy and the parameters that are given."""
    try:
        return read_policy(policy, TUNABLE)
    except UnknownPolicy as error:
        raise SimulationError(str(error)) from None
