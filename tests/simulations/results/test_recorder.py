"""Records of runs: every measure tells policies apart, series and windows hold what happened, and memory is bounded."""

from __future__ import annotations

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from meted.core.record import replaced
from meted.simulations.errors import SimulationError
from meted.simulations.policies.registry import make_policy
from meted.simulations.replay import Replay
from meted.simulations.results.inequality import gini
from meted.simulations.results.levels import BINS_MAX
from meted.simulations.results.metrics import Metrics
from meted.simulations.results.misreport import gain_of
from meted.simulations.results.run_record import UserRow
from meted.simulations.results.series import SERIES_USERS_SHOWN
from meted.simulations.results.window import KEPT_ENDED, KEPT_STARTED
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace

from ..driving import make_trace, schedule
from .recording import PROCS, S, crowded, record, recorded

FAIRNESS = (
    "jain_service",
    "gini_service",
    "min_service",
    "min_max_service",
    "share_error",
    "max_lag_units",
    "max_lead_units",
    "max_lag_of_bound",
    "mean_envy_units",
    "max_envy_units",
    "users_worse_than_alone",
    "max_sharing_deficit_s",
    "mean_user_rho",
    "max_user_rho",
    "users_rho_above_1",
    "part_rho_above_bound",
    "max_head_wait_s",
    "max_starvation",
    "median_wait_s",
    "p95_wait_s",
    "p99_wait_s",
    "max_wait_s",
    "median_bounded_slowdown",
    "p95_bounded_slowdown",
    "p99_bounded_slowdown",
    "jain_user_wait",
    "gini_user_wait",
    "jain_user_bounded_slowdown",
    "mean_user_wait_s",
    "mean_user_bounded_slowdown",
    "mean_wait_s",
    "mean_bounded_slowdown",
    "mean_turnaround_s",
    "makespan_s",
    "utilisation",
)
"""All that depends on the schedule; a measure that does not would be no measure of a policy."""

OF_THE_TRACE = {"procs", "jobs", "users", "cpu_s", "jobs_per_s", "clairvoyant"}
"""Numbers that say what was simulated, and what that took."""


@pytest.mark.parametrize("name", FAIRNESS)
def test_a_measure_tells_policies_apart(name: str) -> None:
    assert recorded("fcfs").figures[name] != recorded("easy").figures[name]


def test_no_measure_is_left_out() -> None:
    numbers = {name for name, figure in recorded("easy").figures.items() if isinstance(figure, int | float)}
    assert numbers == {*FAIRNESS, *OF_THE_TRACE}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in UserRow.__annotations__
        if name not in ("user", "share", "jobs", "cpu_s") and not name.startswith("credit_")  # nobody trades
    ],
)
def test_a_measure_of_users_tells_policies_apart(name: str) -> None:
    one, other = ([getattr(row, name) for row in recorded(policy).users] for policy in ("fcfs", "easy"))
    assert one != other


def test_a_record_adds_to_the_figures_and_changes_none() -> None:
    trace = crowded()
    metrics = Metrics(trace)
    Replay(trace, make_policy("easy"), observers=[metrics]).run()
    plain = metrics.results("easy", "instant", 1_000_000)
    assert plain.items() <= recorded("easy").figures.items()
    assert set(recorded("easy").figures) - set(plain) > {"median_wait_s", "max_starvation"}


def test_a_record_can_be_sent_to_another_process() -> None:
    run = recorded("easy")
    assert pickle.loads(pickle.dumps(run)) == run


