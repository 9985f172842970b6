"""``meted compare`` as people and programs call it."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner

from meted.simulations.commands import compare as module
from meted.simulations.commands import compared_runs
from meted.simulations.commands.compare import compare
from meted.simulations.commands.run_options import run_in_processes
from meted.simulations.commands.simulate import simulate
from meted.simulations.running.metric_table import METRICS, Metric, best
from meted.simulations.running.perform import RunResult
from meted.simulations.running.request import RunRequest

from .. import calling

HEADER = "; MaxProcs: 4\n"
ROW = "{0} {1} -1 {2} {3} -1 -1 -1 {4} -1 1 {5} -1 -1 -1 -1 -1 -1\n"
ROWS = "".join(
    ROW.format(n, 800 * n, 300 + 97 * (n % 31), 1 + n % 4, 300 + 140 * (n % 31), (n * n) % 29) for n in range(1, 301)
)
POLICIES = ("--policy", "easy", "--policy", "fcfs", "--policy", "meted")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "small.swf"
    path.write_text(HEADER + ROWS)
    return path


call = partial(calling.call, compare)


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without the times that the runs took."""
    for figures in document["results"]:
        del figures["cpu_s"], figures["jobs_per_s"]
    return document


def test_a_column_a_policy_and_the_best_of_each_row_marked(trace: Path) -> None:
    out = call(trace, *POLICIES, "--resamples", "200").stdout
    assert out.startswith("small.swf: 300 jobs of 15 users on 4 processors, event order instant\n")
    rows = [re.split(r"\s{2,}", line.strip()) for line in out.partition("Differences")[0].splitlines()]
    assert ["figure", "easy", "fcfs", "meted"] in rows
    marked = {row[0]: [place for place, cell in enumerate(row) if cell.startswith("* ")] for row in rows}
    figures = json.loads(call(trace, *POLICIES, "--resamples", "0", "--json", "-").stdout)["results"]
    waits = [each["mean_wait_s"] for each in figures]
    assert marked["mean wait, s"] == [1 + waits.index(min(waits))]
    assert "Differences from easy" in out
    assert "200 draws with seed 0 of" in out
    assert "There is none over users: that takes at least 20 of them." in out
    assert marked["user CPU, s"] == []


def test_figures_are_those_of_simulate_and_the_same_with_one_core_and_with_many(trace: Path) -> None:
    words = (trace, *POLICIES, "--resamples", "100", "--json", "-")
    documents = [timeless(json.loads(call(*words, "--cores", cores).stdout)) for cores in ("1", "3")]
    assert documents[0] == documents[1]
    for policy, figures in zip(documents[0]["policies"], documents[0]["results"], strict=True):
        alone = json.loads(CliRunner().invoke(simulate, [str(trace), "--policy", policy, "--json", "-"]).stdout)
        assert figures == {name: value for name, value in alone.items() if name not in ("cpu_s", "jobs_per_s")}


def test_the_options_of_simulate_count(trace: Path) -> None:
    words = ("--procs", "8", "--first", "50", "--clairvoyant", "--event-order", "pyss", "--alpha", "0.5")
    found = json.loads(call(trace, *POLICIES, *words, "--resamples", "0", "--json", "-").stdout)["results"]
    for figures in found:
        assert (figures["procs"], figures["jobs"], figures["clairvoyant"], figures["event_order"]) == (
            8,
            50,
            True,
            "pyss",
        )
    assert [figures["rules"].get("alpha_milli") for figures in found] == [None, None, 500]


def test_intervals_say_how_they_came_about(trace: Path) -> None:
    words = ("--resamples", "150", "--seed", "7", "--block", "6h", "--json", "-")
    found = json.loads(call(trace, *POLICIES, *words).stdout)["intervals"]
    assert (found["resamples"], found["seed"], found["block_s"], found["blocks"]) == (150, 7, 6 * 3600, 12)
    assert found["differences"] == []
    found = json.loads(call(trace, *POLICIES, *words[:-4], "--block", "1h", "--json", "-").stdout)["intervals"]
    assert {(one["policy"], one["metric"], one["over"]) for one in found["differences"]} == {
        (policy, metric, "time") for policy in ("fcfs", "meted") for metric in ("mean_wait_s", "mean_bounded_slowdown")
    }
    for one in found["differences"]:
        assert one["low"] <= one["difference"] <= one["high"]


