"""A log of one's own, recorded by a real pool, read and replayed: figures worked out by hand, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from meted.adapters.embedded import Done, LeasedUnits, Pool
from meted.adapters.log import SQLiteLog
from meted.adapters.log.backup import backup
from meted.core.commands import DrainWorker
from meted.core.ids import WorkerId
from meted.core.resources import Resources
from meted.simulations.commands.replay import replay, run_policy
from meted.simulations.errors import TraceError
from meted.simulations.results.service import ServiceMeter
from meted.simulations.traces.own_log import read_own_log

from . import calling

S = 1_000_000
MS = 1_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_us = 1_700_000_000 * S

    def __call__(self) -> int:
        return self.now_us


class Recorded:
    """A pool whose units take as long as the test says."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self.pool = pool
        self.clock = clock

    def later(self, span_us: int) -> None:
        self.clock.now_us += span_us

    def run_all(self, workers: list[WorkerId], run_us: Mapping[tuple[int, int], int], exit_code: int = 0) -> None:
        """Run everything that the workers are given; (job, index) -> how long that unit takes."""
        leases: list[LeasedUnits] = []
        while leases := [lease for worker in workers for lease in self.pool.work(worker)]:
            for lease in leases:
                done = [Done(index, run_us[lease.job_id, index], b"", exit_code) for index in lease.indices]
                self.pool.finish(lease, *done)


