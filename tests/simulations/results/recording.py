"""A crowded machine, and records of what policies make of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from meted.simulations.policies.registry import make_policy
from meted.simulations.replay import Replay
from meted.simulations.results.recorder import Recorder
from meted.simulations.results.report import TIE_RULE, rule_rows
from meted.simulations.results.run_record import RunRecord
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace

from ..driving import make_trace

S = 1_000_000
PROCS = 16


def crowd(jobs: int = 300) -> list[TraceJob]:
    """Return jobs of eight users, some of whom ask for far more than others, on a machine of ``PROCS``."""
    dice = Random(22)
    made, submit = [], 0
    for number in range(1, jobs + 1):
        submit += dice.randrange(90)
        user = dice.choice((1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8))
        run = dice.choice((5, 20, 60, 200))
        made.append(TraceJob(number, user, submit * S, run * S, run * dice.choice((1, 2)) * S, dice.randint(1, 12)))
    return made


@cache
def crowded() -> Trace:
    """Return them as a trace."""
    with TemporaryDirectory() as folder:
        return make_trace(Path(folder), crowd(), PROCS)


def record(trace: Trace, policy: str) -> RunRecord:
    """Return the record of a run."""
    recorder = Recorder(trace, policy)
    Replay(trace, make_policy(policy), observers=[recorder]).run()
    figures = recorder.results("instant", 1_000_000) | {"tie_rule": TIE_RULE}
    return recorder.record(policy, figures, [*rule_rows(figures, trace.counts)])


@cache
def recorded(policy: str) -> RunRecord:
    """Return the record of a run on the crowded machine."""
    return record(crowded(), policy)
