"""The figures of a run against definitions worked out the long way, and against figures that others published."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.results.inequality import gini, jain
from meted.simulations.results.metrics import JsonValue
from meted.simulations.results.service import ServiceMeter
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from .driving import END, START, SUBMIT, Happening, happenings, make_trace, measure, schedule
from .oracle import Job, metrics

S = 1_000_000


def owed_and_received(
    jobs: Sequence[TraceJob], events: Sequence[Happening], procs: int, shares: Mapping[int, int]
) -> dict[int, tuple[Fraction, int]]:
    """Return what each user was owed and received: sum min(demand, P g / k) over the time between any two events."""
    demand: dict[int, int] = defaultdict(int)
    owed: dict[int, Fraction] = defaultdict(Fraction)
    received: dict[int, int] = defaultdict(int)
    before = 0
    for at_us, kind, index in events:
        backlogged = [user for user, wanted in demand.items() if wanted]
        for user in backlogged:
            part = Fraction(procs * shares[user], sum(shares[one] for one in backlogged))
            owed[user] += min(Fraction(demand[user]), part) * (at_us - before)
        before = at_us
        job = jobs[index]
        demand[job.user] += {SUBMIT: job.procs, START: 0, END: -job.procs}[kind]
        received[job.user] += job.run_us * job.procs if kind == END else 0
    return {user: (owed[user], received[user]) for user in received}


def largest_lag_and_lead(
    jobs: Sequence[TraceJob], events: Sequence[Happening], shares: Mapping[int, int]
) -> tuple[Fraction, Fraction]:
    """Return the largest lag of any user after any event and lead after any start, in processor-microseconds."""
    users = {job.user for job in jobs}
    registered = sum(shares[user] for user in users)
    waiting = dict.fromkeys(users, 0)
    own = dict.fromkeys(users, 0)
    since = dict.fromkeys(users, (0, 0))
    total, largest, lead = 0, Fraction(0), Fraction(0)
    for _, kind, index in events:
        job = jobs[index]
        if kind == SUBMIT:
            if not waiting[job.user]:
                since[job.user] = (total, own[job.user])
            waiting[job.user] += 1
        elif kind == START:
            total += job.run_us * job.procs
            own[job.user] += job.run_us * job.procs
            waiting[job.user] -= 1
            all_before, own_before = since[job.user]
            owed = Fraction((total - all_before) * shares[job.user], registered)
            lead = max(lead, own[job.user] - own_before - owed)
        for user in users:
            if waiting[user]:
                all_before, own_before = since[user]
                owed = Fraction((total - all_before) * shares[user], registered)
                largest = max(largest, owed - (own[user] - own_before))
    return largest, lead


JOBS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 40), st.integers(1, 20), st.integers(0, 10), st.integers(1, 8)),
    min_size=1,
    max_size=25,
)


@given(
    fields=JOBS,
    procs=st.sampled_from([8, 9, 30]),
    policy=st.sampled_from(["fcfs", "easy", "easy-sjbf"]),
    weights=st.none() | st.lists(st.integers(1, 6), min_size=5, max_size=5),
)
def test_service_equals_its_definition(
    tmp_path_factory: pytest.TempPathFactory,
    fields: list[tuple[int, int, int, int, int]],
    procs: int,
    policy: str,
    weights: list[int] | None,
) -> None:
    made = [
        TraceJob(number, user, submit * S, run * S, (run + more) * S, width)
        for number, (user, submit, run, more, width) in enumerate(fields, 1)
    ]
    trace = make_trace(tmp_path_factory.getbasetemp(), made, procs)
    jobs, starts = schedule(trace, policy)
    events = list(happenings(jobs, starts))
    shares = {user: weights[user - 1] if weights else 1 for user in trace.users}
    meter = ServiceMeter(procs, len(trace.users), shares if weights else None)
    for at_us, kind, index in events:
        job = jobs[index]
        if kind == SUBMIT:
            meter.submitted(job.user, at_us, job.procs)
        elif kind == START:
            meter.started(job.user, job.run_us * job.procs)
        else:
            meter.ended(job.user, at_us, job.procs)
    totals = owed_and_received(jobs, events, procs, shares)
    expected = {user: received / owed for user, (owed, received) in totals.items()}
    found = meter.ratios()
    assert set(found) == set(expected) == set(trace.users)
    for user, ratio in found.items():
        assert abs(ratio - expected[user]) < Fraction(1, 10**9)
    largest_area = max(job.run_us * job.procs for job in jobs)
    lag, lead = largest_lag_and_lead(jobs, events, shares)
    assert (meter.max_lag_units(), meter.max_lead_units()) == (lag / largest_area, lead / largest_area)
    all_owed, all_received = sum(owed for owed, _ in totals.values()), sum(received for _, received in totals.values())
    parts = [Fraction(got) / all_received - Fraction(owed) / all_owed for owed, got in totals.values()]
    error = sum(map(abs, parts), Fraction(0)) / 2
    assert abs(meter.share_error() - error) < Fraction(1, 10**8)
    assert abs(meter.jain_service() - jain([int(ratio * 10**12) for ratio in expected.values()])) < Fraction(1, 10**8)


def test_service_of_users_who_get_their_share_at_once_is_one(tmp_path: Path) -> None:
    jobs = [TraceJob(1, 1, 0, 10 * S, 10 * S, 4), TraceJob(2, 2, 0, 10 * S, 10 * S, 4)]
    figures = measure(make_trace(tmp_path, jobs, 8), "fcfs").results("fcfs", "instant", 1)
    assert (figures["jain_service"], figures["min_service"], figures["max_lag_units"]) == (1, 1, 0.5)


def test_service_of_who_waits_is_below_one(tmp_path: Path) -> None:
    """User 1 has the machine for 30 s, user 2 waits for 30 s and has it for 10: owed half of 40 s and 30 s."""
    jobs = [TraceJob(1, 1, 0, 30 * S, 30 * S, 8), TraceJob(2, 2, 0, 10 * S, 10 * S, 8)]
    meter_of = measure(make_trace(tmp_path, jobs, 8), "fcfs")
    figures = meter_of.results("fcfs", "instant", 1)
    # Received 30 of 15 owed (ratio 2), and 10 of 15 + 10 owed (ratio 2/5); lag (30 / 2) / 30.
    assert figures["min_service"] == 0.4
    assert figures["jain_service"] == pytest.approx((2 + 0.4) ** 2 / (2 * (4 + 0.16)))
    # Of all received three quarters, of all owed three eighths; the other a quarter, and five eighths.
    assert meter_of.service.share_error() == Fraction(3, 8)
    assert figures["max_lag_units"] == 0.5


def test_many_users_do_not_make_the_heaps_grow(tmp_path: Path) -> None:
    meter = ServiceMeter(100, 50)
    for turn in range(2_000):
        meter.submitted(turn % 50, turn, 1 + turn % 7)
        if turn >= 40:
            meter.started((turn - 40) % 50, 5)
            meter.ended((turn - 40) % 50, turn, 1 + (turn - 40) % 7)
    assert len(meter._content) + len(meter._sharing) <= 2 * (4 * 50 + 64) + 2


@pytest.mark.parametrize(
    ("amounts", "index", "coefficient"),
    [
        ([], 1, 0),
        ([0, 0], 1, 0),
        ([5, 5, 5], 1, 0),
        ([0, 0, 0, 9], Fraction(1, 4), Fraction(3, 4)),
        ([1, 3], Fraction(4, 5), Fraction(1, 4)),
    ],
)
def test_inequality(amounts: list[int], index: Fraction, coefficient: Fraction) -> None:
    assert (jain(amounts), gini(amounts)) == (index, coefficient)


@given(amounts=st.lists(st.integers(0, 10**12), min_size=1, max_size=20), factor=st.integers(1, 1_000))
def test_inequality_does_not_depend_on_the_unit(amounts: list[int], factor: int) -> None:
    scaled = [amount * factor for amount in amounts]
    assert (jain(scaled), gini(scaled)) == (jain(amounts), gini(amounts))
    assert Fraction(1, len(amounts)) <= jain(amounts) <= 1
    assert 0 <= gini(amounts) < 1


@given(fields=JOBS, policy=st.sampled_from(["fcfs", "easy"]), event_order=st.sampled_from(["instant", "pyss"]))
def test_figures_equal_the_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    fields: list[tuple[int, int, int, int, int]],
    policy: str,
    event_order: str,
) -> None:
    made = [
        TraceJob(number, user, submit * S, run * 333_333, (run + more) * 333_333, width)
        for number, (user, submit, run, more, width) in enumerate(fields, 1)
    ]
    trace = make_trace(tmp_path_factory.getbasetemp(), made, 9)
    jobs, starts = schedule(trace, policy, event_order)
    plain = [Job(job.job_id, job.submit_us, job.run_us, job.estimate_us, job.procs) for job in jobs]
    expected = metrics(plain, starts, 9, second=S)
    found = measure(trace, policy, event_order).results(policy, event_order, 2 * S)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-11)
    turnaround_us = sum(start + job.run_us - job.submit_us for job, start in zip(jobs, starts, strict=True))
    assert found["mean_turnaround_s"] == pytest.approx(turnaround_us / len(jobs) / S)
    assert (found["jobs"], found["cpu_s"], found["jobs_per_s"]) == (len(jobs), 2.0, len(jobs) / 2)


def test_the_keys(tmp_path: Path) -> None:
    """Scripts rely on the first fourteen names; the others say how the figures came about."""
    trace = make_trace(tmp_path, [TraceJob(1, 1, 5 * S, S, S, 1)], 2)
    figures = measure(trace, "easy").results("easy", "instant", 0)
    relied_on = (
        "trace policy procs jobs users makespan_s utilisation mean_wait_s max_wait_s mean_bounded_slowdown "
        "mean_turnaround_s jain_service max_lag_units cpu_s jobs_per_s"
    )
    more = "event_order procs_field overrun clairvoyant first trace_sha256 filter"
    assert {*relied_on.split(), *more.split()} <= set(figures)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert (figures["trace"], figures["procs"], figures["makespan_s"]) == ("made.swf", 2, 1)
    assert (figures["utilisation"], figures["mean_bounded_slowdown"], figures["jobs_per_s"]) == (0.5, 1, 0)


def figures_of(shared_traces: Path, name: str, options: TraceOptions, policy: str, order: str) -> dict[str, JsonValue]:
    """Return the figures of the oracle's schedule of a real trace."""
    trace = read_trace(str(shared_traces / "swf" / f"{name}.swf.gz"), options)
    return measure(trace, policy, order).results(policy, order, 1)


