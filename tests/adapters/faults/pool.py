"""A pool of real processes in a directory of its own: a server, workers, and what their units write."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.log import SQLiteLog
from meted.adapters.wire.errors import CallError, Unreachable
from meted.core.events import UnitsFinished, UnitsLeased
from meted.core.reducers import fold
from meted.core.schema import decode_events, state_digest
from meted.core.state import State

WAIT_S = 30.0
"""What has not happened by then does not happen; on an idle machine all of it takes a fraction."""

LOOK_S = 0.02

COMMAND = (sys.executable, "-m", "meted.adapters.cli")

ENDED = {"succeeded", "failed", "cancelled"}


def wait_until(holds: Callable[[], object], what: str, most_s: float = WAIT_S) -> Any:
    """Wait until ``holds()`` is true, and return it; fail with ``what`` was waited for."""
    deadline_s = time.monotonic() + most_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, f"this has not happened within {most_s:g} s: {what}"
        time.sleep(LOOK_S)
    return found


def processes_with(mark: str) -> list[int]:
    """Return the ids of the living processes that have ``mark`` somewhere in their environment, but for our own."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{name}/environ").read_bytes() and int(name) != os.getpid():
                state = Path(f"/proc/{name}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
                if state.split()[0] not in "ZX":
                    found.append(int(name))
    return sorted(found)


class LivePool:
    """Real processes; everything that they write is below one directory, and none of them outlives it.

    Attributes:
        directory: Where everything is.
        data: The server's data directory.
        address: Where the server listens.
        environ: The environment of all processes.
        server: The server, while it lives.
        workers: Keepers of the workers that were started, by name.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="meted-"))  # short: a socket's path must be
        self.data = self.directory / "data"
        self.address = f"unix:{self.directory}/run/meted/server.sock"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("METED_", "XDG_"))}
        for name in ("config", "cache", "run", "home"):
            (self.directory / name).mkdir(mode=0o700)
        self.environ |= {
            "XDG_RUNTIME_DIR": str(self.directory / "run"),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "XDG_DATA_HOME": str(self.directory / "home"),
            "METED_DATA": str(self.data),
            "COLUMNS": "200",
        }
        self.server: subprocess.Popen[bytes] | None = None
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def errors(self) -> str:
        """What the servers have written to standard error."""
        path = self.directory / "serve.err"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start_server(self, *options: str, command: str = "serve") -> None:
        """Start the server on the data directory, and wait until it answers."""
        said = (self.directory / "server.out").open("ab")
        # The workers of `up` speak on its standard error; a server alone has nothing to say there.
        with said, (self.directory / f"{command}.err").open("ab") as errors:
            self.server = subprocess.Popen(
                [*COMMAND, command, *options],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=errors,
                cwd=self.directory,
            )
        wait_until(self.is_answered, "the server answers")

    def is_answered(self) -> bool:
        """Whether the server answers; fails if it has ended."""
        assert self.server is not None
        assert self.server.poll() is None, f"the server ended by itself: {self.errors}"
        try:
            with self.client() as client:
                client.call("ping")
        except Unreachable:
            return False
        return True

    def end_server(self, number: signal.Signals = signal.SIGKILL, most_s: float = WAIT_S) -> int:
        """Send the server a signal, wait for its end and return its exit code."""
        server, self.server = self.server, None
        assert server is not None
        server.send_signal(number)
        try:
            return server.wait(most_s)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise AssertionError(f"the server has not ended within {most_s:g} s of {number.name}") from None

    def start_worker(self, name: str, *options: str, cpus: int = 2, environ: Mapping[str, str] | None = None) -> int:
        """Start a worker in a directory of its own, wait until the server knows it, and return its keeper's id.

        Its processes and those of its units have ``mark_of(name)`` in their environment.
        """
        before = self._known_workers(name)
        place = self.directory / name
        with (self.directory / f"{name}.err").open("ab") as errors:
            self.workers[name] = process = subprocess.Popen(
                [*COMMAND, "worker", "--cpus", str(cpus), "--name", name, "--dir", str(place), *options],
                env={**self.environ, "XDG_CACHE_HOME": self.mark_of(name), **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.directory,
            )
        wait_until(lambda: self._known_workers(name) - before, f"worker {name} has joined")
        return process.pid

    def _known_workers(self, name: str) -> set[int]:
        with self.client() as client:
            return {row["worker"] for row in client.call("workers") if row["name"] == name}

    def mark_of(self, name: str) -> str:
        """Return what tells the processes of one worker from all others."""
        return str(self.directory / "cache" / f"of-{name}-")

    def worker_pid(self, name: str) -> int:
        """Return the id of the worker proper: the child of its keeper that is no orphan which fell to the keeper."""
        keeper = self.workers[name].pid
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text(encoding="ascii").split()
        (worker,) = (pid for pid in children if b"meted.adapters.worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        return int(worker)

    def worker_state(self, name: str) -> str | None:
        """Return the state of the latest worker of that name, or None if the server does not know it."""
        with self.client() as client:
            rows = [row for row in client.call("workers") if row["name"] == name]
        return str(rows[-1]["state"]) if rows else None

    def client(self) -> BlockingClient:
        """Return a client, not dialled yet."""
        return BlockingClient(self.address)

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command, which finds the server by itself."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environ,
            input=text,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            cwd=self.directory,
        )

    def submit(self, argv: tuple[str, ...], **params: object) -> int:
        """Submit a job whose units run in the pool's directory, and return its id."""
        with self.client() as client:
            answer = client.call("submit", argv=argv, cwd=str(self.directory), **params)
        return int(answer["job"])

    def row(self, job_id: int) -> dict[str, Any]:
        """Return the row of a job."""
        with self.client() as client:
            return cast("dict[str, Any]", client.call("job", job=job_id))

    def ended(self, job_id: int, most_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until a job has ended, and return its row."""
        deadline_s = time.monotonic() + most_s
        with self.client() as client:
            while True:
                row = cast("dict[str, Any]", client.call("wait", job=job_id, wait_us=1_000_000))
                if row["state"] in ENDED:
                    return row
                assert time.monotonic() < deadline_s, f"job {job_id} has not ended within {most_s:g} s: {row}"

    def lines(self, name: str) -> list[list[str]]:
        """Return the words of the lines that units have appended to a file."""
        path = self.directory / name
        return [line.split() for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []

    def check_history(self) -> dict[tuple[int, int], list[int]]:
        """Check the log of the running server and return the exits of each unit, by (job, index), attempt by attempt.

        The chain is whole; the state folded from the first event on is the one that the server has; and every unit
        that was counted as run to its end had been given out, and was not counted before for that attempt.
        """
        verified = self.run("log", "verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert json.loads(verified.stdout)["ok"] is True
        counted: dict[tuple[int, int], list[int]] = {}
        given: Counter[tuple[int, int]] = Counter()
        leases: dict[int, int] = {}
        with self.client() as client:
            known = client.call("state")
        state = State()
        with SQLiteLog.open(self.data, read_only=True) as log:
            for batch in log.read(1):
                if batch.first_seq > known["seq"]:
                    break  # it has gone on meanwhile
                events = decode_events(batch.body)
                state = fold(state, events)
                for event in events:
                    if isinstance(event, UnitsLeased):
                        leases[event.lease_id] = event.job_id
                        given.update((event.job_id, event.first + at) for at in range(event.count))
                    elif isinstance(event, UnitsFinished):
                        exits = dict(event.exits)
                        for index in (first + at for first, count in event.done for at in range(count)):
                            counted.setdefault((leases[event.lease_id], index), []).append(exits.get(index, 0))
        assert {"seq": state.seq, "digest": state_digest(state)} == known
        assert all(len(exits) <= given[unit] for unit, exits in counted.items())
        return counted

    def close(self) -> None:
        """End everything, and see that nothing is left of it and that no server has complained."""
        mark = str(self.directory)
        try:
            for process in (*self.workers.values(), self.server):
                if process is not None and process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                    process.terminate()
            for process in (*self.workers.values(), self.server):
                if process is not None:
                    process.wait(WAIT_S)
            wait_until(lambda: not processes_with(mark), "no process of the pool is left", 5)
            assert self.errors == ""
        finally:
            for pid in processes_with(mark):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in (*self.workers.values(), self.server):
                if process is not None:
                    process.wait()
            shutil.rmtree(self.directory, ignore_errors=True)


def is_refused(call: Callable[[], object]) -> CallError | None:
    """Return the error that a call is answered with, or None if it is carried out."""
    try:
        call()
    except CallError as error:
        return error
    return None
