"""``meted quanta`` as people and programs call it."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from meted.simulations.commands import quanta as command
from meted.simulations.commands.quanta import quanta
from meted.simulations.quanta.figures import figures

from .. import calling

RUNNING = "2 2 0\n4 0 0\n0 4 0\n2 2 6\n2 2 4\n"
"""The running example of the paper."""


@pytest.fixture
def demands(tmp_path: Path) -> Path:
    path = tmp_path / "running.txt"
    path.write_text(RUNNING)
    return path


call = partial(calling.call, quanta)


def test_one_document_on_the_standard_output(demands: Path) -> None:
    words = (demands, "--fair-share", 2, "--policy", "karma", "--policy", "max-min", "--json", "-")
    result = call(*words)
    found = json.loads(result.stdout)
    assert result.stderr == ""
    assert (found["trace"], found["users"], found["quanta"], found["slices"]) == ("running.txt", 3, 5, 6)
    assert found["trace_sha256"] == hashlib.sha256(RUNNING.encode()).hexdigest()
    assert found["user_demand_slices"] == [10, 10, 10]
    karma, max_min = found["policies"]
    assert (karma["policy"], karma["alpha"], karma["guaranteed_slices"], karma["shared_slices"]) == ("karma", 0.5, 1, 3)
    assert (karma["user_useful_slices"], max_min["user_useful_slices"]) == ([8, 8, 8], [10, 10, 4])
    assert (karma["min_max_useful"], max_min["min_max_useful"]) == (1, 0.4)
    assert (karma["disparity"], max_min["disparity"]) == (1, 2.5)
    assert karma["utilisation"] == max_min["utilisation"] == 0.8
    assert (karma["least_welfare"], karma["mean_welfare"], karma["idle_slices"]) == (0.8, pytest.approx(0.8), 6)
    again = json.loads(call(*words).stdout)
    assert {**found, "cpu_s": 0} == {**again, "cpu_s": 0}


def test_a_table_that_says_how_it_came_about(demands: Path) -> None:
    shown = call(demands, "--slices", 6, "--alpha", "1", "--alpha", "0.5", "--credits", 6, "--redistribute").stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "running.txt: 3 users, 5 quanta of 6 slices"
    assert [line.split()[0] for line in lines[4:9]] == ["karma", "karma", "max-min", "static", "dmmf"]
    assert "max-min 24 80.00 % 4 10 0.4000 0.8889 0.4000 0.8000 2.50" in lines
    for said in (
        "ties the user in the later column",
        "karma 1 slices guaranteed to each user: 2; shared: 0",
        "karma 0.5 slices guaranteed to each user: 1; shared: 3",
        "credits 6 each at the start; what only the bankrupt want: serve; redistributed",
        "quanta 5 read",
        f"trace sha256 {hashlib.sha256(RUNNING.encode()).hexdigest()}",
    ):
        assert said in lines


def test_figures_go_to_a_file_and_the_table_to_the_standard_output(demands: Path, tmp_path: Path) -> None:
    shown = call(demands, "--slices", 6, "--json", tmp_path / "figures.json").stdout
    assert "utilisation" in shown
    assert len(json.loads((tmp_path / "figures.json").read_text())["policies"]) == 4


def test_a_part_of_the_matrix_and_more_of_it(demands: Path) -> None:
    words = (demands, "--slices", 6, "--first", 4, "--users", 2, "--scale", 3)
    found = json.loads(call(*words, "--json", "-").stdout)
    assert (found["quanta"], found["users"], found["columns"]) == (4, 2, 3)
    assert found["user_demand_slices"] == [24, 24]
    shown = " ".join(call(*words).stdout.split())
    assert "columns 3, 2 of them taken quanta 4 read, the first 4 asked for scale demands times 3" in shown


def test_the_paper_lets_slices_idle_that_only_the_bankrupt_want(tmp_path: Path) -> None:
    path = tmp_path / "bankrupt.txt"
    path.write_text("4 1 1\n")
    words = (path, "--slices", 6, "--policy", "karma", "--alpha", 1, "--credits", 0, "--json", "-")
    assert json.loads(call(*words).stdout)["policies"][0]["user_useful_slices"] == [4, 1, 1]
    assert json.loads(call(*words, "--bankrupt", "idle").stdout)["policies"][0]["user_useful_slices"] == [2, 1, 1]


def test_a_strategic_user(tmp_path: Path) -> None:
    path = tmp_path / "pays.txt"
    path.write_text("1 6 1\n5 6 4\n2 4 4\n")
    words = (path, "--slices", 6, "--policy", "karma", "--alpha", 0, "--strategist", 3, "--tries", 60)
    [karma] = json.loads(call(*words, "--json", "-").stdout)["policies"]
    assert set(karma["misreport_useful_slices"]) == {"double", "hoard", "all", "half", "modest"}
    assert karma["misreport_search"] == {"truthful_slices": 6, "useful_slices": 7, "gain": 7 / 6, "tried": 60}
    shown = call(*words).stdout
    assert "Useful slices of the user in column 3, who demands 9:" in shown
    assert "7 (x1.167)" in shown


def test_malformed_lines_are_told_and_counted(demands: Path) -> None:
    demands.write_text(RUNNING + "1 2\n" * 25 + "1 -2 3\n")
    result = call(demands, "--slices", 6, "--json", "-")
    found = json.loads(result.stdout)
    assert (found["malformed"], found["quanta"]) == (26, 5)
    told = result.stderr.splitlines()
    assert told[0] == f"{demands}: line 6: it has 2 columns where the matrix has 3."
    assert told[20:] == [f"{demands}: 6 more malformed lines."]
    assert "26 malformed lines" in call(demands, "--slices", 6).stdout


def test_users_without_demand_are_not_counted(demands: Path) -> None:
    demands.write_text("3 0 1\n3 0 1\n")
    assert "1 user who never demanded anything" in call(demands, "--slices", 3).stdout
    assert figures([4, 0, 2], [6, 0, 2], 6).least_welfare == Fraction(2, 3)
    assert figures([0, 0], [0, 0], 6).min_max_useful == 1
    assert figures([0, 3], [1, 3], 6).disparity is None


@pytest.mark.parametrize("data", [b"", b"# nothing\n\n", b"\x00\xff\x1f\n", b"1.5 2\n"])
def test_a_file_with_no_quantum_is_a_sentence(demands: Path, data: bytes) -> None:
    demands.write_bytes(data)
    assert "Error: the matrix has no quantum" in call(demands, "--slices", 6, code=1).stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "give either --slices N or --fair-share N."),
        (["--slices", "6", "--fair-share", "2"], 2, "give either --slices N or --fair-share N."),
        (["--slices", "0"], 2, "0 is not in the range"),
        (["--slices", "6", "--policy", "lottery"], 2, "'lottery' is not one of"),
        (["--slices", "6", "--alpha", "1.5"], 2, "'1.5' is no part of a share; write one from 0 to 1, like 0.5."),
        (["--slices", "6", "--alpha", "half"], 2, "'half' is no amount"),
        (["--slices", "6", "--bankrupt", "idle"], 2, "nobody is ever without credit; set it with --credits N."),
        (["--slices", "6", "--policy", "dmmf", "--alpha", "1"], 2, "--alpha is of karma; add --policy karma."),
        (["--slices", "6", "--policy", "static", "--redistribute"], 2, "--redistribute is of karma;"),
        (["--slices", "6", "--tries", "3"], 2, "name one with --strategist COLUMN."),
        (["--slices", "6", "--strategist", "4"], 1, "the matrix has 3 users; name one of them."),
        (["--slices", "6", "--users", "4"], 1, "running.txt has 3 users; ask for at most so many."),
        (["--fair-share", "999999999999"], 1, "ask for at most 1,000,000,000,000."),
        (["--slices", "6", "--json", "absent/figures.json"], 2, "is in a folder that does not exist"),
    ],
)
def test_misuse_is_a_sentence(demands: Path, words: list[str], code: int, sentence: str) -> None:
    assert sentence in " ".join(call(demands, *words, code=code).stderr.split())


def test_the_matrix_is_not_written_over(demands: Path) -> None:
    assert "would write over" in call(demands, "--slices", 6, "--json", demands, code=2).stderr
    assert demands.read_text() == RUNNING


def test_a_matrix_too_large_to_search(demands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MAX_SEARCHED", 14)
    words = (demands, "--slices", 6, "--strategist", 1, "--policy", "karma")
    assert "too many to be searched" in call(*words, "--tries", 1, code=1).stderr
    call(*words, "--tries", 1, "--first", 4)


def test_as_a_process_from_the_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meted.adapters.cli", "quanta", "-", "--slices", "6"],
        input=gzip.compress(RUNNING.encode()),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(b"stdin: 3 users, 5 quanta of 6 slices\n")
    assert done.stderr == b""
