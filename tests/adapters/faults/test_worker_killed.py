"""A worker is killed with kill -9: nothing of its units lives on, and they run again elsewhere or fail."""

from __future__ import annotations

import os
import signal

import pytest

from .pool import LivePool, processes_with, wait_until

GONE_S = 2.0
"""No process of a dead worker's units lives longer than this."""

STUBBORN = """
echo "$METED_UNIT $METED_ATTEMPT" >> tries
if [ "$METED_ATTEMPT" = 1 ]; then
    trap '' TERM HUP
    sleep 300 &
    setsid sleep 300 &
    setsid sh -c 'trap "" TERM HUP; sleep 300 & wait' &
    (sh -c 'sleep 300 & sleep 300; true' &)
    echo ready >> ready
    wait
fi
echo "$METED_UNIT again"
"""
"""On its first attempt it leaves children, grandchildren and processes in sessions of their own, and never ends."""

PROCESSES_OF_A_UNIT = 7
UNITS = 2

VICTIMS = ("worker", "keeper")


def kill(pool: LivePool, name: str, victim: str) -> None:
    """Kill a worker, or its keeper, with kill -9."""
    os.kill(pool.worker_pid(name) if victim == "worker" else pool.workers[name].pid, signal.SIGKILL)


def start_stubborn(pool: LivePool, **params: object) -> int:
    """Have a worker named first run units that leave a lot behind; return their job."""
    pool.start_server()
    pool.start_worker("first", cpus=UNITS)
    job = pool.submit(("/bin/sh", "-c", STUBBORN), count=UNITS, **params)
    wait_until(lambda: len(pool.lines("ready")) == UNITS, "all units run")
    mark = pool.mark_of("first")
    wait_until(lambda: len(processes_with(mark)) >= 2 + UNITS * PROCESSES_OF_A_UNIT, "all processes are there")
    wait_until(lambda: pool.row(job)["running"] == UNITS, "the server knows that they run")
    return job


@pytest.mark.parametrize("victim", VICTIMS)
def test_nothing_lives_on_and_its_units_run_again_elsewhere(pool: LivePool, victim: str) -> None:
    """Rows P35 and P37: killed units end elsewhere, each counts once, and the job ends."""
    job = start_stubborn(pool)
    pool.start_worker("second", cpus=UNITS)
    kill(pool, "first", victim)
    wait_until(lambda: not processes_with(pool.mark_of("first")), "no process of the dead worker is left", GONE_S)
    row = pool.ended(job)
    assert (row["state"], row["succeeded"], row["failed"]) == ("succeeded", UNITS, 0)
    tries = sorted((int(unit), int(attempt)) for unit, attempt in pool.lines("tries"))
    assert tries == [(unit, attempt) for unit in range(UNITS) for attempt in (1, 2)]
    with pool.client() as client:
        for unit in range(UNITS):
            assert client.call("result", job=job, index=unit)["body"] == f"{unit} again\n".encode()
    assert pool.check_history() == {(job, unit): [0] for unit in range(UNITS)}


@pytest.mark.parametrize("victim", VICTIMS)
def test_no_rerun_fails_them_with_a_reason(pool: LivePool, victim: str) -> None:
    job = start_stubborn(pool, max_losses=0)
    pool.start_worker("second", cpus=UNITS)
    kill(pool, "first", victim)
    wait_until(lambda: not processes_with(pool.mark_of("first")), "no process of the dead worker is left", GONE_S)
    row = pool.ended(job)
    assert (row["state"], row["failed"]) == ("failed", UNITS)
    assert row["reason"]
    with pool.client() as client:
        for unit in range(UNITS):
            assert client.call("error", job=job, index=unit)
    assert len(pool.lines("tries")) == UNITS
    assert pool.check_history() == {}  # none of them ran to its end


def test_what_a_worker_and_its_keeper_leave_is_killed_by_the_next_worker(pool: LivePool) -> None:
    job = start_stubborn(pool)
    worker, keeper = pool.worker_pid("first"), pool.workers["first"].pid
    os.kill(keeper, signal.SIGSTOP)  # so that neither sees the other die
    os.kill(worker, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    pool.workers["first"].wait()
    left = processes_with(pool.mark_of("first"))
    assert len(left) >= UNITS * PROCESSES_OF_A_UNIT, "nobody was there to kill them"
    pool.start_worker("first", cpus=UNITS)
    assert not set(left) & set(processes_with(pool.mark_of("first")))
    assert pool.ended(job)["succeeded"] == UNITS


def test_a_worker_that_was_stopped_longer_than_silence_is_taken_back(pool: LivePool) -> None:
    pool.start_server()
    pool.start_worker("one")
    job = pool.submit(("/bin/sh", "-c", "echo $METED_ATTEMPT >> begins; until test -e go; do sleep 0.02; done"))
    quick = pool.submit(("/bin/sh", "-c", "echo $METED_ATTEMPT >> quick"), after=(job,))
    wait_until(lambda: pool.lines("begins"), "the unit runs")
    pids = (pool.workers["one"].pid, pool.worker_pid("one"))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: pool.worker_state("one") == "away", "its silence is noticed", 20)
    (pool.directory / "go").touch()  # the unit itself was not stopped, and ends now
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: pool.worker_state("one") == "ready", "it is back")
    assert pool.ended(job)["state"] == pool.ended(quick)["state"] == "succeeded"
    assert pool.lines("begins") == pool.lines("quick") == [["1"]]
    assert pool.check_history() == {(job, 0): [0], (quick, 0): [0]}
