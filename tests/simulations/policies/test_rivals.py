"""What holds of all rivals: nothing idles needlessly, no two are the same, those that run live can be built anew."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.live_policies import live_policy
from meted.adapters.policy_parameters import UnknownPolicy
from meted.core.commands import ChangePriority
from meted.core.ids import JobId
from meted.core.invariants import check_engine
from meted.core.policy.base import SimulationOnly
from meted.core.policy.drf import Drf
from meted.core.policy.memory import index_of
from meted.core.policy.ranked import RankedIndex
from meted.core.policy.registry import POLICIES
from meted.core.policy.rivals.least_used import LeastUsed
from meted.core.policy.rivals.sfq import Sfq
from meted.core.state import Rules
from meted.simulations.policies.registry import make_policy, policy_names
from meted.simulations.replay import Replay
from meted.simulations.scenario import Scenario, cpus
from meted.simulations.traces.job import TraceJob

from ..driving import make_trace
from .playing import PROCS, S, busy_trace, starts

RIVALS = [
    *("condor", "drf", "fair-tree", "go-d-docker", "least-used", "lottery"),
    *("multifactor", "recent-jobs", "sfq", "static", "stride"),
]
PASS_OVER = ["condor", "go-d-docker"]
RESERVE = ["drf", "fair-tree", "least-used", "lottery", "multifactor", "recent-jobs", "sfq", "stride"]

jobs = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 60), st.integers(1, PROCS)), min_size=1, max_size=25
)


def played(policy: str, drawn: list[tuple[int, int, int, int]], width: int | None = None) -> list[tuple[TraceJob, int]]:
    """Replay drawn jobs, all of one width if that is given, and return when each started."""
    made, at_s = [], 0
    for number, (user, gap_s, run_s, procs) in enumerate(drawn, 1):
        at_s += gap_s
        made.append(TraceJob(number, user, at_s * S, run_s * S, 2 * run_s * S, width or procs))
    with TemporaryDirectory() as folder:
        found = starts(make_trace(Path(folder), made, PROCS if width is None else 3), make_policy(policy))
    return [(job, found[job.job_id]) for job in made]


def busy(schedule: list[tuple[TraceJob, int]], at_us: int) -> int:
    """Return how many processors are in use after an instant."""
    return sum(job.procs for job, start_us in schedule if start_us <= at_us < start_us + job.run_us)


def instants(schedule: list[tuple[TraceJob, int]]) -> list[int]:
    """Return all times at which something happened."""
    return sorted({at for job, start_us in schedule for at in (job.submit_us, start_us, start_us + job.run_us)})


def test_the_rivals_are_in_the_list() -> None:
    assert set(RIVALS) < set(policy_names())
    assert all(make_policy(name).name == name for name in policy_names())


@pytest.mark.parametrize("policy", [name for name in RIVALS if name != "static"])
@given(jobs)
def test_no_processor_idles_while_a_narrow_job_waits(policy: str, drawn: list[tuple[int, int, int, int]]) -> None:
    schedule = played(policy, drawn, width=1)
    for at_us in instants(schedule):
        if any(job.submit_us <= at_us < start_us for job, start_us in schedule):
            assert busy(schedule, at_us) == 3


@pytest.mark.parametrize("policy", PASS_OVER)
@given(jobs)
def test_what_passes_over_leaves_nothing_waiting_that_fits(policy: str, drawn: list[tuple[int, int, int, int]]) -> None:
    schedule = played(policy, drawn)
    for at_us in instants(schedule):
        free = PROCS - busy(schedule, at_us)
        assert free >= 0
        assert all(job.procs > free for job, start_us in schedule if job.submit_us <= at_us < start_us)


@pytest.mark.parametrize("policy", [*RESERVE, "static"])
@given(jobs)
def test_an_empty_machine_starts_something(policy: str, drawn: list[tuple[int, int, int, int]]) -> None:
    schedule = played(policy, drawn)
    for at_us in instants(schedule):
        assert busy(schedule, at_us) <= PROCS
        if any(job.submit_us <= at_us < start_us for job, start_us in schedule):
            assert busy(schedule, at_us) > 0


def test_no_two_policies_decide_alike(tmp_path: Path) -> None:
    trace = busy_trace(tmp_path, jobs=250, users=7, seed=3)
    schedules = {name: starts(trace, make_policy(name)) for name in (*RIVALS, *POLICIES)}
    for one, other in combinations(schedules, 2):
        assert schedules[one] != schedules[other], f"{one} and {other} make the same schedule"


@pytest.mark.parametrize("policy", RIVALS)
def test_an_index_built_anew_decides_the_same_or_the_policy_is_for_simulation_only(policy: str, tmp_path: Path) -> None:
    """It is built of the state and, where the policy has one, of its memory."""
    chosen = make_policy(policy)
    replay = Replay(busy_trace(tmp_path, jobs=200, users=6, seed=1), chosen)
    same = []
    while not replay.run(5):
        check_engine(replay.engine)
        index, fresh = replay.engine.index, index_of(chosen, replay.engine.state, replay.engine.memory)
        assert isinstance(index, RankedIndex)
        assert isinstance(fresh, RankedIndex)
        now_us = replay.engine.now_us
        fresh.wake(now_us)
        same.append(list(fresh.order(now_us)) == list(index.order(now_us)))
    assert all(same) != isinstance(chosen, SimulationOnly)


@pytest.mark.parametrize("policy", RIVALS)
def test_a_live_pool_takes_all_that_are_exact_and_remember_what_events_say(policy: str) -> None:
    chosen = make_policy(policy)
    if isinstance(chosen, SimulationOnly):
        with pytest.raises(UnknownPolicy, match="can only be simulated"):
            live_policy(chosen)
    else:
        assert live_policy(chosen) is chosen
    assert (policy in POLICIES) != isinstance(chosen, SimulationOnly)


@pytest.mark.parametrize("policy", RIVALS)
def test_arrays_priorities_and_caps(policy: str) -> None:
    """Everything is served, by runs of short units too, and a cap holds."""
    pool = Scenario(4, Rules(aging_us=None), policy=make_policy(policy))
    pool.domain("a", 2)
    pool.domain("a1", parent="a")
    pool.domain("a2", parent="a", cap=cpus(1))
    pool.domain("b", 1)
    for name, unit_s in (("a1", 0.001), ("a2", 3), ("b", 5)):
        pool.submit(0, name, units=40, unit_s=unit_s)
        pool.submit(2, name, units=3, unit_s=1, priority=7)
        pool.submit(3, name, units=2, unit_s=4, width=3)
    pool.at(4 * S, ChangePriority(4 * S, JobId(3), -2))
    samples = pool.run(2_000, 1)
    check_engine(pool.engine)
    assert not pool.engine.refusals
    units = {name: sum(start.units for start in pool.starts if start.domain == name) for name in ("a1", "a2", "b")}
    assert units == {"a1": 45, "a2": 43, "b": 45}
    assert max(sample.held["a2"] for sample in samples) == 1
    assert any(start.units > 1 for start in pool.starts if start.domain == "a1")


@pytest.mark.parametrize("policy", RIVALS)
def test_everybody_is_told_who_is_ahead(policy: str) -> None:
    pool = Scenario(1, policy=make_policy(policy))
    pool.domain("a")
    pool.domain("b")
    for at_s, name in enumerate("aab"):
        pool.submit(at_s, name, units=1, unit_s=50)
    pool.run(2, 1)
    said = [pool.engine.index.ahead_of(JobId(number)) for number in (2, 3)]
    if policy == "static":
        assert said == ["The slice of its domain is used up.", pool.engine.index.ahead_of(JobId(3))]
        pool.submit(2, "b", units=1, unit_s=1)
        pool.run(2, 1)
        assert pool.engine.index.ahead_of(JobId(4)) == "1 of the jobs of its own domain go before it, job 3 first."
        return
    first = next(at for at, sentence in enumerate(said, 2) if sentence.startswith("It is first by "))
    assert any(sentence.endswith(f"job {first} first.") for sentence in said)


def test_the_three_rules_for_what_does_not_fit(tmp_path: Path) -> None:
    """Two of four are busy until 100; a job of four is next, then one of two that is short and one that is long."""
    made = [
        TraceJob(1, 1, 0, 100 * S, 100 * S, 2),
        TraceJob(2, 2, 1 * S, 10 * S, 10 * S, 4),
        TraceJob(3, 3, 2 * S, 50 * S, 50 * S, 2),
        TraceJob(4, 4, 3 * S, 500 * S, 500 * S, 2),
    ]
    trace = make_trace(tmp_path, made, 4)
    for policy in (Sfq, LeastUsed, Drf):
        assert list(starts(trace, policy("strict")).values()) != list(starts(trace, policy("easy")).values())
        assert starts(trace, policy("strict")) == {1: 0, 2: 100 * S, 3: 110 * S, 4: 110 * S}
        assert starts(trace, policy("easy")) == {1: 0, 2: 100 * S, 3: 2 * S, 4: 110 * S}
        assert starts(trace, policy("first-fit")) == {1: 0, 2: 552 * S, 3: 2 * S, 4: 52 * S}
