"""Units metered out through a real server: real socket, real SQLite log with fsync, the real worker's messages.

The workers do nothing: they answer every lease as finished at once, in the encoding of a real worker, with one run
time, cpu time and memory a unit. So what is measured is the server, which has one core to itself where there are two.
Afterwards the log is verified and its finished units are counted.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
from harness import Row, arguments, show, wait_for_server

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.log import SQLiteLog
from meted.adapters.log.verify import verify
from meted.core.events import UnitsFinished
from meted.core.schema import decode_events
from meted.core.spans import total

WORKERS = 4
CPUS = 16
"""Slots of each worker."""

RUN_US = 1_000
"""The run time that is reported of each unit."""

DOMAINS = 100
ARRAYS = 1_000
PIPELINED = 1_000
"""Submissions under way at a time."""


class Caller:
    """Pipelined calls over one blocking socket, as any MessagePack-RPC client makes them."""

    def __init__(self, path: str) -> None:
        """Connect to a Unix socket."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._unpacker = msgpack.Unpacker(use_list=False)
        self._last = 0

    def request(self, method: str, params: dict[str, object]) -> bytes:
        """Return the bytes of a call."""
        self._last += 1
        packed: bytes = msgpack.packb([0, self._last, method, [params]])
        return packed

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def messages(self) -> Iterator[tuple[object, ...]]:
        """Yield what comes; ends when the server closes."""
        while True:
            yield from self._unpacker
            data = self._socket.recv(1 << 18)
            if not data:
                return
            self._unpacker.feed(data)


def work(path: str, number: int) -> None:
    """Be a worker that finishes everything at once."""
    caller = Caller(path)
    offer = {"name": f"zero-{number}", "instance": f"zero-{number}", "cpu_milli": CPUS * 1000}
    caller.send(caller.request("worker.join", offer))
    worker = 0
    for message in caller.messages():
        if message[0] == 1 and not worker:
            worker = message[3]["worker"]  # type: ignore[index]
        elif message[0] == 1 and message[2] is not None:
            raise SystemExit(f"a report was refused: {message[2]}")
        elif message[0] == 2 and message[1] == "run":
            leases = message[2][0]["leases"]  # type: ignore[index]
            started = {"worker": worker, "leases": [lease["lease"] for lease in leases]}
            out = [msgpack.packb([2, "worker.started", [started]])]
            for lease in leases:
                count = lease["count"]
                report = {
                    "worker": worker,
                    "lease": lease["lease"],
                    "done": [(lease["first"], count)],
                    "run_us": [RUN_US] * count,
                    "cpu_us": [RUN_US] * count,
                    "peak_bytes": [2**21] * count,
                }
                out.append(caller.request("worker.finish", report))
            caller.send(b"".join(out))


def submit_all(path: str, jobs: list[dict[str, object]]) -> int:
    """Submit jobs, some at a time, wait for the last answer, and return the last job."""
    caller = Caller(path)
    answers = caller.messages()
    last = 0
    for start in range(0, len(jobs), PIPELINED):
        some = jobs[start : start + PIPELINED]
        caller.send(b"".join(caller.request("submit", job) for job in some))
        for _ in some:
            answer = next(answers)
            if answer[2] is not None:
                raise SystemExit(f"a submission was refused: {answer[2]}")
            last = answer[3]["job"]  # type: ignore[index]
    return last


def mixes(units: int) -> dict[str, list[dict[str, object]]]:
    """Return the jobs of each mix."""
    job: dict[str, object] = {"argv": ["true"], "key": None}
    arrays = min(ARRAYS, units)
    return {
        "1 job": [{**job, "count": units}],
        f"{arrays} arrays": [
            {**job, "domain": f"domain {number % DOMAINS}", "count": units // arrays} for number in range(arrays)
        ],
        "jobs of 1": [{**job, "key": f"job {number}"} for number in range(units)],
    }


@contextlib.contextmanager
def pool(folder: Path) -> Iterator[tuple[str, BlockingClient]]:
    """Run a server, on a core of its own where there are two, and workers that do nothing; give its socket."""
    path = f"{folder}/server.sock"
    serve = [
        sys.executable,
        "-m",
        "meted.adapters.cli",
        "serve",
        "--data",
        f"{folder}/data",
        "--listen",
        f"unix:{path}",
    ]
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[0]})
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        os.sched_setaffinity(0, set(cores[1:]) or set(cores))
        wait_for_server(path, server)
        for number in range(WORKERS):
            worker = subprocess.Popen([sys.executable, __file__, "--work", path, str(number)])
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        client = stack.enter_context(BlockingClient(f"unix:{path}"))
        while len(client.call("workers")) < WORKERS:
            time.sleep(0.05)
        yield path, client
        os.sched_setaffinity(0, set(cores))


def measure(name: str, jobs: list[dict[str, object]], units: int) -> Row:
    """Run one mix on a fresh pool and count what the log has afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with pool(folder) as (path, client):
            for domain in sorted({str(job["domain"]) for job in jobs if "domain" in job}):
                client.call("domain.set", name=domain)
            before = client.call("stats")
            began = time.perf_counter()
            client.call("wait", job=submit_all(path, jobs), wait_us=60_000_000)
            while client.call("jobs", active=True, limit=1):
                time.sleep(0.1)
            seconds = time.perf_counter() - began
            after = client.call("stats")
        with SQLiteLog.open(folder / "data", read_only=True) as log:
            report = verify(log)
            finished = sum(
                total(event.done)
                for batch in log.read()
                for event in decode_events(batch.body)
                if isinstance(event, UnitsFinished)
            )
    if not report.ok or finished != units:
        raise SystemExit(f"{name}: the log has {finished} of {units} units; {report.sentence}")
    return {
        "mix": name,
        "units": units,
        "units_per_s": round(units / seconds),
        "events_per_s": round((after["seq"] - before["seq"]) / seconds),
        "server_cpu_us_per_unit": round((after["cpu_us"] - before["cpu_us"]) / units, 2),
        "p99_pass_ms": after["pass_us"]["p99"] / 1000,
        "rss_mib": round(after["rss_bytes"] / 2**20, 1),
    }


def main() -> None:
    """Measure all three mixes, or be one of the workers."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--work", nargs=2, metavar=("SOCKET", "NUMBER"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.work:
        with contextlib.suppress(KeyboardInterrupt, ConnectionError):
            work(options.work[0], int(options.work[1]))
        return
    rows = [
        measure(name, jobs, sum(int(str(job.get("count", 1))) for job in jobs))
        for name, jobs in mixes(options.units).items()
    ]
    show("dispatch", rows, options.json)


if __name__ == "__main__":
    main()