def test_rows_of_users() -> None:
    trace, run = crowded(), recorded("easy")
    jobs, starts = schedule(trace, "easy")
    assert [row.user for row in run.users] == [str(user) for user in trace.users]
    for row in run.users:
        own = [(job, start) for job, start in zip(jobs, starts, strict=True) if str(job.user) == row.user]
        waits = sorted((start - job.submit_us) / S for job, start in own)
        assert row.jobs == len(own)
        assert row.cpu_s == sum(job.run_us * job.procs for job, _ in own) / S
        assert row.mean_wait_s == pytest.approx(sum(waits) / len(waits))
        slowdowns = [max(1, (start - job.submit_us + job.run_us) / max(job.run_us, 10 * S)) for job, start in own]
        assert row.mean_bounded_slowdown == pytest.approx(sum(slowdowns) / len(own))
        assert row.median_wait_s == waits[-(-len(waits) // 2) - 1]
        assert row.max_wait_s == waits[-1]
        assert row.service == pytest.approx(row.cpu_s / row.owed_cpu_s)
    assert max(row.max_lag_units for row in run.users) == run.figures["max_lag_units"]
    assert max(row.max_lead_units for row in run.users) == run.figures["max_lead_units"]
    services, bound = [row.service for row in run.users], 1 + 1 / PROCS
    assert run.figures["min_max_service"] == pytest.approx(min(services) / max(services))
    assert run.figures["part_rho_above_bound"] == sum(row.mean_rho > bound for row in run.users) / len(run.users)
    assert max(row.starvation for row in run.users) == run.figures["max_starvation"]


def test_figures_are_those_of_the_rows() -> None:
    run = recorded("easy")

    def column(name: str) -> list[float]:
        return [getattr(row, name) for row in run.users]

    for name, of in (
        ("max_envy_units", "envy_units"),
        ("max_user_rho", "mean_rho"),
        ("max_head_wait_s", "max_head_wait_s"),
        ("max_sharing_deficit_s", "sharing_deficit_s"),
    ):
        assert run.figures[name] == max(column(of)), name
    for name, of in (
        ("mean_envy_units", "envy_units"),
        ("mean_user_rho", "mean_rho"),
        ("mean_user_wait_s", "mean_wait_s"),
        ("mean_user_bounded_slowdown", "mean_bounded_slowdown"),
    ):
        assert run.figures[name] == pytest.approx(sum(column(of)) / len(run.users)), name
    services = [int(service * 10**15) for service in column("service")]
    assert run.figures["gini_service"] == pytest.approx(float(gini(services)))
    assert run.figures["users_rho_above_1"] == sum(rho > 1 for rho in column("mean_rho"))
    assert run.figures["users_worse_than_alone"] == sum(deficit > 0 for deficit in column("sharing_deficit_s"))


def test_who_fares_as_alone_is_neither_worse_off_nor_above_one() -> None:
    """Each of two users has a job of half the machine, and has that half alone as well."""
    jobs = [TraceJob(1, 1, 0, 10 * S, 10 * S, 2), TraceJob(2, 2, 20 * S, 10 * S, 10 * S, 2)]
    run = record(_trace(jobs, 4), "easy")
    assert [(row.user, row.mean_rho, row.sharing_deficit_s) for row in run.users] == [("1", 1, 0), ("2", 1, 0)]
    assert (run.figures["users_rho_above_1"], run.figures["users_worse_than_alone"]) == (0, 0)


def test_quantiles_of_waits_and_slowdowns() -> None:
    trace, run = crowded(), recorded("easy")
    both = [(start - job.submit_us, job.run_us) for job, start in zip(*schedule(trace, "easy"), strict=True)]
    waits = sorted(wait / S for wait, _ in both)
    slowdowns = sorted(max(1000, (wait + run) * 1000 // max(run, 10 * S)) / 1000 for wait, run in both)
    for name, part in (("median", 500), ("p95", 950), ("p99", 990)):
        rank = -(-len(both) * part // 1000) - 1
        assert run.figures[f"{name}_wait_s"] == waits[rank]
        assert run.figures[f"{name}_bounded_slowdown"] == pytest.approx(slowdowns[rank], abs=0.0011)


def test_series() -> None:
    trace, run = crowded(), recorded("easy")
    jobs, starts = schedule(trace, "easy")
    series, first_us = run.series, jobs[0].submit_us
    assert BINS_MAX // 2 <= len(series.at_s) <= BINS_MAX
    bins = [(0.0, series.at_s[0]), *zip(series.at_s, series.at_s[1:], strict=False)]
    both = [(job, start - first_us) for job, start in zip(jobs, starts, strict=True)]
    for place, of_bin in enumerate(bins):
        begin_s, end_s = of_bin
        waited = sum(_common(of_bin, job.submit_us - first_us, start) for job, start in both)
        ran = sum(job.procs * _common(of_bin, start, start + job.run_us) for job, start in both)
        assert series.waiting_jobs[place] == pytest.approx(waited / (end_s - begin_s))
        assert series.busy[place] == pytest.approx(ran / (end_s - begin_s) / PROCS)
    assert len(series.users) == SERIES_USERS_SHOWN
    most = sorted(run.users, key=lambda row: -row.cpu_s)[0]
    assert series.users[0].user == most.user
    assert series.users[0].received_cpu_s[-1] == most.cpu_s
    assert series.users[0].owed_cpu_s[-1] == pytest.approx(most.owed_cpu_s)
    assert max(series.lag_of_bound) == pytest.approx(run.figures["max_lag_of_bound"])


def test_what_users_had_over_time() -> None:
    """One user has the machine for 40 s, the other comes after 10 s and waits until then."""
    jobs = [TraceJob(1, 1, 0, 40 * S, 40 * S, 4), TraceJob(2, 2, 10 * S, 20 * S, 20 * S, 4)]
    run = record(_trace(jobs, 4), "fcfs")
    assert run.series.at_s == tuple(range(1, 61))
    one, two = sorted(run.series.users, key=lambda user: user.user)
    assert (one.received_cpu_s[0], one.received_cpu_s[-1]) == (160, 160)
    # Both are owed half of 4 processors while both have work; who is alone is owed all of them.
    assert [one.owed_cpu_s[at - 1] for at in (10, 40, 60)] == [40, 100, 100]
    assert [two.owed_cpu_s[at - 1] for at in (10, 40, 60)] == [0, 60, 140]
    assert [two.received_cpu_s[at - 1] for at in (40, 41, 60)] == [0, 80, 80]
    assert run.series.waiting_jobs_max == (0,) * 10 + (1,) * 30 + (0,) * 20


def test_a_long_run_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    jobs = [TraceJob(number, 1, number * 86_400 * S, S, S, 1) for number in range(2_000)]
    series = record(make_trace(tmp_path, jobs, 4), "fcfs").series
    assert BINS_MAX // 2 <= len(series.at_s) <= BINS_MAX
    assert series.at_s[-1] == 1_999 * 86_400 + 1
    assert sum(series.busy) * series.width_s * 4 == pytest.approx(2_000, rel=0.01)


@pytest.mark.parametrize("policy", ["fcfs", "easy"])
def test_a_window_has_all_that_ran_in_it(tmp_path: Path, policy: str) -> None:
    jobs = [
        TraceJob(number, number % 5, number * 7 * S, (30 + number % 90) * S, 200 * S, 1 + number % 9)
        for number in range(1_500)
    ]
    trace = make_trace(tmp_path, jobs, 20)
    gantt = record(trace, policy).gantt
    jobs, starts = schedule(trace, policy)
    first_us = jobs[0].submit_us
    expected = sorted(
        ((start - first_us) / S, (job.submit_us - first_us) / S, (start + job.run_us - first_us) / S, job.procs)
        for job, start in zip(jobs, starts, strict=True)
        if start + job.run_us - first_us > gantt.from_s * S and start - first_us <= gantt.to_s * S
    )
    found = sorted((bar.start_s, bar.submit_s, bar.end_s, bar.procs) for bar in gantt.bars)
    # Of the starts at its very end, those that came first are in the window.
    assert set(found) <= set(expected)
    assert [bar for bar in expected if bar[0] < gantt.to_s] == [bar for bar in found if bar[0] < gantt.to_s]
    assert KEPT_STARTED <= len(found) <= KEPT_ENDED + 20 + KEPT_STARTED


def test_a_window_of_a_short_run_is_all_of_it() -> None:
    run = record(_trace([TraceJob(1, 1, 5 * S, 40 * S, 40 * S, 4)], 4), "fcfs")
    assert [(bar.user, bar.start_s, bar.end_s, bar.procs) for bar in run.gantt.bars] == [("1", 0, 40, 4)]
    assert (run.gantt.from_s, run.gantt.to_s) == (0, 40)


def test_a_window_is_as_high_as_the_machine() -> None:
    run = record(_trace([TraceJob(1, 1, 5 * S, 40 * S, 40 * S, 4)], 10), "fcfs")
    assert run.gantt.procs == 10


def test_who_says_too_much_loses_by_it() -> None:
    """A job of 50 s is backfilled before the head's reservation at 100 s; one that is said to take 200 s is not."""
    others = [TraceJob(1, 1, 0, 100 * S, 100 * S, 6), TraceJob(2, 2, S, 100 * S, 100 * S, 8)]
    runs = [
        record(_trace([*others, TraceJob(3, 3, 2 * S, 50 * S, said * S, 2)], 8), "easy") for said in (50, 80, 200, 300)
    ]
    # Told truly its middle comes 25 s after the submit; else it starts at 200 s.
    assert gain_of(runs[0], runs[2], "3").own == 25 / (198 + 25)
    assert gain_of(runs[0], runs[1], "3").own == 1
    assert gain_of(runs[2], runs[0], "3").own == pytest.approx((198 + 25) / 25)
    with pytest.raises(SimulationError, match="the user 4 has no jobs in the run easy"):
        gain_of(runs[0], runs[1], "4")


def test_the_gain_of_others_is_their_delay_with_the_truth_over_that_without() -> None:
    truthful = recorded("easy")
    slower = [replaced(row, mean_delay_s=row.mean_delay_s * (4 if row.user == "1" else 2)) for row in truthful.users]
    gain = gain_of(truthful, replaced(truthful, users=tuple(slower)), "1")
    assert (gain.own, gain.of_others, gain.work) == (0.25, 0.5, 1)
    alone = replaced(truthful, users=truthful.users[:1])
    assert gain_of(alone, alone, "1").of_others is None


def _trace(jobs: list[TraceJob], procs: int) -> Trace:
    with TemporaryDirectory() as folder:
        return make_trace(Path(folder), jobs, procs)


def _common(of_bin: tuple[float, float], from_us: int, to_us: int) -> float:
    """Return how many seconds a bin and a span of time have in common."""
    return max(0.0, min(of_bin[1], to_us / S) - max(of_bin[0], from_us / S))
