"""The trade of a log in its replay: what was asked for is asked for again, and what cannot be done is counted.

A log that a replay wrote by its own engine has the timing of the simulator: replayed again, all of it is as then.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from meted.adapters.embedded import Pool
from meted.adapters.log import MemoryLog
from meted.core.commands import (
    ChangePriority,
    CloseCredit,
    GrantCredit,
    HoldCredit,
    LendCredit,
    NiceJob,
    OpenCredit,
    PostHold,
    RepayCredit,
    SetCreditRules,
    TransferCredit,
    VoidHold,
)
from meted.core.errors import Refused
from meted.core.ids import JobId
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.core.schema import decode_events
from meted.simulations.commands.replay import log_table, run_policy
from meted.simulations.dispatch_check import check_dispatch
from meted.simulations.log_replay import LogReplay
from meted.simulations.policies.registry import make_policy
from meted.simulations.traces.log_trace import LogTrace
from meted.simulations.traces.own_log import read_own_log, trace_of

from .test_dispatch_credit import trade
from .test_log_entitlements import Kept
from .test_own_log import S, recorded

HOUR = 3_600 * S


def traded(path: Path, seed: int) -> None:
    """A pool in which domains buy, sell, send, lend and hold while much waits, and the rules change."""
    random = Random(seed)
    with recorded(path, "meted") as made:
        pool = made.pool
        for name in "abcd":
            pool.domain_create(name, share=random.randint(1, 5), guarantee=Resources(random.choice((0, 1_000))))
        pool.credit_rules_set(grant_mc=20, period_us=60 * S, cap_mc=90_000)
        made.later(90 * S)
        for name in "abc":
            pool.credit_grant(name, 5_000, "to begin with")
        worker = pool.join("one", Resources(4_000))
        jobs: list[int] = []
        for _ in range(120):
            made.later(random.randint(1, 5) * S)
            request = Resources(random.choice((1_000, 1_000, 2_000)))
            job = pool.submit(
                random.choice("aabcd"),
                count=random.randint(1, 4),
                request=request,
                time_request_us=random.choice((None, 20 * S)),
                priority=random.choice((0, 0, 1)),
            )
            jobs.append(job)
            with contextlib.suppress(Refused):
                _act(pool, random, jobs, made.clock.now_us)
        times = {(job, index): random.randint(1, 30) * S for job in jobs for index in range(4)}
        made.run_all([worker], times)
        made.later(HOUR)
        pool.credit_grant("a", 77, "after all")


def _act(pool: Pool, random: Random, jobs: list[int], now_us: int) -> None:
    kind, job = random.random(), random.choice(jobs[-20:])
    if kind < 0.4:
        pool.job_nice(job, random.choice((1, 2, 3, -1)), random.choice((20 * S, 300 * S)))
    elif kind < 0.5:
        pool.job_priority(job, random.choice((-1, 0, 2)))
    elif kind < 0.8:
        trade(pool, random, now_us)


def by_the_simulator(trace: LogTrace, monkeypatch: pytest.MonkeyPatch) -> tuple[LogTrace, MemoryLog]:
    """Return what can be replayed from the log that a replay writes, and that log."""
    log = MemoryLog()
    with monkeypatch.context() as patched:
        patched.setattr(Kept, "log", log)
        patched.setattr("meted.simulations.log_replay.Engine", Kept)
        assert LogReplay(trace, make_policy("meted"), [], trace.rules).run()
    return trace_of(log, "again"), log


def asked(figures: Mapping[str, object]) -> dict[str, int]:
    found = figures["trade_asked"]
    assert isinstance(found, Mapping)
    return {name: int(value) for name, value in found.items() if name != "first_refusal"}


@pytest.mark.parametrize("seed", range(1, 7))
def test_all_of_it_is_done_again(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    traded(tmp_path / "pool", seed)
    trace, log = by_the_simulator(read_own_log(tmp_path / "pool"), monkeypatch)
    figures = run_policy(trace, "meted")
    assert (figures["wait_error_units"], figures["wait_error_mean_abs_s"]) == (figures["jobs"], 0)
    assert figures["credit_flows_mc"] == figures["recorded_credit_flows_mc"]
    counts = asked(figures)
    assert counts["done"] > 50
    assert not counts["unpaid"] + counts["refused"] + counts["left_out"], figures["trade_asked"]
    seen = Counter(event.tag for batch in log.read() for event in decode_events(batch.body))
    for tag in ("fee_posted", "priority_changed", "credit_rules_changed", "credit_settled", "rules_changed"):
        assert seen[tag], tag
    again, _ = by_the_simulator(trace, monkeypatch)
    assert [one.command for one in again.commands] == [one.command for one in trace.commands]
    assert check_dispatch(log, POLICIES["meted"]()).same


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    traded(tmp_path / "pool", 1)
    trace = read_own_log(tmp_path / "pool")
    figures = run_policy(trace, "fcfs")
    counts = asked(figures)
    trades = [one for one in trace.commands if type(one.command).__name__ not in NOT_TRADE]
    assert sum(counts.values()) == len(trades)
    assert counts["too_late"] > 0
    assert f"{counts['too_late']} for jobs of which all had started, or that had ended" in log_table(figures, trace)


NOT_TRADE = {"CreateDomain", "ChangeDomain", "RemoveDomain", "OfferLoan"}


def test_what_is_read(tmp_path: Path) -> None:
    """What accrues, falls due or follows from something else is not asked for again."""
    with recorded(tmp_path / "pool") as made:
        pool, now_us = made.pool, made.clock.now_us
        for name in "abc":
            pool.domain(name)
        pool.credit_rules_set(grant_mc=10, period_us=60 * S, price_mc=2_000, donors="nice")
        pool.credit_grant("a", 9_000)
        job = pool.submit("a", count=2, time_request_us=HOUR)
        made.later(130 * S)
        pool.credit_grant("a", 1_000)  # with it two periods are posted
        pool.credit_transfer("a", "b", 500, "thanks")
        spent, given_up = pool.credit_hold("b", 200, now_us + HOUR), pool.credit_hold("b", 50)
        pool.credit_post(spent, "c", 150)
        pool.credit_void(given_up)
        due_us = made.clock.now_us + HOUR
        loan, other = pool.credit_lend("a", "b", 100, due_us), pool.credit_lend("a", "c", 120, due_us)
        pool.credit_repay(loan)
        pool.job_nice(job, 2, 2 * HOUR)
        pool.job_nice(job, -1)
        pool.job_priority(job, 3)
        pool.credit_open("c", unlimited=True)
        made.later(2 * HOUR)
        pool.credit_open("c", unlimited=False)  # what it owes is paid back
        made.run_all([pool.join("one")], {(job, index): S for index in range(2)})
        pool.credit_grant("b", -25, "too much")
        pool.credit_close("b")
        pool.domain_remove("c")
    trace = read_own_log(tmp_path / "pool")
    a, b, c = "1", "2", "3"
    then_us, last_us = now_us + 130 * S, now_us + 130 * S + 2 * HOUR
    assert (spent, given_up, loan, other) == (1, 2, 1, 2)
    assert [one.command for one in trace.commands if type(one.command).__name__ not in NOT_TRADE] == [
        SetCreditRules(now_us, 10, 60 * S, None, None, 2_000, "funded", "nice"),
        OpenCredit(now_us, a),
        GrantCredit(now_us, a, 9_000),
        GrantCredit(then_us, a, 1_000),
        OpenCredit(then_us, b),
        TransferCredit(then_us, a, b, 500, "thanks"),
        HoldCredit(then_us, b, 200, now_us + HOUR),
        HoldCredit(then_us, b, 50),
        OpenCredit(then_us, c),
        PostHold(then_us, 1, c, 150),
        VoidHold(then_us, 2),
        LendCredit(then_us, a, b, 100, due_us),
        LendCredit(then_us, a, c, 120, due_us),
        RepayCredit(then_us, 1),
        NiceJob(then_us, JobId(job), 2, 2 * HOUR),
        NiceJob(then_us, JobId(job), -1),
        ChangePriority(then_us, JobId(job), 3),
        OpenCredit(then_us, c, True),
        OpenCredit(last_us, c, False),
        GrantCredit(last_us, b, -25, "too much"),
        CloseCredit(last_us, b),
    ]


def test_what_went_otherwise_is_counted(tmp_path: Path) -> None:
    """Units take time in a replay which the log had at once: so a purse is not back in time, and a job has started."""
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        for name in "ab":
            pool.domain(name)
        pool.credit_grant("a", 10_000)
        worker = pool.join("one")
        running = pool.submit("b", time_request_us=10 * S)
        job = pool.submit("a", time_request_us=100 * S)
        pool.job_nice(job, 2, 5 * HOUR)
        made.run_all([worker], {(running, 0): 10 * S, (job, 0): 100 * S})
        made.later(20 * S)
        pool.credit_hold("a", 9_000)  # its purse is back
        pool.credit_post(1, "b", 9_000)
        late = pool.submit("b", time_request_us=S)
        made.later(200 * S)
        pool.job_nice(late, 1, 5 * S)
        cancelled = pool.submit("b")
        pool.job_priority(cancelled, 3)
        pool.cancel(cancelled)
        made.run_all([worker], {(late, 0): S})
    trace = read_own_log(tmp_path / "pool")
    figures = run_policy(trace, "meted")
    assert figures["trade_asked"] == {
        "done": 4,  # two accounts, a grant, and two points
        "unpaid": 1,
        "too_late": 1,
        "left_out": 1,
        "refused": 1,
        "first_refusal": "Domain 'a' has 0 credits free and would need 9 credits; "
        "take less, or wait until more has come in.",
    }
    shown = log_table(figures, trace)
    for line in (
        "4 done as they were asked for in the log, at their times",
        "1 for jobs of which all had started, or that had ended",
        "1 for jobs that are left out",
        "1 not done, as there was too little credit",
        "1 refused for another reason",
        "the first of these: Domain 'a' has 0 credits free",
    ):
        assert line in shown


def test_points_are_sold_for_what_is_left(tmp_path: Path) -> None:
    """One unit of three is done in the replay when they are sold, and none was in the log."""
    path = tmp_path / "pool"
    with recorded(path) as made:
        pool = made.pool
        pool.domain("a")
        pool.credit_rules_set(price_mc=1_000, income="treasury")
        pool.credit_open("a")
        job = pool.submit("a", count=3, time_request_us=HOUR)
        worker = pool.join("one")
        made.later(HOUR + S)
        pool.job_nice(job, -1)
        made.run_all([worker], {(job, index): HOUR for index in range(3)})
    figures = run_policy(read_own_log(path), "meted")
    assert asked(figures)["done"] == 3
    assert figures["recorded_credit_flows_mc"] == {"treasury -> a, nice": 3_000}
    assert figures["credit_flows_mc"] == {"treasury -> a, nice": 2_000}
