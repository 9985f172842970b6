"""The replay through the real engine against published schedules and figures, and against the oracle at every start."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meted.core.events import Event, UnitsLeased
from meted.core.invariants import check_engine
from meted.core.policy.base import Proposal
from meted.core.policy.fcfs import FcfsIndex
from meted.core.policy.queues import queued_job
from meted.core.reducers import fold
from meted.core.state import Rules, State
from meted.simulations.errors import SimulationError, TraceError
from meted.simulations.event_orders import EVENT_ORDERS, EventOrder
from meted.simulations.policies.registry import make_policy, policy_names
from meted.simulations.replay import Replay
from meted.simulations.results.metrics import Metrics
from meted.simulations.results.outcome import OutcomeWriter, read_waits
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from .driving import make_trace, measure, schedule
from .oracle import Job, over_capacity
from .test_oracle import HAND_MADE

S = 1_000_000
KTH = "KTH-SP2-1996-sc15.swf.gz"
CLEANED = "KTH-SP2-1996-2.1-cln.swf.gz"
ORDERS: list[EventOrder] = list(EVENT_ORDERS)


class Run(NamedTuple):
    """A finished replay: its figures, and the wait of each job in microseconds by job number."""

    figures: dict[str, float]
    waits_us: dict[int, int]


def start_times(trace: Trace, policy: str, event_order: EventOrder) -> dict[int, int]:
    """Return when each job of a trace with unique job numbers starts."""
    found: dict[int, int] = {}
    replay = Replay(trace, make_policy(policy), event_order, outcome=lambda job, at: found.update({job.job_id: at}))
    assert replay.run()
    assert replay.ended == len(found) == len(trace)
    state = replay.engine.state
    assert not state.jobs.jobs
    assert not state.jobs.leases
    check_engine(replay.engine)
    return found


@cache
def run_trace(path: Path, policy: str, event_order: EventOrder, options: TraceOptions) -> Run:
    """Replay a trace; the same run is made once."""
    trace = read_trace(str(path), options)
    metrics = Metrics(trace)
    waits: dict[int, int] = {}

    def note(job: TraceJob, start_us: int) -> None:
        waits[job.job_id] = start_us - job.submit_us

    assert Replay(trace, make_policy(policy), event_order, [metrics], note).run()
    return Run(cast(dict[str, float], metrics.results(policy, event_order, 1)), waits)


@pytest.mark.parametrize(
    ("clairvoyant", "outcome"), [(False, "KTH-SP2.easy.swf.gz"), (True, "KTH-SP2.easy-clairvoyant.swf.gz")]
)
def test_every_start_equals_the_published_one(shared_traces: Path, clairvoyant: bool, outcome: str) -> None:
    run = run_trace(shared_traces / "swf" / KTH, "easy", "pyss", TraceOptions(procs=100, clairvoyant=clairvoyant))
    assert run.waits_us == read_waits(str(shared_traces / "outcomes" / outcome))
    assert len(run.waits_us) == 28_481


@pytest.mark.parametrize(
    ("policy", "event_order", "clairvoyant", "wait_s", "slowdown"),
    [
        ("fcfs", "instant", False, 353_776.41, 6_814.97),
        ("easy", "pyss", False, 6_836.87, 92.5765),
        ("easy", "instant", False, 6_834.59, 92.6877),
        ("easy", "pyss", True, 6_327.68, 71.7224),
    ],
)
def test_kth_figures(
    shared_traces: Path, policy: str, event_order: EventOrder, clairvoyant: bool, wait_s: float, slowdown: float
) -> None:
    options = TraceOptions(procs=100, clairvoyant=clairvoyant)
    figures, _ = run_trace(shared_traces / "swf" / KTH, policy, event_order, options)
    assert figures["jobs"] == 28_481
    assert figures["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005 if policy == "fcfs" else 5e-5)
    assert figures["makespan_s"] == (29_379_608 if policy == "fcfs" else 29_363_626)
    assert figures["utilisation"] == pytest.approx(0.6852 if policy == "fcfs" else 0.6856, abs=5e-5)


@pytest.mark.parametrize(
    ("policy", "wait", "gini_wait", "slowdown"),
    [("fcfs", 0.6280, 0.4392, 0.3102), ("easy", 0.3236, 0.6318, 0.1695)],
)
def test_kth_inequality_of_users(
    shared_traces: Path, policy: str, wait: float, gini_wait: float, slowdown: float
) -> None:
    event_order: EventOrder = "instant" if policy == "fcfs" else "pyss"
    figures, _ = run_trace(shared_traces / "swf" / KTH, policy, event_order, TraceOptions(procs=100))
    assert figures["users"] == 214
    assert figures["jain_user_wait"] == pytest.approx(wait, abs=5e-5)
    assert figures["gini_user_wait"] == pytest.approx(gini_wait, abs=5e-5)
    assert figures["jain_user_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)


@pytest.mark.parametrize(
    ("policy", "event_order", "wait_s", "slowdown"),
    [
        ("fcfs", "instant", 353_949.93, 6_818.32),
        ("easy", "pyss", 6_839.77, 92.6188),
        ("easy", "instant", 6_837.49, 92.7299),
    ],
)
def test_cleaned_kth_figures(
    shared_traces: Path, policy: str, event_order: EventOrder, wait_s: float, slowdown: float
) -> None:
    options = TraceOptions(procs_field="requested", overrun="cut")
    figures, _ = run_trace(shared_traces / "swf" / CLEANED, policy, event_order, options)
    assert (figures["jobs"], figures["procs"]) == (28_467, 100)
    assert figures["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005 if policy == "fcfs" else 5e-5)


@pytest.mark.parametrize(
    ("policy", "event_order", "wait_s", "slowdown"),
    [("fcfs", "instant", 8.08, 1.0262), ("easy", "pyss", 4.07, 1.0119), ("easy", "instant", 4.07, 1.0119)],
)
def test_nasa_figures(
    shared_traces: Path, policy: str, event_order: EventOrder, wait_s: float, slowdown: float
) -> None:
    path = shared_traces / "swf/NASA-iPSC-1993-3.1-cln.swf.gz"
    figures, _ = run_trace(path, policy, event_order, TraceOptions(procs=128))
    assert figures["jobs"] == 18_066
    assert figures["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)


@pytest.mark.parametrize(
    ("policy", "wait_s", "slowdown", "max_wait_s"),
    [("fcfs", 15_581.478, 139.5948, 93_096), ("easy", 3_641.371, 18.0058, 103_904)],
)
def test_sdsc_figures(shared_traces: Path, policy: str, wait_s: float, slowdown: float, max_wait_s: int) -> None:
    options = TraceOptions(procs=128, overrun="cut")
    figures, _ = run_trace(shared_traces / "swf/SDSC-SP2-1998-first5K.swf.gz", policy, "pyss", options)
    assert (figures["jobs"], figures["users"]) == (4_606, 96)
    assert figures["mean_wait_s"] == pytest.approx(wait_s, abs=5e-4)
    assert figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)
    assert figures["max_wait_s"] == max_wait_s
    assert figures["utilisation"] == pytest.approx(0.64339, abs=5e-6)
    assert figures["makespan_s"] == 4_665_136


@pytest.mark.parametrize(
    ("policy", "event_order", "first", "wait_s", "slowdown", "makespan_s", "utilisation"),
    [
        ("fcfs", "instant", None, 2_388_443.76, 66_502.48, 12_482_549, 0.6549),
        ("fcfs", "pyss", 2_000, 432_425.014, 11_783.65, None, None),
        ("easy", "pyss", None, 97_155.99, 590.05, 8_730_698, 0.9363),
        ("easy", "instant", None, 97_155.99, 590.05, 8_730_698, 0.9363),
    ],
)
def test_lublin_figures(
    shared_traces: Path,
    policy: str,
    event_order: EventOrder,
    first: int | None,
    wait_s: float,
    slowdown: float,
    makespan_s: int | None,
    utilisation: float | None,
) -> None:
    path = shared_traces / "swf/lublin_256.swf.gz"
    figures, _ = run_trace(path, policy, event_order, TraceOptions(first=first))
    assert (figures["jobs"], figures["procs"], figures["users"]) == (first or 10_000, 256, 1)
    assert figures["mean_wait_s"] == pytest.approx(wait_s, abs=0.005)
    assert figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=0.005)
    assert makespan_s in (None, figures["makespan_s"])
    assert utilisation in (None, round(figures["utilisation"], 4))


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
@pytest.mark.parametrize(("policy", "kind", "number"), HAND_MADE)
def test_hand_made_cases(
    shared_traces: Path, tmp_path: Path, policy: str, kind: str, number: int, event_order: EventOrder
) -> None:
    """On 100 processors each job's id, up to the point, is the time at which it must finish."""
    path = shared_traces / "pyss" / f"{kind}.{number}"
    if not path.exists():
        pytest.skip(f"{path.name} is not among the traces")
    rows = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    due = {at: int(float(row[1])) for at, row in enumerate(rows, 1)}
    jobs = [
        TraceJob(at, 0, int(row[0]) * S, int(row[4]) * S, int(row[2]) * S, int(row[3]))
        for at, row in enumerate(rows, 1)
    ]
    starts = start_times(make_trace(tmp_path, jobs, 100), policy, event_order)
    assert {job.job_id: (starts[job.job_id] + job.run_us) // S for job in jobs} == due


@st.composite
def workloads(draw: st.DrawFn, widest: int = 8, clairvoyant: bool = False) -> list[TraceJob]:
    """Return jobs in a few instants, with few run times, so that ends, submits and estimated ends coincide often."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 6), st.integers(1, 4), st.integers(0, 3), st.integers(1, widest), st.integers(-1, 3)
            ),
            min_size=1,
            max_size=24,
        )
    )
    return [
        TraceJob(at, user, submit * S, run * S, (run + (0 if clairvoyant else more)) * S, procs)
        for at, (submit, run, more, procs, user) in enumerate(sorted(rows, key=lambda row: row[0]), 1)
    ]


@pytest.mark.parametrize(
    ("policy", "event_order"),
    [(policy, order) for policy in ("fcfs", "sjf", "easy", "easy-sjbf", "easy-sjf") for order in ORDERS]
    + [("conservative", "instant"), ("conservative", "pyss")],
)
@given(jobs=workloads())
@example(jobs=[TraceJob(n, 1, 0, S, S, 1) for n in range(1, 300)])
def test_the_engine_equals_the_oracle_at_every_start(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], policy: str, event_order: EventOrder
) -> None:
    """The example has more starts in one instant than a pass decides at once (all but the 8 processors wait)."""
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    listed, expected = schedule(trace, policy, event_order)
    found = start_times(trace, policy, event_order)
    assert [found[job.job_id] for job in listed] == expected


class LateIndex(FcfsIndex):
    """First come, first served, but the first in the queue waits for a minute at least."""

    def proposals(self, at_us: int) -> Iterator[Proposal]:
        """Yield leases once the first in the queue has waited for a minute."""
        due_us = self.next_wake_us()
        if due_us is not None and due_us <= at_us:
            yield from super().proposals(at_us)

    def next_wake_us(self) -> int | None:
        """Return when the first in the queue has waited for a minute."""
        return self.state.jobs.jobs[queued_job(self.queue.keys[0])].submitted_us + 60 * S if self.queue else None


class Late:
    """Makes such indices."""

    name = "late"

    def index(self, state: State) -> LateIndex:
        """Return a new index of ``state``."""
        return LateIndex(state)


@pytest.mark.parametrize("event_order", ORDERS)
def test_a_pass_is_made_when_the_policy_wants_one(tmp_path: Path, event_order: EventOrder) -> None:
    """Though nothing ends or is submitted then."""
    trace = make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1), TraceJob(2, 1, 99 * S, S, S, 1)], 4)
    found: dict[int, int] = {}
    assert Replay(trace, Late(), event_order, outcome=lambda job, at: found.update({job.job_id: at})).run()
    assert found == {1: 60 * S, 2: 159 * S}


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
def test_a_pass_that_gives_way_is_repeated(tmp_path: Path, policy: str) -> None:
    trace = make_trace(tmp_path, [TraceJob(n, n % 5, 0, S, S, 1) for n in range(1, 1_001)], 1_000)
    assert set(start_times(trace, policy, "instant").values()) == {0}


@pytest.mark.parametrize("policy", ["fcfs", "easy"])
@given(jobs=workloads())
def test_the_metrics_equal_those_of_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], policy: str
) -> None:
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    metrics = Metrics(trace)
    Replay(trace, make_policy(policy), "instant", [metrics]).run()
    found, expected = (each.results(policy, "instant", 1) for each in (metrics, measure(trace, policy)))
    # The largest lag depends on who of several starts first in one instant, which the oracle's times do not tell; so
    # does the largest lead.
    for figures in (found, expected):
        del figures["max_lag_units"], figures["max_lead_units"]
    assert found == expected


@given(jobs=workloads(), pieces=st.integers(1, 5), event_order=st.sampled_from(ORDERS))
def test_a_replay_in_pieces_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], pieces: int, event_order: EventOrder
) -> None:
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    found: dict[int, int] = {}
    replay = Replay(trace, make_policy("meted"), event_order, outcome=lambda job, at: found.update({job.job_id: at}))
    while not replay.run(pieces):
        assert replay.ended < len(trace)
    assert found == start_times(trace, "meted", event_order)


@given(jobs=workloads(), policy=st.sampled_from(["fcfs", "easy", "meted"]), event_order=st.sampled_from(ORDERS))
def test_what_is_taken_is_the_whole_log(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], policy: str, event_order: EventOrder
) -> None:
    """The events that the engine publishes without a log fold to its state, and each job is leased once."""
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    replay = Replay(trace, make_policy(policy), event_order)
    begun = replay.engine.state
    log: list[Event] = []
    take: Callable[[], tuple[Event, ...]] = replay.engine.take

    def taken() -> tuple[Event, ...]:
        events = take()
        assert replay.engine.committed is replay.engine.state
        log.extend(events)
        return events

    replay.engine.take = taken  # type: ignore[method-assign]
    replay.run()
    assert fold(begun, log) == replay.engine.state
    assert begun != State()
    assert sum(type(event) is UnitsLeased for event in log) == len(trace)


@pytest.mark.parametrize("event_order", ORDERS)
@given(jobs=workloads())
def test_meted_runs_everything_within_capacity(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], event_order: EventOrder
) -> None:
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    starts = start_times(trace, "meted", event_order)
    plain = [Job(job.job_id, job.submit_us, job.run_us, job.estimate_us, job.procs) for job in jobs]
    assert all(starts[job.id] >= job.submit for job in plain)
    assert list(over_capacity(plain, [starts[job.id] for job in plain], 8)) == []
    assert starts == start_times(trace, "meted", event_order)


@given(jobs=workloads(widest=8))
def test_meted_leaves_nothing_idle_without_a_wider_job_that_waits(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob]
) -> None:
    """Work conservation: what fits and waits, waits because room is kept for a job that is wider than the room."""
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    starts = start_times(trace, "meted", "instant")
    instants = {job.submit_us for job in jobs} | {starts[job.job_id] + job.run_us for job in jobs}
    for now in instants:
        free = 8 - sum(j.procs for j in jobs if starts[j.job_id] <= now < starts[j.job_id] + j.run_us)
        waiting = [j.procs for j in jobs if j.submit_us <= now < starts[j.job_id]]
        assert not waiting or min(waiting) > free or max(waiting) > free, (now, free, waiting)
        assert not waiting or max(waiting) > 1 or free == 0, (now, free, waiting)


@given(jobs=workloads(widest=1, clairvoyant=True), procs=st.integers(1, 3))
def test_the_lag_of_meted_is_bounded(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[TraceJob], procs: int
) -> None:
    """P4 of the clock's bounds: at its own starts a domain lags by at most L_i + (L - L_i) g_i / Phi, hence by L.

    All of the machine goes by share, as the lag is measured against the whole of it.
    """
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, procs)
    metrics = Metrics(trace)
    Replay(trace, make_policy("meted"), "instant", [metrics], rules=Rules(1000)).run()
    assert cast(float, metrics.results("meted", "instant", 1)["max_lag_units"]) <= 1


def test_meted_lets_nobody_get_ahead_whom_first_come_first_served_lets(tmp_path: Path) -> None:
    """Two users fill the queue, one behind the other: by turns none is ahead by more than half a job, else by 50."""
    trace = make_trace(tmp_path, [TraceJob(n, 1 + n // 100, 0, S, S, 1) for n in range(200)], 1)
    leads = {}
    for policy in ("fcfs", "meted"):
        metrics = Metrics(trace)
        Replay(trace, make_policy(policy), "instant", [metrics], rules=Rules(1000)).run()
        leads[policy] = metrics.results(policy, "instant", 1)["max_lead_units"]
    assert leads == {"fcfs": 50, "meted": 0.5}


def test_meted_keeps_a_bound_that_first_come_first_served_breaks(tmp_path: Path) -> None:
    """One user fills the queue, then another comes with a single job: it is next, and not last."""
    jobs = [TraceJob(n, 1, 0, S, S, 1) for n in range(1, 101)] + [TraceJob(101, 2, S, S, S, 1)]
    trace = make_trace(tmp_path, jobs, 1)
    assert start_times(trace, "fcfs", "instant")[101] == 100 * S
    assert start_times(trace, "meted", "instant")[101] <= 2 * S


def test_meted_on_a_real_trace(shared_traces: Path) -> None:
    meted, _ = run_trace(shared_traces / "swf" / KTH, "meted", "instant", TraceOptions(procs=100))
    fcfs, _ = run_trace(shared_traces / "swf" / KTH, "fcfs", "instant", TraceOptions(procs=100))
    assert meted["jobs"] == 28_481
    assert meted["mean_wait_s"] == pytest.approx(5_572.22, abs=0.005)
    assert meted["mean_bounded_slowdown"] == pytest.approx(48.8948, abs=0.00005)
    assert meted["max_lag_units"] < fcfs["max_lag_units"] < 1
    assert meted["jain_service"] > fcfs["jain_service"]
    assert meted["mean_wait_s"] < fcfs["mean_wait_s"]


def test_meted_keeps_its_bound_on_serial_work_with_exact_estimates(shared_traces: Path) -> None:
    """The setting of the bound: units of one processor, as many as there are, and nobody idle for long."""
    path = shared_traces / "swf/LCG-2005-1.swf.gz"
    options = TraceOptions(procs=100, first=15_000, clairvoyant=True)
    meted, _ = run_trace(path, "meted", "instant", options)
    fcfs, _ = run_trace(path, "fcfs", "instant", options)
    assert meted["max_lag_units"] <= 1 < 10 < fcfs["max_lag_units"]
    assert meted["jain_service"] > 0.9 > 0.2 > fcfs["jain_service"]
    assert meted["makespan_s"] == pytest.approx(fcfs["makespan_s"], rel=0.1)


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
def test_an_outcome_that_is_written_is_read_back(tmp_path: Path, policy: str) -> None:
    jobs = [TraceJob(n, n % 3, n // 4 * S, (1 + n % 5) * S, (2 + n % 5) * S, 1 + n % 4) for n in range(1, 60)]
    trace = make_trace(tmp_path, jobs, 4)
    path = str(tmp_path / "out.swf")
    with OutcomeWriter(path, trace, policy, "instant") as writer:
        Replay(trace, make_policy(policy), "instant", outcome=writer.add).run()
    starts = start_times(trace, policy, "instant")
    assert read_waits(path) == {job.job_id: starts[job.job_id] - job.submit_us for job in jobs}


@pytest.mark.parametrize(
    ("submit_us", "run_us", "estimate_us"), [(10**18, S, S), (0, S, 10**18), (2**53 - S, 2 * S, 2 * S)]
)
def test_a_time_beyond_the_largest_is_refused_in_a_sentence(
    tmp_path: Path, submit_us: int, run_us: int, estimate_us: int
) -> None:
    """By the trace, which counts it and goes on where there are others."""
    job, other = TraceJob(1, 1, submit_us, run_us, estimate_us, 1), TraceJob(2, 1, 0, S, S, 1)
    with pytest.raises(TraceError, match=r"^made.swf holds no job to simulate: .* 1 beyond the 285 years that can be"):
        make_trace(tmp_path, [job], 4)
    trace = make_trace(tmp_path, [job, other], 4)
    assert (list(trace), trace.counts.too_late) == ([other], 1)


@pytest.mark.parametrize(
    ("jobs", "load"),
    [
        ([TraceJob(1, 1, 9_100_000 * S, S, S, 1)], "0.001"),
        ([TraceJob(number, 1, 2**53 - 3 * S, 2 * S, 2 * S, 4) for number in (1, 2)], None),
    ],
)
def test_a_time_that_becomes_too_large_is_refused_in_a_sentence(
    tmp_path: Path, jobs: list[TraceJob], load: str | None
) -> None:
    """Where submits are moved apart, or the second has to wait for the first."""
    make_trace(tmp_path, jobs, 4)
    trace = read_trace(str(tmp_path / "made.swf"), TraceOptions(procs=4, load=load))
    assert len(trace) == len(jobs)
    with pytest.raises(SimulationError, match=r"^a job is submitted, runs or ends beyond 9,007,199,254 s "):
        Replay(trace, make_policy("meted")).run()


def test_the_largest_machine_is_refused_in_a_sentence(tmp_path: Path) -> None:
    trace = make_trace(tmp_path, [TraceJob(1, 1, 0, S, S, 1)], 1_000_001)
    with pytest.raises(SimulationError, match=r"^The machine has 1,000,001 processors and at most 1,000,000 can be"):
        Replay(trace, make_policy("meted"))


def test_an_unknown_policy_is_refused_in_a_sentence() -> None:
    known = ", ".join(policy_names())
    with pytest.raises(SimulationError, match=f"^there is no policy roulette; choose one of {re.escape(known)}"):
        make_policy("roulette")


@pytest.mark.parametrize("policy", ["fcfs", "easy", "meted"])
def test_memory_does_not_grow_with_the_jobs_that_have_ended(tmp_path: Path, policy: str) -> None:
    """Less than two machine words a job stay, so nothing of it does."""
    jobs = [TraceJob(n, n % 9, 3 * n * S, (1 + n * 7 % 13) * S, 20 * S, 1 + n % 5) for n in range(1, 5_001)]
    trace = make_trace(tmp_path, jobs, 10)
    replay = Replay(trace, make_policy(policy), "instant", [Metrics(trace)])
    replay.run(2_000)
    held: list[int] = []
    tracemalloc.start()
    try:
        for count in (500, 2_400):
            replay.run(count)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert replay.ended >= 4_900
    assert held[1] - held[0] < 2_400 * 16
