"""How much a difference between two runs hangs on the part of the world that was looked at: bootstrap intervals.

Jobs are not independent. Those that wait together wait for the same jobs, and those of one user are alike. So whole
*clusters* of jobs are drawn with replacement, never single jobs, and in two ways, as one may hide what the other shows:

``time``
    Stretches of time, by the time of submission: had other weeks like these been recorded? These are the blocks of
    Carlstein, "The use of subseries values for estimating the variance of a general statistic from a stationary
    sequence", Annals of Statistics 14 (1986). They have to be long against the time for which a queue remembers.
``users``
    Users: had other people like these been there? Figures that are made of users' means are drawn only so, as stretches
    of time hold a part of each user's jobs.

Both runs get the same clusters in each draw: differences are paired. The interval is the bias-corrected and accelerated
one, BCa (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, section 14.3; blocks of time are in section
8.6), its acceleration from leaving out one cluster after the other.

What it does not say: each run is simulated once, so what clusters do to one another stays as it was. Every row of a
table has an interval of its own, and of twenty rows one is expected to miss. The largest value of anything has none, as
the bootstrap is not valid for extremes, and neither has Jain's index (see :mod:`.resample_sums`).

numpy does the sums (``pip install 'meted[lab]'``). The draws come from Python's own generator, whose sequence for a
seed is promised not to change.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from meted.core.record import record

from ..errors import SimulationError
from .bca import LEVEL, bca
from .cells import CELL_US, Cells
from .resample_sums import Sums, block_columns, user_columns

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

Over = Literal["time", "users"]

RESAMPLES_MAX: Final = 100_000
"""Draws for one set of intervals."""

RESAMPLES: Final = 2_000
"""Draws if nothing else is asked for."""

CLUSTERS_MIN: Final = 20
"""With fewer clusters there is no interval: it would be too narrow by far."""

BLOCKS_WANTED: Final = 30
"""A length of blocks is chosen so that there are at least so many."""

BLOCKS_US: Final = (7 * 24 * CELL_US, 24 * CELL_US, 6 * CELL_US, CELL_US)
"""The lengths to choose from: a week, as load has the rhythm of weeks; a day; six hours; an hour."""

_ROWS_AT_ONCE: Final = 256


@record
class Difference:
    """One run against the first, in one figure.

    Attributes:
        label: Which run.
        metric: The figure.
        over: What was drawn.
        difference: Its value less that of the first run.
        low, high: The interval of that.
    """

    label: str
    metric: str
    over: Over
    difference: float
    low: float
    high: float


@record
class Resampling:
    """How clusters are drawn.

    Attributes:
        block_us: The length of a stretch of time in microseconds, a multiple of an hour; None: the longest of
            ``BLOCKS_US`` of which there are ``BLOCKS_WANTED``, else the shortest.
        resamples: How often.
        seed: Of the draws.
    """

    block_us: int | None = None
    resamples: int = RESAMPLES
    seed: int = 1


@record
class Intervals:
    """Intervals of differences, and how they came about.

    Attributes:
        block_us: The length of the stretches of time.
        blocks: How many of them there were; with fewer than ``CLUSTERS_MIN`` there are no intervals over time.
        users: How many users there were; with fewer there are none over users.
        resamples, seed: As in :class:`Resampling`.
        level: Of each interval.
        differences: All of them.
    """

    block_us: int
    blocks: int
    users: int
    resamples: int
    seed: int
    level: float
    differences: tuple[Difference, ...]


def intervals(runs: Sequence[tuple[str, Cells]], how: Resampling) -> Intervals:
    """Return the intervals of the differences of all runs against the first.

    Args:
        runs: A label and the sums of each; all of the same jobs.
        how: How to draw.

    Raises:
        SimulationError: The runs are not of the same jobs.
    """
    first = runs[0][1]
    for label, cells in runs:
        if (cells.hour, cells.user, cells.jobs) != (first.hour, first.user, first.jobs):
            raise SimulationError(f"{label} is not of the same jobs as {runs[0][0]}; compare runs of the same trace.")
    block_us = how.block_us or _block_us(first)
    labels = [label for label, _ in runs]
    times = [block_columns(cells, block_us) for _, cells in runs]
    users = [user_columns(cells) for _, cells in runs]
    found = (*_differences(labels, times, "time", how), *_differences(labels, users, "users", how))
    return Intervals(block_us, times[0].clusters, users[0].clusters, how.resamples, how.seed, LEVEL, found)


def _block_us(cells: Cells) -> int:
    """Return the longest block of which there are enough; the shortest if of none there are."""
    span_us = (max(cells.hour) + 1) * CELL_US
    return next((length for length in BLOCKS_US if span_us // length >= BLOCKS_WANTED), BLOCKS_US[-1])


def _differences(labels: Sequence[str], runs: Sequence[Sums], over: Over, how: Resampling) -> Iterator[Difference]:
    import numpy as np

    clusters = runs[0].clusters
    if clusters < CLUSTERS_MIN:
        return
    (whole, drawn, without) = (
        _figures(runs, weights) for weights in ([np.ones((1, clusters))], _draws(clusters, how), _left_out(clusters))
    )
    for place, label in enumerate(labels[1:], 1):
        for name in whole[place]:
            found, draws, left_out = (each[place][name] - each[0][name] for each in (whole, drawn, without))
            low, high = bca(float(found[0]), draws, left_out)
            yield Difference(label, name, over, float(found[0]), low, high)


def _figures(runs: Sequence[Sums], weights: Iterable[NDArray[float64]]) -> list[dict[str, NDArray[float64]]]:
    """Return the figures of each run, a value for each row of weights."""
    import numpy as np

    parts = [[run.figures(rows) for run in runs] for rows in weights]
    return [
        {name: np.concatenate([part[place][name] for part in parts]) for name in parts[0][place]}
        for place in range(len(runs))
    ]


def _draws(clusters: int, how: Resampling) -> Iterator[NDArray[float64]]:
    """Yield how often each cluster was drawn (columns) in each draw (rows), some rows at a time."""
    import numpy as np

    dice = random.Random(how.seed).random
    for start in range(0, how.resamples, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, how.resamples - start)
        picks = [[int(dice() * clusters) for _ in range(clusters)] for _ in range(rows)]
        yield np.stack([np.bincount(row, minlength=clusters) for row in picks]).astype(float)


def _left_out(clusters: int) -> Iterator[NDArray[float64]]:
    """Yield weights in which one cluster after the other is left out, some rows at a time."""
    import numpy as np

    for start in range(0, clusters, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, clusters))
        weights = np.ones((len(rows), clusters))
        weights[np.arange(len(rows)), rows] = 0
        yield weights
