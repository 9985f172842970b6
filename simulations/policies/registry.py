"""All policies that a simulation can run, by name; some have parameters, as in ``multifactor:age=2000,size=0``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from meted.core.policy.base import Policy
from meted.core.policy.drf import Drf
from meted.core.policy.easy import Easy
from meted.core.policy.easy_sjbf import EasySjbf, EasySjf
from meted.core.policy.registry import POLICIES
from meted.core.policy.rivals.conservative import Conservative
from meted.core.policy.rivals.least_used import LeastUsed
from meted.core.policy.rivals.recent_jobs import WINDOW_US, RecentJobs
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
from .parameters import Tunable, Value, fields_of, text_of, written

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


_FILL: Final[Mapping[str, Value]] = {"fill": "easy"}

_WEIGHTS: Final[Mapping[str, Value]] = fields_of(Weights())

_SCORE_WEIGHTS: Final[Mapping[str, Value]] = fields_of(ScoreWeights())


def _filling(policy: Callable[..., Policy], **fixed: Any) -> Tunable:
    return Tunable(_FILL, lambda given: policy(**given, **fixed))


def _weighted(policy: Callable[..., Policy], weights: type, names: Mapping[str, Value], **more: Value) -> Tunable:
    """Return a policy that takes some of its parameters as one object."""

    def make(given: Mapping[str, Value]) -> Policy:
        rest = {name: value for name, value in given.items() if name not in names}
        return policy(weights=weights(**{name: given[name] for name in names}), **rest)

    return Tunable({**names, **more}, make)


TUNABLE: Final[Mapping[str, Tunable]] = {
    Drf.name: _filling(Drf, examined_max=None),
    LeastUsed.name: _filling(LeastUsed, examined_max=None),
    Lottery.name: Tunable({"seed": 0, "switch_milli": ALWAYS_MILLI, **_FILL}, lambda given: Lottery(**given)),  # type: ignore[arg-type]
    Stride.name: _filling(Stride, examined_max=None),
    Sfq.name: _filling(Sfq, examined_max=None),
    Multifactor.name: _weighted(Multifactor, Weights, _WEIGHTS, fill="easy"),
    FairTree.name: _weighted(FairTree, Weights, _WEIGHTS, merge_ties=True, fill="easy"),
    Condor.name: Tunable({"half_life_us": DAY_US}, lambda given: Condor(**given)),  # type: ignore[arg-type]
    StudiedEasyPlusPlus.name: Tunable(
        fields_of(Predicting()),
        lambda given: StudiedEasyPlusPlus(Predicting(**given)),  # type: ignore[arg-type]
    ),
    GodDocker.name: _weighted(GodDocker, ScoreWeights, _SCORE_WEIGHTS, stops_at_gap=True),
    RecentJobs.name: Tunable(
        {"window_us": WINDOW_US, "frozen": False, **_FILL},
        lambda given: RecentJobs(**given, examined_max=None),  # type: ignore[arg-type]
    ),
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
    return TUNABLE[name].make({**TUNABLE[name].defaults, **given}) if given else make()


def policy_text(policy: str) -> str:
    """Return a policy with its parameters written in one way, whatever way they were written.

    Raises:
        SimulationError: It has no such parameters.
    """
    name, given = _read(policy)
    said = ",".join(f"{written(field)}={text_of(field, value)}" for field, value in given.items())
    return f"{name}:{said}" if said else name


def policy_parameters(policy: str) -> dict[str, Value]:
    """Return all parameters that a policy goes by, by name; empty where it has none.

    Raises:
        SimulationError: It has no such parameters.
    """
    name, given = _read(policy)
    return {**TUNABLE[name].defaults, **given} if name in TUNABLE else {}


def _read(policy: str) -> tuple[str, dict[str, Value]]:
    """Return the name of a policy and the parameters that are given."""
    name, colon, said = policy.partition(":")
    if not colon:
        return name, {}
    if name not in TUNABLE:
        rules = "; its rules are options of the command" if name == "meted" else ""
        raise SimulationError(f"the policy {name} has no parameters{rules}; these have: {', '.join(sorted(TUNABLE))}.")
    return name, TUNABLE[name].read(name, said)
