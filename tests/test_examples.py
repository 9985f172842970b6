"""The examples do what they say, also when they are killed on the way; so does the demo."""

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

from meted.adapters.cli.demo import demo
from meted.adapters.cli.demo_check import Found, Service
from meted.adapters.cli.demo_work import SHARES
from meted.adapters.log import LogMissing, LogUnsafe, SQLiteLog
from meted.adapters.log.verify import verify
from meted.adapters.recovery import read_state
from meted.core.events import UnitsFinished, UnitsLeased
from meted.core.schema import decode_events, state_digest
from meted.core.spans import indices

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/embedded.py"

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


def test_the_example_is_short() -> None:
    """A program that schedules its own work, in about forty lines of code."""
    text = re.sub(r'""".*?"""', "", EXAMPLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 48


def run_demo(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(demo, list(options), catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.slow
def test_the_demo_proves_what_it_says(tmp_path: Path) -> None:
    code, output = run_demo("--json", "--units", "150", "--data", str(tmp_path / "demo"))
    found = json.loads(output)
    assert (code, found["ok"]) == (0, True), output
    assert found["checks"] == {"results": True, "shares": found["checks"]["shares"], "log": True, "state": True}
    assert found["checks"]["shares"] is not False  # None on a machine that is so busy that too little can be said
    assert found["units"] == 450
    assert found["restart"]["after_units"] >= 225
    assert [(one["domain"], one["share"]) for one in found["domains"]] == [("bronze", 1), ("silver", 2), ("gold", 5)]
    with SQLiteLog.open(tmp_path / "demo", read_only=True) as log:
        assert state_digest(read_state(log).state) == found["digest"]


def test_the_demo_says_it_to_people_too() -> None:
    code, output = run_demo("--units", "4")
    assert code == 0, output
    assert "12 results are right" in output
    assert "Too few units to judge the shares; take more (--units)." in output
    assert "%" not in output
    assert output.endswith("All that was judged held.\n")


def found(*received_us: int, tolerance_us: int = 100) -> Found:
    total_us = sum(received_us)
    services = (
        Service(name, share, got, total_us * share // 8)
        for (name, share), got in zip(SHARES.items(), received_us, strict=True)
    )
    return Found(3, tuple(services), tolerance_us, 9, "", True, "", "")


def test_the_demo_judges_shares_only_where_neglect_would_show() -> None:
    assert found(0, 0, 0).is_fair is None
    assert found(0, 200, 600).is_fair is None  # an eighth of it is no more than the tolerance
    assert found(0, 400, 1200).is_fair is False
    assert found(200, 400, 1000).is_fair is True


def test_the_demo_takes_only_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    code, output = run_demo("--data", str(tmp_path / "file"))
    assert code == 2
    assert "is a file" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "Interrupted; nothing was kept.\n")],
    ids=["SIGTERM", "SIGINT"],
)
def test_the_demo_tidies_up_when_it_is_stopped(tmp_path: Path, number: int, code: int, sentence: str) -> None:
    command = [sys.executable, "-m", "meted.adapters.cli", "demo", "--units", "5000"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        deadline_s = time.monotonic() + 60
        while not list(tmp_path.glob("meted-demo-*/files")) and time.monotonic() < deadline_s:
            time.sleep(0.005)
        program.send_signal(number)
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (code, sentence)
    assert not list(tmp_path.iterdir())


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


def test_the_demo_leaves_another_log_alone(tmp_path: Path) -> None:
    example(tmp_path / "pool", "--units", "1")
    code, output = run_demo("--data", str(tmp_path / "pool"))
    assert code == 1
    assert output == f"Error: There is a log in {tmp_path / 'pool'} already; name another directory.\n"


def test_the_demo_fails_where_a_unit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meted.adapters.cli.demo_work.HASH_A_FILE", "raise SystemExit(3)")
    code, output = run_demo("--units", "2")
    assert code == 1
    assert output.endswith("FAILED: results.\n")


def test_the_tiny_trace_shows_how_policies_differ() -> None:
    from meted.simulations.command import simulate

    waits = {}
    for policy in ("fcfs", "easy", "meted"):
        done = CliRunner().invoke(
            simulate, [os.fspath(ROOT / "examples/tiny.swf"), "--policy", policy, "--json", "-"], catch_exceptions=False
        )
        waits[policy] = json.loads(done.output)["mean_wait_s"]
    assert waits["fcfs"] > waits["easy"] > waits["meted"]
