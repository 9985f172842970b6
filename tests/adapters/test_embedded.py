"""The embedded pool: what a call returns is durable, a restart goes on, and nothing happens that was not asked for."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meted.adapters.cli.log import log as log_command
from meted.adapters.embedded import Done, LeasedUnits, Pool, PoolError, Unit, UnitFailed, failed
from meted.adapters.log import LogDamaged, LogFull, LogHeld, MemoryLog, SQLiteLog
from meted.adapters.log.verify import verify
from meted.adapters.policy_parameters import UnknownPolicy
from meted.adapters.recovery import note_repair, read_state
from meted.core.batch import Batch, seal
from meted.core.commands import CreateDomain
from meted.core.effects import Effect, RunUnits, StopUnits, TellOwner
from meted.core.errors import Reason, Refused, SchemaError
from meted.core.limits import RESULT_BYTES_MAX
from meted.core.resources import Resources
from meted.core.schema import state_digest
from meted.core.spec import Spec

from ..packing import pack

MS = 1_000

OpenPool = Callable[[], Pool]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def __call__(self) -> int:
        return self.now_us


class BrokenLog(MemoryLog):
    """A log in memory whose disk is full while ``full`` is set."""

    full = False

    def append(self, batch: Batch, *rest: Any, **more: Any) -> int:
        if self.full:
            raise LogFull("No space is left; nothing was written, make space and try again.")
        return super().append(batch, *rest, **more)

    def save_snapshot(self, snapshot: object) -> None:
        if self.full:
            raise LogFull("No space is left; the snapshots kept so far stay.")
        super().save_snapshot(snapshot)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def open_pool(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> OpenPool:
    """Opens the pool, and opens it again from what the last one left behind, on either log."""
    logs = [MemoryLog()]

    def open_again() -> Pool:
        if request.param == "sqlite":
            return Pool.open(tmp_path / "pool", clock=clock)
        logs.append(logs[-1].copy())
        return Pool(logs[-1], clock=clock)

    return open_again


def start(pool: Pool, count: int = 3, retries: int = 0, max_losses: int = 5, hold: bool = False) -> int:
    """Register a domain and submit a job whose units are expected to take 50 ms: two fit into one run."""
    pool.domain("vision")
    return pool.submit(
        "vision", count=count, time_request_us=50 * MS, retries=retries, max_losses=max_losses, hold=hold
    )


def double(unit: Unit) -> bytes:
    return b"%d" % (2 * unit.index)


def refusal(call: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.reason


# row P12, P18
def test_a_job_runs_with_no_server(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        assert pool.run(pool.join("me"), double) == 3
        assert [pool.result(job, index) for index in range(3)] == [b"0", b"2", b"4"]
        assert pool.status(job) == "succeeded"


def test_a_view_has_the_keys_that_scripts_rely_on(open_pool: OpenPool, clock: Clock) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        job = pool.submit("vision", count=2, user="ada", name="edges", tags={"paper": "eccv"})
        assert pool.job(job) == {
            "job": job,
            "domain": "vision",
            "user": "ada",
            "name": "edges",
            "state": "pending",
            "count": 2,
            "pending": 2,
            "running": 0,
            "succeeded": 0,
            "failed": 0,
            "cancelled": 0,
            "submitted_us": clock.now_us,
            "tags": {"paper": "eccv"},
            "reason": "No worker is connected; start one.",
            "priority": 0,
            "points": 0,
            "purse_mc": None,
            "argv": [],
            "request": {"cpu_milli": 1_000, "mem_bytes": 0, "generic": {}},
            "time_request_us": None,
            "time_limit_us": None,
            "after": [],
            "begin_us": None,
            "ended_us": None,
            "cwd": None,
            "limits": {},
            "first_index": 0,
            "index_step": 1,
            "retries": 0,
            "backoff_us": 0,
            "max_failures": None,
            "max_losses": 5,
        }
        assert json.loads(json.dumps(pool.jobs())) == pool.jobs()


# row P15
def test_jobs_are_found_by_tags_user_and_name(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        one = pool.submit("vision", user="ada", tags={"paper": "eccv"})
        two = pool.submit("vision", user="ada", name="edges")
        assert [view["job"] for view in pool.jobs(user="ada")] == [one, two]
        assert [view["job"] for view in pool.jobs(user="ada", paper="eccv")] == [one]
        assert [view["job"] for view in pool.jobs(name="edges")] == [two]
        assert pool.jobs(paper="cvpr") == []
        odd = pool.submit("vision", tags={"state": "draft", "self": "me"})
        assert [view["job"] for view in pool.jobs(state="draft", self="me")] == [odd]


# row P14
def test_the_user_is_whoever_runs_the_program(open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METED_TAG", "ada")
    with open_pool() as pool:
        assert pool.job(start(pool))["user"] == "ada"


# row P19
def test_a_prepared_job_runs_only_after_start(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, hold=True)
        worker = pool.join("me")
        assert pool.work(worker) == []
        assert pool.status(job) == "held"
        assert pool.explain(job) == [f"It is only prepared; start job {job} to let it run."]
        pool.start(job)
        assert pool.run(worker, double) == 3


# row P20
def test_a_result_is_none_before_the_end_and_raises_after_a_failure(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes | None:
        if unit.index == 1:
            raise ValueError("no such file")
        return None

    with open_pool() as pool:
        job = start(pool)
        assert pool.result(job, 1) is None
        assert pool.error(job, 1) is None
        pool.run(pool.join("me"), call)
        assert pool.result(job, 0) == b""
        assert pool.error(job, 0) is None
        with pytest.raises(UnitFailed, match="no such file") as caught:
            pool.result(job, 1)
        assert caught.value.error.startswith("Traceback")
        assert pool.error(job, 1) == caught.value.error
        view = pool.job(job)
        assert (view["state"], view["reason"]) == ("failed", "1 of 3 units failed; unit 1: ValueError: no such file")


def test_a_unit_that_left_no_error_says_so(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 1)
        (lease,) = pool.work(pool.join("me"))
        pool.finish(lease, Done(0, 5 * MS, exit_code=3))
        assert pool.error(job) == "it failed and left no error text."


def test_the_error_of_an_attempt_does_not_hide_the_result_of_the_next(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes:
        if unit.attempt == 1:
            raise OSError("try again")
        return b"fine"

    with open_pool() as pool:
        job = start(pool, retries=1)
        pool.run(pool.join("me"), call)
        assert [pool.result(job, index) for index in range(3)] == [b"fine"] * 3


def test_the_error_of_the_last_attempt_is_kept(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes:
        raise OSError(f"attempt {unit.attempt}")

    with open_pool() as pool:
        job = start(pool, 1, retries=2)
        assert pool.run(pool.join("me"), call) == 3
        assert "attempt 3" in str(pool.error(job))


def test_what_failed_is_run_again_and_its_error_is_forgotten(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes | None:
        if unit.index == 1 and unit.attempt == 1:
            raise OSError("no")
        return None if unit.index else b"fine"

    with open_pool() as pool:
        job = start(pool)
        pool.run(pool.join("me"), call)
        assert "no" in str(pool.error(job, 1))
        assert refusal(lambda: pool.rerun(job, failed=False, cancelled=True)) is Reason.NO_UNITS
    told: list[tuple[int, str]] = []
    with open_pool() as pool:
        pool.rerun(job)
        assert (pool.job(job)["state"], pool.job(job)["pending"]) == ("pending", 1)
        assert pool.result(job, 1) is None
        pool.after(job, lambda *end: told.append(end))
        assert pool.run(pool.join("me"), call) == 1
        assert [pool.result(job, index) for index in range(3)] == [b"fine", b"", b""]
        assert pool.error(job, 1) is None
        assert told == [(job, "succeeded")]


# row G36
def test_a_job_runs_after_others_and_not_if_one_fails(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes:
        if unit.job_id == parents[1]:
            raise OSError("no")
        return b"fine"

    with open_pool() as pool:
        parents = [start(pool, 1), start(pool, 1)]
        good, bad = (pool.submit("vision", after=[parent]) for parent in parents)
        assert pool.job(good)["state"] == "pending"
        assert pool.explain(good) == [f"It runs after job {parents[0]} (pending)."]
    with open_pool() as pool:
        assert pool.run(pool.join("me"), call) == 3
        assert pool.result(good) == b"fine"
        assert pool.status(bad) == "cancelled"
        assert pool.job(bad)["reason"] == f"It was to run after job {parents[1]}, and not all of that succeeded."


# row P20
def test_after_is_called_once(open_pool: OpenPool) -> None:
    told: list[tuple[int, str]] = []
    with open_pool() as pool:
        job = start(pool)
        pool.after(job, lambda *end: told.append(end))
        worker = pool.join("me")
        pool.run(worker, double, units_max=2)
        assert told == []
        pool.run(worker, double)
        assert told == [(job, "succeeded")]
        pool.cancel(job)
        assert told == [(job, "succeeded")]
        pool.after(job, lambda *end: told.append(end))
        assert told == [(job, "succeeded")] * 2
        with pool.batch():
            pool.after(job, lambda *end: told.append(end))
            assert len(told) == 2
        assert len(told) == 3


def test_after_may_submit_the_next_job(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 1)

        def go_on(job_id: int, outcome: str) -> None:
            start(pool, 1)

        pool.after(job, go_on)
        assert pool.run(pool.join("me"), double) == 2


def test_what_a_callback_raises_is_raised_when_all_is_durable(open_pool: OpenPool) -> None:
    def fail(job_id: int, outcome: str) -> None:
        raise RuntimeError(f"job {job_id} {outcome}")

    told: list[int] = []
    with open_pool() as pool:
        job = start(pool)
        pool.after(job, fail)
        pool.after(job, lambda job_id, _: told.append(job_id))
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="cancelled")):
            pool.cancel(job)
        assert told == [job]
        assert pool.status(job) == "cancelled"


def test_a_callback_of_a_job_that_was_never_accepted_is_forgotten(open_pool: OpenPool) -> None:
    told: list[int] = []
    with open_pool() as pool:
        pool.domain("vision")

        def submit_and_fail() -> None:
            with pool.batch():
                never = pool.submit("vision")
                pool.after(never, lambda job_id, _: told.append(job_id))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            submit_and_fail()
        pool.cancel(pool.submit("vision"))  # it has the id that the other would have had
        assert told == []


# row P21
def test_cancel_keeps_results_and_delete_removes_them(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        pool.run(pool.join("me"), double, units_max=1)
        pool.cancel(job)
        assert pool.result(job, 0) == b"0"
        with pytest.raises(UnitFailed, match="cancelled"):
            pool.result(job, 1)
        pool.delete(job)
        assert refusal(lambda: pool.result(job, 0)) is Reason.UNKNOWN_JOB
        assert pool.log.result(job, 0) is None
        assert pool.jobs() == []


def test_delete_also_cancels(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        pool.delete(job)
        assert pool.jobs() == []


def test_a_job_with_units_handed_out_is_deleted_once_they_are_back(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        (lease,) = pool.work(pool.join("me"))
        assert pool.is_wanted(lease)
        assert refusal(lambda: pool.delete(job)) is Reason.JOB_NOT_ENDED
        assert not pool.is_wanted(lease)
        pool.give_back(lease)
        pool.delete(job)


def test_leases_not_handed_out_come_back_by_themselves(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        job = pool.submit("vision", count=4)
        first, second = pool.join("one"), pool.join("two")
        (lease,) = pool.work(first)  # leases to both, and hands out the first's
        assert pool.job(job)["running"] == 2
        pool.cancel(job)
        assert pool.job(job)["running"] == 1
        pool.finish(lease, Done(lease.first, MS))
        assert pool.status(job) == "cancelled"
        assert pool.work(second) == []


def test_stopping_early_gives_the_rest_back(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 4)
        assert pool.run(pool.join("me"), double, units_max=3) == 3
        view = pool.job(job)
        assert (view["succeeded"], view["running"], view["pending"]) == (3, 0, 1)


def test_an_interrupted_run_reports_what_was_done(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes:
        if unit.index == 3:
            raise KeyboardInterrupt
        return b""

    with open_pool() as pool:
        job = start(pool, 4)
        worker = pool.join("me")
        with pytest.raises(KeyboardInterrupt):
            pool.run(worker, call)
        view = pool.job(job)
        assert (view["succeeded"], view["running"], view["pending"]) == (3, 0, 1)
        assert pool.run(worker, double) == 1


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ("text", "The function returned str; return bytes, or None for no result."),
        (bytearray(b"x"), "The function returned bytearray; return bytes, or None for no result."),
        (b"x" * (RESULT_BYTES_MAX + 1), f"16,777,217 bytes, but a result has at most {RESULT_BYTES_MAX:,}"),
    ],
)
def test_a_unit_that_returns_no_result_fails_and_the_others_of_its_lease_are_reported(
    open_pool: OpenPool, result: bytes, sentence: str
) -> None:
    with open_pool() as pool:
        job = start(pool, 2)  # both units are in one lease
        assert pool.run(pool.join("me"), lambda unit: result if unit.index == 0 else b"fine") == 2
        assert sentence in str(pool.error(job, 0))
        assert pool.result(job, 1) == b"fine"
        assert pool.status(job) == "failed"


def test_the_largest_result_is_kept(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 1)
        pool.run(pool.join("me"), lambda _: b"x" * RESULT_BYTES_MAX)
        assert len(pool.result(job) or b"") == RESULT_BYTES_MAX


def test_an_error_text_that_is_too_long_is_cut(open_pool: OpenPool) -> None:
    def call(unit: Unit) -> bytes:
        raise ValueError("x" * RESULT_BYTES_MAX)

    with open_pool() as pool:
        job = start(pool, 1)
        assert pool.run(pool.join("me"), call) == 1
        assert len(str(pool.error(job))) == RESULT_BYTES_MAX


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_a_unit_that_would_leave_the_program_has_failed(open_pool: OpenPool, error: BaseException) -> None:
    def call(unit: Unit) -> bytes:
        if unit.index == 0:
            raise error
        return b"fine"

    with open_pool() as pool:
        job = start(pool, 2)
        assert pool.run(pool.join("me"), call) == 2
        assert type(error).__name__ in str(pool.error(job, 0))
        assert pool.result(job, 1) == b"fine"


def start_with_backoff(pool: Pool) -> int:
    pool.domain("vision")
    return pool.submit("vision", count=2, time_request_us=50 * MS, retries=2, backoff_us=1_000 * MS)


def fail_twice(unit: Unit) -> bytes:
    if unit.index == 0 and unit.attempt < 3:
        raise OSError("try again")
    return b"attempt %d" % unit.attempt


def test_units_in_backoff_are_due_when_it_is_over(open_pool: OpenPool, clock: Clock) -> None:
    with open_pool() as pool:
        job = start_with_backoff(pool)
        worker = pool.join("me")
        assert pool.next_retry_us() is None
        assert pool.run(worker, fail_twice) == 2
        assert pool.status(job) == "pending"
        assert pool.next_due_us() == pool.next_retry_us() == clock.now_us + 1_000 * MS
    with open_pool() as pool:  # it is in the log
        worker = pool.join("me")
        assert pool.run(worker, fail_twice) == 0
        clock.now_us += 1_000 * MS
        assert pool.next_retry_us() is None  # it is due, so nothing is waited for
        assert pool.run(worker, fail_twice) == 1
        assert pool.next_due_us() == clock.now_us + 2_000 * MS  # the delay doubles
        pool.cancel(job)
        assert pool.next_retry_us() is None


def test_run_waits_for_retries_if_it_is_told_to(open_pool: OpenPool, clock: Clock) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now_us += round(seconds * 1_000_000)

    with open_pool() as pool:
        job = start_with_backoff(pool)
        assert pool.run(pool.join("me"), fail_twice, wait=True, sleep=sleep) == 4
        assert pool.result(job, 0) == b"attempt 3"
        assert slept == [1, 2]


def test_run_waits_for_a_job_that_begins_later(open_pool: OpenPool, clock: Clock) -> None:
    """Row N33."""

    def sleep(seconds: float) -> None:
        clock.now_us += round(seconds * 1_000_000)

    with open_pool() as pool:
        pool.domain("vision")
        begin_us = clock.now_us + 3_600_000_000
        pool.submit("vision", begin_us=begin_us + 5, hold=True)
        job = pool.submit("vision", begin_us=begin_us)
        me = pool.join("me")
        assert pool.run(me, lambda unit: None) == 0
        assert pool.next_retry_us() == pool.next_due_us() == begin_us
        assert pool.run(me, lambda unit: None, wait=True, sleep=sleep) == 1
        assert (pool.status(job), clock.now_us) == ("succeeded", begin_us)


def test_a_retry_that_falls_due_while_run_looks_for_it_is_not_missed(clock: Clock) -> None:
    class Hurried(Pool):
        """A pool on a machine so slow that each back-off is over before anybody has asked when it will be."""

        def next_retry_us(self, after_us: int | None = None) -> int | None:
            clock.now_us += 10_000 * MS
            return super().next_retry_us(after_us)

    with Hurried(MemoryLog(), clock=clock) as pool:
        job = start_with_backoff(pool)
        assert pool.run(pool.join("me"), fail_twice, wait=True, sleep=lambda _: None) == 4
        assert pool.status(job) == "succeeded"


def test_run_does_not_wait_for_units_that_are_due_and_fit_nowhere(open_pool: OpenPool, clock: Clock) -> None:
    with open_pool() as pool:
        start_with_backoff(pool)
        pool.run(pool.join("me"), fail_twice)
        narrow = pool.join("narrow", Resources(cpu_milli=10))
        pool.leave(1)  # type: ignore[arg-type]
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.now_us += 1_000 * MS

        assert pool.run(narrow, fail_twice, wait=True, sleep=sleep) == 0
        assert slept == [1]


def test_run_does_not_wait_for_more_units_than_it_may_run(open_pool: OpenPool) -> None:
    def never(seconds: float) -> None:
        raise AssertionError(seconds)

    with open_pool() as pool:
        start_with_backoff(pool)
        assert pool.run(pool.join("me"), fail_twice, 2, wait=True, sleep=never) == 2


def test_a_domain_has_the_share_one_unless_told_otherwise(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        (domain,) = pool.state.domains.domains.values()
        assert domain.share == CreateDomain(0, "speech").share == 1


def test_a_job_that_is_cancelled_by_its_own_unit_stops(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 4)

        def call(unit: Unit) -> None:
            if unit.index == 2:
                pool.cancel(job)

        assert pool.run(pool.join("me"), call) == 3
        view = pool.job(job)
        assert (view["state"], view["succeeded"], view["cancelled"]) == ("cancelled", 3, 1)


# row P35
def test_a_report_counts_once(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 2)
        (lease,) = pool.work(pool.join("me"))
        pool.finish(lease, Done(1, MS, b"one"), Done(0, MS, b"zero"))
        seq = pool.state.seq
        pool.finish(lease, Done(0, MS, b"another"))
        pool.give_back(lease)
        assert pool.state.seq == seq
        assert (pool.result(job, 0), pool.result(job, 1)) == (b"zero", b"one")


def test_another_workers_units_are_refused(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        start(pool)
        (lease,) = pool.work(pool.join("me"))
        stranger = LeasedUnits(
            pool.join("other"), lease.lease_id, lease.job_id, lease.first, lease.count, 1, lease.spec, None
        )
        assert refusal(lambda: pool.finish(stranger, Done(0, MS))) is Reason.WRONG_WORKER


def test_a_worker_that_leaves_costs_no_attempt(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool, 2, max_losses=0)
        worker = pool.join("me")
        pool.work(worker)
        pool.leave(worker)
        assert refusal(lambda: pool.work(worker)) is Reason.UNKNOWN_WORKER
        assert pool.run(pool.join("next"), double) == 2
        assert pool.status(job) == "succeeded"


def test_domains_share_by_their_shares(open_pool: OpenPool, clock: Clock) -> None:
    ran = {"small": 0, "large": 0}
    with open_pool() as pool:
        jobs = {}
        for name, share in (("small", 1), ("large", 3)):
            pool.domain(name, share)
            jobs[pool.submit(name, count=100, time_request_us=100 * MS)] = name

        def call(unit: Unit) -> None:
            clock.now_us += 100 * MS
            ran[jobs[unit.job_id]] += 1

        pool.run(pool.join("me"), call, units_max=80)
    assert ran == {"small": 20, "large": 60}


def test_a_domain_is_changed_by_naming_it_again(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision", 1)
        pool.domain("vision", 5, Resources(cpu_milli=1000))
        (domain,) = pool.state.domains.domains.values()
        assert (domain.share, domain.cap) == (5, Resources(cpu_milli=1000))


def test_a_job_that_fits_no_worker_is_held_with_the_reason(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        job = pool.submit("vision", request=Resources(cpu_milli=9000))
        pool.join("me")
        view = pool.job(job)
        assert view["state"] == pool.status(job) == "held"
        assert view["reason"] is not None
        assert "9 cpu" in view["reason"]
        assert pool.explain(job) == [view["reason"]]


def test_refusals_leave_everything_as_it_was(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        digest = state_digest(pool.state)
        assert refusal(lambda: pool.submit("nobody")) is Reason.UNKNOWN_DOMAIN
        assert refusal(lambda: pool.submit("vision", count=0)) is Reason.OUT_OF_RANGE
        assert refusal(lambda: pool.submit("vision", count=True)) is Reason.BAD_TYPE
        assert refusal(lambda: pool.domain("vision", 0)) is Reason.OUT_OF_RANGE
        assert refusal(lambda: pool.domain(7)) is Reason.BAD_TYPE  # type: ignore[arg-type]
        assert refusal(lambda: pool.job(99)) is Reason.UNKNOWN_JOB
        assert refusal(lambda: pool.cancel(job, 99)) is Reason.UNKNOWN_JOB
        assert refusal(lambda: pool.result(job, 3)) is Reason.OUT_OF_RANGE
        assert refusal(lambda: pool.result(job, "0")) is Reason.OUT_OF_RANGE  # type: ignore[arg-type]
        assert state_digest(pool.state) == digest


# A batch


def test_a_batch_is_one_commit(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        with pool.batch():
            job = start(pool)
            with pool.batch():
                pool.submit("vision")
            assert pool.job(job)["pending"] == 3
        assert len(list(pool.log.read())) == 1


def test_a_batch_that_raises_never_happened(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        pool.domain("vision")
        digest = state_digest(pool.state)

        def submit_two(second: str) -> None:
            with pool.batch():
                pool.submit("vision")
                pool.submit(second)

        with pytest.raises(Refused):
            submit_two("nobody")
        assert state_digest(pool.state) == digest
        with pool.batch():
            pool.submit("vision")
            with pytest.raises(Refused):
                pool.submit("nobody")  # caught inside, so the rest stands
        assert len(pool.jobs()) == 1


def test_an_empty_batch_writes_nothing(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        with pool.batch():
            pass
        pool.tick()
        assert pool.log.head.seq == 0


def test_work_is_refused_inside_a_batch(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        worker = pool.join("me")
        with pytest.raises(PoolError, match="after the batch"), pool.batch():
            pool.work(worker)


# Effects


def test_effects_are_told_in_order(clock: Clock) -> None:
    effects: list[Effect] = []
    with Pool(MemoryLog(), clock=clock, on_effect=effects.append) as pool:
        job = start(pool, 2)
        (lease,) = pool.work(pool.join("me"))
        pool.cancel(job)
        pool.give_back(lease)
    assert [type(effect) for effect in effects] == [RunUnits, StopUnits, TellOwner]


def test_an_effect_function_that_raises_loses_no_lease(clock: Clock) -> None:
    def fail(effect: Effect) -> None:
        raise RuntimeError(type(effect).__name__)

    with Pool(MemoryLog(), clock=clock, on_effect=fail) as pool:
        start(pool, 2)
        worker = pool.join("me")
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="RunUnits")):
            pool.work(worker)
        (lease,) = pool.work(worker)
        assert lease.count == 2


def test_an_interruption_between_commit_and_effect_loses_no_lease(clock: Clock) -> None:
    interrupt = True

    def told(effect: Effect) -> None:
        nonlocal interrupt
        if interrupt:
            interrupt = False
            raise KeyboardInterrupt

    with Pool(MemoryLog(), clock=clock, on_effect=told) as pool:
        job = start(pool, 2)
        worker = pool.join("me")
        with pytest.raises(KeyboardInterrupt):
            pool.work(worker)
        assert pool.job(job)["running"] == 2
        (lease,) = pool.work(worker)
        assert lease.count == 2


# Restart: rows N38, P17


def test_a_restart_goes_on_where_it_was(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job = start(pool)
        pool.run(pool.join("me"), double, units_max=1)
    with open_pool() as pool:
        assert not pool.state.workers.workers
        view = pool.job(job)
        assert (view["succeeded"], view["pending"]) == (1, 2)
        assert pool.run(pool.join("me"), double) == 2
        digest = state_digest(pool.state)
        assert [pool.result(job, index) for index in range(3)] == [b"0", b"2", b"4"]
    with open_pool() as pool:
        assert pool.status(job) == "succeeded"
        assert state_digest(pool.state) != digest  # the worker has left
        assert state_digest(read_state(pool.log, from_snapshot=False).state) == state_digest(pool.state)


def test_after_a_crash_the_units_that_were_out_run_again(clock: Clock) -> None:
    log = MemoryLog()
    pool = Pool(log, clock=clock)
    job = start(pool, 4)
    (lease,) = pool.work(pool.join("me"))
    pool.finish(lease, Done(0, MS, b"first"))
    with Pool(log.copy(), clock=clock) as after:  # the first pool is never closed: it crashed
        ran: list[tuple[int, int]] = []
        assert after.run(after.join("me"), lambda unit: ran.append((unit.index, unit.attempt))) == 3
        assert ran == [(1, 2), (2, 1), (3, 1)]
        assert after.result(job, 0) == b"first"
        after.finish(lease, Done(1, MS, b"late"))  # from the former life: it counts for nothing
        assert after.result(job, 1) == b""


def test_a_unit_that_takes_the_program_down_does_not_do_so_for_ever(clock: Clock) -> None:
    log = MemoryLog()
    pool = Pool(log, clock=clock)
    job = start(pool, 1, max_losses=2)
    for life in range(3):
        assert pool.status(job) == "pending", life
        pool.work(pool.join("me"))
        log = log.copy()
        pool = Pool(log, clock=clock)
    assert pool.status(job) == "failed"
    assert pool.error(job) == "it was on 3 lost workers, and its job allows 2."
    assert pool.job(job)["reason"] == f"1 of 1 units failed; unit 0: {pool.error(job)}"


def test_a_unit_that_failed_before_it_was_lost_is_told_to_be_lost(clock: Clock) -> None:
    log = MemoryLog()
    pool = Pool(log, clock=clock)
    job = start(pool, 1, retries=1, max_losses=0)
    (lease,) = pool.work(pool.join("me"))
    pool.finish(lease, failed(0, MS, "the first time"))
    pool.work(lease.worker_id)
    after = Pool(log.copy(), clock=clock)
    assert after.error(job) == "it was on 1 lost worker, and its job allows none."


def test_ids_are_not_given_twice_over_a_restart(open_pool: OpenPool) -> None:
    with open_pool() as pool:
        job, worker = start(pool), pool.join("me")
        (lease,) = pool.work(worker)
        pool.give_back(lease)
        pool.delete(job)
    with open_pool() as pool:
        assert start(pool) > job
        again = pool.join("me")
        assert again > worker
        assert pool.work(again)[0].lease_id > lease.lease_id


def test_time_never_runs_back(open_pool: OpenPool, clock: Clock) -> None:
    with open_pool() as pool:
        start(pool)
    clock.now_us = 5
    with open_pool() as pool:
        job = pool.submit("vision")
        assert pool.job(job)["submitted_us"] == 1_000_000
        assert pool.run(pool.join("me"), double) == 4


def test_a_clock_that_is_set_back_does_not_undo_the_end_of_a_back_off(open_pool: OpenPool, clock: Clock) -> None:
    with open_pool() as pool:
        job = start_with_backoff(pool)
        worker = pool.join("me")
        assert pool.run(worker, fail_twice) == 2
        hog = pool.submit("vision")
        (lease,) = pool.work(worker)
        assert lease.job_id == hog
        clock.now_us += 1_500 * MS
        assert pool.work(worker) == []  # there is no room, and what is over has left no event
        clock.now_us -= 1_000 * MS
        assert "back-off" not in " ".join(pool.explain(job))
        assert pool.next_retry_us() is None
        pool.finish(lease, Done(0, MS))
        assert [again.job_id for again in pool.work(worker)] == [job]


def test_an_ended_job_leaves_after_its_retention(clock: Clock) -> None:
    with Pool(MemoryLog(), clock=clock, retention_us=60) as pool:
        job = start(pool, 1)
        pool.run(pool.join("me"), double)
        assert pool.next_due_us() == clock.now_us + 60
        clock.now_us += 60
        pool.tick()
        assert refusal(lambda: pool.job(job)) is Reason.UNKNOWN_JOB
        kept = pool.log.result(job, 0)
        assert kept is not None
        assert kept.body == b"0"


def test_a_second_program_is_refused(tmp_path: Path) -> None:
    with Pool.open(tmp_path / "pool"), pytest.raises(LogHeld):
        Pool.open(tmp_path / "pool")


def test_after_closing_nothing_is_written(open_pool: OpenPool) -> None:
    pool = open_pool()
    start(pool)
    pool.close()
    pool.close()
    with pytest.raises(Exception, match="closed"):
        pool.submit("vision")
    assert len(pool.jobs()) == 1


# Snapshots


def test_snapshots_are_taken_by_themselves_and_used(clock: Clock) -> None:
    log = MemoryLog()
    with Pool(log, clock=clock, snapshot_events=10) as pool:
        start(pool, 10)
        pool.run(pool.join("me"), double)
        digest = state_digest(read_state(log, from_snapshot=False).state)
        found = read_state(log)
        assert found.snapshot_seq >= 10
        assert state_digest(found.state) == digest
        assert pool.snapshot_error is None


def test_snapshots_count_from_the_last_one_also_over_restarts(clock: Clock) -> None:
    log = MemoryLog()
    for _ in range(4):
        log = log.copy()
        with Pool(log, clock=clock, snapshot_events=10) as pool:
            pool.domain("vision")
            pool.submit("vision")
            pool.submit("vision")
    assert list(log.copy().snapshots())


def test_a_snapshot_that_cannot_be_kept_loses_nothing(clock: Clock) -> None:
    class NoSnapshots(MemoryLog):
        def save_snapshot(self, snapshot: object) -> None:
            raise LogFull("No space is left; the snapshots kept so far stay.")

    with Pool(NoSnapshots(), clock=clock, snapshot_events=3) as pool:
        job = start(pool)
        assert pool.job(job)["state"] == "pending"
        assert isinstance(pool.snapshot_error, LogFull)
        with pytest.raises(LogFull):
            pool.snapshot()


# A full disk, damage, and versions from the future


def test_on_a_full_disk_nothing_is_acknowledged_and_it_goes_on_with_space(clock: Clock) -> None:
    log = BrokenLog()
    with Pool(log, clock=clock) as pool:
        job = start(pool, 4)
        worker = pool.join("me")
        (lease,) = pool.work(worker)
        digest = state_digest(pool.state)
        log.full = True
        for call in (
            lambda: pool.submit("vision"),
            lambda: pool.finish(lease, Done(0, MS, b"zero")),
            lambda: pool.work(pool.join("other")),
            lambda: pool.cancel(job),
            lambda: pool.domain("speech"),
        ):
            with pytest.raises(LogFull):
                call()
            assert state_digest(pool.state) == digest
        log.full = False
        pool.finish(lease, Done(0, MS, b"zero"))
        pool.give_back(lease)
        assert pool.run(worker, double) == 3
        assert pool.result(job, 0) == b"zero"
        assert state_digest(read_state(log, from_snapshot=False).state) == state_digest(pool.state)


def test_what_follows_from_an_effect_is_owed_until_it_is_durable(clock: Clock) -> None:
    class FullAfter(MemoryLog):
        left = 10**6

        def append(self, batch: Batch, *rest: Any, **more: Any) -> int:
            if self.left == 0:
                raise LogFull("No space is left.")
            self.left -= 1
            return super().append(batch, *rest, **more)

    log = FullAfter()
    with Pool(log, clock=clock) as pool:
        job = start(pool, 2)
        idle = pool.join("idle")
        pool.join("asks")
        pool.work(2)  # type: ignore[arg-type]
        assert pool.job(job)["running"] == 2
        log.left = 1
        with pytest.raises(LogFull):
            pool.cancel(job)  # the cancellation is durable, what was not handed out is not given back yet
        assert pool.status(job) == "running"
        log.left = 10**6
        pool.tick()
        assert pool.status(job) == "cancelled"
        assert pool.work(idle) == []


def test_closing_on_a_full_disk_closes(clock: Clock) -> None:
    log = BrokenLog()
    pool = Pool(log, clock=clock)
    start(pool)
    pool.join("me")
    log.full = True
    pool.close()
    with Pool(log.copy(), clock=clock) as after:
        assert not after.state.workers.workers


def append_body(log: MemoryLog | SQLiteLog, body: bytes) -> None:
    """Append a batch of one event with any body at all."""
    head = log.head
    log.append(seal(head.chain, head.seq + 1, head.seq + 1, head.at_us, body))


def test_an_event_from_the_future_stops_it_with_a_clear_error(tmp_path: Path, clock: Clock) -> None:
    with Pool.open(tmp_path / "pool", clock=clock) as pool:
        start(pool)
    with SQLiteLog.open(tmp_path / "pool") as log:
        append_body(log, pack([("job_ended", 99, {"at_us": 1})]))
        head = log.head
    with pytest.raises(SchemaError, match="version 99"):
        Pool.open(tmp_path / "pool", clock=clock)
    with SQLiteLog.open(tmp_path / "pool") as log:  # and it was let go, unchanged
        assert log.head == head


def test_a_damaged_log_is_not_opened(clock: Clock) -> None:
    log = MemoryLog()
    with Pool(log, clock=clock) as pool:
        start(pool)
    damaged = log.copy()
    first = damaged._batches[0]
    damaged._batches[0] = Batch(first.first_seq, first.last_seq, first.at_us, first.body[:-1] + b"\0", first.chain)
    with pytest.raises(LogDamaged, match="meted log repair"):
        Pool(damaged, clock=clock)


# A program that fills its disk: it submits until it is refused, is given more space, and goes on.
FILL_THE_DISK = """
import resource, signal, sys
from meted.adapters.embedded import Pool
from meted.adapters.log import LogIOError
from meted.core.schema import state_digest
from meted.core.spec import Spec

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
pool = Pool.open(sys.argv[1])
pool.domain("vision")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
accepted = []
try:
    while len(accepted) < 100:
        accepted.append(pool.submit("vision", Spec(payload=b"%d" % len(accepted) * 30_000)))
