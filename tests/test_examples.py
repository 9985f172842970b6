"""The examples do what they say, also when they are killed on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from meted.adapters.log import LogMissing, LogUnsafe, SQLiteLog
from meted.adapters.log.verify import verify
from meted.adapters.recovery import read_state
from meted.core.events import UnitsFinished, UnitsLeased
from meted.core.schema import decode_events, state_digest
from meted.core.spans import indices

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/embedded.py"

PLOTS = ("shares", "returning", "loan", "guarantee", "users", "lockout", "karma", "co_owners", "credit")

DONE = """\
algebra: 100 of 100 units, 28628 primes so far
geometry: 100 of 100 units, 27946 primes so far
"""


def example(data: Path, *options: str) -> str:
    """Run the example to its end and return what it prints."""
    command = [sys.executable, str(EXAMPLE), str(data), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def finished(data: Path) -> int:
    """Return how many units have been reported, as a reader beside the program sees it."""
    try:
        with SQLiteLog.open(data, read_only=True) as log:
            events = [event for batch in log.read() for event in decode_events(batch.body)]
    except (LogMissing, LogUnsafe):  # the program has not made it yet, or is just making it
        return 0
    return sum(len(event.run_us) for event in events if isinstance(event, UnitsFinished))


def test_the_example_goes_on_where_it_was(tmp_path: Path) -> None:
    first = example(tmp_path / "pool", "--units", "16")
    assert sum(map(int, re.findall(r"(\d+) of 100 units", first))) == 16
    assert example(tmp_path / "pool") == DONE
    assert example(tmp_path / "pool") == DONE


@pytest.mark.slow
def test_the_example_survives_being_killed(tmp_path: Path) -> None:
    """Three times killed without warning, then run to the end: every unit has its result, and exactly one."""
    data = tmp_path / "pool"
    for wanted in (5, 25, 50):
        with subprocess.Popen([sys.executable, str(EXAMPLE), str(data)], stdout=subprocess.DEVNULL) as program:
            deadline_s = time.monotonic() + 60
            while finished(data) < wanted and program.poll() is None and time.monotonic() < deadline_s:
                time.sleep(0.005)
            program.send_signal(signal.SIGKILL)
        assert wanted <= finished(data) < 200
    assert example(data) == DONE
    times: Counter[tuple[int, int]] = Counter()
    with SQLiteLog.open(data, read_only=True) as log:
        leases = {}
        for batch in log.read():
            for event in decode_events(batch.body):
                if isinstance(event, UnitsLeased):
                    leases[event.lease_id] = event.job_id
                elif isinstance(event, UnitsFinished):
                    times.update((leases[event.lease_id], index) for index in indices(event.done))
        assert len(list(log.results(1))) == len(list(log.results(2))) == 100
        assert state_digest(read_state(log).state) == state_digest(read_state(log, from_snapshot=False).state)
    assert times == {(job, index): 1 for job in (1, 2) for index in range(100)}
    assert verify(data).ok


@pytest.mark.slow
def test_the_example_of_the_first_page_is_thirty_lines_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    """As it stands there: run again, each time in a process of its own, it goes on where it was."""
    (example_there,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.M)
    assert len(example_there.splitlines()) <= 30
    done = []
    for _ in range(4):
        printed = subprocess.run(
            [sys.executable, "-c", example_there], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
        ).stdout
        done.append(sum(map(int, re.findall(r"^\w+ (\d+) of 100$", printed, re.MULTILINE))))
    assert done == [80, 160, 200, 200]


def test_the_example_is_short() -> None:
    """A program that schedules its own work, in about forty lines of code."""
    text = re.sub(r'""".*?"""', "", EXAMPLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 48


@pytest.mark.slow
def test_the_example_says_how_to_go_on_when_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "pool")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        deadline_s = time.monotonic() + 60
        while not finished(tmp_path / "pool") and time.monotonic() < deadline_s:
            time.sleep(0.005)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (130, "Interrupted; run it again to go on.\n")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [(("--units", "0"), 2, "argument --units: give at least 1\n"), ((), 1, "name one for the log.\n")],
)
def test_the_example_refuses_in_a_sentence(tmp_path: Path, options: tuple[str, ...], code: int, sentence: str) -> None:
    (tmp_path / "file").write_text("text")
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "file"), *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stderr.endswith(sentence)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PLOTS)
def test_an_example_of_fairness_draws_its_plot(tmp_path: Path, name: str) -> None:
    """Twice the same, and as small as what is in the documentation."""
    source = ROOT / f"examples/{name}.py"
    assert len(source.read_text(encoding="utf-8").splitlines()) < 60
    drawn = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, str(source), str(folder)], check=True, capture_output=True, text=True, timeout=120
        )
        assert done.stdout
        assert done.stderr == ""
        assert [path.name for path in folder.iterdir()] == [f"{name}.svg"]
        drawn.append((folder / f"{name}.svg").read_bytes())
    assert drawn[0] == drawn[1]
    for plot in (drawn[0], (ROOT / f"docs/plots/{name}.svg").read_bytes()):
        assert b"</svg>" in plot
        assert len(plot) < 60_000


def test_an_example_of_fairness_refuses_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples/shares.py"), str(tmp_path / "absent")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith("shares.svg cannot be written (no such file or directory); give another folder.\n")


def test_each_plot_is_of_an_example_and_shown() -> None:
    page = "".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("fairness", "karma", "credit"))
    assert sorted(path.stem for path in (ROOT / "docs/plots").iterdir()) == sorted(PLOTS)
    assert [name for name in PLOTS if f"(plots/{name}.svg)" not in page or f"examples/{name}.py" not in page] == []


def test_the_tiny_trace_shows_how_policies_differ() -> None:
    from meted.simulations.commands.simulate import simulate

    waits = {}
    for policy in ("fcfs", "easy", "meted"):
        done = CliRunner().invoke(
            simulate, [os.fspath(ROOT / "examples/tiny.swf"), "--policy", policy, "--json", "-"], catch_exceptions=False
        )
        waits[policy] = json.loads(done.output)["mean_wait_s"]
    assert waits["fcfs"] > waits["easy"] > waits["meted"]
