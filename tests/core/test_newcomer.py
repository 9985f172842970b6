"""Who comes later is served by share at once, though nobody has said how long units take (row P22)."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush

import pytest

from meted.core.commands import SetRules
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


@pytest.mark.parametrize("estimate_us", [None, 3_600 * SECOND], ids=["nothing known", "an hour said"])
@pytest.mark.parametrize("alpha_milli", [1000, 750])
@pytest.mark.parametrize("gap_us", [0, SECOND, 20 * SECOND])
def test_a_newcomer_is_not_behind_those_of_whom_nothing_was_known(
    gap_us: int, alpha_milli: int, estimate_us: int | None
) -> None:
    """Each has alpha of its half at least, and the rest goes by usage: to the newcomer as long as it has used less.

    The first holds, too, where whoever was alone was charged for 36,000 times what its units took. While such a charge
    is under way V is ahead, and whoever has less under way is owed more, so which of them has the rest is left open.
    """
    world = World()
    world.do(SetRules(0, alpha_milli))
    world.worker(2)
    running: list[tuple[int, LeaseId]] = []
    first = world.submit("a", 100_000, time_request_us=estimate_us)
    play(world, gap_us, running)
    second = world.submit("b", 100_000)
    served = play(world, gap_us + 10 * SECOND, running)
    a, b = (served[world.state.jobs.jobs[job_id].terms.domain_id] for job_id in (first, second))
    assert a + b > 150
    entitled = (a + b) * alpha_milli // 2000
    assert min(a, b) >= entitled - 10, "each has had what it is entitled to of ten seconds, but for what was under way"
    if estimate_us is None:
        assert b >= a - 20, "who has used less has not had less"
        assert alpha_milli < 1000 or abs(a - b) <= 20
