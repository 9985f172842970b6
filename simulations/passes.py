"""All that a policy does in one instant of a simulation."""

from __future__ import annotations

from sys import maxsize

from meted.core.engine import Engine
from meted.core.limits import PASS_DECISIONS_MAX
from meted.core.policy.base import SimulationOnly


def run_passes(engine: Engine, at_us: int) -> int:
    """Run passes until the policy has no more to do now; return how many decisions there were.

    Passes of a policy that runs live give way as they do there, where somebody may wait. One that is for simulations
    alone makes one pass of it, however long: what it divides in a pass, as :mod:`.policies.condor` does, it divides
    once.
    """
    decisions_max = maxsize if isinstance(engine.policy, SimulationOnly) else PASS_DECISIONS_MAX
    made = engine.run_pass(at_us, decisions_max)
    while engine.more:
        made += engine.run_pass(at_us, decisions_max)
    return made
