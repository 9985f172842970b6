"""The processes of the demo: a server and its workers, started, killed, started again, and ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.errors import Unreachable
from meted.adapters.worker.keeper import KEPT_BY

from .work import DemoError

WORKERS: Final = ("east", "west")
"""The names of the workers."""

MARK: Final = "METED_DEMO"
"""Environment variable with a value of this demo's own, which all of its processes have, units included."""

PATIENCE_S: Final = 60.0
"""What has not happened by then does not happen any more."""

LOOK_S: Final = 0.02
"""How often somebody looks whether it has."""

STOP_S: Final = 15.0
"""A process that was asked to stop is killed after so long."""


def wait_for(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds.

    Args:
        what: What is waited for, to say after "waited for".
        holds: Whether it does.

    Raises:
        DemoError: It takes too long.
    """
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until_s:
            raise DemoError(f"Waited {PATIENCE_S:g} s for {what} in vain; is the machine overloaded? Try again.")
        time.sleep(LOOK_S)


class Processes:
    """The server and the workers; :meth:`close` ends them all, whatever has happened."""

    def __init__(self, place: Path, data: Path, cpus: int) -> None:
        """Prepare; nothing is started yet.

        Args:
            place: A directory for the socket and for what workers keep; its path must be short.
            data: The data directory of the server.
            cpus: What each worker offers.
        """
        self.address = f"unix:{place / 'socket'}"
        self.mark = secrets.token_hex(8)
        self._place = place
        self._data = data
        self._cpus = cpus
        self._environ = {**os.environ, MARK: self.mark, "XDG_CONFIG_HOME": str(place / "config")}
        self._server: subprocess.Popen[bytes] | None = None
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def start_server(self) -> BlockingClient:
        """Start the server, wait until it answers, and return a client of it.

        Raises:
            DemoError: It does not start.
        """
        process = self._server = self._start("server", "serve", "--data", str(self._data), "--listen", self.address)
        client = BlockingClient(self.address, program="meted demo")

        def answers() -> bool:
            if process.poll() is not None:
                raise DemoError(f"The server has ended at once: {self._last_words('server')}")
            with contextlib.suppress(Unreachable):
                client.dial()
                return True
            return False

        wait_for("the server to answer", answers)
        return client

    def start_worker(self, name: str) -> None:
        """Start the worker of that name."""
        directory = str(self._place / name)
        options = ("--server", self.address, "--name", name, "--dir", directory, "--cpus", str(self._cpus))
        self._workers[name] = self._start(name, "worker", *options)

    def wait_for_workers(self, client: BlockingClient) -> None:
        """Wait until all workers are at work for the server.

        Raises:
            DemoError: They do not come.
        """

        def all_there() -> bool:
            for name, process in self._workers.items():
                if process.poll() is not None:
                    raise DemoError(f"The worker {name} has ended by itself: {self._last_words(name)}")
            rows = client.call("workers")
            return {row["name"] for row in rows if row["state"] == "ready"} == set(self._workers)

        wait_for("the workers to join", all_there)

    def kill_server(self) -> int:
        """Kill the server with kill -9; return the process id that it had."""
        process, self._server = self._server, None
        assert process is not None, "the server runs"
        process.kill()
        process.wait()
        return process.pid

    def kill_worker(self, name: str) -> int:
        """Kill a worker with kill -9, and wait until its keeper has tidied up; return the process id that it had.

        Raises:
            DemoError: The keeper does not end, or something of the worker is left.
        """
        keeper = self._workers.pop(name)
        worker = next((pid for pid in _processes() if _parent(pid) == keeper.pid), None)
        if worker is None:
            self._workers[name] = keeper
            raise DemoError(f"The worker {name} has ended by itself: {self._last_words(name)}")
        os.kill(worker, signal.SIGKILL)
        try:
            keeper.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._workers[name] = keeper
            raise DemoError(f"The keeper of the worker {name} does not end; see {self._place}.") from None
        left = list(_with_variable(KEPT_BY, f"{keeper.pid}."))
        if left:
            raise DemoError(f"Processes of the killed worker are left: {left}; end them by hand.")
        return worker

    def stop(self) -> None:
        """End all processes in good order: the workers, then the server; kill what does not end."""
        self._end(list(self._workers.values()))
        self._workers.clear()
        if self._server is not None:
            self._end([self._server])
            self._server = None

    def left(self) -> list[int]:
        """Return the ids of processes of this demo that are there."""
        return list(_with_variable(MARK, self.mark))

    def close(self) -> None:
        """End all processes, and do not let a signal keep this from it; a second time does nothing."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
        try:
            self.stop()
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of meted, in a process group of its own: Ctrl-C is for the demo, which ends all others."""
        command = [sys.executable, "-m", "meted.adapters.cli", *arguments]
        with open(self._said(name), "ab") as said:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self._environ, process_group=0
            )

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()
        until_s = time.monotonic() + STOP_S
        for process in processes:
            try:
                process.wait(max(until_s - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _said(self, name: str) -> Path:
        return self._place / f"{name}.txt"

    def _last_words(self, name: str) -> str:
        lines = self._said(name).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing.")


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _with_variable(name: str, value: str) -> Iterator[int]:
    """Yield the processes whose environment has this variable with a value that begins like this."""
    wanted = f"{name}={value}".encode()
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if any(pair.startswith(wanted) for pair in file.read().split(b"\0")):
                    yield pid
        except OSError:  # gone meanwhile, or another user's
            continue
