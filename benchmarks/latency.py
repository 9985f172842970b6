"""How long one waits: for the durable answer to a submission, and for a unit to start on an idle pool.

A real server with a real SQLite log, and a real worker that runs processes. A unit prints the time at which it runs
(``date``), so what is measured ends inside the unit. And the same in a pool with idle clients and workers connected.
The two have their submissions in turn, a few at a time, as the disk may be slow in one minute and quick in the next.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgpack
from dispatch import Caller
from harness import Row, arguments, percentile, show, wait_for_server

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.limits import HEARTBEAT_US

WARM_UP = 20
"""Submissions that are not counted."""

IN_TURN = 10
"""Submissions to one pool before the other has its turn."""


def pool(
    stack: contextlib.ExitStack, folder: Path, files: Path | None = None, cpus: int | None = None
) -> tuple[str, BlockingClient]:
    """Start a server and one worker, which keeps its units' output in ``files``, of so many cpus or all there are."""
    path = f"{folder}/server.sock"
    meted = [sys.executable, "-m", "meted.adapters.cli"]
    limits = [] if cpus is None else ["--cpus", str(cpus)]
    serve = [*meted, "serve", "--data", f"{folder}/data", "--listen", f"unix:{path}"]
    work = [*meted, "worker", "--server", f"unix:{path}", "--dir", str(files or folder / "worker"), *limits]
    wait_for_server(path, _start(stack, serve))
    _start(stack, work)
    client = stack.enter_context(BlockingClient(f"unix:{path}"))
    while not client.call("workers"):
        time.sleep(0.05)
    return path, client


def _start(stack: contextlib.ExitStack, command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


class Crowd:
    """Idle clients, and workers that are too small for any unit; they send their heartbeats."""

    def __init__(self, stack: contextlib.ExitStack, path: str, clients: int, workers: int) -> None:
        """Connect them all."""
        for _ in range(clients):
            stack.enter_context(BlockingClient(f"unix:{path}"))
        self._workers = [_idle_worker(path, number) for number in range(workers)]
        self._beat_s = time.monotonic()

    def beat(self) -> None:
        """Send heartbeats where they are due."""
        if time.monotonic() - self._beat_s >= HEARTBEAT_US / 1e6:
            self._beat_s = time.monotonic()
            for number, caller in self._workers:
                caller.send(msgpack.packb([2, "worker.beat", [{"worker": number}]]))


def _idle_worker(path: str, number: int) -> tuple[int, Caller]:
    caller = Caller(path)
    offer = {"name": f"idle-{number}", "instance": f"idle-{number}", "cpu_milli": 1}
    caller.send(caller.request("worker.join", offer))
    answer = next(caller.messages())
    return answer[3]["worker"], caller  # type: ignore[index]


class Probe:
    """A pool of its own, to which one unit at a time is submitted and waited for."""

    def __init__(self, stack: contextlib.ExitStack, name: str, folder: Path, clients: int, workers: int) -> None:
        """Start the pool, and let a crowd connect."""
        self.name = name
        path, self._client = pool(stack, folder)
        self._crowd = Crowd(stack, path, clients, workers)
        self.answered_ms: list[float] = []
        self.started_ms: list[float] = []

    def submit(self, submissions: int) -> None:
        """Submit so many."""
        for _ in range(submissions):
            self._crowd.beat()
            began_ns = time.time_ns()
            job = self._client.call("submit", argv=["date", "+%s%N"])["job"]
            self.answered_ms.append((time.time_ns() - began_ns) / 1e6)
            row = self._client.call("wait", job=job, wait_us=30_000_000)
            if row["state"] != "succeeded":
                raise SystemExit(f"a unit {row['state']}: {row['reason']}")
            ran_ns = int(self._client.call("result", job=job)["body"])
            self.started_ms.append((ran_ns - began_ns) / 1e6)

    def forget(self) -> None:
        """Count anew."""
        self.answered_ms.clear()
        self.started_ms.clear()

    def row(self) -> Row:
        """Return what was measured."""
        return {
            "pool": self.name,
            "submissions": len(self.answered_ms),
            "answer_p50_ms": round(percentile(self.answered_ms, 50), 2),
            "answer_p99_ms": round(percentile(self.answered_ms, 99), 2),
            "start_p50_ms": round(percentile(self.started_ms, 50), 2),
            "start_p99_ms": round(percentile(self.started_ms, 99), 2),
        }


def main() -> None:
    """Measure an idle pool and a crowded one in turn."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--submissions", type=int, default=300)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=50)
    options = parser.parse_args()
    os.environ.pop("METED_SERVER", None)
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        idle, crowded = Path(temporary, "idle"), Path(temporary, "crowded")
        idle.mkdir()
        crowded.mkdir()
        probes = [
            Probe(stack, "idle", idle, 0, 0),
            Probe(stack, "crowded", crowded, options.clients, options.workers),
        ]
        for probe in probes:
            probe.submit(WARM_UP)
            probe.forget()
        for _ in range(options.submissions // IN_TURN):
            for probe in probes:
                probe.submit(IN_TURN)
            probes.reverse()
        rows = sorted((probe.row() for probe in probes), key=lambda row: row["pool"] != "idle")
    show("latency", rows, options.json)


if __name__ == "__main__":
    main()
