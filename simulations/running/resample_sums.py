"""The figures of a run for any weights of its clusters of jobs: what resampling evaluates thousands of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from meted.core.limits import SECOND_US

from .cells import CELL_US, Cells

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

OF_JOBS: Final = ("mean_wait_s", "mean_bounded_slowdown")
"""Means over jobs. The mean turnaround differs between two runs as the mean wait does: the run times are the same."""

OF_USERS: Final = ("mean_user_wait_s", "mean_user_bounded_slowdown", "gini_user_wait")
"""Figures that are made of users' means. Jain's index is none of them: its squares hang on the largest few, and of its
intervals at 95 % only two thirds held the truth where users were as unequal as they are in traces."""


class Sums(Protocol):
    """Clusters of jobs, and the figures of a choice of them."""

    @property
    def clusters(self) -> int:
        """How many clusters there are."""

    def figures(self, weights: NDArray[float64]) -> Mapping[str, NDArray[float64]]:
        """Return figures for each row of weights, which has a column for each cluster: how often it counts."""


@attrs.frozen(eq=False)
class Columns:
    """Sums over the jobs of each cluster, and the means over jobs for any weights of these.

    Attributes:
        jobs, wait_s, slowdown: One number for each cluster.
    """

    jobs: NDArray[float64]
    wait_s: NDArray[float64]
    slowdown: NDArray[float64]

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return len(self.jobs)

    def figures(self, weights: NDArray[float64]) -> dict[str, NDArray[float64]]:
        """Return ``OF_JOBS`` for each row of weights."""
        jobs = _above_zero(weights @ self.jobs)
        sums = (self.wait_s, self.slowdown)
        return {name: weights @ column / jobs for name, column in zip(OF_JOBS, sums, strict=True)}


class UserColumns(Columns):
    """The same where each user is a cluster, and the figures of users as well."""

    def figures(self, weights: NDArray[float64]) -> dict[str, NDArray[float64]]:
        """Return ``OF_JOBS`` and ``OF_USERS`` for each row of weights."""
        waits, slowdowns = self.wait_s / self.jobs, self.slowdown / self.jobs
        users = weights.sum(axis=1)
        return super().figures(weights) | {
            "mean_user_wait_s": weights @ waits / users,
            "mean_user_bounded_slowdown": weights @ slowdowns / users,
            "gini_user_wait": weighted_gini(waits, weights),
        }


def block_columns(cells: Cells, block_us: int) -> Columns:
    """Return the sums for stretches of that many microseconds, a multiple of an hour, from the first submit on."""
    import numpy as np

    blocks = np.asarray(cells.hour) // (block_us // CELL_US)
    return Columns(*_sums(cells, blocks))


def user_columns(cells: Cells) -> UserColumns:
    """Return the sums for users."""
    import numpy as np

    _, places = np.unique(np.asarray(cells.user), return_inverse=True)
    return UserColumns(*_sums(cells, places))


def _sums(cells: Cells, places: NDArray[int64]) -> tuple[NDArray[float64], NDArray[float64], NDArray[float64]]:
    return (
        _sum(places, cells.jobs),
        _sum(places, cells.wait_us) / SECOND_US,
        _sum(places, cells.slowdown),
    )


def _sum(places: NDArray[int64], column: Sequence[float]) -> NDArray[float64]:
    """Return the sum of what has each place."""
    import numpy as np

    return np.bincount(places, weights=np.asarray(column, dtype=float)).astype(float)


def weighted_gini(amounts: NDArray[float64], weights: NDArray[float64]) -> NDArray[float64]:
    """Return the Gini coefficient of amounts at or above zero, for each row of weights: how often each counts."""
    import numpy as np

    order = np.argsort(amounts, kind="stable")
    ordered, counts = amounts[order], weights[:, order]
    # An amount that counts c times after b others has the ranks b + 1 to b + c.
    ranked = (counts * (np.cumsum(counts, axis=1) - counts / 2 + 0.5)) @ ordered
    many, total = counts.sum(axis=1), counts @ ordered
    return np.where(total > 0, 2 * ranked / _above_zero(many * total) - (many + 1) / _above_zero(many), 0.0)


def _above_zero(amounts: NDArray[float64]) -> NDArray[float64]:
    """Return amounts with 1 in place of zeros, to divide by where the quotient does not matter."""
    import numpy as np

    return np.where(amounts > 0, amounts, 1.0)
