"""``meted sweep`` as people and programs call it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from meted.simulations.commands import run_options
from meted.simulations.commands.simulate import simulate
from meted.simulations.commands.sweep import sweep
from meted.simulations.running.bars import RunBars
from meted.simulations.running.processes import run_all
from meted.simulations.running.request import RunRequest

from .. import calling

HEADER = "; MaxProcs: 4\n"
ROW = "{0} {1} -1 {2} {3} -1 -1 -1 {4} -1 1 {5} -1 -1 -1 -1 -1 -1\n"
ROWS = "".join(
    ROW.format(n, 700 * n, 300 + 97 * (n % 31), 1 + n % 4, 300 + 140 * (n % 31), n % 7) for n in range(1, 201)
)
SMALL = ("--vary", "policy=meted,easy", "--vary", "alpha=0.5,1")
GRID = ("--vary", "policy=meted,easy", "--vary", "alpha=0.5,1", "--vary", "procs=4,5")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "small.swf"
    path.write_text(HEADER + ROWS)
    return path


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of the runs that are really done, as they are asked for."""
    labels: list[str] = []

    def watched(requests: Sequence[RunRequest], *rest: object) -> object:
        labels.extend(request.label for request in requests)
        return run_all(requests, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run_options, "run_all", watched)
    return labels


call = partial(calling.call, sweep)


def test_every_combination_once_and_a_rule_only_where_it_means_something(trace: Path, done: list[str]) -> None:
    out = call(trace, *GRID, "--metric", "mean_wait_s").stdout
    rows = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert ["policy", "alpha", "procs", "mean wait, s"] in rows
    assert [row[:3] for row in rows if row[0] in ("meted", "easy")] == [
        ["meted", "0.5", "4"],
        ["meted", "0.5", "5"],
        ["meted", "1", "4"],
        ["meted", "1", "5"],
        ["easy", "-", "4"],
        ["easy", "-", "5"],
    ]
    assert len(done) == 6
    assert done[0] == "policy=meted alpha=0.5 procs=4"


def test_rules_that_no_run_varies_are_told(trace: Path) -> None:
    out = call(trace, "--vary", "overrun=extend,cut", "--policy", "easy").stdout
    assert "\n  event order                instant (" in out
    assert "\n  overrun  " not in out
    assert call(trace, "--vary", "load=1", "--policy", "easy").stdout.startswith("small.swf: 1 run\n")


def test_rules_that_differ_are_told_with_the_runs_that_go_by_them(trace: Path) -> None:
    grid = ("--vary", "policy=lottery,easy,fcfs", "--vary", "procs=1,3", "--first", "90")
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in call(trace, *grid).stdout.splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) == 2}
    assert told["records of procs=1"] == "90 read, the first 90 asked for; 22 simulated"
    assert told["left out of procs=1"].startswith("68 wider than the machine (line ")
    assert told["left out of procs=3"].startswith("22 wider than the machine (line ")
    assert told["seed of policy=lottery"] == "0 (the policy)"
    assert "  seed of policy=easy; policy=fcfs none: nothing is drawn by chance" in call(trace, *grid).stdout
    assert told["estimates"] == "field 9, else the run time"
    assert "records" not in told