@contextmanager
def recorded(data: Path, policy: str = "fcfs") -> Iterator[Recorded]:
    clock = Clock()
    with Pool.open(data, policy, clock=clock) as pool:
        yield Recorded(pool, clock)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two domains, two workers of one cpu, two jobs of two units each, the second half a second after the first."""
    path = tmp_path / "pool"
    with recorded(path) as made:
        pool = made.pool
        pool.domain("idle", share=9)
        pool.domain("a", share=1)
        pool.domain("b", share=3)
        workers = [pool.join("one"), pool.join("two")]
        first = pool.submit("a", count=2)
        made.later(S // 2)
        second = pool.submit("b", count=2)
        times = {(first, 0): 4 * S, (first, 1): 2 * S, (second, 0): 3 * S, (second, 1): 1 * S}
        made.run_all(workers, times)
    return path


call = partial(calling.call, replay)


def test_what_is_read(data: Path) -> None:
    trace = read_own_log(data)
    assert (trace.name, trace.procs, trace.workers) == ("pool", 2_000, (Resources(1_000), Resources(1_000)))
    assert [(domain.name, domain.share) for domain in trace.domains.values()] == [("a", 1), ("b", 3)]
    assert [(job.submit_us, list(job.run_us)) for job in trace.jobs] == [(0, [4 * S, 2 * S]), (S // 2, [3 * S, S])]
    with SQLiteLog.open(data, read_only=True) as log:
        assert trace.sha256 == log.head.chain.hex()
        assert trace.counts.events == log.head.seq
    counts = trace.counts
    assert (counts.submitted, counts.units, counts.jobs, counts.unfinished) == (2, 4, 4, 0)


def test_fcfs_by_hand(data: Path) -> None:
    """A's units start at 0 and end at 4 and 2; b's wait from 0.5 to 2 and to 4, and both end at 5."""
    figures = run_policy(read_own_log(data), "fcfs")
    assert (figures["trace"], figures["policy"], figures["procs"], figures["workers"]) == ("pool", "fcfs", 2, 2)
    assert (figures["jobs"], figures["users"]) == (4, 2)
    assert (figures["makespan_s"], figures["utilisation"]) == (5, 1)
    assert (figures["mean_wait_s"], figures["max_wait_s"]) == (1.25, 3.5)
    assert figures["mean_turnaround_s"] == (4 + 2 + 4.5 + 4.5) / 4
    # a: alone it is owed both cpus for 0.5 s, then one share of four of two cpus, to its end at 4; received 6.
    # b: owed three shares of four from 0.5 to 4, then its demand: one cpu to each end at 5; received 4.
    a, b = Fraction(6) / (1 + Fraction(7, 4)), Fraction(4) / (Fraction(21, 4) + 2)
    assert figures["min_service"] == pytest.approx(float(b))
    assert figures["jain_service"] == pytest.approx(float((a + b) ** 2 / (2 * (a**2 + b**2))))
    # b's largest lag is when its first unit starts at 2: nothing was started since 0.5; when its second starts at 4:
    # three quarters of its own 3 s, less these 3 s. a begins with 0 lag and is served at once: a quarter of 4, less 4.
    assert figures["max_lag_units"] == 0


def test_a_lease_of_short_units_runs_one_after_another(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        made.pool.domain("a")
        worker = made.pool.join("one")
        job = made.pool.submit("a", count=4, time_request_us=10 * MS)
        made.run_all([worker], {(job, index): (index + 1) * 10 * MS for index in range(4)})
    trace = read_own_log(tmp_path / "pool")
    for policy in ("fcfs", "easy", "meted"):
        figures = run_policy(trace, policy)
        assert figures["makespan_s"] == 0.1
        assert figures["mean_wait_s"] == pytest.approx((0 + 10 + 30 + 60) / 4 / 1000)
        assert figures["max_wait_s"] == 0.06


def test_the_pool_is_the_largest_there_was(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a")
        one = pool.join("one", Resources(4_000))
        pool.leave(one)
        two = pool.join("two", Resources(1_500, 10**9, (("gpu", 1_000),)))
        three = pool.join("three", Resources(3_000))
        pool.leave(three)
        made.run_all([two], {(pool.submit("a"), 0): S})
    trace = read_own_log(tmp_path / "pool")
    assert trace.workers == (Resources(1_500, 10**9, (("gpu", 1_000),)), Resources(3_000))
    assert run_policy(trace, "meted")["procs"] == 4.5


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a")
        worker = pool.join("one", Resources(2_000, 0, (("gpu", 1_000),)))
        ran = pool.submit("a", count=2)
        made.run_all([worker], {(ran, 0): 2 * S, (ran, 1): 0})
        failed = pool.submit("a", retries=1)
        made.run_all([worker], {(failed, 0): 3 * S}, exit_code=7)
        gpu_only = pool.submit("a", request=Resources(0, 0, (("gpu", 1_000),)))
        made.run_all([worker], {(gpu_only, 0): S})
        pool.cancel(pool.submit("a", count=5))
        lost = pool.submit("a")
        assert [lease.job_id for lease in pool.work(worker)] == [lost]
        pool.log.close()  # as if the program were killed
    with recorded(tmp_path / "pool") as made:  # whoever opens a pool again counts its workers as lost
        made.run_all([made.pool.join("two")], {(lost, 0): S})
        made.pool.submit("a", count=3, hold=True)
    trace = read_own_log(tmp_path / "pool")
    assert [list(job.run_us) for job in trace.jobs] == [[2 * S, 1], [3 * S], [S]]
    counts = trace.counts
    assert (counts.submitted, counts.units, counts.jobs) == (6, 13, 4)
    assert (counts.unfinished, counts.no_cpu, counts.too_wide) == (8, 1, 0)
    assert (counts.failed, counts.retries, counts.lost) == (1, 1, 1)
    assert run_policy(trace, "meted")["filter"] == {
        **{"events": counts.events, "submitted": 6, "units": 13, "unfinished": 8, "no_cpu": 1, "too_wide": 0},
        **{"jobs": 4, "failed": 1, "retries": 1, "lost": 1},
    }
    shown = call(tmp_path / "pool").output
    assert "8 never ran to their end" in shown
    assert "1 failed attempt was" in shown


def test_a_held_job_is_submitted_when_it_is_released(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a")
        worker = pool.join("one")
        held = pool.submit("a", hold=True)
        made.later(S)
        at_once = pool.submit("a")
        made.later(S)
        pool.start(held)
        made.run_all([worker], {(held, 0): S, (at_once, 0): S})
    assert [(job.job_id, job.submit_us) for job in read_own_log(tmp_path / "pool").jobs] == [(at_once, 0), (held, S)]


def test_the_command(data: Path, tmp_path: Path) -> None:
    shown = call(data).output
    assert shown.startswith("pool: meted on 2 cpus in 2 workers\n====")
    assert "a 1, b 3" in shown
    figures = json.loads(call(data, "--policy", "fcfs", "--json", "-").stdout)
    assert (figures["policy"], figures["mean_wait_s"], figures["event_order"]) == ("fcfs", 1.25, "instant")
    call(data, "--json", tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["policy"] == "meted"
    backup(data, tmp_path / "copy.db")
    again = json.loads(call(tmp_path / "copy.db", "--policy", "fcfs", "--json", "-").stdout)
    assert (again["trace"], again["mean_wait_s"]) == ("copy.db", 1.25)


def test_the_log_is_named_by_an_argument_or_an_option(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def figures(*words: str | Path) -> dict[str, object]:
        found = json.loads(call(*words, "--json", "-").stdout)
        return {name: value for name, value in found.items() if name not in {"cpu_s", "jobs_per_s"}}

    assert figures(data) == figures("--data", data)
    monkeypatch.setenv("METED_DATA", str(data))
    assert figures() == figures(data)
    assert "named twice" in call(data, "--data", data, code=2).output


def test_what_cannot_be_replayed_is_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "text"
    empty.mkdir()
    text.write_text("no log\n" * 1_000)
    assert call(empty, code=1).output.startswith(f"Error: There is no log in {empty}")
    assert "Error: " in call(text, code=1).output
    assert "does not exist" in call(tmp_path / "absent", code=2).output
    assert "is not one of" in call(data, "--policy", "luck", code=2).output
    assert "a folder that does not exist" in call(data, "--json", tmp_path / "no/where.json", code=2).output
    with Pool.open(tmp_path / "unused") as pool:
        pool.domain("a")
        pool.submit("a", count=3)
    with pytest.raises(TraceError, match="of 3 units in 1 job, 3 never ran to their end"):
        read_own_log(tmp_path / "unused")


def test_a_folder_without_a_log_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for more in ((), ("--verify",)):
        out = call(tmp_path, *more, code=1).output
        assert out == f"Error: There is no log in {tmp_path}; name a data directory that has one, or a file.\n"


def test_shares_weigh_what_is_owed() -> None:
    """Two users ask for the whole machine of 8: with shares 1 and 3 they are owed 2 and 6 until one has ended."""
    meter = ServiceMeter(8, 2, {1: 1, 2: 3})
    meter.submitted(1, 0, 8)
    meter.submitted(2, 0, 8)
    meter.started(1, 80)
    meter.ended(1, 10, 8)
    meter.started(2, 80)
    meter.ended(2, 20, 8)
    assert meter.ratios() == {1: Fraction(80, 20), 2: Fraction(80, 60 + 80)}
    assert meter.max_lag_units() == Fraction(3, 4)


def test_the_tree_and_the_rules_are_those_of_the_log(tmp_path: Path) -> None:
    """Of the parts of a group each has its share of what the group is owed, and alpha is what was set last."""
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain_create("physics", share=1, guarantee=Resources(500))
        pool.domain_create("optics", share=1, parent="physics")
        pool.domain_create("solids", share=3, parent="physics")
        pool.domain("biology", share=1)
        pool.rules_set(alpha_milli=1_000, pool="fifo")
        worker = pool.join("one")
        jobs = [pool.submit(name, count=8) for name in ("optics", "solids", "biology")]
        made.run_all([worker], {(job, index): S for job in jobs for index in range(8)})
    trace = read_own_log(tmp_path / "pool")
    names = {domain.name: trace.shares[domain_id] for domain_id, domain in trace.domains.items()}
    assert names == {"optics": 1, "solids": 3, "biology": 4}
    assert [(one.name, one.parent, one.guarantee) for one in trace.idle.values()] == [("physics", 0, Resources(500))]
    asked = json.loads(call(tmp_path / "pool", "--json", "-").output)
    assert (asked["rules"]["alpha_milli"], asked["rules"]["pool"]) == (1_000, "fifo")
    assert asked["jain_service"] > 0.98  # with the three side by side it is 0.72
    other = json.loads(call(tmp_path / "pool", "--alpha", "0.5", "--json", "-").output)
    assert (other["rules"]["alpha_milli"], other["rules"]["pool"]) == (500, "fifo")
    assert "(of the whole tree, in proportion)" in call(tmp_path / "pool").output


def test_a_job_above_the_cap_of_a_group_is_left_out(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("physics")
        pool.domain_create("optics", parent="physics")
        worker = pool.join("one")
        wide = pool.submit("optics")
        made.run_all([worker], {(wide, 0): S})
        pool.domain_set("physics", cap=Resources(500, 10**9))
        narrow = pool.submit("optics", request=Resources(500))
        made.run_all([worker], {(narrow, 0): S})
    counts = read_own_log(tmp_path / "pool").counts
    assert (counts.jobs, counts.too_wide) == (1, 1)
    assert run_policy(read_own_log(tmp_path / "pool"), "meted")["jobs"] == 1


def test_a_domain_that_was_divided_stands_beside_its_parts(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("physics", share=3)
        worker = pool.join("one")
        made.run_all([worker], {(pool.submit("physics"), 0): S})
        pool.domain_create("optics", parent="physics")
        made.run_all([worker], {(pool.submit("optics"), 0): S})
    trace = read_own_log(tmp_path / "pool")
    assert [(domain.name, domain.parent) for domain in trace.domains.values()] == [("physics", 0), ("optics", 0)]
    assert trace.is_flat
    assert run_policy(trace, "meted")["jobs"] == 2


def test_workers_come_and_go_when_they_did(tmp_path: Path) -> None:
    """One worker at first, another from 3 s on, the first drained from 5 s on, and as from 9 s on again.

    Units of 2 s each: 0-2, 2-4 on one; 3-5 on two; one is drained during 4-6; 5-7, 7-9, 9-11 on two; 9-11 on one.
    """
    with recorded(tmp_path / "pool") as made:
        pool, clock, begin_us = made.pool, made.clock, made.clock.now_us
        pool.domain("a")
        one = pool.join("one")
        two, job = None, pool.submit("a", count=8, time_request_us=2 * S)
        running: list[tuple[int, LeasedUnits]] = []
        for at_s in range(12):
            clock.now_us = begin_us + at_s * S
            for end_s, lease in running:
                if end_s == at_s:
                    pool.finish(lease, Done(lease.first, 2 * S))
            if at_s == 3:
                two = pool.join("two")
            if at_s in (5, 9):
                with pool.batch():
                    pool._engine.handle(DrainWorker(clock.now_us, one, at_s == 5))
            for worker in (one, two):
                running += [(at_s + 2, lease) for lease in (pool.work(worker) if worker is not None else [])]
        assert pool.job(job)["succeeded"] == 8
    trace = read_own_log(tmp_path / "pool")
    assert [(it.change, it.at_us - begin_us) for it in trace.attendance] == [
        *(("joined", 0), ("joined", 3 * S)),
        *(("paused", 5 * S), ("resumed", 9 * S)),
    ]
    for policy in ("fcfs", "meted", "conservative"):
        figures = run_policy(trace, policy)
        assert (figures["wait_error_mean_abs_s"], figures["makespan_s"]) == (0, 11)


def test_who_has_left_is_back_when_the_log_has_ended(tmp_path: Path) -> None:
    """A wide unit ran on a worker that left, and a policy that has it wait longer is not left without one."""
    with recorded(tmp_path / "pool") as made:
        pool = made.pool
        pool.domain("a")
        big = pool.join("big", Resources(4_000))
        small = pool.join("small", Resources(1_000))
        wide, narrow = pool.submit("a", request=Resources(4_000)), pool.submit("a", count=9)
        made.run_all([big, small], {(wide, 0): S, **{(narrow, index): S for index in range(9)}})
        pool.leave(big)
        made.later(S)
        late = pool.submit("a")
        made.run_all([small], {(late, 0): S})
    trace = read_own_log(tmp_path / "pool")
    assert [it.change for it in trace.attendance] == ["joined", "joined", "left"]
    for policy in ("fcfs", "sjf", "meted"):
        assert run_policy(trace, policy)["jobs"] == 11
