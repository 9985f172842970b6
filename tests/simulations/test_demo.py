"""``meted demo``: real processes, killed on the way; what it proves, what it prints, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from meted.adapters.embedded import Pool
from meted.adapters.log import SQLiteLog
from meted.adapters.log.verify import verify
from meted.core.events import UnitsFinished
from meted.core.schema import decode_events
from meted.simulations.demo.check import Found, Service
from meted.simulations.demo.command import AGAIN, demo
from meted.simulations.demo.processes import Processes, wait_for
from meted.simulations.demo.work import SHARES, DemoError, make_arrays

PATIENCE_S = 120.0
"""What one run takes at most; the demo goes twice where the machine was too busy to judge the shares."""

COMMAND = (sys.executable, "-m", "meted.adapters.cli", "demo")

ARRAYS = 16


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The directory for everything temporary, also of the processes that are started."""
    path = tmp_path / "t"
    path.mkdir()
    return path


def environ(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "100", "TERM": "xterm-256color"}


def run(temporary: Path, *options: str, patience_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end, with no terminal."""
    command = [*COMMAND, *options]
    return subprocess.run(
        command, env=environ(temporary), capture_output=True, text=True, timeout=patience_s, check=False
    )


def left_in(temporary: Path) -> list[str]:
    """Return the processes that were started with this directory and are still there, and what lies in it."""
    wanted = f"TMPDIR={temporary}".encode()
    found = [path.name for path in temporary.iterdir()]
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(Path(f"/proc/{name}/cmdline").read_text(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_all_of_it_holds_though_a_worker_and_the_server_are_killed(tmp_path: Path, temporary: Path) -> None:
    done = run(temporary, "--json", "--units", "25", "--data", str(tmp_path / "kept"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert False not in found["checks"].values()
    assert {name for name, held in found["checks"].items() if held is None} <= {"shares", "worker"}
    units = 25 * ARRAYS
    assert (found["units"], found["results"]) == (units, {"right": units, "counted_once": units})
    killed = found["server_killed"]
    assert units // 2 < killed["acknowledged_before"] <= killed["in_log"] <= killed["acknowledged_after"] <= units
    assert killed["units_out"] == killed["units_adopted"] + killed["units_not_begun"]
    assert [(one["domain"], one["share"]) for one in found["domains"]] == [("bronze", 1), ("silver", 2), ("gold", 5)]
    assert found["digest"] == found["folded_digest"]
    assert {policy: figures["jobs"] for policy, figures in found["replays"].items()} == {"fcfs": units, "meted": units}
    assert verify(tmp_path / "kept").ok
    with SQLiteLog.open(tmp_path / "kept", read_only=True) as log:
        events = [event for batch in log.read() for event in decode_events(batch.body)]
    ran = sum(len(event.run_us) for event in events if isinstance(event, UnitsFinished) and not event.exits)
    assert ran == units
    assert left_in(temporary) == []


@pytest.mark.slow
def test_plain_lines_where_there_is_no_terminal(temporary: Path) -> None:
    done = run(temporary, "--units", "2")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Domains bronze 1, silver 2, gold 5 submit 16 arrays of 2 commands")
    assert "\x1b" not in done.stdout
    assert len(re.findall(r"kill -9 \d+, the (?:server|worker)", done.stdout)) == 2
    assert any(re.fullmatch(r" +[\d.]+ s  100 % done: bronze 4, silver 8, gold 20", line) for line in lines)
    assert "32 of 32 hashes are right, and 32 were counted exactly once." in done.stdout
    assert "Too little work to judge the shares; take more (--units)." in done.stdout
    assert lines[-1].startswith("All that was judged held. 32 units on ")
    assert left_in(temporary) == []


@pytest.mark.slow
def test_a_live_table_on_a_terminal(temporary: Path) -> None:
    here, there = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--units", "3"], stdin=there, stdout=there, stderr=there, env=environ(temporary)
    ) as program:
        os.close(there)
        shown = b""
        try:
            while block := os.read(here, 65_536):
                shown += block
        except OSError:  # a terminal that nobody has open any more
            pass
        os.close(here)
        assert program.wait(PATIENCE_S) == 0
    text = shown.decode()
    assert "━" in text
    assert "of all done" in text
    assert text.rstrip().splitlines()[-1].count("All that was judged held.") == 1
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back
    assert left_in(temporary) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "Interrupted; nothing was kept.\n")],
    ids=["SIGTERM", "SIGINT"],
)
def test_it_tidies_up_when_it_is_stopped(temporary: Path, number: int, code: int, sentence: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "--units", "2000"], env=environ(temporary), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        deadline_s = time.monotonic() + PATIENCE_S
        while not list(temporary.glob("meted-demo-*/west/*/*")) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        program.send_signal(number)
        _, errors = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, errors) == (code, sentence)
    assert left_in(temporary) == []


@pytest.mark.slow
def test_it_tidies_up_when_nobody_reads_on(temporary: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--units", "2"], env=environ(temporary), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline().startswith(b"Domains ")
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait(PATIENCE_S) == 1
    assert left_in(temporary) == []


@pytest.mark.slow
def test_it_fails_where_a_result_is_wrong(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr("meted.simulations.demo.work.HASH_A_FILE", "print('not a hash')")
    done = CliRunner().invoke(demo, ["--units", "1"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "0 of 16 hashes are right, and 16 were counted exactly once." in done.output
    assert done.output.splitlines()[-1].startswith("FAILED: results. 16 units on ")


@pytest.mark.slow
def test_as_it_comes_the_shares_are_judged(temporary: Path) -> None:
    """Exit code 0 says that they were judged; a machine too busy for that, even with twice the work, is told so."""
    done = run(temporary, "--json", patience_s=2 * PATIENCE_S)
    found = json.loads(done.stdout)
    assert (done.returncode, found["checks"]["shares"]) in {(0, True), (1, None)}, done.stdout + done.stderr
    assert False not in found["checks"].values()
    assert found["ok"] is (done.returncode == 0)


@pytest.mark.slow
def test_shares_that_cannot_be_judged_are_tried_again_and_then_do_not_count_as_held(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr("meted.simulations.demo.command.UNITS_A_SLOT", 1)
    done = CliRunner().invoke(demo, catch_exceptions=False)
    assert done.exit_code == 1
    assert done.output.count(AGAIN) == 1
    slots = int(re.findall(r"units on (\d+) cpus", done.output)[0])
    arrays = re.findall(r"submit 16 arrays of (\d+) commands", done.output)
    assert arrays == [str(slots), str(2 * slots)]
    assert done.output.splitlines()[-1].startswith("FAILED: shares. ")
    assert list(temporary.iterdir()) == []


def test_it_stops_where_the_command_does_not_work(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr("meted.simulations.demo.work.HASH_A_FILE", "raise SystemExit('no hashes today')")
    done = CliRunner().invoke(demo, ["--units", "1"], catch_exceptions=False)
    assert (done.exit_code, done.output) == (
        1,
        "Error: The command of the demo does not work here; it said: no hashes today\n",
    )
    assert list(temporary.iterdir()) == []


def test_it_leaves_another_log_alone(tmp_path: Path) -> None:
    with Pool.open(tmp_path / "pool") as pool:
        pool.domain("mine")
    before = (tmp_path / "pool/log.sqlite3").read_bytes()
    done = CliRunner().invoke(demo, ["--data", str(tmp_path / "pool")], catch_exceptions=False)
    assert done.exit_code == 1
    assert done.output == f"Error: There is a log in {tmp_path / 'pool'} already; name another directory.\n"
    assert (tmp_path / "pool/log.sqlite3").read_bytes() == before


def test_it_takes_only_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    done = CliRunner().invoke(demo, ["--data", str(tmp_path / "file")], catch_exceptions=False)
    assert done.exit_code == 2
    assert "is a file" in done.output


def found(*received_us: int, tolerance_us: int = 100) -> Found:
    total_us = sum(received_us)
    services = tuple(
        Service(name, share, got, total_us * share // 8)
        for (name, share), got in zip(SHARES.items(), received_us, strict=True)
    )
    return Found(3, 3, services, tolerance_us, 1, 1, 0, 9, "", True, "")


def test_shares_are_judged_only_where_neglect_would_show() -> None:
    assert found(0, 0, 0).is_fair is None
    assert found(0, 200, 600).is_fair is None  # an eighth of it is no more than the tolerance
    assert found(0, 400, 1200).is_fair is False
    assert found(200, 400, 1000).is_fair is True


def test_arrays_are_in_proportion_to_the_shares() -> None:
    arrays = make_arrays(3)
    assert {name: sum(array.domain == name for array in arrays) for name in SHARES} == {
        name: 2 * share for name, share in SHARES.items()
    }
    assert all(len(array.files) == len(array.expected()) == 3 for array in arrays)
    assert len({file for array in arrays for file in array.files}) == 3 * ARRAYS


def test_a_server_that_cannot_start_says_why(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary / "data").write_text("no directory")
    processes = Processes(temporary, temporary / "data", 1)
    try:
        with pytest.raises(DemoError, match="The server has ended at once: Error: "):
            processes.start_server()
    finally:
        processes.close()
    assert processes.left() == []


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meted.simulations.demo.processes.PATIENCE_S", 0.05)
    with pytest.raises(DemoError, match="for a miracle in vain"):
        wait_for("a miracle", lambda: False)
