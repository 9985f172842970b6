"""Go-D-Docker's fair share as a policy (rows G17, G18); score, source and quirks are in :mod:`.god_docker_score`.

Users are the domains that submit, and projects the domains that these are in; a domain at the top is in the project
``default``. Users and projects have the priority 0.5, unless the policy is made with others.

- *A pass* ranks all that waits once, and then starts in that order what fits. What does not fit stays in the queue and
  is tried again (``first-fit``): nothing is reserved for it, and a wide task may wait for ever.
- *Cost*: for each pass in which anything fits, O(users), and O(log users) for each task that is looked at.

Floats, and a memory that is not in the state: for simulation only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Final, cast

from meted.core.ids import DomainId, JobId
from meted.core.limits import SECOND_US
from meted.core.policy.base import Index, SimulationOnly
from meted.core.policy.queues import ID_BITS, KeyQueue, queued_job
from meted.core.policy.ranked import RankedIndex
from meted.core.state import Lease, State
from meted.core.terms import Terms

from .fading import DAY_US
from .god_docker_score import DEFAULT_PRIORITY, DEFAULT_PROJECT, Scale, ScoreWeights, UsageWindow, Used

_GB: Final = 10**9
_CPU_MILLI: Final = 1000


class GodDockerIndex(RankedIndex):
    """Tasks by score."""

    by = "fair-share score"
    reranks = False

    def __init__(
        self, state: State, weights: ScoreWeights, priorities: Mapping[str, float], stops_at_gap: bool
    ) -> None:
        self._weights = weights
        self._priorities = priorities
        self._users = UsageWindow(stops_at_gap=stops_at_gap)
        self._projects = UsageWindow(stops_at_gap=stops_at_gap)
        super().__init__(state, "first-fit", examined_max=None)

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs as they wait now, the one with the lowest score first.

        All tasks of a user differ by their age alone. So the users' queues, each from the oldest on, are merged.
        """
        if not self.lines:
            return iter(())
        lines = {domain_id: _by_age(line) for domain_id, line in self.lines.items()}
        owners = {domain_id: self._owner(domain_id) for domain_id in lines}
        today = at_us // DAY_US
        scale = Scale(
            {user: self.used_by(user, today) for user, _ in owners.values()},
            {project: self._projects.total(project, today) for _, project in owners.values()},
            (
                self._wait_s(max(line[-1] for line in lines.values()), at_us),
                self._wait_s(min(line[0] for line in lines.values()), at_us),
            ),
            self._weights,
        )

        def scored(domain_id: DomainId) -> Iterator[tuple[float, JobId]]:
            user, project = owners[domain_id]
            base = scale.owner(user, project, self._priority(user), self._priority(project))
            for job_id in lines[domain_id]:
                yield base + scale.wait(self._wait_s(job_id, at_us)), job_id

        return (job_id for _, job_id in merge(*map(scored, lines)))

    def used_by(self, user: str, today: int) -> Used:
        """Return what a user has used in the window that ends on a day, counted from the start of time."""
        return self._users.total(user, today)

    def _wait_s(self, job_id: JobId, at_us: int) -> float:
        return (at_us - self.state.jobs.jobs[job_id].submitted_us) / SECOND_US

    def units_back(self, lease: Lease, terms: Terms, run_us: Sequence[int], is_over: bool) -> None:
        """Write down what ended: its seconds, and what it asked for, once a unit."""
        day = self.state.at_us // DAY_US
        user, project = self._owner(terms.domain_id)
        for took_us in run_us:
            if took_us:
                cpu, ram = terms.request.cpu_milli / _CPU_MILLI, terms.request.mem_bytes / _GB
                used = Used(took_us / SECOND_US, cpu, ram)
                self._users.add(user, day, used)
                self._projects.add(project, day, used)

    def _owner(self, domain_id: DomainId) -> tuple[str, str]:
        """Return the user and the project of a domain."""
        domains = self.state.domains.domains
        domain = domains[domain_id]
        return domain.name, domains[domain.parent].name if domain.parent else DEFAULT_PROJECT

    def _priority(self, name: str) -> float:
        return self._priorities.get(name, DEFAULT_PRIORITY)


def _by_age(line: KeyQueue) -> list[JobId]:
    """Return the jobs of a queue, oldest first, whatever their priorities."""
    keys = line.keys
    if keys[0] >= 0 and keys[-1] < 1 << ID_BITS:  # of priority 0, all of them: their keys are their ids
        return cast(list[JobId], list(keys))
    return sorted(queued_job(key) for key in keys)


class GodDocker(SimulationOnly):
    """Go-D-Docker's fair share.

    ``priorities`` are those of users and projects by the name of the domain, 0 to 1; for ``stops_at_gap`` see
    :class:`.god_docker_score.UsageWindow`.
    """

    name = "go-d-docker"

    def __init__(
        self,
        weights: ScoreWeights | None = None,
        priorities: Mapping[str, float] | None = None,
        stops_at_gap: bool = True,
    ) -> None:
        self.weights = weights or ScoreWeights()
        self.priorities = dict(priorities or {})
        self.stops_at_gap = stops_at_gap

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return GodDockerIndex(state, self.weights, self.priorities, self.stops_at_gap)
