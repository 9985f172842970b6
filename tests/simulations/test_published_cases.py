"""Small cases that the tests of other schedulers and simulators expect an outcome of, by the replay through the engine.

The inputs are facts of those tests, in seconds: flux-sched's emulator (12 jobs on 154 nodes, ``hype-test.csv``) and
WRENCH's batch service (``BatchServiceEASYBFTest``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from meted.simulations.event_orders import EVENT_ORDERS, EventOrder
from meted.simulations.traces.job import TraceJob

from .driving import make_trace
from .test_replay import start_times

S: Final = 1_000_000
HOUR: Final = 3_600


class Case(NamedTuple):
    """A job, in seconds: when it is submitted, how long it runs and asks for, and its nodes."""

    submit: int
    run: int
    estimate: int
    nodes: int


def starts_s(folder: Path, cases: Sequence[Case], nodes: int, policy: str, event_order: EventOrder) -> list[float]:
    """Return when each job starts."""
    jobs = [
        TraceJob(job_id, 1, case.submit * S, case.run * S, case.estimate * S, case.nodes)
        for job_id, case in enumerate(cases, start=1)
    ]
    found = start_times(make_trace(folder, jobs, nodes), policy, event_order)
    return [found[job.job_id] / S for job in jobs]


EMULATED: Final = [
    Case(1, 360, HOUR // 6, 1),
    Case(19_643, 57_609, 16 * HOUR, 100),  # it ran for nine seconds longer than it asked for; so did the others of 16 h
    Case(28_147, 38_109, 16 * HOUR, 100),
    Case(30_566, 57_606, 16 * HOUR, 64),
    Case(30_566, 57_606, 16 * HOUR, 64),
    Case(77_371, 7_524, 5 * HOUR // 2, 13),
    Case(80_090, 577, 12 * HOUR, 8),
    Case(87_576, 29_168, 9 * HOUR, 15),
    Case(88_169, 28_729, 9 * HOUR, 15),
    Case(96_589, 7_490, 5 * HOUR // 2, 13),
    Case(103_162, 453, 12 * HOUR, 8),
    Case(126_070, 3_178, 16 * HOUR, 64),
]
"""The trace of flux-sched's emulator."""


@pytest.mark.parametrize("event_order", EVENT_ORDERS)
@pytest.mark.parametrize(
    ("policy", "expected"),
    [("fcfs", list(range(1, 13))), ("easy", [1, 2, 3, 6, 7, 8, 9, 10, 11, 4, 5, 12])],
)
def test_jobs_start_in_the_order_that_the_emulator_of_flux_expects(
    tmp_path: Path, policy: str, expected: list[int], event_order: EventOrder
) -> None:
    starts = starts_s(tmp_path, EMULATED, 154, policy, event_order)
    assert sorted(range(1, 13), key=lambda job_id: (starts[job_id - 1], job_id)) == expected


@pytest.mark.parametrize("event_order", EVENT_ORDERS)
@pytest.mark.parametrize(
    ("nodes", "jobs", "ends"),
    [
        (4, [(0, 60, 2), (0, 30, 4), (0, 30, 2), (0, 50, 2)], [60, 90, 30, 140]),
        (6, [(0, 6_000, 1), (0, 70, 2), (0, 20, 4), (0, 20, 5), (0, 6_000, 1)], [6_000, 70, 90, 6_020, 6_000]),
        (6, [(0, 660, 3), (1, 120, 1), (2, 1_740, 3), (3, 1_080, 1)], [660, 121, 1_861, 1_740]),
    ],
)
def test_jobs_end_when_the_tests_of_wrench_expect_it(
    tmp_path: Path, nodes: int, jobs: list[tuple[int, int, int]], ends: list[int], event_order: EventOrder
) -> None:
    cases = [Case(submit, run, run, width) for submit, run, width in jobs]
    starts = starts_s(tmp_path, cases, nodes, "easy", event_order)
    assert [start + case.run for start, case in zip(starts, cases, strict=True)] == ends


@pytest.mark.parametrize("event_order", ["instant", "pyss"])
def test_no_place_becomes_later_where_another_simulator_would_plan_anew(
    tmp_path: Path, event_order: EventOrder
) -> None:
    """WRENCH plans all anew, in the order of the queue, when a job ends early, and the fourth job ends after the third.

    Here every job keeps its place until it has an earlier one. When the first two end, at 60, the fourth has 120 to
    420, so the third, whose place is at 600, cannot have all nodes from 60 to 180; the fourth then moves to 60.
    """
    cases = [Case(0, 60, 600, 2), Case(0, 60, 120, 2), Case(0, 60, 120, 4), Case(0, 60, 300, 2)]
    assert starts_s(tmp_path, cases, 4, "conservative", event_order) == [0, 0, 120, 60]
