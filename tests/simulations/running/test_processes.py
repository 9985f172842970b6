"""Runs in processes of their own: the same results whatever goes on beside them, and nothing left when they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meted.core.record import replaced
from meted.simulations.running import child
from meted.simulations.running.child import Message, RunFault, RunProgress, work
from meted.simulations.running.perform import RunResult, perform
from meted.simulations.running.processes import run_all
from meted.simulations.running.request import RunFailure, RunRequest
from meted.simulations.traces.trace_rules import TraceOptions

HEADER = "; MaxProcs: 4\n"
ROW = "{0} {1} -1 10 {2} -1 -1 -1 20 -1 1 {3} -1 -1 -1 -1 -1 -1\n"
PATIENCE_S = 60.0
LONG_JOBS = 200_000


def write_trace(path: Path, jobs: int) -> str:
    """Write a trace of so many small jobs of two users."""
    path.write_text(HEADER + "".join(ROW.format(n, 7 * n, 1 + n % 4, n % 2) for n in range(1, jobs + 1)))
    return str(path)


@pytest.fixture
def requests(tmp_path: Path) -> list[RunRequest]:
    path = write_trace(tmp_path / "small.swf", 300)
    return [RunRequest(path, TraceOptions(), policy, label=f"one {policy}") for policy in ("fcfs", "easy", "meted")]


@pytest.fixture(scope="module")
def long_trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trace whose run takes many seconds, and is never waited for."""
    return write_trace(tmp_path_factory.mktemp("long") / "long.swf", LONG_JOBS)


def what(result: RunResult | RunFailure) -> object:
    """Return a result without the times that it took."""
    assert isinstance(result, RunResult)
    figures = {name: value for name, value in result.figures.items() if name not in ("cpu_s", "jobs_per_s")}
    cells = result.cells
    return figures, cells.hour, cells.user, cells.jobs, cells.wait_us, cells.slowdown


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that are there, ended or not."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(text) for text in file.read().split()]


def is_run(pid: int) -> bool:
    """Return whether a process is one in which a run goes on."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def runs_of(pid: int) -> list[int]:
    """Return the processes in which runs of a process go on."""
    return [one for one in children_of(pid) if is_run(one)]


def waited_for(found: Iterator[object]) -> object:
    """Return the first of the values that is true."""
    until_s = time.monotonic() + PATIENCE_S
    for value in found:
        if value:
            return value
        assert time.monotonic() < until_s, "it does not happen"
        time.sleep(0.02)
    raise AssertionError("there are no more")


def start(*words: str) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "meted.adapters.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def test_results_do_not_depend_on_how_many_go_on_at_a_time(requests: list[RunRequest]) -> None:
    here = {place: what(perform(request)) for place, request in enumerate(requests)}
    for at_once in (1, 3):
        assert {place: what(result) for place, result in run_all(requests, at_once)} == here


def test_a_failure_is_told_and_the_others_go_on(requests: list[RunRequest]) -> None:
    absent = RunRequest("absent.swf", TraceOptions(), "easy")
    found = dict(run_all([absent, *requests[:1]], 2))
    failure = found[0]
    assert isinstance(failure, RunFailure)
    assert "absent.swf cannot be opened" in failure.sentence
    assert isinstance(found[1], RunResult)


def test_closing_kills_what_still_runs(long_trace: str) -> None:
    seen: list[int] = []
    request = RunRequest(long_trace, TraceOptions(), "meted")

    def look(*_: int) -> None:
        seen.extend(runs_of(os.getpid()))

    runs = run_all([replaced(request, options=TraceOptions(first=100)), request, request], 2, look)
    with closing(runs):
        next(runs)
        seen += runs_of(os.getpid())
    assert seen
    assert runs_of(os.getpid()) == []
    assert [pid for pid in seen if os.path.exists(f"/proc/{pid}")] == []


def test_a_run_that_is_killed_is_a_sentence(long_trace: str) -> None:
    def kill(*_: int) -> None:
        for pid in runs_of(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    request = RunRequest(long_trace, TraceOptions(), "easy", label="easy")
    ((_, outcome),) = run_all([request], 1, kill)
    assert outcome == RunFailure(
        "easy was killed, which is what happens where memory runs out; if so, give fewer --cores."
    )


def answers_to(request: RunRequest, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Message:
    """Return what a child says when its run ends with that."""

    def fails(*_: object) -> RunResult:
        raise error

    monkeypatch.setattr(child, "perform", fails)
    heard, said = multiprocessing.Pipe(duplex=False)
    with heard, said:
        work(request, said)
        answer: Message = heard.recv()
        return answer


def test_a_run_without_memory_is_a_sentence(requests: list[RunRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers_to(requests[1], MemoryError(), monkeypatch) == RunFailure(
        "one easy ran out of memory; give fewer --cores, or --first N."
    )


def test_a_fault_of_the_program_keeps_its_traceback(
    requests: list[RunRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answers_to(requests[0], ZeroDivisionError("oh"), monkeypatch)
    assert isinstance(answer, RunFault)
    assert answer.details.endswith("ZeroDivisionError: oh\n")


def test_progress_is_told_while_it_goes_on(long_trace: str) -> None:
    told: list[RunProgress] = []

    def look(place: int, ended: int, jobs: int) -> None:
        assert place == 0
        told.append(RunProgress(ended, jobs))
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_all([RunRequest(long_trace, TraceOptions(), "fcfs")], 1, look))
    assert 0 < told[0].ended < told[1].ended < LONG_JOBS == told[1].jobs


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="there is no /proc here")
@pytest.mark.parametrize(
    "words", [("compare", "--policy", "easy", "--policy", "fcfs"), ("sweep", "--vary", "first=9999999,8888888")]
)
def test_ctrl_c_ends_all_processes_at_once_with_one_sentence(long_trace: str, words: tuple[str, ...]) -> None:
    with start(*words, "--cores", "2", long_trace) as process:
        found = waited_for(pids if len(pids := runs_of(process.pid)) == 2 else [] for _ in iter(int, 1))
        assert isinstance(found, list)
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, "")
    assert said.startswith("Interrupted; nothing ")
    assert said.count("\n") == 1
    assert [pid for pid in found if os.path.exists(f"/proc/{pid}")] == []


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="there is no /proc here")
def test_runs_end_with_the_process_that_started_them_however_that_ends(long_trace: str) -> None:
    with start("compare", "--policy", "easy", "--policy", "meted", "--cores", "2", long_trace) as process:
        found = waited_for(pids if len(pids := runs_of(process.pid)) == 2 else [] for _ in iter(int, 1))
        assert isinstance(found, list)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    waited_for(not any(map(is_run, found)) for _ in iter(int, 1))
