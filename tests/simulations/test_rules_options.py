"""The parameters of fairness as options of ``meted simulate`` and ``meted replay``, and a published result by them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from meted.adapters.embedded import Pool
from meted.core.state import Rules
from meted.simulations.commands.replay import replay, run_policy
from meted.simulations.commands.simulate import simulate
from meted.simulations.errors import SimulationError
from meted.simulations.traces.own_log import read_own_log

from .calling import call

ALL = ("--alpha", "0.5", "--half-life", "2h", "--aging", "none", "--pool", "fifo", "--usage", "pool", "--start", "5")
GIVEN = {
    "alpha_milli": 500,
    "half_life_us": 7_200_000_000,
    "aging_us": None,
    "pool": "fifo",
    "usage": "pool",
    "start_mc": 5000,
}
DEFAULT = {
    "alpha_milli": 750,
    "half_life_us": 86_400_000_000,
    "aging_us": 86_400_000_000,
    "pool": "decay",
    "usage": "all",
    "start_mc": 1_000_000_000,
}


def read(command: click.Command, *words: str | Path) -> dict[str, object]:
    figures = json.loads(call(command, *words, "--json", "-").stdout)
    assert isinstance(figures, dict)
    return figures


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Of two users one has long jobs and comes first."""
    rows = "".join(
        f"{n} {n} -1 {50 if n < 20 else 5} 1 -1 -1 1 60 -1 1 {n // 20} -1 -1 -1 -1 -1 -1\n" for n in range(40)
    )
    path = tmp_path / "small.swf"
    path.write_text("; MaxProcs: 2\n" + rows)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    with Pool.open(path) as pool:
        for name in ("a", "b"):
            pool.domain(name, 1)
            pool.submit(name, count=8)
        pool.run(pool.join("here"), lambda _unit: b"")
    return path


@pytest.mark.parametrize("source", ["trace", "log"])
def test_what_is_named_is_set_and_told(source: str, request: pytest.FixtureRequest) -> None:
    path, command = request.getfixturevalue(source), simulate if source == "trace" else replay
    assert read(command, path)["rules"] == DEFAULT
    assert read(command, path, "--alpha", "1")["rules"] == DEFAULT | {"alpha_milli": 1000}
    assert read(command, path, *ALL)["rules"] == GIVEN
    assert read(command, path, "--policy", "easy")["rules"] == {}
    shown = call(command, path, *ALL).stdout
    assert "0.5 of the pool by share; the rest first come, first served; usage is what came from the pool" in shown
    shown = call(command, path).stdout
    assert "0.75 of the pool by share; the rest by usage that fades (half-life 1 d, aging 1 d); usage is all" in shown
    assert "of the pool by share" not in call(command, path, "--policy", "fcfs").stdout


def test_they_reach_the_engine(trace: Path) -> None:
    waits = {
        alpha: read(simulate, trace, "--pool", "fifo", "--alpha", alpha)["mean_wait_s"] for alpha in ("0.001", "1")
    }
    assert float(str(waits["1"])) < float(str(waits["0.001"]))


@pytest.mark.parametrize("source", ["trace", "log"])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--alpha", "0"), "'0' is no part of the pool; write one from 0.001 to 1"),
        (("--alpha", "1.5"), "'1.5' is no part of the pool"),
        (("--alpha", "0.0005"), "'0.0005' is too fine"),
        (("--alpha", "nan"), "'nan' is no amount"),
        (("--half-life", "0"), "'0' is too short"),
        (("--half-life", "soon"), "'soon' is no duration"),
        (("--aging", "-1d"), "'-1d' is no duration"),
        (("--pool", "lottery"), "'lottery' is not one of"),
        (("--usage", "some"), "'some' is not one of"),
        (("--policy", "easy", "--alpha", "0.5"), "--alpha is a rule of the policy meted, and easy does not go by it;"),
        (("--policy", "fcfs", "--aging", "none"), "--aging is a rule of the policy meted, and fcfs does not"),
    ],
)
def test_misuse(source: str, words: Sequence[str], sentence: str, request: pytest.FixtureRequest) -> None:
    command = simulate if source == "trace" else replay
    result = call(command, request.getfixturevalue(source), *words, code=2)
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_program_is_refused_in_a_sentence_as_well(log: Path) -> None:
    with pytest.raises(SimulationError, match="the policy easy has no rules of fairness"):
        run_policy(read_own_log(log), "easy", Rules())


@pytest.mark.slow
def test_a_grid_in_two_tiers(shared_traces: Path) -> None:
    """The published figures of first come, first served, and of two tiers, on a trace of 216 users: all ten, exactly.

    In two tiers the figures hang on every rounding of a virtual time; the same come from a prototype of the rule, in
    tests/core/two_tier_prototype.py.
    """
    words = shared_traces / "swf/LCG-2005-1.swf.gz", "--procs", "1600", "--clairvoyant"
    two_tiers = ("--alpha", "0.5", "--half-life", "1d", "--aging", "none", "--usage", "pool", "--start", "5")
    for rules, wait, largest, slowdown, users_wait, users_slowdown in (
        (("--policy", "fcfs"), 24_300.80, 105_288, 168.383, 21_807.1, 183.66),
        (two_tiers, 15_234.26, 230_585, 60.839, 2_108.7, 7.75),
    ):
        found = read(simulate, *words, *rules)
        assert found["jobs"] == 187_520
        assert round(float(str(found["mean_wait_s"])), 2) == wait
        assert found["max_wait_s"] == largest
        assert round(float(str(found["mean_bounded_slowdown"])), 3) == slowdown
        assert round(float(str(found["mean_user_wait_s"])), 1) == users_wait
        assert round(float(str(found["mean_user_bounded_slowdown"])), 2) == users_slowdown
