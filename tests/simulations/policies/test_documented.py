"""The tables of policies and of their parameters in docs/policies.md are true, and figures are what a replay gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, cast

import pytest

from meted.adapters.policy_parameters import text_of, written
from meted.simulations.policies.registry import TUNABLE, make_policy, policy_names
from meted.simulations.replay import Replay
from meted.simulations.results.metrics import Metrics
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "policies.md"
RIVALS: Final = PAGE.read_text(encoding="utf-8").split("\n## Rivals\n")[1].split("\n## ")[0]
ROWS: Final = dict(re.findall(r"^\| `([\w-]+)` \| ([\d,]+\.\d\d s \|.*) \|$", RIVALS, re.M))


def test_every_rival_has_a_row() -> None:
    described = re.findall(r"^\| `([\w-]+)` \|.*`(?:core|simulations)/", RIVALS, re.M)
    assert len(described) == 11
    assert {*described, "fcfs", "easy", "meted"} == set(ROWS)


@pytest.mark.parametrize("policy", sorted(ROWS))
def test_a_row_is_what_a_replay_gives(shared_traces: Path, policy: str) -> None:
    options = TraceOptions(procs=100, first=2_000)
    trace = read_trace(str(shared_traces / "swf" / "KTH-SP2-1996-sc15.swf.gz"), options)
    metrics = Metrics(trace)
    replay = Replay(trace, make_policy(policy), "instant", [metrics])
    assert replay.run()
    assert not replay.engine.refusals
    found = cast(dict[str, float], metrics.results(policy, "instant", 1))
    assert ROWS[policy] == " | ".join(
        (
            f"{found['mean_wait_s']:,.2f} s",
            f"{found['max_wait_s']:,.0f} s",
            f"{found['mean_bounded_slowdown']:.4f}",
            f"{found['mean_user_wait_s']:,.1f} s",
            f"{found['jain_service']:.4f}",
            f"{found['min_service']:.4f}",
            f"{found['max_lag_units']:.4f}",
            f"{100 * found['utilisation']:.2f} %",
        )
    )


def test_the_parameters_are_those_of_the_policies() -> None:
    """The table of parameters names each policy that has some, each parameter, and what it is if it is not named."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Parameters\n")[1].split("\n## ")[0]
    said = dict(re.findall(r"^\| `([\w+-]+)` \| (.*) \|$", section, re.M))
    assert said == {
        name: ", ".join(f"`{written(field)}={text_of(field, value)}`" for field, value in tunable.defaults.items())
        for name, tunable in TUNABLE.items()
    }


def test_every_policy_is_described() -> None:
    found = set(
        re.findall(r"^\| `([\w+-]+)` \| .* \| (?:yes|no|.*`(?:core|simulations)/.*) \|$", PAGE.read_text(), re.M)
    )
    assert found == set(policy_names())


def test_the_first_table_is_what_a_replay_gives() -> None:
    """The tiny trace, on the page where one starts."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", (PAGE.parent / "simulation.md").read_text(), re.M)
    assert len(rows) == 4
    for policy, said in rows:
        trace = read_trace(str(PAGE.parents[1] / "examples" / "tiny.swf"))
        metrics = Metrics(trace)
        assert Replay(trace, make_policy(policy), "instant", [metrics]).run()
        found = cast(dict[str, float], metrics.results(policy, "instant", 1))
        figures = f"{found['mean_wait_s']:,.2f} s | {found['max_wait_s']:,.0f} s | {found['jain_service']:.4f}"
        assert figures == said, policy
