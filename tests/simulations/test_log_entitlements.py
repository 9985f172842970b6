"""What domains are entitled to changes in a replay when it did in the log: loans, shares, and domains that come and go.

A run that lends is recorded as a log by its own engine; replayed under the same policy, it comes to the same figures.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from meted.adapters.embedded import Pool
from meted.adapters.log import MemoryLog, SQLiteLog
from meted.core.engine import Engine
from meted.core.errors import Refused
from meted.core.events import Event
from meted.core.reducers import evolve
from meted.core.resources import Resources
from meted.core.schema import decode_events
from meted.core.state import State
from meted.simulations.commands.replay import log_table, run_policy
from meted.simulations.generators.registry import find_model
from meted.simulations.generators.settings import Settings
from meted.simulations.generators.writer import write_workload
from meted.simulations.lending import effective_shares
from meted.simulations.log_replay import LogReplay
from meted.simulations.policies.registry import make_policy
from meted.simulations.replay import Replay
from meted.simulations.results.metrics import JsonValue
from meted.simulations.results.recorder import Recorder
from meted.simulations.traces.log_trace import LogTrace
from meted.simulations.traces.own_log import read_own_log, trace_of
from meted.simulations.traces.trace import read_trace

from .test_own_log import S, recorded

SAME = ("mean_wait_s", "max_wait_s", "makespan_s", "max_lag_units", "jain_service", "min_service", "mean_user_wait_s")
FAIR = ("max_envy_units", "mean_envy_units", "max_lag_of_bound", "max_starvation", "max_sharing_deficit_s")


class Kept(Engine):
    """An engine that writes to a log what would be taken and forgotten."""

    log = MemoryLog()

    def take(self) -> tuple[Event, ...]:
        sealed = self.seal()
        if sealed is None:
            return ()
        self.log.append(sealed.batch)
        self.publish(sealed)
        return sealed.events


@pytest.mark.parametrize("policy", ["meted", "fcfs"])
def test_a_run_that_lends_is_replayed_to_the_same_figures(
    tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lenders.swf"
    write_workload(str(path), find_model("lenders"), Settings(400, procs=8))
    monkeypatch.setattr(Kept, "log", MemoryLog())
    monkeypatch.setattr("meted.simulations.machine.Engine", Kept)
    trace = read_trace(str(path))
    recorder = Recorder(trace, policy, None, trace.shares)
    run = Replay(trace, make_policy(policy), "instant", [recorder], entitled=recorder.entitled)
    assert run.run()
    assert run.lending.counts.made > 1
    simulated = recorder.results("instant", 1)

    logged = trace_of(Kept.log, "lenders")
    again, shares = _measured(logged, policy)
    same = {name: simulated[name] for name in (*SAME, *FAIR)}
    assert {name: again[name] for name in same} == pytest.approx(same, rel=1e-9)  # cpus are thousandths in a log
    assert len(shares) == 1 + run.lending.counts.made  # one begins as another ends
    if policy == "meted":  # owed by what they have, users lag less than a job or two; by their own shares it is more
        plain = Recorder(trace, policy, None, trace.shares)
        monkeypatch.setattr(Kept, "log", MemoryLog())
        assert Replay(trace, make_policy(policy), "instant", [plain]).run()
        by_base = float(str(plain.results("instant", 1)["max_lag_units"]))
        assert float(str(simulated["max_lag_units"])) < by_base


def _measured(trace: LogTrace, policy: str) -> tuple[Mapping[str, JsonValue], list[tuple[int, Mapping[int, int]]]]:
    recorder = Recorder(trace, policy, None, trace.shares)
    told: list[tuple[int, Mapping[int, int]]] = []

    def entitled(shares: Mapping[int, int], at_us: int) -> None:
        told.append((at_us, shares))
        recorder.entitled(shares, at_us)

    run = LogReplay(trace, make_policy(policy), [recorder], (), entitled)
    assert run.run()
    assert not run.entitlements.refused, run.entitlements
    return recorder.results("instant", 1), told


@pytest.mark.parametrize("seed", range(6))
def test_at_every_moment_shares_are_as_they_were(tmp_path: Path, seed: int) -> None:
    """Loans with a term, with notice, recalled, and revoked as a base shrinks; domains that come, change and go."""
    random = Random(seed)
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("idle", share=5)
        pool.domain("group", share=20)
        for name in "abcd":
            pool.domain_create(name, share=random.randint(4, 9), parent="group" if name in "cd" else "")
        worker = pool.join("one", Resources(4_000))
        jobs = []
        for turn in range(60):
            made.later(random.randint(1, 3) * S)
            with contextlib.suppress(Refused):
                _turn(pool, random, made.clock.now_us, turn)
            jobs.append(pool.submit(random.choice("abcd"), count=random.randint(1, 3), time_request_us=2 * S))
            times = {(job, index): random.randint(1, 4) * S for job in jobs for index in range(3)}
            made.run_all([worker], times)
    told = dict(_measured(read_own_log(tmp_path / "pool"), "meted")[1])
    recorded_shares = _recorded(tmp_path / "pool")
    assert len(recorded_shares) > 10
    last_us = max(told)
    assert {at_us: shares for at_us, shares in recorded_shares.items() if at_us <= last_us} == told


def _turn(pool: Pool, random: Random, now_us: int, turn: int) -> None:
    kind = random.random()
    lender, borrower = random.sample(("a", "b", "idle"), 2) if random.random() < 0.7 else random.sample("cd", 2)
    if kind < 0.5:
        pool.loan_offer(
            lender,
            borrower,
            "share",
            random.randint(1, 3),
            expiry_us=random.choice((None, now_us + 20 * S)),
            notice_us=random.choice((0, 5 * S)),
        )
    elif kind < 0.6:
        pool.loan_recall(random.randint(1, 10))
    elif kind < 0.75:
        pool.domain_set(lender, share=random.randint(1, 9))
    elif kind < 0.85:
        pool.domain_create(f"new{turn}", share=2)
    else:
        pool.domain_remove(f"new{turn - random.randint(1, 9)}")


def _recorded(path: Path) -> dict[int, dict[int, int]]:
    """Return what all are entitled to after each moment where that changed, from the first submit on, off the log."""
    state, first_us = State(), None
    found: dict[int, dict[int, int]] = {}
    with SQLiteLog.open(path, read_only=True) as log:
        for event in (event for batch in log.read() for event in decode_events(batch.body)):
            before = state
            state = evolve(state, event)
            if first_us is None and state.jobs.jobs:
                first_us = event.at_us
            entitled = {i: (one.effective_share, one.share) for i, one in state.domains.domains.items()}
            if {i: (one.effective_share, one.share) for i, one in before.domains.domains.items()} != entitled or (
                first_us == event.at_us and not found
            ):
                numbers = {one.name: i for i, one in state.domains.domains.items()}
                found[event.at_us] = effective_shares(state, numbers)
    assert first_us is not None
    early = max(at_us for at_us in found if at_us <= first_us)
    return {0: found[early]} | {at_us - first_us: shares for at_us, shares in found.items() if at_us > first_us}


def test_a_log_with_loans_says_so(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a", share=10)
        pool.domain("b", share=10)
        worker = pool.join("one")
        jobs = [pool.submit(name, time_request_us=S) for name in "ab"]
        made.later(S)
        pool.loan_offer("a", "b", "share", 9)
        pool.domain_set("b", share=12)
        jobs.append(pool.submit("b"))
        made.run_all([worker], {(job, 0): S for job in jobs})
    trace = read_own_log(tmp_path / "pool")
    figures = run_policy(trace, "meted")
    assert figures["entitlement_changes"] == {"domains": 1, "loans": 1, "refused": 0, "first_refusal": None}
    shown = log_table(figures, trace)
    assert "1 change of domains and 1 loan, at their times" in shown
    assert "a 10, b 12" in shown


def test_units_wait_for_an_entitlement_that_comes_later(tmp_path: Path) -> None:
    """The second unit waits until the cap is raised again, though nothing else is due until then."""
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a")
        worker = pool.join("one", Resources(2_000))
        jobs = [pool.submit("a", request=Resources(2_000)) for _ in range(2)]
        made.run_all([worker], {(jobs[0], 0): 5 * S, (jobs[1], 0): S})
        made.later(2 * S)
        pool.domain_set("a", cap=Resources(500, 10**9))
        made.later(8 * S)
        pool.domain_set("a", cap=Resources(2_000, 10**9))
    figures = run_policy(read_own_log(tmp_path / "pool"), "fcfs")
    assert (figures["jobs"], figures["max_wait_s"], figures["makespan_s"]) == (2, 10, 11)
