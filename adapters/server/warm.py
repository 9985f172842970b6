"""What is made when it is first used is made before anybody waits for it."""

from __future__ import annotations

from meted.core.commands import Command, CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.effects import RunUnits
from meted.core.engine import Engine
from meted.core.policy.base import Policy
from meted.core.resources import Resources

JOBS = 4
"""Jobs of one unit: the later ones are weighed when their domain has used something."""


def warm_up(policy: Policy) -> None:
    """Mete some units out through an engine of its own, which nobody ever sees, and take their reports.

    The core makes its tables of logarithms when a decision first weighs what somebody has used, which takes tens of
    milliseconds; in a server that would be one of the first passes, with everybody waiting.
    """
    engine = Engine(policy)
    jobs = [SubmitJob(1, "warm") for _ in range(JOBS)]
    commands: list[Command] = [CreateDomain(1, "warm"), JoinWorker(1, "warm", Resources(1_000)), *jobs]
    while commands:
        for command in commands:
            engine.handle(command)
        engine.run_pass(1)
        sealed = engine.seal()
        effects = () if sealed is None else engine.publish(sealed)
        commands = [
            FinishUnits(1, effect.worker_id, effect.lease_id, ((effect.first, effect.count),), (1,) * effect.count)
            for effect in effects
            if isinstance(effect, RunUnits)
        ]
