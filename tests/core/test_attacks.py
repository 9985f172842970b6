"""What was found by attacking the clock: each test is the smallest case of a fault that there was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meted.core.commands import (
    DeleteJob,
    GrantCredit,
    JoinWorker,
    LendCredit,
    RemoveDomain,
    RepayCredit,
    SetCreditRules,
    SetRules,
    TransferCredit,
)
from meted.core.explain import WaitReason, explain
from meted.core.invariants import check_engine
from meted.core.policy import leaves, meted
from meted.core.policy.clock import ClockIndex
from meted.core.policy.pool import PoolIndex
from meted.core.usage import current, step_of

from .helper import SECOND, cpus
from .lending import LendingWorld

HOUR = 3_600 * SECOND
DAY = 24 * HOUR


def counted(patch: pytest.MonkeyPatch, where: Any, name: str) -> list[int]:
    """Count the calls of a function from here on, as the length of the list that is returned."""
    calls: list[int] = []
    plain: Callable[..., Any] = getattr(where, name)

    def count(*args: Any) -> Any:
        calls.append(1)
        return plain(*args)

    patch.setattr(where, name, count)
    return calls


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


@pytest.mark.parametrize("parent", ["", "p"])
def test_domains_at_their_cap_do_not_use_up_the_pass(monkeypatch: pytest.MonkeyPatch, parent: str) -> None:
    """However many of them are owed more, who may be served is looked at."""
    monkeypatch.setattr(meted, "PASS_EXAMINED_MAX", 10)
    world = LendingWorld()
    if parent:
        world.make("p", cap=cpus(1))
    for number in range(20):
        world.make(f"d{number}", share=1000, parent=parent, cap=None if parent else cpus(0))
        world.submit(f"d{number}", time_request_us=SECOND)
    world.make("z")
    world.worker(3)
    job = world.submit("z", 2, time_request_us=SECOND)
    leases = world.run_pass()
    assert [lease.job_id for lease in leases].count(job) == 2
    check_engine(world.engine)


def test_a_lease_in_a_domain_with_a_cap_ranks_only_what_was_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not each of those beside it: with many of them a decision would take longer and longer."""
    world = LendingWorld()
    world.make("p", cap=cpus(3), guarantee=cpus(1))
    world.worker(4)
    for number in range(50):
        world.make(f"d{number}", parent="p")
        world.submit(f"d{number}", 5, time_request_us=SECOND)
    (lease, *others) = world.run_pass()
    assert len(others) == 2
    ranked = counted(monkeypatch, ClockIndex, "_rank_leaf")
    world.finish(lease.lease_id)
    assert len(world.run_pass()) == 1
    assert len(ranked) <= 4
    check_engine(world.engine)


def test_a_user_more_does_not_sort_all_users_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = LendingWorld()
    world.make("d")
    for number in range(20):
        world.submit("d", user=f"u{number}")
    world.engine.index.summary()
    sorted_again = counted(monkeypatch, leaves, "heapify")
    for number in range(20):
        world.submit("d", user=f"v{number}")
        world.engine.index.summary()
    assert not sorted_again
    check_engine(world.engine)


def test_a_machine_of_many_domains_looks_at_the_first_of_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = LendingWorld()
    world.make("p")
    world.do(JoinWorker(0, "own", cpus(2), owner="p"))
    for number in range(50):
        world.make(f"d{number}", parent="p")
        world.submit(f"d{number}", 5, time_request_us=SECOND)
    looked_at = counted(monkeypatch, PoolIndex, "needs_until_us")
    assert len(world.run_pass()) == 2
    assert len(looked_at) < 10


def test_an_overdue_loan_of_credit_is_repaid_from_grants_that_nobody_looks_at() -> None:
    """The borrower's account is not touched: what it was granted is posted when its lender is due."""
    world = LendingWorld()
    for name in ("lender", "borrower", "other"):
        world.make(name)
    world.do(SetCreditRules(0, grant_mc=1000))
    for name in ("lender", "borrower"):
        world.do(GrantCredit(0, name, 5000))
    world.do(LendCredit(0, "lender", "borrower", 5000, HOUR))
    world.do(TransferCredit(0, "borrower", "other", 10_000))
    world.tick(HOUR)
    world.run_timers()
    assert [loan.overdue for loan in world.state.ledger.loans.values()] == [True]
    for _ in range(5):
        world.tick(DAY)
        world.run_timers()
    assert not world.state.ledger.loans


def test_paying_an_overdue_loan_in_small_parts_leaves_one_timer() -> None:
    world = LendingWorld()
    world.make("lender")
    world.make("borrower")
    world.do(GrantCredit(0, "lender", 5000))
    world.do(LendCredit(0, "lender", "borrower", 5000, HOUR))
    world.do(TransferCredit(0, "borrower", "lender", 5000))
    world.tick(HOUR)
    world.run_timers()
    for _ in range(20):
        world.do(TransferCredit(world.now_us, "lender", "borrower", 1))
        world.do(RepayCredit(world.now_us, 1))
    assert len(world.engine._timers._due) == 1


def test_a_cap_of_the_domain_above_is_named_as_what_keeps_a_job_back() -> None:
    world = LendingWorld()
    world.make("p", cap=cpus(1))
    world.make("a", parent="p")
    world.worker(4)
    job = world.submit("a", 2, time_request_us=SECOND)
    assert len(world.run_pass()) == 1
    (part,) = explain(world.state, world.engine.index, job, world.now_us)
    assert part.reason is WaitReason.CAP
    assert "Domain 'p' holds 1 cpu of the 1 cpu that its cap allows" in part.sentence
