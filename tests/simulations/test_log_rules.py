"""The rules of fairness change in a replay when they did in the log, unless an option names them.

A log that a replay wrote by its own engine has the timing of the simulator: replayed again, every unit starts as then.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from meted.adapters.log import MemoryLog
from meted.core.resources import Resources
from meted.core.state import Rules
from meted.simulations.commands.replay import log_table, replay, run_policy
from meted.simulations.log_replay import LogReplay
from meted.simulations.policies.registry import make_policy
from meted.simulations.results.recorder import Recorder
from meted.simulations.traces.log_trace import LogTrace
from meted.simulations.traces.own_log import read_own_log, trace_of

from . import calling
from .test_log_entitlements import Kept
from .test_own_log import S, recorded

call = partial(calling.call, replay)

HOUR = 3_600 * S
CHANGES: tuple[dict[str, Any], ...] = (
    {"alpha_milli": 100, "half_life_us": HOUR, "no_aging": True},
    {"alpha_milli": 900, "pool": "fifo"},
    {"usage": "pool", "pool": "decay", "half_life_us": 2 * HOUR},
)


def ruled(path: Path, seed: int) -> None:
    """A pool whose rules change three times while much waits; between the changes lies a minute each."""
    random = Random(seed)
    with recorded(path, "meted") as made:
        pool = made.pool
        for name in "abcd":
            pool.domain(name, share=random.randint(1, 5))
        worker = pool.join("one", Resources(3_000))
        pool.rules_set(alpha_milli=500)
        made.later(S)
        jobs = []
        for turn in range(80):
            if turn and not turn % 20:
                pool.rules_set(**CHANGES[turn // 20 - 1])
            made.later(random.randint(1, 6) * S)
            request = Resources(random.choice((1_000, 1_000, 2_000)))
            job = pool.submit(
                random.choice("aabcd"),
                count=random.randint(1, 4),
                request=request,
                time_request_us=random.choice((None, 20 * S)),
                priority=random.choice((0, 0, 1)),
            )
            jobs.append(job)
        times = {(job, index): random.randint(1, 30) * S for job in jobs for index in range(4)}
        made.run_all([worker], times)


def by_the_simulator(trace: LogTrace, monkeypatch: pytest.MonkeyPatch, policy: str = "meted") -> LogTrace:
    """Return what can be replayed from the log that a replay writes."""
    with monkeypatch.context() as patched:
        patched.setattr(Kept, "log", MemoryLog())
        patched.setattr("meted.simulations.log_replay.Engine", Kept)
        assert LogReplay(trace, make_policy(policy), [], trace.rules).run()
        return trace_of(Kept.log, "again")


@pytest.mark.parametrize("seed", [1, 2])
def test_they_change_when_they_did(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ruled(tmp_path / "pool", seed)
    trace = by_the_simulator(read_own_log(tmp_path / "pool"), monkeypatch)
    assert [one.rules.alpha_milli for one in trace.rules] == [750, 500, 100, 900, 900]
    figures = run_policy(trace, "meted")
    assert figures["wait_error_units"] == figures["jobs"]
    assert (figures["wait_error_mean_abs_s"], figures["entitlement_changes"]) == (
        0,
        {"domains": 0, "loans": 0, "refused": 0, "first_refusal": None},
    )
    for held in trace.rules:  # with any of them throughout it is otherwise
        assert float(str(run_policy(trace, "meted", held.rules)["wait_error_mean_abs_s"])) > 1


def test_it_is_told_which_held_when(tmp_path: Path) -> None:
    ruled(tmp_path / "pool", 1)
    trace = read_own_log(tmp_path / "pool")
    figures = json.loads(call(tmp_path / "pool", "--json", "-").stdout)
    assert figures["rules"]["alpha_milli"] == 500  # as the first job was submitted
    changed = figures["rules_changed"]
    times = sorted({float(key.split()[0]) for key in changed})
    assert times == [(one.at_us - trace.first_us) / S for one in trace.rules[2:]]
    assert [changed[f"{at_s} {name}"] for at_s, name in zip(times, ("aging_us", "pool", "usage"), strict=True)] == [
        None,
        "fifo",
        "pool",
    ]
    assert len(changed) == sum(map(len, CHANGES))
    shown = log_table(figures, trace)
    assert "0.5 of the pool by share; the rest by usage that fades (half-life 1 d, aging 1 d); usage is all" in shown
    assert "min on: 0.1 of the pool by share; the rest by usage that fades (half-life 1 h, waiting counts not" in shown
    assert "min on: 0.9 of the pool by share; the rest first come, first served; usage is all service" in shown
    assert "whatever the log says" not in shown


def test_what_an_option_names_holds_throughout(tmp_path: Path) -> None:
    ruled(tmp_path / "pool", 1)
    path = tmp_path / "pool"
    one = json.loads(call(path, "--alpha", "0.3", "--json", "-").stdout)
    assert (one["rules"]["alpha_milli"], one["rules_throughout"]) == (300, "--alpha")
    assert {key.split()[1] for key in one["rules_changed"]} == {"half_life_us", "aging_us", "pool", "usage"}
    assert "as given throughout, whatever the log says: --alpha\n" in call(path, "--alpha", "0.3").stdout
    words = "--alpha", "0.3", "--half-life", "1d", "--aging", "1d", "--pool", "decay", "--usage", "all"
    every = json.loads(call(path, *words, "--json", "-").stdout)
    assert every["rules_changed"] == {}
    same = run_policy(read_own_log(path), "meted", Rules(alpha_milli=300))
    assert (every["mean_wait_s"], same["rules_changed"]) == (same["mean_wait_s"], {})
    assert every["mean_wait_s"] != one["mean_wait_s"]


def test_others_do_not_go_by_them(tmp_path: Path) -> None:
    ruled(tmp_path / "pool", 1)
    figures = run_policy(read_own_log(tmp_path / "pool"), "easy")
    assert figures["rules"] == {}
    assert "rules_changed" not in figures
    assert "of the pool by share" not in call(tmp_path / "pool", "--policy", "easy").stdout


def test_lag_is_held_against_the_least_that_was_promised(tmp_path: Path) -> None:
    ruled(tmp_path / "pool", 1)
    trace = read_own_log(tmp_path / "pool")

    def measured(alpha_milli: int) -> list[object]:
        recorder = Recorder(trace, "meted", shares=trace.shares, alpha_milli=alpha_milli)
        assert LogReplay(trace, make_policy("meted"), [recorder], trace.rules, recorder.entitled).run()
        figures = recorder.results("instant", 0)
        return [figures[name] for name in ("max_starvation", "max_lag_of_bound")]

    figures = json.loads(call(tmp_path / "pool", "--fairness", "--json", "-").stdout)
    assert figures["rules"]["alpha_milli"] == 500
    assert [figures["max_starvation"], figures["max_lag_of_bound"]] == measured(100) != measured(500)
