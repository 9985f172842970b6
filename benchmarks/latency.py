"""How long one waits: for the durable answer to a submission, and for a unit to start on an idle pool.

A real server with a real SQLite log, and a real worker that runs processes. A unit prints the time at which it runs
(``date``), so what is measured ends inside the unit. Then the same with idle clients and workers connected.
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
from harness import Row, arguments, percentile, show

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.limits import HEARTBEAT_US

WARM_UP = 20
"""Submissions that are not counted."""


def pool(stack: contextlib.ExitStack, folder: Path, cpus: int | None = None) -> tuple[str, BlockingClient]:
    """Start a server and one worker, of so many cpus or of all that there are."""
    path = f"{folder}/server.sock"
    meted = [sys.executable, "-m", "meted.adapters.cli"]
    limits = [] if cpus is None else ["--cpus", str(cpus)]
    commands = [
        [*meted, "serve", "--data", f"{folder}/data", "--listen", f"unix:{path}"],
        [*meted, "worker", "--server", f"unix:{path}", "--dir", f"{folder}/worker", *limits],
    ]
    for command in commands:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        while not Path(path).is_socket():
            time.sleep(0.05)
    client = stack.enter_context(BlockingClient(f"unix:{path}"))
    while not client.call("workers"):
        time.sleep(0.05)
    return path, client


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


def measure(name: str, submissions: int, clients: int, workers: int) -> Row:
    """Submit one unit at a time and wait for each."""
    answered_ms: list[float] = []
    started_ms: list[float] = []
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        path, client = pool(stack, Path(temporary))
        crowd = Crowd(stack, path, clients, workers)
        for _ in range(WARM_UP + submissions):
            crowd.beat()
            began_ns = time.time_ns()
            job = client.call("submit", argv=["date", "+%s%N"])["job"]
            answered_ms.append((time.time_ns() - began_ns) / 1e6)
            row = client.call("wait", job=job, wait_us=30_000_000)
            if row["state"] != "succeeded":
                raise SystemExit(f"a unit {row['state']}: {row['reason']}")
            ran_ns = int(client.call("result", job=job)["body"])
            started_ms.append((ran_ns - began_ns) / 1e6)
    return {
        "pool": name,
        "submissions": submissions,
        "answer_p50_ms": round(percentile(answered_ms[WARM_UP:], 50), 2),
        "answer_p99_ms": round(percentile(answered_ms[WARM_UP:], 99), 2),
        "start_p50_ms": round(percentile(started_ms[WARM_UP:], 50), 2),
        "start_p99_ms": round(percentile(started_ms[WARM_UP:], 99), 2),
    }


def main() -> None:
    """Measure an idle pool, then a crowded one."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--submissions", type=int, default=300)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=50)
    options = parser.parse_args()
    os.environ.pop("METED_SERVER", None)
    rows = [
        measure("idle", options.submissions, 0, 0),
        measure("crowded", options.submissions, options.clients, options.workers),
    ]
    show("latency", rows, options.json)


if __name__ == "__main__":
    main()
