"""Every output says how it came about: order of events, ties, estimates, overruns, filter, seed and the trace."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import click
import pytest

from meted.adapters.embedded import Pool
from meted.simulations.commands.compare import compare
from meted.simulations.commands.quanta import quanta
from meted.simulations.commands.replay import replay
from meted.simulations.commands.simulate import simulate
from meted.simulations.commands.sweep import sweep
from meted.simulations.results.origin import ORIGIN_COLUMNS

from ..calling import call

ROW = "{0} {0} -1 10 2 -1 -1 -1 20 -1 1 {1} -1 -1 -1 -1 -1 -1\n"
CHANCE = ("--estimates", "random:3", "--seed", "5")
PRICES = Path(__file__).resolve().parents[3] / "examples/prices.toml"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Thirty jobs, a line that is none, and a job without processors."""
    path = tmp_path / "small.swf"
    rows = "".join(ROW.format(number, number % 3) for number in range(1, 31))
    path.write_text("; MaxProcs: 4\n" + rows + "one two\n" + "31 40 -1 10 -1 -1 -1 -1 20 -1 1 1 -1 -1 -1 -1 -1 -1\n")
    return path


def said(trace: Path, **other: str) -> dict[str, str]:
    return {
        "event_order": "pyss",
        "tie_rule": "submit time, then job number, then place in the file",
        "procs_field": "allocated",
        "estimates": "drawn between the run time and 3 times it, seed 5",
        "overrun": "cut",
        "filter": "records=31 malformed=1 no_procs=1 jobs=30",
        "seed": "5 (estimates)",
        "trace_sha256": hashlib.sha256(trace.read_bytes()).hexdigest(),
    } | other


@pytest.mark.parametrize(
    ("command", "words", "option"),
    [
        (simulate, ("--policy", "easy"), "--csv"),
        (simulate, ("--policy", "easy", "--credit", PRICES), "--credit-csv"),
        (compare, ("--policy", "easy", "--policy", "fcfs", "--resamples", "0"), "--csv"),
        (compare, ("--policy", "easy", "--credit", PRICES, "--resamples", "0"), "--credit-csv"),
        (sweep, ("--vary", "policy=easy,fcfs"), "--csv"),
    ],
)
def test_each_row_of_a_spreadsheet(
    trace: Path, tmp_path: Path, command: click.Command, words: tuple[Any, ...], option: str
) -> None:
    call(command, trace, *words, *CHANCE, "--event-order", "pyss", "--overrun", "cut", option, tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert {name: row[name] for name in ORIGIN_COLUMNS} == said(trace)


def test_what_is_varied_has_a_column_of_its_own(trace: Path, tmp_path: Path) -> None:
    call(sweep, trace, "--vary", "overrun=cut,extend", "--vary", "seed=1,2", "--csv", tmp_path / "s.csv")
    head, *rows = list(csv.reader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(set(head)) == len(head)
    assert [row[:2] for row in rows] == [["cut", "1"], ["cut", "2"], ["extend", "1"], ["extend", "2"]]


@pytest.mark.parametrize(
    ("words", "seed"),
    [
        ((), "none: nothing is drawn by chance"),
        (("--seed", "7"), "none: nothing is drawn by chance"),
        (CHANCE, "5 (estimates)"),
        (("--policy", "lottery:seed=3"), "3 (the policy)"),
        ((*CHANCE, "--policy", "lottery"), "5 (estimates); 0 (the policy)"),
    ],
)
def test_what_is_drawn_by_chance_is_told_with_its_seed(
    trace: Path, tmp_path: Path, words: tuple[str, ...], seed: str
) -> None:
    shown = call(simulate, trace, *words, "--html", tmp_path / "page.html").stdout
    assert [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("  seed")] == [seed]
    assert f'<th scope="row">seed</th><td class="text">{seed}</td>' in (tmp_path / "page.html").read_text()


def test_a_schedule(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.swf"
    call(simulate, trace, *CHANCE, "--load", "2", "--alpha", "0.5", "--out", out)
    notes = [line for line in out.read_text().splitlines() if line.startswith("; Note: ")]
    assert "; Note: ties=submit time, then job number, then place in the file" in notes
    assert "; Note: jobs as load=2 domain_of=user estimates=random:3 seed=5" in notes
    assert "; Note: filter records=31 malformed=1 no_procs=1 jobs=30" in notes
    assert any(note.startswith("; Note: parameters alpha_milli=500 ") for note in notes)
    call(simulate, trace, "--policy", "lottery:seed=3", "--out", out)
    assert "; Note: parameters seed=3 switch_milli=1000 fill=easy\n" in out.read_text()
    call(simulate, trace, "--policy", "fcfs", "--out", out)
    assert "parameters" not in out.read_text()


def test_the_replay_of_a_log(tmp_path: Path) -> None:
    with Pool.open(tmp_path / "log") as pool:
        pool.domain("a", 1)
        pool.submit("a", count=8)
        pool.run(pool.join("here"), lambda _unit: b"")
    words = (tmp_path / "log", "--policy", "lottery:seed=3", "--csv", tmp_path / "users.csv")
    shown = " ".join(call(replay, *words).stdout.split())
    assert "event order instant (all ends, then all submits, then one pass)" in shown
    assert "ties the order of the log" in shown
    assert "seed 3 (the policy)" in shown
    figures = json.loads(call(replay, *words, "--json", "-").stdout)
    assert figures["tie_rule"] == "the order of the log"
    (row,) = csv.DictReader((tmp_path / "users.csv").read_text().splitlines())
    assert (row["tie_rule"], row["seed"], row["overrun"]) == ("the order of the log", "3 (the policy)", "as recorded")
    assert row["estimates"] == "as submitted, or none"
    assert row["trace_sha256"] == figures["trace_sha256"]
    assert row["filter"].startswith("events=")


def test_a_search_of_misreports(tmp_path: Path) -> None:
    path = tmp_path / "demands.txt"
    path.write_text("1 6 1\n5 6 4\n2 4 4\n")
    words = (path, "--slices", 6, "--policy", "karma", "--strategist", 3, "--seed", 9)
    assert json.loads(call(quanta, *words, "--json", "-").stdout)["seed"] is None
    assert json.loads(call(quanta, *words, "--tries", 5, "--json", "-").stdout)["seed"] == 9
    assert "seed 9 (search of misreports)" in " ".join(call(quanta, *words, "--tries", 5).stdout.split())
