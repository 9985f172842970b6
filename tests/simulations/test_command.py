"""``meted simulate`` as people and programs call it."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from meted.simulations.commands.simulate import simulate
from meted.simulations.results.outcome import read_waits

from . import calling

KEYS = {
    *("trace", "policy", "procs", "jobs", "users", "makespan_s", "utilisation", "mean_wait_s", "max_wait_s"),
    *("mean_bounded_slowdown", "mean_turnaround_s", "jain_service", "max_lag_units", "cpu_s", "jobs_per_s"),
    *("event_order", "procs_field", "overrun", "clairvoyant", "trace_sha256", "filter", "tie_rule"),
}

HEADER = "; MaxProcs: 4\n"
ROW = "{0} {1} -1 10 {2} -1 -1 -1 20 -1 1 {3} -1 -1 -1 -1 -1 -1\n"
ROWS = "".join(ROW.format(number, number % 3, 1 + number % 4, number % 2) for number in range(1, 21))

LATE = ROW.format(21, 9_007_199_240, 4, 1) + ROW.format(22, 9_007_199_244, 4, 1)
"""Two jobs of the whole machine, of which the second cannot end within the time that can be simulated."""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "small.swf"
    path.write_text(HEADER + ROWS)
    return path


call = partial(calling.call, simulate)


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
@pytest.mark.parametrize("event_order", ["instant", "pyss"])
def test_one_document_on_the_standard_output(trace: Path, policy: str, event_order: str) -> None:
    result = call(trace, "--policy", policy, "--event-order", event_order, "--json", "-")
    figures = json.loads(result.stdout)
    assert set(figures) >= KEYS
    assert (figures["policy"], figures["event_order"], figures["jobs"], figures["procs"]) == (
        policy,
        event_order,
        20,
        4,
    )
    assert figures["users"] == 2
    assert figures["trace"] == "small.swf"
    assert figures["jobs_per_s"] == pytest.approx(20 / figures["cpu_s"])
    assert result.stderr == ""


def test_a_table_that_says_how_it_came_about(trace: Path) -> None:
    result = call(trace, "--policy", "easy", "--overrun", "cut", "--procs-field", "requested", "--clairvoyant")
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("  ")]
    assert ["jobs", "20"] in lines
    for text in (
        "small.swf: easy on 4 processors",
        "instant (all ends, then all submits, then one pass)",
        "submit time, then job number",
        "requested (field 8), else allocated (field 5)",
        "the run time (clairvoyant)",
        "cut (a run beyond its estimate ends there)",
        "20 read; 20 simulated",
        "bounded slowdown",
        "trace sha256",
    ):
        assert text in result.stdout


def test_figures_go_to_a_file_and_the_table_to_the_standard_output(trace: Path, tmp_path: Path) -> None:
    result = call(trace, "--policy", "fcfs", "--json", tmp_path / "figures.json")
    assert "mean wait" in result.stdout
    assert json.loads((tmp_path / "figures.json").read_text())["policy"] == "fcfs"


@pytest.mark.parametrize("name", ["out.swf", "out.swf.gz"])
def test_outcomes_go_to_a_file(trace: Path, tmp_path: Path, name: str) -> None:
    figures = json.loads(call(trace, "--policy", "fcfs", "--json", "-", "--out", tmp_path / name).stdout)
    waits_us = read_waits(str(tmp_path / name))
    assert sorted(waits_us) == list(range(1, 21))
    assert sum(waits_us.values()) == pytest.approx(20 * 1_000_000 * figures["mean_wait_s"])


def test_a_run_is_repeated_exactly(trace: Path) -> None:
    documents = [json.loads(call(trace, "--json", "-").stdout) for _ in range(2)]
    for figures in documents:
        del figures["cpu_s"], figures["jobs_per_s"]
    assert documents[0] == documents[1]
    assert documents[0]["policy"] == "meted"


def test_malformed_lines_are_told_and_counted(trace: Path) -> None:
    trace.write_text(HEADER + "1 2 3\n" * 25 + ROWS)
    result = call(trace, "--json", "-")
    assert json.loads(result.stdout)["filter"]["malformed"] == 25
    told = result.stderr.splitlines()
    assert told[0] == f"{trace}: line 2: it has 3 columns where SWF has 18."
    assert told[19] == f"{trace}: line 21: it has 3 columns where SWF has 18."
    assert told[20:] == [f"{trace}: 5 more malformed lines."]
    assert "25 malformed lines" in call(trace).stdout


def test_records_that_are_left_out_are_told_in_the_table(trace: Path) -> None:
    trace.write_text(HEADER + ROWS + ROW.format(21, 9, 5, 1) + ROW.format(22, 9, 0, 1) + ROW.format(3, 9, 1, 1))
    shown = " ".join(call(trace).stdout.split())
    told = r"23 read; 21 simulated left out 1 without processors \(line \d+\) 1 wider than the machine"
    assert re.search(told, shown)
    assert "1 job has the number of an earlier one" in shown


def test_the_files_beside_the_trace_are_told_with_their_digests(trace: Path, tmp_path: Path) -> None:
    shares = tmp_path / "shares.csv"
    shares.write_text("domain,share\n0,3\n1,1\n")
    digest = hashlib.sha256(shares.read_bytes()).hexdigest()
    shown = " ".join(call(trace, "--shares", shares).stdout.split())
    assert f"every user is a domain; shares as {shares} beside the trace --shares: {digest}" in shown
    figures = json.loads(call(trace, "--shares", shares, "--json", "-").stdout)
    assert figures["beside_sha256"] == {"shares": digest}


def test_only_the_first_records(trace: Path) -> None:
    result = call(trace, "--first", "7", "--json", "-")
    figures = json.loads(result.stdout)
    assert (figures["jobs"], figures["first"]) == (7, 7)
    assert "7 read, the first 7 asked for; 7 simulated" in call(trace, "--first", "7").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--policy", "roulette"], "'roulette' is not one of"),
        (["--procs", "0"], "0 is not in the range 1<=x<=1000000"),
        (["--first", "many"], "'many' is not a valid integer"),
        (["--event-order", "random"], "'random' is not one of 'instant', 'pyss', 'cqsim'"),
        (["--overrun", "kill"], "'kill' is not one of"),
        (["--nonsense"], "No such option"),
        (["--out", "-"], "--out needs the name of a file"),
        (["--out", "absent/out.swf"], "is in a folder that does not exist"),
        (["--json", "absent/figures.json"], "is in a folder that does not exist"),
        (["--json", "one.file", "--out", "one.file"], "--json and --out both name one.file; give two files."),
    ],
)
def test_misuse(trace: Path, words: Sequence[str], sentence: str) -> None:
    result = call(trace, *words, code=2)
    assert sentence in result.stderr
    assert result.stdout == ""


def test_an_absent_trace_is_misuse(tmp_path: Path) -> None:
    assert "does not exist" in call(tmp_path / "absent.swf", code=2).stderr


@pytest.mark.parametrize("option", ["--json", "--out"])
def test_the_trace_is_not_written_over(trace: Path, option: str) -> None:
    before = trace.read_bytes()
    assert "would write over the trace; give another file." in call(trace, option, trace, code=2).stderr
    assert trace.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no record in the Standard Workload Format"),
        (ROWS, "does not say how many processors its machine had; give their number with --procs."),
        (HEADER + ROW.format(1, 0, 9, 1), "holds no job to simulate: of 1 record,"),
        ("; MaxProcs: 1000001\n" + ROWS, "at most 1,000,000 can be simulated; give a smaller number with --procs."),
        (HEADER + LATE, "a job is submitted, runs or ends beyond 9,007,199,254 s"),
    ],
)
def test_a_failure_is_one_sentence(trace: Path, text: str, sentence: str) -> None:
    trace.write_text(text)
    words = ("--procs", "4") if not text else ()
    result = call(trace, *words, "--json", "-", code=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_failure_leaves_no_outcome(trace: Path, tmp_path: Path) -> None:
    trace.write_text(HEADER + ROWS + LATE)
    call(trace, "--out", tmp_path / "out.swf", code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["small.swf"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("option", ["--json", "--out"])
def test_a_full_disk_is_one_sentence(trace: Path, option: str) -> None:
    result = call(trace, option, "/dev/full", code=1)
    assert f"/dev/full cannot be written (no space left on device); give another file with {option}." in result.stderr


def test_the_collector_is_left_as_it_was(trace: Path) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    call(trace)
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_process_of_its_own_loads_what_it_needs_and_no_more(trace: Path) -> None:
    program = (
        "import sys\n"
        "from meted.adapters.cli.main import meted\n"
        "meted(['simulate', *sys.argv[1:]], standalone_mode=False)\n"
        "print(*(name for name in ('rich', 'trio', 'sqlite3') if name in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(trace), "--policy", "easy", "--json", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["jobs"] == 20
    assert done.stderr == "\n"


def test_the_exit_codes_of_the_program(trace: Path, tmp_path: Path) -> None:
    for words, code in ((["--procs", "4", str(trace)], 0), (["--procs", "0", str(trace)], 2), ([str(tmp_path)], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "meted.adapters.cli", "simulate", *words], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code
        assert done.stderr.count("\n") == (code != 0)
