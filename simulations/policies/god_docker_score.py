"""Go-D-Docker's fair share: nine terms, each normalised over the queue; lower goes first (rows G17, G19-G22).

Go-D-Docker 1.3, plug-ins ``fairshare`` and ``iSchedulerPlugin``::

    score = 0.1 (1 - wait) + 1 user_time + 0.2 user_cpu + 0.2 user_ram + 0.1 group_time + 0.01 group_cpu
            + 0.01 group_ram + 1 (1 - user_priority) + 1 (1 - group_priority)

- *Normalised over what waits now*: (v - min) / (max - min), or 0.5 where they differ by less than one. So whoever joins
  the queue can change everybody's score, and the order of two others with it.
- *The project ``default``* counts as nothing used in the bounds, and is then given the maximum: the worst there is.
- *Usage is written when a task is over*, by the day: seconds run, and the cpus and gigabytes that were asked for, once
  a task and not times its length. So a long task counts for nothing until it ends, and many short ones count more in
  the terms of cpu and memory than a long one of the same size.
- *The window* is the last 30 days, today with them, but the sum stops at the first day without an entry: a day off is a
  clean slate. ``stops_at_gap=False`` counts the whole window.
- Release 1.0 sorted the other way round, heavy users first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import attrs

DEFAULT_PROJECT: Final = "default"

DEFAULT_PRIORITY: Final = 0.5
"""Of users and projects, between 0 and 1, if nobody gave another."""


@attrs.frozen
class ScoreWeights:
    """The nine weights; 0 removes a term (row G22)."""

    wait: float = 0.1
    user_time: float = 1.0
    user_cpu: float = 0.2
    user_ram: float = 0.2
    group_time: float = 0.1
    group_cpu: float = 0.01
    group_ram: float = 0.01
    user_priority: float = 1.0
    group_priority: float = 1.0


@attrs.frozen
class Used:
    """What was used in a window: seconds run, and cpus and gigabytes asked for, summed over tasks."""

    time: float = 0.0
    cpu: float = 0.0
    ram: float = 0.0

    def plus(self, other: Used) -> Used:
        """Return the sum."""
        return Used(self.time + other.time, self.cpu + other.cpu, self.ram + other.ram)


@attrs.frozen
class Task:
    """A task that waits, and whose it is."""

    user: str
    project: str
    submitted_s: float
    user_priority: float = DEFAULT_PRIORITY
    project_priority: float = DEFAULT_PRIORITY


NOTHING_USED: Final = Used()


class UsageWindow:
    """What each user or project has used, day by day (row G19)."""

    def __init__(self, days: int = 30, stops_at_gap: bool = True) -> None:
        """Begin with nothing used.

        Args:
            days: How many days count, today with them.
            stops_at_gap: Whether days before one without an entry are not counted, as in Go-D-Docker.
        """
        self._days = days
        self._stops_at_gap = stops_at_gap
        self._used: defaultdict[str, dict[int, Used]] = defaultdict(dict)

    def add(self, who: str, day: int, used: Used) -> None:
        """A task of somebody ended on a day."""
        days = self._used[who]
        days[day] = days.get(day, NOTHING_USED).plus(used)
        for old in [one for one in days if one <= day - self._days]:
            del days[old]

    def total(self, who: str, today: int) -> Used:
        """Return what somebody has used in the window that ends today."""
        days, found = self._used.get(who, {}), NOTHING_USED
        for day in range(today, today - self._days, -1):
            used = days.get(day)
            if used is not None:
                found = found.plus(used)
            elif self._stops_at_gap:
                break
        return found


def normalised(value: float, bounds: tuple[float, float]) -> float:
    """Return where a value lies between the least and the most, or 0.5 where these differ by less than one."""
    least, most = bounds
    return (value - least) / (most - least) if most - least >= 1 else 0.5


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of some values at or above zero; of none (-1, 0), as Go-D-Docker does (row G20)."""
    return min(values, default=-1.0), max(0.0, *values) if values else 0.0


class Scale:
    """The bounds of one queue, and what they make of each user and project."""

    def __init__(
        self, users: dict[str, Used], projects: dict[str, Used], waits_s: tuple[float, float], weights: ScoreWeights
    ) -> None:
        """Take the bounds.

        Args:
            users: What each user with something waiting has used in the window.
            projects: The same of their projects; what :data:`DEFAULT_PROJECT` has used does not matter.
            waits_s: The least and the longest wait, in seconds.
            weights: Of the terms.
        """
        by_project = weights.group_time, weights.group_cpu, weights.group_ram
        counted = {name: NOTHING_USED if name == DEFAULT_PROJECT else used for name, used in projects.items()}
        self._weights = weights
        self._waits = waits_s
        self._users = _terms(users, (weights.user_time, weights.user_cpu, weights.user_ram))
        self._projects = _terms(counted, by_project)
        if DEFAULT_PROJECT in counted:
            limits = [bounds(values) for values in _columns(counted)]
            worst = zip(limits, by_project, strict=True)
            self._projects[DEFAULT_PROJECT] = sum(weight * normalised(limit[1], limit) for limit, weight in worst)

    def owner(self, user: str, project: str, user_priority: float, project_priority: float) -> float:
        """Return all terms of a score but that of the wait: they are the same for all tasks of a user in a project."""
        weights = self._weights
        usage = self._users[user] + self._projects[project]
        return usage + weights.user_priority * (1 - user_priority) + weights.group_priority * (1 - project_priority)

    def wait(self, wait_s: float) -> float:
        """Return the term of the wait; it is less for a longer one."""
        return self._weights.wait * (1 - normalised(wait_s, self._waits))


def scores(
    tasks: Sequence[Task],
    now_s: float,
    used_by_user: Callable[[str], Used],
    used_by_project: Callable[[str], Used],
    weights: ScoreWeights,
) -> list[float]:
    """Return the score of each task that waits, in their order; the lowest goes first, ties by age.

    Args:
        tasks: All that waits now; the bounds are taken over these.
        now_s: The time, in seconds.
        used_by_user, used_by_project: What somebody has used in the window.
        weights: Of the terms.
    """
    users = {task.user: used_by_user(task.user) for task in tasks}
    projects = {task.project: used_by_project(task.project) for task in tasks}
    scale = Scale(users, projects, bounds([now_s - task.submitted_s for task in tasks]), weights)
    return [
        scale.owner(task.user, task.project, task.user_priority, task.project_priority)
        + scale.wait(now_s - task.submitted_s)
        for task in tasks
    ]


def _columns(used: dict[str, Used]) -> tuple[list[float], list[float], list[float]]:
    rows = used.values()
    return [one.time for one in rows], [one.cpu for one in rows], [one.ram for one in rows]


def _terms(used: dict[str, Used], weights: tuple[float, float, float]) -> dict[str, float]:
    """Return the three terms of usage together, for each user or project."""
    time, cpu, ram = (bounds(values) for values in _columns(used))
    return {
        who: weights[0] * normalised(one.time, time)
        + weights[1] * normalised(one.cpu, cpu)
        + weights[2] * normalised(one.ram, ram)
        for who, one in used.items()
    }