def test_of_many_runs_with_rules_of_their_own_some_are_named(
    trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--vary", "procs=3,4,5,6", "--policy", "easy", "--first", "9", "--json", "-")
    runs = [run["results"] for run in json.loads(call(trace, *words).stdout)["runs"]]
    labels = [(f"procs={procs}", "") for procs in (3, 4, 5, 6)]
    monkeypatch.setattr(run_options, "RUNS_NAMED_MAX", 2)
    run_options.echo_rules(runs, labels)
    said = "  records of procs=4; procs=5 and 1 more 9 read, the first 9 asked for; 9 simulated"
    assert said in capsys.readouterr().out.splitlines()
    monkeypatch.setattr(run_options, "RULES_SHOWN_MAX", 2)
    run_options.echo_rules(runs, labels)
    lines = capsys.readouterr().out.splitlines()
    assert said not in lines
    assert lines[-1] == "  Single runs have 1 rule more; --json and --csv have all."


def test_figures_are_those_of_simulate(trace: Path) -> None:
    words = ("--vary", "clairvoyant=no,yes", "--vary", "half-life=6h", "--alpha", "0.6", "--first", "90")
    runs = json.loads(call(trace, *words, "--json", "-").stdout)["runs"]
    assert [run["varied"] for run in runs] == [{"clairvoyant": c, "half-life": "6h"} for c in ("no", "yes")]
    for run, more in zip(runs, ((), ("--clairvoyant",)), strict=True):
        options = ["--alpha", "0.6", "--first", "90", "--half-life", "6h", *more, "--json", "-"]
        alone = json.loads(CliRunner().invoke(simulate, [str(trace), *options]).stdout)
        for figures in (alone, run["results"]):
            del figures["cpu_s"], figures["jobs_per_s"]
        assert run["results"] == alone


def test_a_second_time_only_what_is_new_is_done(trace: Path, tmp_path: Path, done: list[str]) -> None:
    kept = tmp_path / "results.jsonl"
    first = json.loads(call(trace, *SMALL, "--results", kept, "--json", "-").stdout)
    assert len(kept.read_text().splitlines()) == len(done) == 3
    done.clear()
    assert json.loads(call(trace, *SMALL, "--results", kept, "--json", "-").stdout) == first
    assert done == []
    call(trace, *SMALL[:-1], "alpha=0.5,1,0.75", "--results", kept)
    assert done == ["policy=meted alpha=0.75"]
    done.clear()
    trace.write_text(HEADER + ROWS + ROW.format(201, 200_000, 1, 1, 1, 1))
    call(trace, *SMALL, "--results", kept)
    assert len(done) == 3


def interrupt_at(last: int, patch: pytest.MonkeyPatch) -> None:
    """Have somebody press Ctrl-C when this run has ended, before it counts."""
    shown = RunBars.done

    def interrupt(bars: RunBars, place: int) -> None:
        shown(bars, place)
        if place == last:
            raise KeyboardInterrupt

    patch.setattr(RunBars, "done", interrupt)


def test_an_interrupted_sweep_shows_what_was_done(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(call(trace, *SMALL, "--json", "-").stdout)["runs"]
    interrupt_at(2, monkeypatch)
    result = call(trace, *SMALL, "--cores", "1", "--json", tmp_path / "s.json", "--csv", tmp_path / "s.csv", code=130)
    assert result.stderr == (
        "Interrupted; 2 of 3 runs came to their end; with --results FILE the same command would go on from there.\n"
    )
    runs = json.loads((tmp_path / "s.json").read_text())["runs"]
    assert [run["varied"] for run in runs] == [run["varied"] for run in whole[:2]]
    assert [run["results"]["mean_wait_s"] for run in runs] == [run["results"]["mean_wait_s"] for run in whole[:2]]
    assert result.stdout.startswith("small.swf: 2 runs\n")
    with (tmp_path / "s.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_a_sweep_that_was_interrupted_before_anything_was_done(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(0, monkeypatch)
    result = call(trace, *SMALL, "--cores", "1", code=130)
    sentence = "nothing was kept; with --results FILE the same command would go on from here."
    assert (result.stdout, result.stderr) == ("", f"Interrupted; {sentence}\n")


def test_an_interrupted_sweep_goes_on(
    trace: Path, tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "results.jsonl"
    with monkeypatch.context() as patch:
        interrupt_at(1, patch)
        result = call(trace, *SMALL, "--results", kept, "--cores", "1", "--csv", tmp_path / "s.csv", code=130)
    assert result.stderr == f"Interrupted; {kept} has 1 of 3 runs; the same command goes on from there.\n"
    assert result.stdout.startswith("small.swf: 1 run\n")
    with (tmp_path / "s.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 1
    done.clear()
    call(trace, *SMALL, "--results", kept)
    assert len(done) == 2


def test_a_row_for_each_run_in_a_spreadsheet(trace: Path, tmp_path: Path) -> None:
    call(trace, *SMALL, "--csv", tmp_path / "s.csv", "--json", tmp_path / "s.json")
    runs = json.loads((tmp_path / "s.json").read_text())["runs"]
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == ["meted"] * 2 + ["easy"]
    assert [float(row["mean_wait_s"]) for row in rows] == [run["results"]["mean_wait_s"] for run in runs]
    assert rows[2]["alpha"] == ""


@pytest.mark.parametrize(
    ("grid", "texts"),
    [
        (GRID, {"mean wait, s: small.swf", "alpha", "policy meted, procs 4", "policy easy, procs 5"}),
        (("--vary", "overrun=extend,cut"), {"overrun", "extend", "cut"}),
    ],
)
def test_a_figure_as_a_plot(trace: Path, tmp_path: Path, grid: Sequence[str], texts: set[str]) -> None:
    call(trace, *grid, "--plot", tmp_path / "p.svg")
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    found = {"".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert texts <= found


def test_a_run_that_fails_is_told_and_the_others_count(trace: Path, tmp_path: Path, done: list[str]) -> None:
    trace.write_text(HEADER + "".join(ROW.format(n, n, 10, 3, 10, 1) for n in range(1, 9)))
    kept = tmp_path / "results.jsonl"
    result = call(trace, "--vary", "procs=2,4", "--results", kept, code=1)
    assert result.stderr.startswith("Failed: procs=2: small.swf holds no job to simulate")
    assert "small.swf: 2 runs" in result.stdout
    assert len(kept.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--vary", "alpha"), "names no values; write it like alpha=0.5,0.75"),
        (("--vary", "alpha=2"), "'2' is no part of the pool; write one from 0.001 to 1"),
        (("--vary", "policy=roulette"), "'roulette' is not one of"),
        (("--vary", "json=a,b"), "json cannot be varied; these can: aging, alpha,"),
        (
            ("--vary", "alpha=1", "--vary", "alpha=0.5"),
            "A parameter is varied twice; give all its values in one --vary.",
        ),
        (("--vary", "policy=easy,fcfs", "--alpha", "0.5"), "--alpha is a rule of the policy meted"),
        (("--vary", "procs=1,2", "--metric", "beauty"), "'beauty' is not one of"),
        ((), "Missing option '--vary'"),
        (("--vary", "procs=1,2", "--plot", "absent/p.svg"), "is in a folder that does not exist"),
        (("--vary", "procs=1,2", "--csv", "-"), "--csv needs the name of a file; /dev/stdout is the standard output."),
        (("--vary", "procs=1,2", "--csv", "s", "--results", "s"), "--csv and --results both name s; give two files."),
    ],
)
def test_misuse(trace: Path, words: Sequence[str], sentence: str) -> None:
    result = call(trace, *words, code=2)
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_file_of_something_else_is_no_file_of_results(trace: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("remember\n")
    assert "is no result of a sweep" in call(trace, *GRID, "--results", notes, code=1).stderr
    assert notes.read_text() == "remember\n"
