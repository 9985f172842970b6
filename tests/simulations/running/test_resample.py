"""Intervals of differences: how often they hold the truth, and that they are worked out from the right sums."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy import float64
from numpy.random import Generator
from numpy.typing import NDArray

from meted.simulations.errors import SimulationError
from meted.simulations.results.inequality import gini
from meted.simulations.running.bca import bca
from meted.simulations.running.cells import CELL_US, Cells
from meted.simulations.running.perform import perform
from meted.simulations.running.request import RunRequest
from meted.simulations.running.resample import CLUSTERS_MIN, Difference, Resampling, intervals
from meted.simulations.running.resample_sums import block_columns, user_columns, weighted_gini
from meted.simulations.traces.trace_rules import TraceOptions

DAY_US = 24 * CELL_US


def cells_of(rows: list[tuple[int, int, int, float]]) -> Cells:
    """Return the sums of (hour, user, jobs, wait in s of each job); slowdowns are as large as the waits."""
    return Cells(
        array("q", [hour for hour, _, _, _ in rows]),
        array("q", [user for _, user, _, _ in rows]),
        array("q", [jobs for _, _, jobs, _ in rows]),
        array("q", [round(jobs * wait * 1_000_000) for _, _, jobs, wait in rows]),
        array("d", [jobs * wait for _, _, jobs, wait in rows]),
    )


def of(found: tuple[Difference, ...], metric: str, over: str) -> Difference:
    (one,) = (one for one in found if (one.metric, one.over) == (metric, over))
    return one


def coverage(draw: Callable[[Generator], tuple[Cells, Cells]], metric: str, over: str, truth: float) -> float:
    """Return how many of 200 intervals hold the truth."""
    dice = np.random.default_rng(20_261_121)
    held = 0
    for seed in range(200):
        first, second = draw(dice)
        found = intervals([("a", first), ("b", second)], Resampling(DAY_US, 300, seed)).differences
        one = of(found, metric, over)
        held += one.low <= truth <= one.high
    return held / 200


def test_intervals_over_time_hold_the_truth_as_often_as_they_say() -> None:
    """Forty days with a level of their own, six jobs a day that share it: single jobs would be far too sure."""

    def draw(dice: Generator) -> tuple[Cells, Cells]:
        level = dice.gamma(4.0, 25.0, 40)
        day = [(24 * d + h, 7 * h + d % 5, 6) for d in range(40) for h in range(0, 24, 4)]
        first = cells_of([(*row, 100 + dice.exponential(5.0)) for row in day])
        second = cells_of([(*row, 100 + level[row[0] // 24] + dice.exponential(5.0)) for row in day])
        return first, second

    assert 0.90 <= coverage(draw, "mean_wait_s", "time", 100.0) <= 0.99


def test_intervals_over_users_hold_the_truth_as_often_as_they_say() -> None:
    """Sixty users with means of their own and very different numbers of jobs: the mean over users."""

    def draw(dice: Generator) -> tuple[Cells, Cells]:
        jobs = 1 + dice.poisson(5.0, 60)
        base, more = dice.gamma(3.0, 30.0, 60), dice.gamma(2.0, 20.0, 60)
        first = cells_of([(user, user, int(jobs[user]), base[user]) for user in range(60)])
        second = cells_of([(user, user, int(jobs[user]), base[user] + more[user]) for user in range(60)])
        return first, second

    assert 0.90 <= coverage(draw, "mean_user_wait_s", "users", 40.0) <= 0.99


def test_intervals_of_the_gini_coefficient_hold_the_truth_about_as_often_as_they_say() -> None:
    """Waits of users from two exponential distributions raised by a constant; G = mean / (2 (mean + constant))."""

    def draw(dice: Generator) -> tuple[Cells, Cells]:
        equal, unequal = 50 + dice.exponential(50.0, 150), dice.exponential(100.0, 150)
        return (
            cells_of([(user, user, 1, equal[user]) for user in range(150)]),
            cells_of([(user, user, 1, unequal[user]) for user in range(150)]),
        )

    assert 0.88 <= coverage(draw, "gini_user_wait", "users", 0.5 - 0.25) <= 0.99


def test_drawing_days_is_less_sure_than_drawing_what_is_smaller_than_what_hangs_together() -> None:
    """Where all hours of a day are alike, hours look like 24 times as many facts as there are."""
    dice = np.random.default_rng(3)
    level = dice.gamma(2.0, 50.0, 50)
    rows = [(24 * day + hour, 1, 1) for day in range(50) for hour in range(24)]
    runs = [
        ("a", cells_of([(*row, 100.0) for row in rows])),
        ("b", cells_of([(*row, 100.0 + level[row[0] // 24]) for row in rows])),
    ]
    widths = []
    for block_us in (CELL_US, DAY_US):
        one = of(intervals(runs, Resampling(block_us, 1000, 1)).differences, "mean_wait_s", "time")
        widths.append(one.high - one.low)
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(24), rel=0.2)


def test_a_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    dice = np.random.default_rng(1)
    rows = [(hour, hour % 30, 1) for hour in range(24 * 30)]
    runs = [(name, cells_of([(*row, dice.exponential(9.0)) for row in rows])) for name in "ab"]
    assert intervals(runs, Resampling(DAY_US, 200, 5)) == intervals(runs, Resampling(DAY_US, 200, 5))
    assert intervals(runs, Resampling(DAY_US, 200, 5)) != intervals(runs, Resampling(DAY_US, 200, 6))


def test_equal_runs_differ_by_nothing() -> None:
    cells = cells_of([(hour, hour % 30, 1, float(hour % 7)) for hour in range(24 * 30)])
    for one in intervals([("a", cells), ("b", cells)], Resampling(DAY_US, 100)).differences:
        assert (one.difference, one.low, one.high) == (0, 0, 0)


def test_with_too_few_clusters_there_is_no_interval() -> None:
    cells = cells_of([(24 * day, day % 5, 1, 1.0) for day in range(CLUSTERS_MIN - 1)])
    found = intervals([("a", cells), ("b", cells)], Resampling(DAY_US, 100))
    assert (found.blocks, found.users, found.differences) == (CLUSTERS_MIN - 1, 5, ())


@pytest.mark.parametrize(("days", "hours"), [(400, 168), (210, 168), (209, 24), (30, 24), (29, 6), (5, 1), (1, 1)])
def test_the_length_of_blocks_that_is_chosen(days: int, hours: int) -> None:
    cells = cells_of([(24 * day + hour, 1, 1, 1.0) for day in range(days) for hour in range(24)])
    assert intervals([("a", cells), ("b", cells)], Resampling(None, 2)).block_us == hours * CELL_US


def test_runs_of_other_jobs_are_not_compared() -> None:
    with pytest.raises(SimulationError, match="b is not of the same jobs as a"):
        intervals([("a", cells_of([(0, 1, 1, 1.0)])), ("b", cells_of([(0, 1, 2, 1.0)]))], Resampling())


def test_figures_of_all_clusters_are_those_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "some.swf"
    row = "{0} {1} -1 {2} {3} -1 -1 -1 {2} -1 1 {4} -1 -1 -1 -1 -1 -1\n"
    path.write_text("".join(row.format(n, 700 * n, 3000 + n % 7, 1 + n % 4, n % 5) for n in range(1, 301)))
    result = perform(RunRequest(str(path), TraceOptions(procs=4), "easy"))
    whole = user_columns(result.cells)
    figures = dict(whole.figures(np.ones((1, whole.clusters))))
    blocks = block_columns(result.cells, DAY_US)
    assert blocks.clusters == 3
    for name, values in (*figures.items(), *blocks.figures(np.ones((1, 3))).items()):
        assert values[0] == pytest.approx(result.figures[name], rel=1e-6)


def test_a_weight_of_two_is_as_good_as_being_there_twice() -> None:
    amounts = np.array([3.0, 0.0, 8.0, 5.0])
    weights = np.array([[2.0, 1.0, 0.0, 3.0], [0.0, 4.0, 0.0, 0.0]])
    assert weighted_gini(amounts, weights).tolist() == pytest.approx([float(gini([3, 3, 0, 5, 5, 5])), 0.0])


def ends(values: NDArray[float64], found: float, without: NDArray[float64]) -> tuple[float, float]:
    return bca(found, values, without)


def test_without_bias_and_skew_the_interval_is_that_of_the_percentiles() -> None:
    values = np.linspace(-1.0, 1.0, 2001)
    assert ends(values, 0.0, np.array([-1.0, 0.0, 1.0])) == pytest.approx((-0.95, 0.95), abs=1e-9)


def test_bias_and_acceleration_against_the_formula_worked_by_hand() -> None:
    """With 60 % below, z0 = 0.25335; jackknife values 0, 0, 3 give a = -6/(6 * 6^1.5)."""
    values = np.linspace(0.0, 1.0, 100_001)
    without = np.array([0.0, 0.0, 3.0])
    bias = 0.2533471031357997
    acceleration = (1 + 1 - 8) / (6 * 6**1.5)

    def end(z: float) -> float:
        adjusted = bias + (bias + z) / (1 - acceleration * (bias + z))
        return (1 + math.erf(adjusted / math.sqrt(2))) / 2

    low, high = ends(values, 0.6, without)
    assert low == pytest.approx(end(-1.959963984540054), abs=1e-4)
    assert high == pytest.approx(end(1.959963984540054), abs=1e-4)


def test_beyond_the_pole_of_the_formula_the_interval_ends_at_the_draws() -> None:
    """All draws below the value and one cluster that is all there is: acceleration 1/6, bias 4.4."""
    values = np.linspace(0.0, 1.0, 100_001)
    low, high = ends(values, 2.0, np.array([10.0] * 9_999 + [0.0]))
    assert low == pytest.approx(1.0, abs=1e-4)
    assert high == 1.0
