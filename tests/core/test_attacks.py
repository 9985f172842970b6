"""What was found by attacking the clock: each test is the smallest case of a fault that there was."""

from __future__ import annotations

import pytest

from meted.core.commands import DeleteJob, RemoveDomain, SetRules
from meted.core.invariants import check_engine
from meted.core.usage import current, step_of

from .helper import SECOND
from .lending import LendingWorld

DAY = 86_400 * SECOND


@pytest.mark.parametrize("took_us", [SECOND, SECOND // 2])
def test_usage_above_stays_when_a_domain_that_was_not_served_for_long_reports(took_us: int) -> None:
    """An ancestor has been served by others in later epochs; its usage neither explodes nor is forgotten."""
    world = LendingWorld()
    world.do(SetRules(0, half_life_us=SECOND))
    world.make("p")
    world.make("a", parent="p")
    world.make("b", parent="p")
    world.worker(2)
    world.submit("a", time_request_us=SECOND)
    (long,) = world.run_pass()
    world.tick(DAY)
    world.submit("b", time_request_us=SECOND)
    world.run_pass()
    step = step_of(world.now_us, SECOND)
    before = world.account("p")
    world.finish(long.lease_id, run_us=took_us)
    after = world.account("p")
    assert after.usage.bit_length() < 64
    kept = current(after.usage, after.epoch, step)
    assert current(before.usage, before.epoch, step) - 2 <= kept <= current(before.usage, before.epoch, step)


def test_a_domain_that_loses_its_last_sub_domain_and_gets_jobs_in_one_batch_is_served() -> None:
    """What was in it is ranked no more, but it is itself."""
    world = LendingWorld()
    world.make("p")
    world.make("a", parent="p")
    world.make("q")
    world.worker(1)
    first = world.submit("a", time_request_us=SECOND)
    world.submit("q", time_request_us=SECOND)
    (lease,) = world.run_pass()
    world.finish(lease.lease_id, run_us=SECOND // 2)
    world.do(DeleteJob(0, first))
    world.do(RemoveDomain(0, "a"))
    job = world.submit("p", time_request_us=SECOND)
    check_engine(world.engine)
    for lease in world.run_pass():
        world.finish(lease.lease_id)
    assert [lease.job_id for lease in world.run_pass()] == [job]
