"""What happens in the demo: work is submitted, a worker is killed, the server is killed, and all goes on to the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.log import SQLiteLog
from meted.adapters.recovery import read_state
from meted.adapters.server.rows import WorkerRow
from meted.adapters.views import JobView
from meted.core.record import record

from .processes import MARK, PATIENCE_S, WORKERS, Processes, wait_for
from .work import SHARES, Array, DemoError

PICTURE_S: Final = 0.2
"""Seconds between two looks at the pool."""

KILL_WORKER_PERCENT: Final = 25
KILL_SERVER_PERCENT: Final = 55
"""So much of the work is done when the worker and the server are killed, at least."""


@record
class WorkerKilled:
    """The kill -9 of a worker: its id in the pool, and how long its keeper took to tidy up and to tell the server."""

    name: str
    worker_id: int
    told_s: float


@record
class ServerKilled:
    """The kill -9 of the server.

    Attributes:
        acknowledged: Units that the demo had been told of as succeeded, just before.
        seq: The end of the log when it lay there.
        in_log: Units that had succeeded by the log.
        out: Units that were leased then.
        acknowledged_after: Units that the server told of as succeeded when it was back.
        away_s: Seconds from the kill until it was back and all workers with it.
    """

    acknowledged: int
    seq: int
    in_log: int
    out: int
    acknowledged_after: int
    away_s: float


@record
class Played:
    """What was done.

    Attributes:
        jobs: The id of each array's job, in the order of the arrays.
        worker, server: What was killed.
        seq, digest: The state at the end, as the server said.
        seconds: How long the work took.
    """

    jobs: tuple[int, ...]
    worker: WorkerKilled
    server: ServerKilled
    seq: int
    digest: str
    seconds: float


class Screen(Protocol):
    """Where the demo is seen."""

    def show(self, rows: list[JobView], workers: list[WorkerRow]) -> None:
        """Show how far the work is."""

    def say(self, sentence: str) -> None:
        """Say what has happened."""


class Play:
    """One performance."""

    def __init__(self, processes: Processes, data: Path, arrays: list[Array], estimate_us: int, screen: Screen) -> None:
        """Prepare.

        Args:
            processes: The server and the workers, none of which is started.
            data: The data directory of the server.
            arrays: The work.
            estimate_us: How long one unit is said to take.
            screen: Where it is seen.
        """
        self._processes = processes
        self._data = data
        self._arrays = arrays
        self._estimate_us = estimate_us
        self._screen = screen
        self._total = sum(len(array.files) for array in arrays)
        self._moved: tuple[int, float] = (0, time.monotonic())

    def run(self) -> Played:
        """Do it all; the processes run on at the end.

        Raises:
            DemoError: Something takes too long, or a process ends that should not.
        """
        processes = self._processes
        client = processes.start_server()
        for name in WORKERS:
            processes.start_worker(name)
        processes.wait_for_workers(client)
        began_s = time.monotonic()
        jobs = self._submit(client)
        self._until(client, KILL_WORKER_PERCENT)
        worker = self._kill_worker(client, WORKERS[-1])
        self._until(client, KILL_SERVER_PERCENT)
        client, server = self._kill_server(client)
        self._until(client, 100)
        seconds = time.monotonic() - began_s
        state: Mapping[str, object] = client.call("state")
        client.close()
        return Played(tuple(jobs), worker, server, int(str(state["seq"])), str(state["digest"]), seconds)

    def _submit(self, client: BlockingClient) -> list[int]:
        """Submit all arrays on hold, and release them at once, so that all domains begin together."""
        for name, share in SHARES.items():
            client.call("domain.set", name=name, share=share)
        jobs = [
            int(
                client.call(
                    "submit",
                    domain=array.domain,
                    user=array.domain,
                    name=array.name,
                    argv=array.command(),
                    lines=array.files,
                    count=len(array.files),
                    time_request_us=self._estimate_us,
                    env={MARK: self._processes.mark},
                    hold=True,
                )["job"]
            )
            for array in self._arrays
        ]
        client.call("start", jobs=jobs)
        return jobs

    def _kill_worker(self, client: BlockingClient, name: str) -> WorkerKilled:
        """Kill a worker when it has work, wait until the server knows, and start another in its place."""
        held: list[int] = []

        def has_work() -> bool:
            rows = [row for row in client.call("workers") if row["name"] == name]
            held[:] = [row["worker"] for row in rows]
            idle = not any(row["leases"] for row in rows)
            return bool(held) and (not idle or _ended(client.call("jobs")) == self._total)

        wait_for(f"{name} to have work", has_work)
        began_s = time.monotonic()
        pid = self._processes.kill_worker(name)
        wait_for(
            "the server to be told of the killed worker",
            lambda: all(row["worker"] != held[0] for row in client.call("workers")),
        )
        told_s = time.monotonic() - began_s
        self._screen.say(
            f"kill -9 {pid}, the worker {name}: the server knew after {1000 * told_s:.0f} ms; another takes its place."
        )
        self._processes.start_worker(name)
        self._processes.wait_for_workers(client)
        return WorkerKilled(name, held[0], told_s)

    def _kill_server(self, client: BlockingClient) -> tuple[BlockingClient, ServerKilled]:
        """Kill the server while units run, look at what it left, and start it again."""
        acknowledged = _succeeded(client.call("jobs"))
        began_s = time.monotonic()
        pid = self._processes.kill_server()
        client.close()
        with SQLiteLog.open(self._data, read_only=True) as log:
            state = read_state(log).state
        in_log = sum(job.succeeded.count for job in state.jobs.jobs.values())
        out = sum(lease.left for lease in state.jobs.leases.values())
        self._screen.say(f"kill -9 {pid}, the server: {in_log} units have succeeded, {out} are with the workers.")
        client = self._processes.start_server()
        after = _succeeded(client.call("jobs"))
        self._processes.wait_for_workers(client)
        away_s = time.monotonic() - began_s
        self._screen.say(f"The server is back after {away_s:.1f} s with {after} units, and the workers with it.")
        return client, ServerKilled(acknowledged, state.seq, in_log, out, after, away_s)

    def _until(self, client: BlockingClient, percent: int) -> None:
        """Show how far the work is until so much of it has ended.

        Raises:
            DemoError: Nothing has ended for too long.
        """
        while True:
            rows: list[JobView] = client.call("jobs")
            self._screen.show(rows, client.call("workers"))
            ended = _ended(rows)
            if 100 * ended >= percent * self._total:
                return
            now_s = time.monotonic()
            if ended != self._moved[0]:
                self._moved = (ended, now_s)
            elif now_s - self._moved[1] > PATIENCE_S:
                raise DemoError(f"No unit has ended for {PATIENCE_S:g} s; is the machine overloaded? Try again.")
            time.sleep(PICTURE_S)


def _succeeded(rows: list[JobView]) -> int:
    return sum(row["succeeded"] for row in rows)


def _ended(rows: list[JobView]) -> int:
    return sum(row["succeeded"] + row["failed"] + row["cancelled"] for row in rows)
