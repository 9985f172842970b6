"""How jobs waited for which points are bought or sold, beside the others; and the users who buy, beside the others.

To which of them a job belongs is known from what it asks for when it is submitted, whether or not its domain can pay in
the end. So the groups are the same jobs in a run in which nobody trades, and one can be measured against the other.
"""

from __future__ import annotations

from enum import Enum

import attrs

from meted.core.limits import SECOND_US

from ..results.metrics import SLOWDOWN_BITS, JsonValue, bounded_slowdown
from ..traces.job import TraceJob


class Group(Enum):
    """What a job is in a trade; the value is how figures call it."""

    BUYING = "buying_jobs"
    SELLING = "selling_jobs"
    OTHER = "other_jobs"


@attrs.define
class _Sums:
    jobs: int = 0
    wait_us: int = 0
    slowdown: int = 0

    def add(self, wait_us: int, slowdown: int) -> None:
        self.jobs += 1
        self.wait_us += wait_us
        self.slowdown += slowdown

    def mean_wait_s(self) -> float | None:
        return self.wait_us / (self.jobs * SECOND_US) if self.jobs else None

    def mean_slowdown(self) -> float | None:
        return self.slowdown / (self.jobs << SLOWDOWN_BITS) if self.jobs else None


class TradeWaits:
    """Adds up waits by group and by user; it holds on to no job."""

    def __init__(self) -> None:
        """Start with none."""
        self._groups = {group: _Sums() for group in Group}
        self._users: dict[int, _Sums] = {}
        self._buyers: set[int] = set()

    def started(self, job: TraceJob, group: Group, at_us: int) -> None:
        """A job of a group started."""
        wait_us = at_us - job.submit_us
        slowdown = bounded_slowdown(wait_us, job.run_us)
        self._groups[group].add(wait_us, slowdown)
        self._users.setdefault(job.user, _Sums()).add(wait_us, slowdown)
        if group is Group.BUYING:
            self._buyers.add(job.user)

    def figures(self) -> dict[str, JsonValue]:
        """Return the figures of each group; None of a group without jobs."""
        found: dict[str, JsonValue] = {}
        for group, sums in self._groups.items():
            found[group.value] = sums.jobs
            found[f"{group.value}_mean_wait_s"] = sums.mean_wait_s()
            found[f"{group.value}_mean_bounded_slowdown"] = sums.mean_slowdown()
        for name, users in (("buying_users", self._buyers), ("other_users", self._users.keys() - self._buyers)):
            waits = [self._users[user].wait_us / self._users[user].jobs / SECOND_US for user in sorted(users)]
            found[name] = len(waits)
            found[f"{name}_mean_wait_s"] = sum(waits) / len(waits) if waits else None
        return found