def test_a_row_for_each_run_and_figure_in_a_spreadsheet(trace: Path, tmp_path: Path) -> None:
    call(trace, *POLICIES, "--block", "1h", "--resamples", "100", "--csv", tmp_path / "c.csv", "--json", tmp_path / "c")
    document = json.loads((tmp_path / "c").read_text())
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    waits = [row for row in rows if row["metric"] == "mean_wait_s"]
    assert [row["policy"] for row in waits] == ["easy", "fcfs", "meted"]
    assert [float(row["value"]) for row in waits] == [figures["mean_wait_s"] for figures in document["results"]]
    assert waits[0]["difference"] == waits[0]["time_low"] == ""
    assert float(waits[1]["time_low"]) <= float(waits[1]["difference"]) <= float(waits[1]["time_high"])


def test_every_measure_of_a_run_is_compared(trace: Path) -> None:
    """But for what tells the trace, and speed, which is user CPU over jobs."""
    found = json.loads(call(trace, *POLICIES, "--fairness", "--resamples", "0", "--json", "-").stdout)["results"][0]
    numbers = {name for name, value in found.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    assert numbers - {metric.name for metric in METRICS} == {"procs", "jobs", "users", "jobs_per_s"}


def test_a_shorter_block_is_advised_where_there_is_one(trace: Path) -> None:
    rows = trace.read_text().splitlines(keepends=True)
    assert "takes at least 20 days; give a shorter --block.\n" in call(trace, *POLICIES, "--block", "1d").stdout
    trace.write_text("".join(rows[:6]))
    assert "takes at least 20 hours.\n" in call(trace, *POLICIES, "--block", "1h").stdout


def test_each_row_of_a_spreadsheet_says_how_its_intervals_came_about(trace: Path, tmp_path: Path) -> None:
    """And not only that nothing was drawn by chance in the run."""
    path = tmp_path / "c.csv"

    def said(*words: str) -> set[str]:
        call(trace, *POLICIES, *words, "--csv", path)
        with path.open(newline="") as file:
            return {row["intervals"] for row in csv.DictReader(file)}

    assert said("--block", "2h", "--resamples", "50", "--seed", "7") == {
        "BCa bootstrap at 95 %; draws=50 seed=7 block_s=7200"
    }
    assert said("--resamples", "0") == {""}


@pytest.mark.parametrize("ended", [1, 2])
def test_after_an_interruption_those_are_compared_that_have_ended(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int
) -> None:
    def interrupted(
        requests: Sequence[RunRequest], title: str, cores: int | None, found: Callable[[int, RunResult], None]
    ) -> None:
        run_in_processes(requests[-ended:], title, cores, lambda place, one: found(len(requests) - ended + place, one))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(compared_runs, "run_in_processes", interrupted)
    result = call(trace, *POLICIES, "--resamples", "0", "--json", tmp_path / "c.json", code=130)
    if ended == 1:
        assert result.stderr == "Interrupted; nothing was written.\n"
        assert not (tmp_path / "c.json").exists()
    else:
        assert result.stderr == "Interrupted; what had ended was compared, without easy.\n"
        assert json.loads((tmp_path / "c.json").read_text())["policies"] == ["fcfs", "meted"]
        assert "mean wait, s" in result.stdout


def test_a_report_and_all_of_fairness(trace: Path, tmp_path: Path) -> None:
    out = call(trace, *POLICIES, "--resamples", "0", "--html", tmp_path / "report.html").stdout
    assert "largest envy, largest jobs" in out
    page = (tmp_path / "report.html").read_text()
    assert "<title>small.swf: easy, fcfs, meted</title>" in page
    assert "Differences" not in page


def test_a_report_says_how_sure_the_differences_are(trace: Path, tmp_path: Path) -> None:
    words = ("--resamples", "100", "--block", "1h", "--html", tmp_path / "report.html")
    out = call(trace, *POLICIES, *words).stdout
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Differences from easy</h2>" in page
    assert "100 draws with seed 0 of" in page
    row = next(line for line in out.partition("Differences")[2].splitlines() if line.startswith("mean wait, s"))
    for cell in re.split(r"\s{2,}", row.strip()):
        assert f">{cell}</t" in page


def rewritten(trace: Path, user: int, over: int, parts: int) -> Path:
    """Write a trace once more, in which a user asks for so many times the time, or has so many jobs for each."""
    rows = []
    for line in ROWS.splitlines():
        row = line.split()
        run, asked, is_liar = int(row[3]), int(row[8]), int(row[11]) == user
        if is_liar:
            row[3], row[8] = str(run / parts), str(asked * over / parts)
        rows += [" ".join(row)] * (parts if is_liar else 1)
    path = trace.with_name(f"lie{over}-{parts}.swf")
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(("says", "over", "parts"), [("x3", 3, 1), ("split4", 1, 4)])
def test_what_a_user_gains_is_that_of_a_trace_in_which_it_says_so(
    trace: Path, says: str, over: int, parts: int
) -> None:
    words = ("--policy", "easy", "--policy", "meted")
    found = json.loads(call(trace, *words, "--misreport", "5", "--says", says, "--json", "-").stdout)["misreport"]
    assert found["user"] == "5"
    assert [(one["policy"], one["says"], one["work"]) for one in found["gains"]] == [
        ("easy", says, 1),
        ("meted", says, 1),
    ]
    lie = rewritten(trace, 5, over, parts)
    for one in found["gains"]:
        rows = [by_user(path, one["policy"]) for path in (trace, lie)]
        truth, told = ({name: float(row["mean_delay_s"]) for name, row in each.items()} for each in rows)
        gains = {name: truth[name] / told[name] for name in truth}
        assert one["gain"] == gains.pop("5")
        assert one["of_others"] == median(gains.values())
    assert len({one["gain"] for one in found["gains"]}) == 2


def by_user(trace: Path, policy: str) -> dict[str, dict[str, str]]:
    """Return the row of each user in the spreadsheet of a run."""
    rows = trace.with_suffix(f".{policy}.csv")
    calling.call(simulate, trace, "--policy", policy, "--csv", rows)
    with rows.open(newline="") as file:
        return {row["user"]: row for row in csv.DictReader(file)}


def test_a_misreport_leaves_all_else_as_it_is(trace: Path, tmp_path: Path) -> None:
    words = ("--policy", "easy", "--policy", "fcfs", "--resamples", "0", "--fairness", "--json", "-")
    alone, beside = (
        timeless(json.loads(call(trace, *words, *more).stdout)) for more in ((), ("--misreport", "5", "--says", "x3"))
    )
    assert alone.pop("misreport") is None
    assert beside.pop("misreport")["gains"]
    assert alone == beside


def test_a_misreport_in_a_table_and_in_a_report(trace: Path, tmp_path: Path) -> None:
    words = ("--policy", "easy", "--misreport", "5", "--html", tmp_path / "report.html")
    out = call(trace, *words).stdout
    title, rows = "What user 5 gains by what it says", out.partition("What user 5 gains")[2].splitlines()
    cells = [re.split(r"\s{2,}", line.strip()) for line in rows[2:7]]
    assert cells[0] == ["says", "policy", "gain", "of others", "of its work"]
    assert [row[0] for row in cells[1:]] == [
        *("asks for 3 x its time", "asks for 10 x its time", "asks for 0.5 x its time", "splits each job by 8"),
    ]
    assert "Differences" not in out
    assert "the best of its row" not in out
    page = (tmp_path / "report.html").read_text()
    assert f"<h2>{title}</h2>" in page
    for row in cells:
        assert all(f">{cell}</t" in page for cell in row)


def test_who_is_cut_has_less_than_all_of_its_work_done(trace: Path) -> None:
    words = ("--policy", "easy", "--misreport", "5", "--says", "x0.5", "--overrun", "cut")
    (found,) = json.loads(call(trace, *words, "--json", "-").stdout)["misreport"]["gains"]
    assert 0 < found["work"] < 1


@pytest.mark.parametrize("ended", ["truth", "lie", "both"])
def test_after_an_interruption_a_gain_takes_both_of_its_runs(
    trace: Path, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    def interrupted(
        requests: Sequence[RunRequest], title: str, cores: int | None, found: Callable[[int, RunResult], None]
    ) -> None:
        for place in {"truth": (0,), "lie": (1,), "both": (0, 1)}[ended]:
            run_in_processes([requests[place]], title, cores, lambda _, one, place=place: found(place, one))  # type: ignore[misc]
        raise KeyboardInterrupt

    monkeypatch.setattr(compared_runs, "run_in_processes", interrupted)
    words = ("--policy", "easy", "--misreport", "5", "--says", "x3", "--says", "x9")
    result = call(trace, *words, code=130)
    if ended == "both":
        assert result.stderr == "Interrupted; what had ended was compared, without easy, x9.\n"
        assert "asks for 3 x its time" in result.stdout
    else:
        assert result.stderr == "Interrupted; nothing was written.\n"


def test_every_rule_behind_the_figures_is_told(trace: Path) -> None:
    out = call(trace, *POLICIES, "--resamples", "0", "--overrun", "cut").stdout
    rows = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in out.partition("rules of")[2].splitlines()[1:])
    assert list(rows) == [
        *("event order", "ties", "processors", "estimates", "overrun", "entitlement", "seed", "counted", "records"),
        "trace sha256",
    ]
    assert rows["overrun"] == "cut (a run beyond its estimate ends there)"
    assert re.search(r"  rules of meted +0.75 of the pool by share;", out)


def test_the_name_of_a_policy_never_runs_into_what_is_said_of_it(trace: Path) -> None:
    name = "lottery:seed=3,switch-milli=500"
    out = call(trace, "--policy", name, "--policy", "fcfs", "--resamples", "0").stdout
    assert f"  seed of {name} 3 (the policy)\n" in out
    assert f"  parameters of {name} seed=3, switch-milli=500, fill=easy\n" in out


def test_without_numpy_there_are_figures_and_a_sentence(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numpy" else found(name))
    out = call(trace, *POLICIES).stdout
    assert module.NO_NUMPY in out
    assert "mean wait, s" in out
    assert "Differences" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policy", "easy", "--misreport", "5", "--says", "x"), "'x' is nothing that a user can say; give x3"),
        (("--policy", "easy", "--misreport", "5", "--says", "split1"), "'split1' is nothing that a user can say"),
        (("--policy", "easy", "--misreport", "5", "--says", "split1001"), "at most x1000000, and split1000"),
        ((*POLICIES, "--says", "x3"), "--says is what a user says; name the user with --misreport."),
        (("--policy", "easy"), "One policy alone cannot be compared; give --policy at least twice, or a trade"),
        ((*POLICIES, "--policy", "easy"), "A policy is named twice; name each once."),
        (("--policy", "easy", "--policy", "fcfs", "--alpha", "0.5"), "--alpha is a rule of the policy meted"),
        ((*POLICIES, "--block", "90m"), "'90m' is no whole number of hours; write it like 7d or 6h."),
        ((*POLICIES, "--cores", "0"), "0 is not in the range"),
        ((*POLICIES, "--resamples", "1000000"), "1000000 is not in the range"),
        ((*POLICIES, "--csv", "absent/c.csv"), "is in a folder that does not exist"),
    ],
)
def test_misuse(trace: Path, words: Sequence[str], sentence: str) -> None:
    result = call(trace, *words, code=2)
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_failure_of_a_run_is_one_sentence(trace: Path) -> None:
    trace.write_text(ROWS)
    result = call(trace, *POLICIES, code=1)
    assert result.stderr == (
        "Error: small.swf does not say how many processors its machine had; give their number with --procs.\n"
    )
    assert result.stdout == ""


