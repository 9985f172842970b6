"""Fewest recent jobs first: who has asked for little of late goes before who has asked for much (row P38).

The dispatcher of bumps (``extra/jobqueue``, P. Kienzle), which came after PARK: each job has the number of jobs that
its owner submitted before it in the last 30 days. The least number is next, then the lower id.

- *Owners*: there, jobs with the same mail address or from the same host are of one owner. Here that is the user of a
  domain; those of a domain who name no user are one owner together. A user of two domains is two.
- *The number moves with time*: at any moment the jobs of the ``window`` that ends then are counted, so that who waits
  moves forward as older jobs leave it. The original counted once, at submission (``frozen``): there, who has
  submitted much waits behind each newcomer, for as long as newcomers come, whatever else has happened since.
- *Promise*: who waits has the number 0 once it has waited for longer than a window, and from then on only older jobs
  go before it. With ``frozen`` there is none.
- *Jobs are counted, not work*: an array of a million units is one job, and so is a cancelled one. Who puts all that he
  has into one job goes before who submits it in two.
- *What does not fit*: the original's jobs all needed one machine; here ``fill`` says it. Shares, priorities and trees
  are ignored.

Integers, but a memory that is not in the state (jobs that ended are counted, too): for simulation only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from typing import Final

from meted.core.events import Event, JobArchived, JobSubmitted
from meted.core.ids import DomainId, JobId
from meted.core.policy.base import Index, SimulationOnly
from meted.core.policy.queues import ID_BITS, KeyQueue, QueueKey, queued_job
from meted.core.policy.ranked import Fill, RankedIndex
from meted.core.state import Job, State

from .fading import DAY_US

WINDOW_US: Final = 30 * DAY_US

Owner = tuple[DomainId, str]


class Submissions:
    """The jobs that one owner has submitted, with when that was; what is older than a window is forgotten in time."""

    __slots__ = ("_at_us", "_job_ids")

    def __init__(self) -> None:
        """Begin with none."""
        self._at_us: list[int] = []
        self._job_ids: list[JobId] = []

    def add(self, job: Job, window_us: int) -> None:
        """Note a job, the newest so far."""
        old = bisect_left(self._at_us, job.submitted_us - window_us)
        if 2 * old > len(self._at_us):  # so that each is moved once, on average
            del self._at_us[:old], self._job_ids[:old]
        self._at_us.append(job.submitted_us)
        self._job_ids.append(job.job_id)

    def before(self, job_id: JobId, since_us: int) -> int:
        """Return how many jobs were submitted before a job, but no earlier than a time."""
        return max(0, bisect_left(self._job_ids, job_id) - bisect_left(self._at_us, since_us))


class RecentJobsIndex(RankedIndex):
    """Jobs by the number of recent jobs of their owner."""

    by = "the number of recent jobs of its owner"
    reranks = False

    def __init__(self, state: State, window_us: int, frozen: bool, fill: Fill) -> None:
        self._window_us = window_us
        self._frozen = frozen
        self._submissions: dict[Owner, Submissions] = {}
        self._numbers: dict[JobId, int] = {}  # at submission, where that is what counts
        self._waiting: dict[Owner, KeyQueue] = {}
        for _, job in sorted(state.jobs.jobs.items()):
            self._submitted(job)
        super().__init__(state, fill, examined_max=None)

    def order(self, at_us: int) -> Iterator[JobId]:
        """Yield the jobs as they wait now, the one with the least number first, then by submission.

        Whenever it is asked, no two jobs of an owner change places: later ones never have the lesser number, unless
        numbers are frozen, and then they never change. So the owners' queues are merged.
        """
        since_us = max(at_us, self.state.at_us) - self._window_us
        return (queued_job(key) for key in merge(*(self._places(owner, since_us) for owner in self._waiting)))

    def update(self, event: Event, state: State) -> None:
        """Follow ``event``: what is submitted is counted."""
        if type(event) is JobSubmitted:
            self._submitted(state.jobs.jobs[event.job_id])
        elif type(event) is JobArchived:
            self._numbers.pop(event.job_id, None)
        super().update(event, state)

    def job_ready(self, job: Job) -> None:
        """Queue a job."""
        super().job_ready(job)
        self._waiting.setdefault(_owner_of(job), KeyQueue()).add(self._key(job))

    def job_done(self, job: Job) -> None:
        """Take a job out of the queue."""
        super().job_done(job)
        owner = _owner_of(job)
        line = self._waiting.get(owner)
        if line is not None:
            line.discard(self._key(job))
            if not line.keys:
                del self._waiting[owner]

    def _submitted(self, job: Job) -> None:
        submissions = self._submissions.setdefault(_owner_of(job), Submissions())
        submissions.add(job, self._window_us)
        if self._frozen:
            self._numbers[job.job_id] = submissions.before(job.job_id, job.submitted_us - self._window_us)

    def _key(self, job: Job) -> QueueKey:
        """Return the place of a job among those of its owner."""
        return (self._numbers[job.job_id] << ID_BITS) + job.job_id if self._frozen else job.job_id

    def _places(self, owner: Owner, since_us: int) -> Iterator[QueueKey]:
        """Return the places that the jobs of an owner have among all, in order; those of now, whatever comes."""
        keys, before = list(self._waiting[owner].keys), self._submissions[owner].before
        if self._frozen:
            return iter(keys)
        return ((before(JobId(key), since_us) << ID_BITS) + key for key in keys)


def _owner_of(job: Job) -> Owner:
    return job.terms.domain_id, job.terms.user


class RecentJobs(SimulationOnly):
    """Fewest jobs of the last ``window_us`` first; ``frozen`` counts them at submission, once for all."""

    name = "recent-jobs"

    def __init__(self, window_us: int = WINDOW_US, frozen: bool = False, fill: Fill = "easy") -> None:
        self.window_us = window_us
        self.frozen = frozen
        self.fill = fill

    def index(self, state: State) -> Index:
        """Return a new index of ``state``."""
        return RecentJobsIndex(state, self.window_us, self.frozen, self.fill)
