"""What is counted of a domain from its first moment on, and of all who use it as one (rows P01, P02, P08-P10)."""

from __future__ import annotations

import pytest

from meted.core.commands import NiceJob, OpenCredit, SetCreditRules
from meted.core.errors import Reason
from meted.core.reducers import fold
from meted.core.schema import state_digest
from meted.core.state import NOTHING_RECEIVED, State

from .helper import SECOND, cpus
from .test_credit import CreditWorld

HOUR = 3_600 * SECOND


@pytest.fixture
def world() -> CreditWorld:
    """An empty world."""
    return CreditWorld()


def test_a_new_domain_is_unlimited_and_has_used_nothing(world: CreditWorld) -> None:
    """Row P01: the domain of whoever was never seen; and a known one is what its events say."""
    domain_id = world.make("new")
    assert domain_id not in world.state.ledger.of_domain  # nothing limits it: it pays for nothing
    account = world.state.jobs.accounts.get(domain_id, NOTHING_RECEIVED)
    assert (account.requested_cpu_us, account.used_cpu_us, account.service, account.usage, account.jobs) == (0,) * 5
    job_id = world.submit("new", time_request_us=HOUR)
    assert world.job(job_id).terms.priority == 0
    world.do(NiceJob(world.now_us, job_id, 3, 1_000 * HOUR))
    assert world.job(job_id).terms.priority == 3
    world.do(OpenCredit(world.now_us, "new"))
    world.grant("new", 2_000)
    world.lease(world.worker(), job_id)
    assert state_digest(fold(State(), world.log)) == state_digest(world.state)


def test_users_of_a_domain_share_one_balance(world: CreditWorld) -> None:
    """Row P02: what one has spent, the other has not."""
    world.make("lab")
    world.grant("lab", 10_000)
    ada, bob = (world.submit("lab", 3, user=user, time_request_us=HOUR) for user in ("ada", "bob"))
    world.do(NiceJob(0, ada, 2, 3 * HOUR))
    assert world.balances("lab") == [4_000]
    world.refused(NiceJob(0, bob, 2, 3 * HOUR), Reason.NOT_ENOUGH_CREDIT)
    assert [world.job(job_id).terms.priority for job_id in (ada, bob)] == [2, 0]


def test_a_domain_may_be_an_address_with_no_user(world: CreditWorld) -> None:
    """Row P02."""
    world.make("192.0.2.7")
    world.grant("192.0.2.7", 6_000)
    job_id = world.submit("192.0.2.7", 3, time_request_us=HOUR)
    assert world.job(job_id).terms.user == ""
    world.do(NiceJob(0, job_id, 2, 3 * HOUR))
    world.worker()
    for _ in range(3):
        (lease,) = world.run_pass()
        world.finish(lease.lease_id, run_us=HOUR)
    assert world.job(job_id).outcome == "succeeded"
    assert world.balances("192.0.2.7") == [0]
    assert world.account("192.0.2.7").used_cpu_us == 3 * HOUR


def test_what_is_asked_for_is_recorded_and_never_denied(world: CreditWorld) -> None:
    """Row P08: whatever it asks for and has, a domain's work waits like any other, and runs where there is room."""
    world.make("top")
    world.make("poor", parent="top")
    world.do(OpenCredit(0, "poor"))
    first = world.submit("poor", 1_000, request=cpus(2), time_request_us=100 * HOUR)
    second = world.submit("poor", 3, request=cpus(1), time_request_us=HOUR)
    for name in ("poor", "top"):
        assert world.account(name).requested_cpu_us == 1_000 * 2 * 100 * HOUR + 3 * HOUR
        assert world.account(name).used_cpu_us == 0
    assert [world.job(job_id).terms.priority for job_id in (first, second)] == [0, 0]
    assert world.balances("poor") == [0]
    world.worker(3)
    assert {lease.job_id for lease in world.run_pass()} == {first, second}
    world.submit("poor", 5)  # that says nothing of its time is recorded as nothing
    assert world.account("poor").requested_cpu_us == 200_003 * HOUR


def test_work_counts_as_used_by_its_priority_when_it_is_done(world: CreditWorld) -> None:
    """Row P09: the same work at priority 2 counts twice what it counts at 1, and that twice what it counts at 0."""
    used = {}
    for priority in (2, 1, 0, -1):
        name = f"at {priority}"
        job_id = world.submit(name, 2, priority=priority, request=cpus(2), time_request_us=5 * HOUR)
        worker = world.worker(4)
        first, second = world.lease(worker, job_id), world.lease(worker, job_id)
        assert world.account(name).used_cpu_us == 0
        world.finish(first, run_us=HOUR)
        world.give_back(second)
        used[priority] = world.account(name).used_cpu_us
    assert used == {2: 8 * HOUR, 1: 4 * HOUR, 0: 2 * HOUR, -1: HOUR}


def test_grants_are_the_same_after_a_replay(world: CreditWorld) -> None:
    """Row P10: who looks in between, and how often, moves no grant; the time of the last one is in the log."""
    world.make("a")
    world.make("b")
    world.grant("a", 10_000)
    world.do(SetCreditRules(0, grant_mc=100, period_us=HOUR))
    for grants, passed_us in ((1, 3 * HOUR // 2), (2, 5 * HOUR // 4)):
        world.tick(passed_us)
        world.pay("a", "b", 1)
        world.pay("a", "b", 1)
        assert world.balances("a") == [10_000 + grants * 100 - grants * 2]
        assert world.credit("a").settled_us == grants * HOUR
    assert state_digest(fold(State(), world.log)) == state_digest(world.state)
