"""Recorded waits against simulated ones: worked out by hand, from the report of a lease to the percentiles."""

from __future__ import annotations

from pathlib import Path

from meted.adapters.embedded import Done
from meted.simulations.commands.replay import run_policy
from meted.simulations.results.wait_errors import WaitErrors
from meted.simulations.traces.log_trace import NOT_RECORDED
from meted.simulations.traces.own_log import read_own_log

from .test_own_log import MS, S, call, recorded


def test_figures_by_hand() -> None:
    errors = WaitErrors()
    for recorded_s, simulated_s in ((10, 9), (10, 10), (10, 14), (10, 8)):
        errors.add(recorded_s * S, simulated_s * S)
    errors.add(NOT_RECORDED, 5 * S)
    assert errors.results() == {
        "wait_error_units": 4,
        "wait_error_left_out": 1,
        "recorded_mean_wait_s": 10,
        "wait_error_mean_abs_s": 7 / 4,
        "wait_error_p50_s": 1,
        "wait_error_p95_s": 4,
        "wait_error_bias_s": 1 / 4,
    }
    assert set(WaitErrors().results().values()) == {0}


def test_starts_are_seen_from_reports_and_run_times(tmp_path: Path) -> None:
    """Three units of 10, 20 and 30 ms in one lease, reported together 5 ms after the last has ended."""
    with recorded(tmp_path / "pool") as made:
        made.pool.domain("a")
        worker = made.pool.join("one")
        made.pool.submit("a", count=3, time_request_us=10 * MS)
        made.later(2 * MS)
        (lease,) = made.pool.work(worker)
        made.later(65 * MS)
        made.pool.finish(lease, *(Done(index, (index + 1) * 10 * MS) for index in range(3)))
    trace = read_own_log(tmp_path / "pool")
    (job,) = trace.jobs
    assert list(job.wait_us) == [7 * MS, 17 * MS, 37 * MS]
    figures = run_policy(trace, "fcfs")
    assert (figures["wait_error_units"], figures["wait_error_left_out"]) == (3, 0)
    assert figures["wait_error_bias_s"] == -0.007
    assert figures["wait_error_p95_s"] == figures["wait_error_mean_abs_s"] == 0.007


def test_no_start_is_before_the_lease(tmp_path: Path) -> None:
    """A worker that says its unit took longer than it had it is not believed."""
    with recorded(tmp_path / "pool") as made:
        made.pool.domain("a")
        worker = made.pool.join("one")
        made.pool.submit("a")
        made.later(3 * S)
        (lease,) = made.pool.work(worker)
        made.later(S)
        made.pool.finish(lease, Done(0, 9 * S))
    assert list(read_own_log(tmp_path / "pool").jobs[0].wait_us) == [3 * S]


def test_what_was_tried_before_is_left_out(tmp_path: Path) -> None:
    with recorded(tmp_path / "pool") as made:
        made.pool.domain("a")
        worker = made.pool.join("one")
        job = made.pool.submit("a", retries=1)
        (lease,) = made.pool.work(worker)
        made.pool.finish(lease, Done(0, S, None, 1))
        made.run_all([worker], {(job, 0): S})
        again = made.pool.submit("a")
        made.run_all([worker], {(again, 0): S}, exit_code=1)
        made.pool.rerun(again)
        made.run_all([worker], {(again, 0): S})
    trace = read_own_log(tmp_path / "pool")
    assert [list(job.wait_us) for job in trace.jobs] == [[NOT_RECORDED], [NOT_RECORDED]]
    shown = call(tmp_path / "pool", "--policy", "fcfs").output
    assert "against the record         0 units compared, 2 without a first start" in shown
