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

Integers; what was submitted, jobs that have ended among it, is the policy's memory (:mod:`..memory`).
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Final

from immutables import Map

from ...events import DomainRemoved, Event, JobArchived, JobSubmitted
from ...ids import DomainId, JobId
from ...limits import PASS_EXAMINED_MAX, SECOND_US
from ...record import record
from ...state import Job, State
from ..memory import MemoryIndex, Remembering
from ..queues import ID_BITS, KeyQueue, QueueKey, queued_job
from ..ranked import Fill, RankedIndex

WINDOW_US: Final = 30 * 86_400 * SECOND_US

Owner = tuple[DomainId, str]


@record
class Submissions:
    """The jobs that one owner has submitted of late, numbered in their order; the first ever has the number 0.

    Attributes:
        first: The number of the oldest that is known.
        end: The number that the next one will have.
        known: When each of these was submitted, and its id, by number.
    """

    first: int = 0
    end: int = 0
    known: Map[int, tuple[int, JobId]] = Map()

    def with_job(self, job: Job, window_us: int) -> Submissions:
        """Return them with one more, the newest so far, and without those that a window has passed since."""
        first, end, known = self.first, self.end, self.known.mutate()
        while first < end and known[first][0] < job.submitted_us - window_us:
            del known[first]
            first += 1
        known[end] = job.submitted_us, job.job_id
        return Submissions(first, end + 1, known.finish())

    def since(self, at_us: int) -> int:
        """Return the number of the first that was submitted no earlier than a time."""
        low, high = self.first, self.end
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.known[middle][0] < at_us else (low, middle)
        return low


@record
class Recent:
    """What is remembered of submissions.

    Attributes:
        submissions: Of each owner.
        frozen: The number of each job that is not archived, where it is that of its submission.
    """

    submissions: Map[Owner, Submissions] = Map()
    frozen: Map[JobId, int] = Map()


class RecentJobsIndex(MemoryIndex, RankedIndex):
    """Jobs by the number of recent jobs of their owner."""

    by = "the number of recent jobs of its owner"
    reranks = False

    def __init__(self, state: State, policy: RecentJobs, memory: Recent | None) -> None:
        known = Recent() if memory is None else memory
        self._window_us = policy.window_us
        self._is_frozen = policy.frozen
        self._submissions, self._frozen = known.submissions, known.frozen
        self._waiting: dict[Owner, KeyQueue] = {}
        self._places_of: dict[JobId, int] = {}  # among those of the owner, of each job that is known and not archived
        if memory is None:
            for _, job in sorted(state.jobs.jobs.items()):
                self._submitted(job)
        for submissions in self._submissions.values():
            known_jobs = submissions.known.items()
            self._places_of.update((job_id, at) for at, (_, job_id) in known_jobs if job_id in state.jobs.jobs)
        super().__init__(state, policy.fill, policy.examined_max)

    def remembered(self) -> Recent:
        """Return the submissions as they are."""
        return Recent(self._submissions, self._frozen)

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
            self._places_of.pop(event.job_id, None)
            if event.job_id in self._frozen:
                self._frozen = self._frozen.delete(event.job_id)
        elif type(event) is DomainRemoved:
            for owner in [owner for owner in self._submissions if owner[0] == event.domain_id]:
                self._submissions = self._submissions.delete(owner)
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

    def summary(self) -> object:
        """Return all that decisions depend on, for comparison with an index built anew of state and memory."""
        return super().summary(), self.remembered(), list(self.order(self.now_us))

    def _submitted(self, job: Job) -> None:
        owner = _owner_of(job)
        submissions = self._submissions.get(owner, Submissions()).with_job(job, self._window_us)
        self._submissions = self._submissions.set(owner, submissions)
        self._places_of[job.job_id] = submissions.end - 1
        if self._is_frozen:
            number = submissions.end - 1 - submissions.since(job.submitted_us - self._window_us)
            self._frozen = self._frozen.set(job.job_id, number)

    def _key(self, job: Job) -> QueueKey:
        """Return the place of a job among those of its owner."""
        return (self._frozen[job.job_id] << ID_BITS) + job.job_id if self._is_frozen else job.job_id

    def _places(self, owner: Owner, since_us: int) -> Iterator[QueueKey]:
        """Return the places that the jobs of an owner have among all, in order; those of now, whatever comes."""
        keys = list(self._waiting[owner].keys)
        if self._is_frozen:
            return iter(keys)
        submissions, places = self._submissions.get(owner, Submissions()), self._places_of
        since = submissions.since(since_us)
        return ((max(0, places.get(JobId(key), 0) - since) << ID_BITS) + key for key in keys)


def _owner_of(job: Job) -> Owner:
    return job.terms.domain_id, job.terms.user


class RecentJobs(Remembering):
    """Fewest jobs of the last ``window_us`` first; ``frozen`` counts them at submission, once for all.

    ``fill`` and ``examined_max`` are as for :class:`.stride.Stride`.
    """

    name = "recent-jobs"
    remembers = Recent

    def __init__(
        self,
        window_us: int = WINDOW_US,
        frozen: bool = False,
        fill: Fill = "easy",
        examined_max: int | None = PASS_EXAMINED_MAX,
    ) -> None:
        self.window_us = window_us
        self.frozen = frozen
        self.fill = fill
        self.examined_max = examined_max

    @property
    def remembers_as(self) -> str:
        """Its name, with the window and when numbers are counted."""
        return f"{self.name}, {self.window_us} us, {'frozen' if self.frozen else 'moving'}"

    def index(self, state: State, memory: Recent | None = None) -> RecentJobsIndex:
        """Return an index of ``state`` with what is remembered there."""
        return RecentJobsIndex(state, self, memory)
