"""Who comes later is served by share at once, though nobody has said how long units take (row P22)."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush

import pytest

from meted.core.ids import DomainId, LeaseId

from .helper import MS, SECOND, World

REAL_US = 100 * MS
"""What every unit really takes."""


def play(world: World, until_us: int, running: list[tuple[int, LeaseId]]) -> Counter[DomainId]:
    """Let units run until a time, and return how many of each domain have started."""
    started: Counter[DomainId] = Counter()
    while True:
        for lease in world.run_pass():
            job = world.state.jobs.jobs[lease.job_id]
            started[job.terms.domain_id] += lease.count
            heappush(running, (world.now_us + REAL_US * lease.count, lease.lease_id))
        if not running or running[0][0] > until_us:
            world.now_us = until_us
            return started
        world.now_us, lease_id = heappop(running)
        lease = world.state.jobs.leases[lease_id]
        world.finish(lease_id, ((lease.first, lease.count),), REAL_US)


@pytest.mark.parametrize("gap_us", [0, SECOND, 20 * SECOND])
def test_a_newcomer_is_not_behind_those_of_whom_nothing_was_known(gap_us: int) -> None:
    world = World()
    world.worker(2)
    running: list[tuple[int, LeaseId]] = []
    first = world.submit("a", 100_000)
    play(world, gap_us, running)
    second = world.submit("b", 100_000)
    served = play(world, gap_us + 10 * SECOND, running)
    a, b = (served[world.state.jobs.jobs[job_id].terms.domain_id] for job_id in (first, second))
    assert a + b > 150
    assert abs(a - b) <= 20, "each has had its half of ten seconds, but for what was under way"
