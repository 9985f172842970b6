"""The server is killed with kill -9: nothing that it has acknowledged is lost, and nothing runs or counts twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

import pytest

from meted.adapters.wire.errors import Unreachable

from .pool import WAIT_S, LivePool, wait_until

JOBS, UNITS = 20, 100
"""2,000 short units."""

LONG_S = 60
"""One unit that outlasts all deaths of the server: it runs when the server dies and when it comes back, each time."""

KILLS = 4

WRITE = ("/bin/sh", "-c", 'echo "$METED_JOB $METED_UNIT $METED_ATTEMPT $$" >> units; echo "$METED_UNIT"')
"""A short unit: one line appended to one file, in one write; and its index as its result."""

LONG = (
    "/bin/sh",
    "-c",
    f'echo "begin $METED_ATTEMPT $$" >> long; sleep {LONG_S}; echo "end $METED_ATTEMPT $$" >> long',
)


class Submitter:
    """Hands in the jobs while the server dies and comes back; what was answered is what counts."""

    def __init__(self, pool: LivePool) -> None:
        self.answered: dict[str, int] = {}
        self.failure: BaseException | None = None
        self._pool = pool
        self._thread = threading.Thread(target=self._submit_all, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> dict[str, int]:
        """Return the ids of all jobs by their keys, once all were answered."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure
        return self.answered

    def _submit_all(self) -> None:
        try:
            with self._pool.client() as client:
                for number in range(JOBS):
                    key = f"job-{number}"
                    params = {"argv": WRITE, "cwd": str(self._pool.directory), "count": UNITS, "cpu_milli": 500}
                    while key not in self.answered:
                        with contextlib.suppress(Unreachable):  # after eight tries, where the machine is slow
                            self.answered[key] = client.call("submit", key=key, name=key, **params)["job"]
                        time.sleep(0.1)  # so that some are under way whenever the server dies
        except BaseException as error:
            self.failure = error


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_counts_twice(pool: LivePool) -> None:
    """Rows P17 and P35."""
    dice = random.Random(os.urandom(8))
    pauses_s = [round(dice.uniform(0.05, 0.8), 3) for _ in range(KILLS)]
    print("the server is killed after", pauses_s)  # noqa: T201 - shown when the test fails
    pool.start_server()
    pool.start_worker("one", cpus=2)
    long = pool.submit(LONG, cpu_milli=500)
    wait_until(lambda: pool.lines("long"), "the long unit runs")
    submitter = Submitter(pool)
    submitter.start()
    for pause_s in pauses_s:
        time.sleep(pause_s)
        assert pool.end_server() == -signal.SIGKILL
        pool.start_server()
    assert len(pool.lines("long")) == 1, "it is not over when the server is back for the last time"
    answered = submitter.finish()
    rows = {job_id: pool.ended(job_id) for job_id in answered.values()}
    rows[long] = pool.ended(long, LONG_S + WAIT_S)

    assert len(set(answered.values())) == JOBS
    with pool.client() as client:
        for key, job_id in answered.items():
            assert rows[job_id]["name"] == key  # it is the one that was submitted,
            assert client.call("submit", key=key, argv=WRITE, name=key)["job"] == job_id  # and a retry gives it again
        found = client.call("jobs")
        assert sorted(row["job"] for row in found) == sorted(rows)  # and there is no other
        assert all(row["succeeded"] == row["count"] and row["running"] == 0 for row in found)
        for job_id in answered.values():
            assert client.call("result", job=job_id, index=UNITS - 1)["body"] == f"{UNITS - 1}\n".encode()
    # The worker has lived all the time, so every unit ran once, and it counted once.
    ran = Counter((int(job), int(unit)) for job, unit, _, _ in pool.lines("units"))
    assert ran == {(job_id, unit): 1 for job_id in answered.values() for unit in range(UNITS)}
    assert [line[0] for line in pool.lines("long")] == ["begin", "end"]
    assert pool.lines("long")[0][1:] == pool.lines("long")[1][1:]
    assert pool.check_history() == {unit: [0] for unit in (*ran, (long, 0))}


def test_the_worker_goes_on_alone_and_reports_when_the_server_is_back(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one", cpus=4)
    wait_for_go = (
        "until test -e go; do sleep 0.02; done; echo $METED_UNIT $METED_ATTEMPT >> ends; echo done $METED_UNIT"
    )
    job = pool.submit(("/bin/sh", "-c", f"echo x >> begins; {wait_for_go}"), count=4, retries=3)
    wait_until(lambda: len(pool.lines("begins")) == 4, "all units run")
    pool.end_server()
    (pool.directory / "go").touch()
    wait_until(lambda: len(pool.lines("ends")) == 4, "all units end while there is no server")
    time.sleep(1.0)  # the worker dials meanwhile, and nobody answers
    pool.start_server()
    assert pool.ended(job)["succeeded"] == 4
    assert sorted(pool.lines("ends")) == [[str(unit), "1"] for unit in range(4)]
    with pool.client() as client:
        assert [client.call("result", job=job, index=unit)["body"] for unit in range(4)] == [
            f"done {unit}\n".encode() for unit in range(4)
        ]
    assert pool.check_history() == {(job, unit): [0] for unit in range(4)}


def test_sigterm_ends_the_server_in_good_order_and_workers_find_the_next_one(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    job = pool.submit(("/bin/sh", "-c", "echo $METED_ATTEMPT >> begins; until test -e go; do sleep 0.02; done"))
    wait_until(lambda: pool.lines("begins"), "the unit runs")
    assert pool.end_server(signal.SIGTERM) == 0
    pool.start_server()
    wait_until(lambda: pool.worker_state("one") == "ready", "the worker is back")
    wait_until(lambda: pool.row(job)["running"] == 1, "the worker has said what runs")
    (pool.directory / "go").touch()
    assert pool.ended(job)["state"] == "succeeded"
    assert pool.lines("begins") == [["1"]]
    shutdown = pool.run("shutdown")
    assert (shutdown.returncode, shutdown.stderr) == (0, "")
    assert pool.server is not None
    assert pool.server.wait(10) == 0


def test_up_ends_in_good_order_with_its_workers_and_goes_on_where_it_was(pool: LivePool) -> None:
    pool.start_server("--workers", "2", command="up")
    wait_until(lambda: len(pool.run("workers", "--json").stdout) > 10, "a worker has joined")
    job = pool.submit(("/bin/sh", "-c", "echo x >> begins; sleep 0.2; echo x >> ends"), count=3, retries=0)
    assert pool.ended(job)["succeeded"] == 3
    # Not by METED_ATTEMPT: the other worker may be given the unit, and give it back, before it is stopped as well.
    endless = pool.submit(("/bin/sh", "-c", "echo x >> tries; test $(wc -l < tries) = 2 || sleep 100"))
    wait_until(lambda: pool.lines("tries"), "the unit runs")
    assert pool.end_server(signal.SIGTERM) == 0
    pool.start_server("--workers", "1", command="up")
    assert pool.row(job)["succeeded"] == 3
    assert pool.ended(endless)["state"] == "succeeded"  # it was killed with its worker, and runs again
    assert len(pool.lines("tries")) == 2
    pool.check_history()
    assert pool.end_server(signal.SIGINT) == 0
