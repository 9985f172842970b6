"""Traces and pools for tests of policies."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from pathlib import Path
from random import Random

from meted.core.commands import CreateDomain, FinishUnits, JoinWorker, SubmitJob
from meted.core.engine import Engine
from meted.core.events import UnitsLeased
from meted.core.ids import LeaseId
from meted.core.policy.base import Policy
from meted.core.resources import Resources
from meted.core.spec import NO_SPEC
from meted.simulations.replay import Replay
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace

from ..driving import make_trace

S = 1_000_000
PROCS = 16


def play_wrong_estimates(policy: Policy) -> Counter[str]:
    """Run units of A that take three times their estimate beside those of B; return the seconds that each had."""
    engine = Engine(policy, retention_us=0)
    for name, estimate_s in (("A", 1), ("B", 3)):
        engine.handle(CreateDomain(0, name))
        engine.handle(SubmitJob(0, name, NO_SPEC, 1_000, time_request_us=estimate_s * S))
    engine.handle(JoinWorker(0, "w", Resources(1000)))
    taken_s: Counter[str] = Counter()
    running: list[tuple[int, LeaseId]] = []
    now_us = 0
    while now_us < 300 * S:
        engine.run_pass(now_us)
        for event in engine.take():
            if type(event) is UnitsLeased:
                heappush(running, (now_us + 3 * S, event.lease_id))
        now_us, lease_id = heappop(running)
        lease = engine.state.jobs.leases[lease_id]
        domain_id = engine.state.jobs.jobs[lease.job_id].terms.domain_id
        taken_s[engine.state.domains.domains[domain_id].name] += 3
        engine.handle(FinishUnits(now_us, lease.worker_id, lease_id, ((lease.first, 1),), (3 * S,)))
    return taken_s


def busy_trace(folder: Path, jobs: int, users: int, seed: int) -> Trace:
    """Return a made-up trace that keeps a machine of 16 processors busy, with users who differ much."""
    dice = Random(seed)
    made, at_s = [], 0
    for number in range(1, jobs + 1):
        user = min(dice.randrange(users), dice.randrange(users))
        at_s += dice.randrange(400)
        run_s = dice.choice((30, 300, 900, 3_600)) * (1 + user)
        estimate_s = run_s * dice.choice((1, 1, 2, 5))
        procs = dice.choice((1, 1, 2, 4, 8, 16))
        made.append(TraceJob(number, user, at_s * S, run_s * S, estimate_s * S, procs))
    return make_trace(folder, made, PROCS)


def starts(trace: Trace, policy: Policy) -> dict[int, int]:
    """Return when each job of a trace starts, in microseconds."""
    found: dict[int, int] = {}
    replay = Replay(trace, policy, outcome=lambda job, at: found.update({job.job_id: at}))
    assert replay.run()
    assert not replay.engine.refusals
    return found
