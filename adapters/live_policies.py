"""The policies that a live pool takes, as people write them: ``stride``, ``recent-jobs:window=7d,fill=strict``.

A text that a simulation takes is taken here too, and means the same, where the policy and its parameters can run live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meted.core.policy.base import Policy, SimulationOnly
from meted.core.policy.drf import Drf
from meted.core.policy.registry import POLICIES
from meted.core.policy.rivals.easy_plus_plus import EasyPlusPlus
from meted.core.policy.rivals.least_used import LeastUsed
from meted.core.policy.rivals.recent_jobs import WINDOW_US, RecentJobs
from meted.core.policy.rivals.sfq import Sfq
from meted.core.policy.rivals.stride import Stride

from .policy_parameters import Tunable, UnknownPolicy, Value, policy_said, read_policy

FILL: Final[Mapping[str, Value]] = {"fill": "easy"}

LIVE_TUNABLE: Final[Mapping[str, Tunable]] = {
    Drf.name: Tunable(FILL, Drf),
    LeastUsed.name: Tunable(FILL, LeastUsed),
    Stride.name: Tunable(FILL, Stride),
    Sfq.name: Tunable(FILL, Sfq),
    RecentJobs.name: Tunable({"window_us": WINDOW_US, "frozen": False, **FILL}, RecentJobs),
    EasyPlusPlus.name: Tunable({"shortest": True, "steps": True}, EasyPlusPlus),
}
"""The policies that have parameters in a live pool."""


def live_policy(policy: str | Policy) -> Policy:
    """Return the policy that a text names, or the one given.

    Raises:
        UnknownPolicy: There is none of that name, it has no such parameters, or it may only be simulated: it computes
            with floats, or remembers more than the events say.
    """
    if isinstance(policy, str):
        name = policy.partition(":")[0]
        if name not in POLICIES:
            raise UnknownPolicy(
                f"{name[:40]!r} is no policy of a live pool; choose one of {', '.join(sorted(POLICIES))}."
            )
        name, given = read_policy(policy, LIVE_TUNABLE)
        return LIVE_TUNABLE[name].of(given) if given else POLICIES[name]()
    if isinstance(policy, SimulationOnly):
        raise UnknownPolicy(
            f"The policy {policy.name!r} computes with floats, or goes by what no log says; so it can only be "
            "simulated."
        )
    return policy


def live_policy_text(policy: Policy) -> str | None:
    """Return the text that names a policy for :func:`live_policy`; None where no text does, as it is somebody's own."""
    if type(policy) is not POLICIES.get(policy.name):
        return None
    tunable = LIVE_TUNABLE.get(policy.name)
    defaults = {} if tunable is None else tunable.defaults
    given = {field: getattr(policy, field) for field, value in defaults.items() if getattr(policy, field) != value}
    text = policy_said(policy.name, given)
    return text if vars(live_policy(text)) == vars(policy) else None
