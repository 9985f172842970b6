"""Every recorded pass made again: logs of embedded pools, of simulated worlds, and of a real server and its workers."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.embedded import Done, LeasedUnits, Pool
from meted.adapters.log import Log, SQLiteLog
from meted.adapters.wire.errors import Unreachable
from meted.core.errors import Refused
from meted.core.ids import WorkerId
from meted.core.policy.registry import POLICIES
from meted.core.resources import Resources
from meted.simulations.demo.processes import Processes
from meted.simulations.dispatch_check import check_dispatch
from meted.simulations.dispatch_report import DispatchReport
from meted.simulations.world import draw, run_world, world
from meted.simulations.world.checks import check_history

from .test_own_log import Clock, S, call

STEPS = 150


def steps(pool: Pool, clock: Clock, random: Random, held: list[LeasedUnits]) -> None:
    """Let all kinds of things happen: priorities, shares, loans, cancelled jobs, failures, units given back."""
    workers = [pool.join(f"w{n}", Resources(random.choice((1000, 2000, 4000)))) for n in range(random.randint(1, 3))]
    for _ in range(STEPS):
        clock.now_us += random.randint(0, S)
        with contextlib.suppress(Refused):
            step(pool, random, workers, held)


def step(pool: Pool, random: Random, workers: list[WorkerId], held: list[LeasedUnits]) -> None:
    kind = random.random()
    waiting = [row["job"] for row in pool.jobs() if row["state"] == "pending"]
    if kind < 0.3:
        pool.submit(
            random.choice("abcd"),
            count=random.choice((1, 1, 3, 20)),
            user=random.choice("xy"),
            request=Resources(random.choice((500, 1000, 2000, 4000))),
            time_request_us=random.choice((None, 10_000, 100_000, S, 20 * S, 200 * S)),
            priority=random.choice((0, 0, 1, -1)),
        )
    elif kind < 0.36 and waiting:
        pool.cancel(random.choice(waiting))
    elif kind < 0.42 and waiting:
        pool.job_priority(random.choice(waiting), random.choice((-1, 0, 2)))
    elif kind < 0.45:
        pool.domain_set(random.choice("abcd"), share=random.randint(1, 9))
    elif kind < 0.48:
        lender, borrower = random.sample("abcd", 2)
        pool.loan_offer(lender, borrower, "share", 1)
    elif kind < 0.7:
        for worker in workers:
            held += pool.work(worker)
    elif held:
        lease = held.pop(random.randrange(len(held)))
        if random.random() < 0.1:
            pool.give_back(lease)
        else:
            run_us = random.choice((1000, 50_000, S, 30 * S))
            pool.finish(lease, *(Done(index, run_us, b"", int(random.random() < 0.1)) for index in lease.indices))


def record(path: Path, seed: int, lives: int, policy: str = "meted") -> None:
    random, clock = Random(seed), Clock()
    for life in range(lives):
        with Pool(SQLiteLog.open(path), policy, clock=clock) as pool:
            for name in "abcd" if not life else "":
                pool.domain(name, share=random.randint(1, 5))
            steps(pool, clock, random, [])


def checked(path: Path, policy: str = "meted") -> DispatchReport:
    with SQLiteLog.open(path, read_only=True) as log:
        return check_dispatch(log, POLICIES[policy]())


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_an_embedded_pool_is_decided_as_it_was(tmp_path: Path, policy: str) -> None:
    """Also where the program has asked for work in vain, or why work waits, which the log does not tell."""
    for seed in (3, 48, 58):  # of these two hang on what was asked in vain, under meted
        record(tmp_path / str(seed), seed, 1, policy)
        found = checked(tmp_path / str(seed), policy)
        assert (found.served, found.different, found.anew, found.equal) == (False, 0, 0, found.passes)
        assert found.passes > 10


def test_parameters_are_those_of_the_live_pool(tmp_path: Path) -> None:
    """A log is held against the policy as it runs live, and not as simulations have it."""
    for place, policy in enumerate(("recent-jobs:frozen=yes,fill=strict", "easy++:steps=no")):
        path = tmp_path / str(place)
        record(path, 48, 1, policy)
        found = json.loads(call(path, "--verify", "--policy", policy, "--json", "-").output)
        assert (found["policy"], found["different"], found["equal"]) == (policy, 0, found["passes"])
    other = json.loads(call(tmp_path / "0", "--verify", "--policy", "recent-jobs", "--json", "-", code=1).output)
    assert other["different"] > 0
    for policy in ("easy++:renew=yes", "fair-tree"):
        refused = call(tmp_path / "0", "--verify", "--policy", policy, code=1).output
        assert refused.startswith(f"Error: no log was recorded under {policy}: ")


def test_what_a_restart_forgets_is_seen_and_counted(tmp_path: Path) -> None:
    """A deadline by a run that was next before the restart: with that memory the passes after it differ, and no others.

    A policy with no such memory does not care.
    """
    record(tmp_path / "pool", 31, 3)
    found = checked(tmp_path / "pool")
    assert (found.different, found.same) == (0, True)
    assert 1 <= found.anew <= 2  # two restarts
    assert found.equal == found.passes - found.anew
    assert found.loans > 0
    record(tmp_path / "other", 31, 3, "easy")
    assert checked(tmp_path / "other", "easy").anew == 0


def test_another_policy_is_told_apart(tmp_path: Path) -> None:
    record(tmp_path / "pool", 1, 1)
    same = call(tmp_path / "pool", "--verify").output
    assert "written by                 a program with an embedded pool" in same
    assert "The same: every lease" in same
    other = json.loads(call(tmp_path / "pool", "--verify", "--policy", "fcfs", "--json", "-", code=1).output)
    assert (other["same"], other["different"] > 0) == (False, True)
    first = other["differences"][0]
    assert first["recorded"] != first["decided"]
    shown = call(tmp_path / "pool", "--verify", "--policy", "fcfs", code=1).output
    assert f"recorded {first['recorded']}; decided {first['decided']}" in shown
    refused = call(tmp_path / "pool", "--verify", "--alpha", "0.5", code=2).output
    assert "--verify goes by what is in the log alone" in refused


def test_no_log_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.sqlite3").write_bytes(b"no log")
    assert call(tmp_path / "no.sqlite3", "--verify", code=1).output.startswith("Error: ")


def test_worlds_are_decided_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real server with crashes, partitions, full disks and jumping clocks: nothing of that changes a decision."""
    logs: list[Log] = []

    def keep(history: object, log: Log, *rest: object) -> object:
        logs.append(log)
        return check_history(history, log, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(world, "check_history", keep)
    for seed in (5, 11, 17):
        run_world(seed)
        found = check_dispatch(logs[-1], POLICIES[draw(seed).policy]())
        assert (found.served, found.different, found.equal + found.anew) == (True, 0, found.passes)
        assert found.leases > 5


@contextlib.contextmanager
def pool_of_processes() -> Iterator[tuple[Processes, Path]]:
    place = Path(tempfile.mkdtemp(prefix="meted-"))  # short: a socket's path must be
    processes = Processes(place, place / "data", 2)
    try:
        yield processes, place / "data"
    finally:
        processes.close()
        shutil.rmtree(place, ignore_errors=True)


def submit(client: BlockingClient, domain: str, count: int, sleep_s: str, **terms: object) -> int:
    argv = ["sleep", sleep_s]
    answer = client.call("submit", domain=domain, argv=argv, count=count, user="u", **{"cpu_milli": 1000, **terms})
    return int(answer["job"])


@pytest.mark.slow
def test_a_real_server_with_real_workers_is_decided_as_it_was(tmp_path: Path) -> None:
    """Prefetch, a lost worker, kill -9 of the server, loans, priorities, a wide job and a cancelled one."""
    with pool_of_processes() as (processes, data):
        client = processes.start_server()
        for name in ("east", "west"):
            processes.start_worker(name)
        processes.wait_for_workers(client)
        for name, share in (("a", 1), ("b", 2), ("c", 4)):
            client.call("domain.create", name=name, share=share)
        jobs = [submit(client, "a", 40, "0.03"), submit(client, "b", 40, "0.02", time_request_us=20_000)]
        jobs += [submit(client, "c", 30, "0.05", priority=1), submit(client, "c", 10, "0.05")]
        jobs += [submit(client, "b", 2, "0.2", cpu_milli=2000), submit(client, "a", 3, "0.1", retries=1)]
        client.call("loan.offer", lender="c", borrower="a", resource="share", amount=2)
        time.sleep(0.7)
        processes.kill_worker("west")
        client.call("cancel", jobs=[jobs[3]])
        client.call("job.priority", job=jobs[0], priority=2)
        processes.start_worker("west")
        time.sleep(0.5)
        processes.kill_server()
        client.close()
        client = processes.start_server()
        for job in jobs:
            until_s = time.monotonic() + 60
            while client.call("job", job=job)["state"] not in {"succeeded", "failed", "cancelled"}:
                assert time.monotonic() < until_s
                with contextlib.suppress(Unreachable):
                    time.sleep(0.05)
        rows = [client.call("job", job=job) for job in jobs]
        ended = sum(row["succeeded"] + row["failed"] for row in rows)
        client.close()
        processes.stop()
        found = checked(data)
        assert found.served
        assert (found.different, found.equal + found.anew) == (0, found.passes), found.differences
        assert found.units >= ended >= 115, "all but those of one job, of which some were cancelled"
        assert min(found.prefetched, found.lost_workers, found.loans) >= 1
        assert not checked(data, "fcfs").same