@pytest.mark.parametrize(
    ("policy", "order", "expected"),
    [
        ("fcfs", "instant", (353_776.41, 6_814.97, 29_379_608, 0.6852, 0.6280, 0.4392, 0.3102)),
        ("easy", "pyss", (6_836.87, 92.5765, 29_363_626, 0.6856, 0.3236, 0.6318, 0.1695)),
        ("easy-sjbf", "pyss", (5_904.08, 69.4054, 29_363_626, 0.6856, 0.2649, 0.6801, 0.1638)),
    ],
)
def test_published_figures(shared_traces: Path, policy: str, order: str, expected: tuple[float, ...]) -> None:
    figures = figures_of(shared_traces, "KTH-SP2-1996-sc15", TraceOptions(), policy, order)
    names = ("mean_wait_s", "mean_bounded_slowdown", "makespan_s", "utilisation")
    more = ("jain_user_wait", "gini_user_wait", "jain_user_bounded_slowdown")
    tolerances = (0.005, 0.005 if policy == "fcfs" else 5e-5, 0, *([5.1e-5] * 4))
    for name, value, tolerance in zip(names + more, expected, tolerances, strict=True):
        assert figures[name] == pytest.approx(value, abs=tolerance), name
    assert (figures["jobs"], figures["users"], figures["procs"]) == (28_481, 214, 100)


def test_fairness_depends_on_the_schedule(shared_traces: Path) -> None:
    """A measure that is the same for any two schedules of one trace measures the trace."""
    options = TraceOptions(first=2_000)
    fcfs, easy = (
        figures_of(shared_traces, "KTH-SP2-1996-sc15", options, policy, "instant") for policy in ("fcfs", "easy")
    )
    for name in ("jain_service", "min_service", "max_lag_units", "jain_user_wait", "gini_user_wait"):
        assert fcfs[name] != easy[name], name
    assert float(str(fcfs["jain_service"])) < float(str(easy["jain_service"]))


@pytest.mark.slow
def test_grid_figures(shared_traces: Path) -> None:
    figures = figures_of(shared_traces, "LCG-2005-1", TraceOptions(procs=1_600), "fcfs", "instant")
    assert (figures["jobs"], figures["users"], figures["max_wait_s"]) == (187_520, 216, 105_288)
    assert figures["mean_wait_s"] == pytest.approx(24_300.80, abs=0.005)
    assert figures["mean_bounded_slowdown"] == pytest.approx(168.383, abs=5e-4)
