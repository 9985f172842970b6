"""L of the bounds that are shown beside lags."""

from __future__ import annotations

from meted.core.ids import JobId
from meted.core.resources import NOTHING, Resources
from meted.core.service import run_size
from meted.core.state import State


class LagBound:
    """The size of the largest run that was leased, or that a job may have which was there when it was looked for.

    No lag is more, at any instant, of a domain that could be served since it waits, under the policy ``meted`` with
    estimates that are right: g (V - S) is at most L_i + (L - L_i) g / Phi, with L_i the largest run of the domain
    (docs/fairness.md, "Why P6"). Each job is looked at once, as there may be very many, and goes by what is known then;
    what is leased by another goes by that. So what was cancelled or archived meanwhile still counts, and a pool that is
    of another size since has all of them looked at again.
    """

    def __init__(self) -> None:
        self._largest = 0
        self._next_id = 0
        self._capacity: Resources = NOTHING

    def of(self, state: State) -> int:
        """Return it, in thousandths of a cpu x us; of two states the later has to come later."""
        jobs, capacity = state.jobs, state.workers.capacity
        if capacity != self._capacity:
            self._capacity, self._next_id = capacity, 0
        ids = range(self._next_id, jobs.next_job_id)
        if len(ids) < len(jobs.jobs):
            found = [jobs.jobs[job_id] for job_id in map(JobId, ids) if job_id in jobs.jobs]
        else:
            found = list(jobs.jobs.values())
        self._next_id = jobs.next_job_id
        self._largest = max(self._largest, jobs.largest_size, *(run_size(state, job) for job in found))
        return self._largest