except LogIOError:  # a limit on the size of files is no full disk for SQLite, but it fails in the same place
    pass
else:
    raise SystemExit("it was never full")
assert [view["job"] for view in pool.jobs()] == accepted
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
accepted.append(pool.submit("vision"))
assert [view["job"] for view in pool.jobs()] == accepted
print(len(accepted), state_digest(pool.state))
pool.close()
"""


@pytest.mark.slow
def test_a_disk_that_takes_no_more_for_real(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "pool")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    count, digest = done.stdout.split()
    assert verify(tmp_path / "pool").ok
    with Pool.open(tmp_path / "pool") as pool:
        assert len(pool.jobs()) == int(count)
        assert state_digest(pool.state) == digest


def test_a_damaged_log_is_repaired_by_the_command_and_goes_on(tmp_path: Path, clock: Clock) -> None:
    data = tmp_path / "pool"
    with Pool.open(data, clock=clock) as pool:
        kept = start(pool)
        lost = pool.submit("vision")
    with closing(sqlite3.connect(data / "log.sqlite3")) as database:
        database.execute("UPDATE batches SET body = x'90' WHERE first_seq = 4")
        database.commit()
    with pytest.raises(LogDamaged, match="seq 4"):
        Pool.open(data, clock=clock)
    done = CliRunner().invoke(log_command, ["repair", "--yes", "--data", str(data)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert verify(data).ok
    with Pool.open(data, clock=clock) as pool:
        assert [view["job"] for view in pool.jobs()] == [kept]
        assert pool.submit("vision") > lost


def test_a_policy_must_be_known_and_exact() -> None:
    with pytest.raises(UnknownPolicy, match=r"choose one of .*easy, .*fcfs, .*meted"):
        Pool(MemoryLog(), "lottery")


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
def test_every_policy_runs_it_all(policy: str, clock: Clock) -> None:
    with Pool(MemoryLog(), policy, clock=clock) as pool:
        start(pool, 5)
        pool.submit("vision", Spec(payload=b"x"), count=5)
        assert pool.run(pool.join("me"), lambda unit: unit.spec.payload) == 10


# Recovery


def test_recovery_goes_on_with_the_chain(clock: Clock) -> None:
    log = MemoryLog()
    with Pool(log, clock=clock) as pool:
        start(pool)
        digest = state_digest(pool.state)
    found = read_state(log.copy())
    assert state_digest(found.state) == digest
    assert found.chain == log.head.chain


def test_a_snapshot_of_another_version_is_passed_over(clock: Clock) -> None:
    log = MemoryLog()
    with Pool(log, clock=clock) as pool:
        start(pool)
        pool.snapshot()
        assert read_state(log).snapshot_seq == pool.state.seq
        (kept,) = log._snapshots
        log._snapshots = [type(kept)(kept.seq, kept.at_us, kept.chain, 99, kept.body)]
        assert read_state(log).snapshot_seq == 0
        log._snapshots = [type(kept)(kept.seq, kept.at_us, kept.chain, kept.schema, b"\xc1")]
        assert read_state(log).state == pool.state


def test_a_repair_is_an_event_and_skips_ids(clock: Clock) -> None:
    log = MemoryLog()
    with Pool(log, clock=clock) as pool:
        job = start(pool)
        log = log.copy()
    assert note_repair(log, 4, 9, clock.now_us) == log.head.seq
    with Pool(log, clock=clock) as pool:
        assert start(pool) == job + 7


def test_a_failed_unit_reports_its_error_as_text() -> None:
    assert failed(3, MS, "caf\udce9", 2) == Done(3, MS, b"caf\\udce9", 2)
