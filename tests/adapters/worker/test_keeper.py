"""A dead worker leaves no orphan, nor does a dead keeper (real processes; rows N19, N31, G13)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meted.adapters.worker import keeper, kept

# The keeper and its worker, in one script. The worker runs two units: one that does not care for SIGTERM, and one that
# leaves a process behind in a session of its own whose parent is gone before anybody is killed.
SCRIPT = """
import os, signal, sys
from meted.adapters.worker.keeper import keep

if len(sys.argv) == 3:
    def on_death(code):
        print("death", code, flush=True)
    argv = [sys.executable, __file__, *sys.argv[1:], "worker"]
    sys.exit(keep(argv, on_death))

import trio
from meted.adapters.executors.contract import UnitToRun
from meted.adapters.executors.process import ProcessExecutor
from meted.adapters.worker.kept import keeper_gone, kill_everything, take_keeper
from meted.core.spec import Spec

STUBBORN = "trap '' TERM; echo $$ >> pids; sleep 300 & echo $! >> pids; while :; do wait; done"
HIDDEN = "(setsid sh -c 'echo $$ >> pids; sleep 300 & echo $! >> pids; while :; do wait; done' &); sleep 300"

async def main():
    keeper = take_keeper()
    executor = ProcessExecutor(sys.argv[1])
    executor.open()
    async with trio.open_nursery() as nursery:
        for index, command in enumerate((STUBBORN, HIDDEN)):
            spec = Spec(("/bin/sh", "-c", command), cwd=sys.argv[1])
            nursery.start_soon(executor.run, UnitToRun(1, index, 1, 1, spec))
        print("worker", os.getpid(), flush=True)
        if sys.argv[2] == "polite":
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for number in signals:
                    nursery.cancel_scope.cancel()
                    break
        else:
            await keeper_gone(keeper.descriptor)
            executor.close()
            kill_everything(keeper)
            os._exit(1)
    executor.close()
    sys.exit(7)

if sys.argv[2] == "quick":
    sys.exit(5)
trio.run(main)
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


NAP_S = 0.02


def until(condition: Callable[[], bool], most_s: float) -> bool:
    """Return whether it comes true within a time that counts naps, so that others on the machine do not use it up."""
    for _ in range(round(most_s / NAP_S)):
        if condition():
            return True
        time.sleep(NAP_S)
    return condition()


class Kept:
    """A keeper with a worker with units."""

    def __init__(self, directory: Path, mode: str) -> None:
        script = directory / "script.py"
        script.write_text(SCRIPT)
        self.pids_file = directory / "pids"
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(directory), mode], stdout=subprocess.PIPE, text=True
        )

    def worker(self) -> int:
        assert self.process.stdout is not None
        word, pid = self.process.stdout.readline().split()
        assert word == "worker"
        assert until(lambda: len(self.pids()) == 4, 10)
        assert all(map(alive, self.pids()))
        return int(pid)

    def pids(self) -> list[int]:
        return [int(pid) for pid in self.pids_file.read_text().split()] if self.pids_file.exists() else []

    def rest(self) -> str:
        return self.process.communicate(timeout=60)[0]

    def end(self) -> None:
        self.process.kill()
        for pid in self.pids():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate(timeout=60)


Start = Callable[[str], Kept]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Kept] = []

    def make(mode: str) -> Kept:
        made.append(Kept(tmp_path, mode))
        return made[-1]

    yield make
    for pair in made:
        pair.end()


def test_a_worker_that_is_killed_leaves_nothing(start: Start) -> None:
    pair = start("hard")
    os.kill(pair.worker(), signal.SIGKILL)
    assert until(lambda: not any(map(alive, pair.pids())), 2)
    assert pair.rest() == "death -9\n"
    assert pair.process.returncode == 137


def test_a_keeper_that_is_killed_leaves_nothing(start: Start) -> None:
    pair = start("hard")
    worker = pair.worker()
    pair.process.kill()
    assert until(lambda: not any(map(alive, [worker, *pair.pids()])), 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_handed_on(start: Start, number: signal.Signals) -> None:
    pair = start("polite")
    pair.worker()
    pair.process.send_signal(number)
    assert pair.rest() == "death 7\n"
    assert pair.process.returncode == 7
    assert not any(map(alive, pair.pids()))


def test_the_worker_ends_by_itself(start: Start) -> None:
    pair = start("quick")
    assert pair.rest() == "death 5\n"
    assert pair.process.returncode == 5


def test_a_worker_that_cannot_be_started() -> None:
    code = """if True:
        from meted.adapters.worker.keeper import KeeperError, keep
        try:
            keep(["/nowhere/x"], print)
        except KeeperError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == "the worker could not be started: /nowhere/x: no such file or directory\n"


def test_what_both_left_behind_is_found_by_name() -> None:
    names = [f"{os.getpid()}.{number}" for number in range(2)]
    children = [subprocess.Popen(["sleep", "30"], env={**os.environ, keeper.KEPT_BY: name}) for name in names]
    try:
        assert kept.kill_named(names[0])
        assert children[0].wait(5) == -signal.SIGKILL
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_without_a_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in ((None, "me"), ("x", "me"), ("999999", "me"), ("0", None)):
        for variable, value in ((keeper.KEEPER_FD, number), (keeper.KEPT_BY, name)):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value)
        assert kept.take_keeper() is None
        assert keeper.KEEPER_FD not in os.environ


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(keeper.KeeperError, match=r"needs Linux 5\.4 or newer; start it on such a machine"):
        keeper.become_subreaper()


def test_the_keeper_is_lean() -> None:
    code = """if True:
        import sys, meted.adapters.worker.keeper
        print(*sorted({"trio", "click", "attrs", "msgpack"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == "\n"


def test_children_are_found_without_the_kernels_list(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(["sleep", "30"])
    try:
        with_list = keeper.list_children()

        def missing(path: str) -> list[str]:
            if "task" in path:
                raise FileNotFoundError(path)
            return listdir(path)

        listdir = os.listdir
        monkeypatch.setattr(os, "listdir", missing)
        assert child.pid in with_list
        assert child.pid in keeper.list_children()
    finally:
        child.kill()
        child.wait()
