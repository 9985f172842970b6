"""EASY++: what it predicts and corrects, and the engine against a simulator of the same rules at every start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.embedded import Pool
from meted.adapters.log import MemoryLog
from meted.adapters.policy_parameters import UnknownPolicy
from meted.core.commands import CancelJobs, ChangePriority
from meted.core.ids import DomainId, LeaseId
from meted.core.policy.rivals.easy_plus_plus import STEPS_S, EasyPlusPlusIndex, Run
from meted.core.policy.rivals.run_history import RunHistory
from meted.simulations.event_orders import EventOrder
from meted.simulations.policies.easy_plus_plus import StudiedEasyPlusPlus
from meted.simulations.policies.registry import make_policy
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

from ..core.helper import World
from ..core.playing import Play, wander
from .driving import make_trace
from .oracle import Job, over_capacity
from .predicting import simulate_predicting
from .test_replay import KTH, S, run_trace, start_times

EVENT_ORDERS: Final[tuple[EventOrder, ...]] = ("instant", "pyss")
MINUTE: Final = 60
ME = DomainId(1), ""
YOU = DomainId(1), "you"


def asked(run_s: int, asked_s: int) -> int:
    """Return what is asked for as the estimate."""
    return asked_s


def exact(run_s: int, asked_s: int) -> int:
    """Return the run time as the estimate."""
    return run_s


def double(run_s: int, asked_s: int) -> int:
    """Return twice the run time as the estimate."""
    return 2 * run_s


@st.composite
def histories(draw: st.DrawFn) -> list[TraceJob]:
    """Return jobs of few users who come back after runs of theirs have ended; a second is as long as is drawn."""
    second = draw(st.sampled_from([1, 45, 600])) * S
    row = st.tuples(
        st.integers(0, 40), st.integers(1, 8), st.sampled_from([0, 0, 1, 5, 30]), st.integers(1, 8), st.integers(1, 2)
    )
    rows = sorted(draw(st.lists(row, min_size=15, max_size=40)), key=lambda drawn: drawn[0])
    return [
        TraceJob(at, user, submit * second, run * second, (run + more) * second, procs)
        for at, (submit, run, more, procs, user) in enumerate(rows, 1)
    ]


def simulated(jobs: list[Job], users: list[int], procs: int, event_order: EventOrder, **rules: bool) -> list[int]:
    """Return the starts that the independent simulator has, which never takes more than there is."""
    policy = "easy-sjbf" if rules.pop("shortest", True) else "easy"
    starts = simulate_predicting(jobs, users, procs, policy, event_order, **rules)
    assert not list(over_capacity(jobs, starts, procs))
    return starts


@pytest.mark.parametrize(
    ("policy", "rules", "orders"),
    [
        ("easy++", {}, EVENT_ORDERS),
        ("easy++:steps=no", {"to_request": True}, EVENT_ORDERS),
        ("easy++:double=yes", {"doubling": True}, EVENT_ORDERS),
        ("easy++:shortest=no", {"shortest": False}, EVENT_ORDERS),
        ("easy++:renew=yes", {"each_pass": True}, EVENT_ORDERS),
        ("easy++:always=no", {"lazy": True}, ("pyss",)),
        ("easy++:shortest=no,always=no", {"shortest": False, "lazy": True}, ("pyss",)),
    ],
)
@given(jobs=histories())
def test_the_engine_equals_the_simulator_at_every_start(
    tmp_path_factory: pytest.TempPathFactory,
    jobs: list[TraceJob],
    policy: str,
    rules: dict[str, bool],
    orders: tuple[EventOrder, ...],
) -> None:
    trace = make_trace(tmp_path_factory.mktemp("random"), jobs, 8)
    plain = [Job(job.job_id, job.submit_us // S, job.run_us // S, job.estimate_us // S, job.procs) for job in trace]
    for order in orders:
        found = start_times(trace, policy, order)
        expected = simulated(plain, [job.user for job in trace], 8, order, **rules)
        assert [found[job.job_id] // S for job in trace] == expected, order


HAND_MADE: Final = [
    ("fcfs", "extreme_input", 3, asked),
    ("easy", "extreme_input", 3, asked),
    ("conservative", "extreme_input", 3, asked),
    *[("easy-sjbf", kind, count, asked) for kind, count in (("basic_input", 29), ("sjbf", 3), ("extreme_input", 3))],
    *[("easy", kind, count, exact) for kind, count in (("basic_input", 29), ("perfect", 3))],
    *[("easy", kind, count, double) for kind, count in (("basic_input", 29), ("double_perfect", 3))],
    *[
        ("easy++:renew=yes,steps=no", kind, count, asked)
        for kind, count in (("basic_input", 29), ("extreme_input", 3), ("plus_plus_easy", 16))
    ],
]


@pytest.mark.parametrize(
    ("policy", "rules", "slowdown"),
    [
        ("easy++", {}, 63.5007),
        ("easy++:shortest=no", {"shortest": False}, 87.1179),
        ("easy++:shortest=no,always=no", {"shortest": False, "lazy": True}, 85.4429),
        ("easy++:renew=yes,steps=no", {"each_pass": True, "to_request": True}, 64.0910),
    ],
)
def test_kth_starts_are_those_of_the_simulator(
    shared_traces: Path, policy: str, rules: dict[str, bool], slowdown: float
) -> None:
    options = TraceOptions(procs=100)
    path = shared_traces / "swf" / KTH
    run = run_trace(path, policy, "pyss", options)
    jobs = list(read_trace(str(path), options))
    plain = [Job(job.job_id, job.submit_us // S, job.run_us // S, job.estimate_us // S, job.procs) for job in jobs]
    starts = simulated(plain, [job.user for job in jobs], 100, "pyss", **rules)
    assert run.waits_us == {job.id: (start - job.submit) * S for job, start in zip(plain, starts, strict=True)}
    assert run.figures["mean_bounded_slowdown"] == pytest.approx(slowdown, abs=5e-5)


@pytest.mark.parametrize("event_order", EVENT_ORDERS)
@pytest.mark.parametrize(("policy", "kind", "count", "estimate"), HAND_MADE)
def test_hand_made_cases(
    shared_traces: Path,
    tmp_path: Path,
    policy: str,
    kind: str,
    count: int,
    estimate: Callable[[int, int], int],
    event_order: EventOrder,
) -> None:
    """On 100 processors each job's id, up to the point, is the time at which it must finish."""
    for number in range(count):
        text = (shared_traces / "pyss" / f"{kind}.{number}").read_text()
        rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        users = [row[7] if len(row) > 7 else "" for row in rows]
        jobs = [
            TraceJob(
                at,
                users.index(user),
                int(row[0]) * S,
                int(row[4]) * S,
                estimate(int(row[4]), int(row[2])) * S,
                int(row[3]),
            )
            for at, (row, user) in enumerate(zip(rows, users, strict=True), 1)
        ]
        starts = start_times(make_trace(tmp_path, jobs, 100), policy, event_order)
        due = [int(float(row[1])) for row in rows]
        assert [(starts[job.job_id] + job.run_us) // S for job in jobs] == due, f"{kind}.{number}"


def test_the_mean_is_of_the_last_two_and_of_nothing_that_ends_now() -> None:
    history = RunHistory()
    assert history.mean_us(ME, 5 * S) is None
    history.learn(ME, LeaseId(1), (10 * S,), 1 * S)
    history.learn(YOU, LeaseId(2), (90 * S,), 2 * S)
    assert history.mean_us(ME, 5 * S) is None
    history.learn(ME, LeaseId(3), (21 * S,), 6 * S)
    assert history.mean_us(ME, 6 * S) is None
    assert history.mean_us(ME, 7 * S) == 15 * S, "whole seconds, rounded down"
    history.learn(ME, LeaseId(4), (1 * S, 2 * S, 3 * S), 8 * S)
    assert history.mean_us(ME, 9 * S) == 2 * S, "each unit of a run counts"
    assert history.mean_us(YOU, 9 * S) is None


def test_what_ends_together_counts_in_the_order_of_the_starts() -> None:
    history = RunHistory()
    for lease_id in (3, 1, 2):
        history.learn(ME, LeaseId(lease_id), (lease_id * 10 * S,), 1 * S)
    assert history.mean_us(ME, 2 * S) == 25 * S


def test_a_mean_is_at_least_a_second() -> None:
    history = RunHistory()
    history.learn(ME, LeaseId(1), (1_000, 2_000), 1 * S)
    assert history.mean_us(ME, 2 * S) == S


def test_a_prediction_lets_a_job_pass_and_another_one_not() -> None:
    """The head waits for 10 minutes; who asks for an hour but runs for minutes goes before it, who is new does not."""
    starts = {}
    for policy in ("easy", "easy++"):
        pool = Play(make_policy(policy), 4)
        for _ in range(2):
            pool.submit(1, 2 * MINUTE * S, 60 * MINUTE * S, domain="known")
        pool.run_to(5 * MINUTE * S)
        pool.submit(3, 10 * MINUTE * S)
        pool.run_pass()
        pool.submit(4, MINUTE * S)
        pool.run_pass()
        new = pool.submit(1, 2 * MINUTE * S, 60 * MINUTE * S, domain="new")
        pool.run_pass()
        known = pool.submit(1, 2 * MINUTE * S, 60 * MINUTE * S, domain="known")
        pool.run_pass()
        starts[policy] = [pool.starts.get(job_id, (None,))[0] for job_id in (new, known)]
    assert starts == {"easy": [None, None], "easy++": [None, 5 * MINUTE * S]}


def test_corrections_go_step_by_step_up_to_what_was_asked_for() -> None:
    run = Run(start_us=100 * S, first_us=50 * S, limit_us=3_000 * S)
    lengths = []
    while run.ends_us != (later_us := run.corrected_us(steps=True)):
        run.ends_us = later_us
        lengths.append((later_us - 100 * S) // S)
    assert lengths == [110, 350, 950, 1_850, 3_000]
    at_once = Run(start_us=0, first_us=50 * S, limit_us=3_000 * S)
    assert at_once.corrected_us(steps=False) == 3_000 * S
    unbound = Run(start_us=0, first_us=0, limit_us=None)
    for step_s in STEPS_S:
        unbound.ends_us = unbound.corrected_us(steps=True)
        assert unbound.ends_us == step_s * S
    assert unbound.corrected_us(steps=True) == unbound.ends_us


def test_what_runs_on_holds_its_place_against_the_head() -> None:
    """At 4 minutes the first is predicted to end, and runs on: the head is promised 5 minutes, then 9, and so on."""
    pool = Play(make_policy("easy++"), 4)
    for _ in range(2):
        pool.submit(1, 4 * MINUTE * S, 60 * MINUTE * S)
    pool.run_to(10 * MINUTE * S)
    pool.submit(3, 50 * MINUTE * S, 60 * MINUTE * S)
    pool.run_pass()
    head = pool.submit(4, MINUTE * S, domain="other")
    pool.run_pass()
    began = {}
    for at, asked in ((13, 2), (14, 2), (15, 5), (19, 5)):
        pool.run_to(at * MINUTE * S)
        job_id = pool.submit(1, asked * MINUTE * S, domain="other")
        pool.run_pass()
        began[at] = job_id in pool.starts
        pool.world.do(CancelJobs(pool.world.now_us, (job_id,)))
        pool.run_pass()
    assert began == {13: False, 14: False, 15: False, 19: True}
    assert head not in pool.starts


def test_why_it_waits_says_what_is_predicted() -> None:
    pool = Play(make_policy("easy++"), 1)
    pool.submit(1, 10 * MINUTE * S)
    pool.run_pass()
    pool.submit(1, MINUTE * S)
    waiting = pool.submit(1, 2 * MINUTE * S)
    assert "It is predicted to run for 120 s." in pool.world.engine.index.ahead_of(waiting)


def test_a_live_pool_refuses_it_as_it_was_studied() -> None:
    with pytest.raises(UnknownPolicy):
        Pool(MemoryLog(), policy=StudiedEasyPlusPlus())


@pytest.mark.parametrize("policy", ["easy++", "easy++:renew=yes", "easy++:shortest=no,always=no"])
def test_arrays_losses_prefetching_and_priorities(policy: str) -> None:
    """Beyond one machine: it follows whatever happens, and what waits and runs is what it knows of."""
    for seed in range(15):
        dice = Random(seed)
        world = World(make_policy(policy))
        wander(world, dice, 100)
        index = world.engine.index
        assert isinstance(index, EasyPlusPlusIndex)
        for job_id in sorted(index.shape_of)[::2]:
            world.do(ChangePriority(world.now_us, job_id, dice.randint(-2, 2)))
        world.tick(120 * S)
        world.run_pass()
        assert {job_id for _, _, job_id in index.shortest} == set(index.shape_of)
        for minus_priority, _, job_id in index.shortest:
            assert world.state.jobs.jobs[job_id].terms.priority == -minus_priority
        assert set(index.predicted) == set(world.state.jobs.leases)