def test_a_user_without_jobs_gains_nothing(trace: Path) -> None:
    result = call(trace, *POLICIES, "--misreport", "99", code=1)
    assert result.stderr == "Error: small.swf has no job of 99; name a user who has jobs with --misreport.\n"


def test_the_trace_is_not_written_over(trace: Path) -> None:
    before = trace.read_bytes()
    assert "would write over the trace" in call(trace, *POLICIES, "--csv", trace, code=2).stderr
    assert trace.read_bytes() == before


@pytest.mark.parametrize(
    ("better", "values", "places"),
    [
        ("less", (3.0, 1.0, 2.0), {1}),
        ("more", (3.0, 1.0, 3.0), {0, 2}),
        ("less", (2.0, 2.0), set()),
        ("", (1.0, 2.0), set()),
    ],
)
def test_the_best_values(better: Any, values: tuple[float, ...], places: set[int]) -> None:
    assert best(Metric("x", "x", ".2f", better), values) == places


def test_values_that_look_alike_are_equally_good() -> None:
    assert best(Metric("x", "x", ".1f"), (1.01, 1.02, 3.0)) == {0, 1}


def test_figures_have_names_of_their_own() -> None:
    assert len({metric.name for metric in METRICS}) == len({metric.title for metric in METRICS}) == len(METRICS)
