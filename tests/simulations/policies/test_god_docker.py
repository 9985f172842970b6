"""Go-D-Docker's score: each of its nine terms, its bounds, and the quirks that the docstrings state (rows G17-G22)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from meted.simulations.policies.fading import DAY_US
from meted.simulations.policies.god_docker import GodDocker, GodDockerIndex
from meted.simulations.policies.god_docker_score import (
    NOTHING_USED,
    ScoreWeights,
    Task,
    UsageWindow,
    Used,
    bounds,
    normalised,
    scores,
)
from meted.simulations.replay import Replay
from meted.simulations.scenario import Scenario

from .playing import S, busy_trace

NO_WEIGHTS = ScoreWeights(*[0.0] * 9)
DAY_S = 86_400


def scored(
    tasks: list[Task],
    users: Mapping[str, Used] | None = None,
    projects: Mapping[str, Used] | None = None,
    weights: ScoreWeights | None = None,
) -> list[float]:
    """Return the scores at 100 s, to nine places."""
    found = scores(
        tasks,
        100,
        lambda user: (users or {}).get(user, NOTHING_USED),
        lambda project: (projects or {}).get(project, NOTHING_USED),
        weights or ScoreWeights(),
    )
    return [round(score, 9) for score in found]


A, B = Task("a", "p", 0), Task("b", "q", 100)
HEAVY = Used(1_000, 100, 10)


@pytest.mark.parametrize(
    ("term", "worst"),
    [
        ("user_time", 1.0),
        ("user_cpu", 0.2),
        ("user_ram", 0.2),
        ("group_time", 0.1),
        ("group_cpu", 0.01),
        ("group_ram", 0.01),
    ],
)
def test_each_term_of_usage_goes_from_nothing_to_its_weight(term: str, worst: float) -> None:
    """Row G22: a weight of 0 removes its term."""
    only = attrs.evolve(NO_WEIGHTS, **{term: getattr(ScoreWeights(), term)})
    assert scored([A, B], {"a": HEAVY}, {"p": HEAVY}, only) == [worst, 0]
    assert scored([A, B], {"a": HEAVY}, {"p": HEAVY}, NO_WEIGHTS) == [0, 0]


def test_waiting_and_priorities() -> None:
    """Rows G21 and G22: the bounds of waits are those of what waits now, by the clock; a weight of 0 removes a term."""
    assert scored([A, B, Task("c", "q", 75)], weights=attrs.evolve(NO_WEIGHTS, wait=0.1)) == [0, 0.1, 0.075]
    assert scored([A, B], weights=attrs.evolve(NO_WEIGHTS, wait=0.1)) == [0, 0.1]
    high = attrs.evolve(A, user_priority=1.0, project_priority=0.9)
    assert scored([high, B], weights=attrs.evolve(NO_WEIGHTS, user_priority=1.0)) == [0, 0.5]
    assert scored([high, B], weights=attrs.evolve(NO_WEIGHTS, group_priority=1.0)) == [0.1, 0.5]


A_SECOND = Used(1, 1, 1)


@pytest.mark.parametrize(
    ("user_priority", "project_priority", "used", "score", "other"),
    [
        (50, 50, {}, 1.81, 1.81),
        (60, 50, {}, 1.71, 1.81),
        (60, 80, {}, 1.41, 1.81),
        (60, 20, {}, 2.01, 1.81),
        (50, 50, {"a": A_SECOND}, 2.51, 1.11),
    ],
)
def test_worked_scores(
    user_priority: int, project_priority: int, used: Mapping[str, Used], score: float, other: float
) -> None:
    """Row G17, the worked numbers of requirements 3d, 1 to 5: two tasks of one moment, priorities in hundredths."""
    first = Task("a", "p", 0, user_priority / 100, project_priority / 100)
    assert scored([first, Task("b", "q", 0)], used) == [score, other]


def test_the_lower_id_goes_first_among_equals() -> None:
    """Row G17: users with the same score take turns by id, whoever was registered first."""
    pool = Scenario(1, policy=GodDocker())
    for name in "ba":
        pool.domain(name)
    for name in "abba":
        pool.submit(0, name, units=1, unit_s=0.001)
    pool.run(1, 1)
    assert [start.job_id for start in pool.starts] == [1, 2, 3, 4]


def test_the_score_lies_between_nothing_and_its_most() -> None:
    """Requirements 3d, 6."""
    best = attrs.evolve(A, user_priority=1.0, project_priority=1.0)
    worst = attrs.evolve(B, user_priority=0.0, project_priority=0.0)
    assert scored([best, worst], {"b": HEAVY}, {"q": HEAVY}) == [0, 3.62]


def test_bounds_of_none_of_one_and_of_many() -> None:
    """Row G20."""
    assert bounds([]) == (-1, 0)
    assert bounds([7]) == (7, 7)
    assert bounds([7, 3, 5]) == (3, 7)
    assert normalised(5, (3, 7)) == 0.5
    assert normalised(3, (3, 3.9)) == 0.5  # they differ by less than one


def test_a_newcomer_turns_the_order_of_two_others_round() -> None:
    """One has used much cpu, one much time; beside a third with far more time, the time of the second is little."""
    users = {"a": Used(0, 10, 0), "b": Used(100, 0, 0), "c": Used(10_000, 0, 0)}
    tasks = [Task("a", "p", 0), Task("b", "p", 0)]
    first, second = scored(tasks, users)
    assert first < second
    first, second, _ = scored([*tasks, Task("c", "p", 0)], users)
    assert first > second


def test_the_project_default_counts_as_the_worst() -> None:
    """It adds nothing to the bounds, and has the most of them."""
    weights = attrs.evolve(NO_WEIGHTS, group_time=0.1)
    tasks = [Task("a", "default", 0), Task("b", "p", 0), Task("c", "q", 0)]
    projects = {"default": Used(10**6, 0, 0), "p": Used(100, 0, 0), "q": Used(50, 0, 0)}
    assert scored(tasks, {}, projects, weights) == [0.1, 0.1, 0.05]


def test_a_day_off_is_a_clean_slate_unless_the_whole_window_counts() -> None:
    """Row G19: with ``stops_at_gap=False`` days without an entry hide nothing."""
    for stops_at_gap, at_gap in ((True, Used()), (False, Used(5, 1, 1))):
        window = UsageWindow(days=30, stops_at_gap=stops_at_gap)
        window.add("a", 10, Used(5, 1, 1))
        assert window.total("a", 10) == Used(5, 1, 1)
        assert window.total("a", 11) == at_gap
        window.add("a", 11, Used(1, 1, 1))
        assert window.total("a", 11) == Used(6, 2, 2)
        assert window.total("a", 39) == (Used() if stops_at_gap else Used(6, 2, 2))
        assert window.total("a", 40) == (Used() if stops_at_gap else Used(1, 1, 1))
        assert window.total("a", 41) == Used()
        assert window.total("nobody", 11) == NOTHING_USED


def test_the_window_is_today_and_the_days_before_it() -> None:
    """Go-D-Docker sums ``range(0, 30)`` days back from today; what is 30 days old is out of it, and forgotten."""
    window = UsageWindow(days=30)
    for day in range(30):
        window.add("a", day, Used(1, 1, 1))
    assert window.total("a", 29) == Used(30, 30, 30)
    window.add("a", 30, Used(1, 1, 1))
    assert window.total("a", 30) == Used(30, 30, 30)


def test_a_priority_counts_from_the_next_pass_on() -> None:
    """Row G18: it is 0.5 unless said, and another one counts at once, for what waits already as well."""
    policy = GodDocker()
    pool = Scenario(1, policy=policy)
    pool.domain("a")
    pool.domain("b")
    for name in "aaabbb":
        pool.submit(0, name, units=1, unit_s=10)
    pool.run(5, 5)
    policy.priorities["b"] = 0.9
    pool.run(25, 5)
    policy.priorities["a"], policy.priorities["b"] = 1.0, 0.0
    pool.run(100, 5)
    assert "".join(start.domain for start in pool.starts) == "abbaab"


def played(policy: GodDocker, **users: str) -> str:
    """Have each user run a unit, the second twice as long, wait a day and a half, and ask again; return the order."""
    pool = Scenario(1, policy=policy)
    pool.domain("lab")
    for name, parent in users.items():
        pool.domain(name, parent=parent)
    for at, name in enumerate(users):
        pool.submit(0, name, units=1, unit_s=1_000 * (2 - at))
    for at_s in (10_000, 2 * DAY_S):
        for name in users:
            pool.submit(at_s, name, units=1, unit_s=10)
    pool.run(3 * DAY_S, DAY_S)
    return "".join(start.domain for start in pool.starts)


def test_who_ran_for_longer_waits_for_longer_until_a_day_without_an_end() -> None:
    assert played(GodDocker(), a="lab", b="lab") == "ab" + "ba" + "ab"
    assert played(GodDocker(stops_at_gap=False), a="lab", b="lab") == "ab" + "ba" + "ba"


def test_priorities_of_users_are_seen_at_once() -> None:
    """Row G18."""
    assert played(GodDocker(priorities={"b": 1.0}), a="lab", b="lab") == "ba" * 3


def test_a_task_counts_for_nothing_until_it_is_over() -> None:
    """While the long units of a run, it is still the lightest user; so it takes all that becomes free."""
    pool = Scenario(4, policy=GodDocker())
    for name in "ab":
        pool.domain(name)
    pool.submit(0, "b", units=1, unit_s=1)
    for at_s in range(1, 9):
        pool.submit(at_s, "a", units=1, unit_s=1_000)
        pool.submit(at_s, "b", units=1, unit_s=1_000)
    pool.run(20, 20)
    assert "".join(start.domain for start in pool.starts[1:]) in {"aaab", "abaa", "aaba", "abab"}
    assert "".join(start.domain for start in pool.starts) == "b" + "abab"


def test_the_order_of_a_pool_is_that_of_the_scores_of_all_tasks(tmp_path: Path) -> None:
    """Row G17: the index merges the queues of users; here each task is scored for itself."""
    replay = Replay(busy_trace(tmp_path, jobs=200, users=6, seed=5), GodDocker())
    longest = 0
    while not replay.run(3):
        index, now_us, state = replay.engine.index, replay.engine.now_us, replay.engine.state
        assert isinstance(index, GodDockerIndex)
        order = list(index.order(now_us))
        names = {domain_id: domain.name for domain_id, domain in state.domains.domains.items()}
        waiting = sorted(order)
        tasks = [
            Task(names[job.terms.domain_id], "default", job.submitted_us / S)
            for job in (state.jobs.jobs[job_id] for job_id in waiting)
        ]
        used = {task.user: index.used_by(task.user, now_us // DAY_US) for task in tasks}
        found = scores(tasks, now_us / S, used.__getitem__, _nothing, ScoreWeights())
        waits = {job_id: round(score, 9) for job_id, score in zip(waiting, found, strict=True)}
        assert [waits[job_id] for job_id in order] == sorted(waits.values())
        longest = max(longest, len(order))
    assert longest > 20


def _nothing(_: str) -> Used:
    return NOTHING_USED
