"""Parameters of policies as they stand on a command line: what they may be, what they do, and that reports say them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meted.simulations.commands.compare import compare
from meted.simulations.commands.replay import replay
from meted.simulations.commands.simulate import simulate
from meted.simulations.commands.sweep import sweep
from meted.simulations.errors import SimulationError
from meted.simulations.policies.condor import Condor
from meted.simulations.policies.multifactor import FairTree, Multifactor, Weights
from meted.simulations.policies.registry import (
    SIMULATED,
    TUNABLE,
    make_policy,
    policy_names,
    policy_parameters,
    policy_text,
)

from ..test_own_log import S, recorded

TINY = Path(__file__).parents[3] / "examples/tiny.swf"


def test_they_are_those_of_the_policies_in_python() -> None:
    policy = make_policy("multifactor:size=0,age=20,max-age=12h,favour-small=yes,fill=strict")
    assert isinstance(policy, Multifactor)
    assert policy.weights == Weights(age=20, size=0, max_age_us=43_200 * S, favour_small=True)
    assert policy.fill == "strict"
    tree, condor = make_policy("fair-tree:merge-ties=no"), make_policy("condor:half-life=90m")
    assert isinstance(tree, FairTree)
    assert (tree.merge_ties, tree.weights) == (False, Weights())
    assert isinstance(condor, Condor)
    assert condor.half_life_us == 5_400 * S


@pytest.mark.parametrize("name", sorted(TUNABLE))
def test_defaults_said_are_defaults(name: str) -> None:
    """What each is made of without a word is what its parameters say that it is."""
    plain, said = SIMULATED[name](), TUNABLE[name].of(TUNABLE[name].defaults)
    assert vars(plain) == vars(said)
    assert policy_parameters(name) == dict(TUNABLE[name].defaults)


def test_they_are_written_in_one_way() -> None:
    assert policy_text("multifactor: size=0 , age=20") == "multifactor:age=20,size=0"
    assert policy_text("condor:half-life=120m") == "condor:half-life=2h"
    assert policy_text("go-d-docker:user-cpu=0.123456789") == "go-d-docker:user-cpu=0.123456789"
    for name in policy_names():
        assert policy_text(name) == name
    for name in TUNABLE:  # whatever is said can be read again
        said = policy_parameters(name)
        text = f"{name}:" + ",".join(f"{key.removesuffix('_us').replace('_', '-')}={_word(said[key])}" for key in said)
        assert policy_parameters(text) == said


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value / S}s" if isinstance(value, int) and value > S else str(value)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("multifactor:weight=1", "'weight=1' is no parameter of multifactor; it has fair-share, age, size,"),
        ("multifactor:", "'' is no parameter of multifactor"),
        ("multifactor:age=1,age=2", "the parameter age of multifactor is given twice"),
        ("multifactor:age=-1", "age of multifactor: '-1' is no whole number from 0 to 1,000,000,000."),
        ("multifactor:age=1e3", "'1e3' is no whole number"),
        ("multifactor:age=" + "9" * 5_000, "is no whole number"),
        ("multifactor:favour-small=1", "'1' is none of yes, no."),
        ("multifactor:fill=all", "'all' is none of strict, first-fit, easy."),
        ("condor:half-life=0", "half-life of condor: '0' is no time at all"),
        ("go-d-docker:wait=nan", "'nan' is no number from 0"),
        ("fcfs:age=1", "the policy fcfs has no parameters; these have: condor, drf,"),
        ("meted:alpha=1", "the policy meted has no parameters; it goes by the rules of the pool; these have:"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(policy: str, sentence: str) -> None:
    with pytest.raises(SimulationError) as refused:
        make_policy(policy)
    assert sentence in str(refused.value)
    result = CliRunner().invoke(simulate, [str(TINY), "--policy", policy])
    assert result.exit_code == 2
    assert sentence[:20] in " ".join(result.output.split())


def run(*words: str) -> dict[str, object]:
    result = CliRunner().invoke(simulate, [str(TINY), *words, "--json", "-"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_weight_makes_a_difference_and_every_report_says_it(tmp_path: Path) -> None:
    plain, wide = run("--policy", "multifactor"), run("--policy", "multifactor:size=1000000,fill=strict")
    assert plain["mean_wait_s"] != wide["mean_wait_s"]
    assert wide["policy"] == "multifactor:size=1000000,fill=strict"
    assert wide["policy_parameters"] == {**policy_parameters("multifactor"), "size": 1_000_000, "fill": "strict"}
    assert run("--policy", "fcfs")["policy_parameters"] == {}
    said = "fair-share=10000, age=1000, size=5, max-age=7d, favour-small=no, half-life=7d, period=5m, fill=easy"
    shown = CliRunner().invoke(simulate, [str(TINY), "--policy", "multifactor:size=5"]).output
    assert said in shown
    words = [str(TINY), "--policy", "multifactor", "--policy", "multifactor:size=5", "--html", str(tmp_path / "a.html")]
    compared = CliRunner().invoke(compare, [*words, "--resamples", "0"]).output
    assert said in compared
    assert said in (tmp_path / "a.html").read_text()
    swept = CliRunner().invoke(sweep, [str(TINY), "--vary", "policy=fcfs;multifactor:age=1,size=5", "--json", "-"])
    assert "multifactor:age=1,size=5" in swept.stdout
    with recorded(tmp_path / "pool") as made:
        made.pool.domain("a")
        worker = made.pool.join("one")
        made.run_all([worker], {(made.pool.submit("a"), 0): S})
    assert said in CliRunner().invoke(replay, [str(tmp_path / "pool"), "--policy", "multifactor:size=5"]).output
