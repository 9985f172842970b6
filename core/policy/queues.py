"""Places of jobs among jobs: as integers, so that a queue of many takes little memory and compares fast."""

from __future__ import annotations

from bisect import bisect_left, insort

from sortedcontainers import SortedList

from ..ids import JobId
from ..state import Job

JOB_ID_BITS = 53
"""Job ids are below 2**53, as are all ids that clients may name."""

REQUESTED_TIME_BITS = 54
"""Requested times are at most 2**53 us; all ones stands for a job that names none, and so is behind all that do."""

PLAIN_QUEUE_MAX = 64
"""Longer queues are kept in chunks, where taking out the first does not move all others."""

QueueKey = int
"""Place of a job among jobs, least first: an order above the job's id."""


def queue_key(job: Job) -> QueueKey:
    """Return the place of a job by priority, higher first, then by submission.

    Nearly always the priority is 0, and the key is the very object that is the id.
    """
    priority = job.terms.priority
    return job.job_id if priority == 0 else (-priority << JOB_ID_BITS) + job.job_id


def shortest_key(job: Job) -> QueueKey:
    """Return the place of a job by priority, higher first, then by requested time, shorter first, then by submission.

    The time is that of one unit. It is what the job asks for and no estimate made from run times, so that a place never
    moves by itself. Who names no time is taken to need longest.
    """
    terms = job.terms
    wanted_us = terms.time_request_us
    time_us = (1 << REQUESTED_TIME_BITS) - 1 if wanted_us is None else wanted_us
    return ((-terms.priority << REQUESTED_TIME_BITS | time_us) << JOB_ID_BITS) + job.job_id


def tag_key(job: Job) -> QueueKey:
    """Return the place of a job by its virtual finish tag, then by submission."""
    return (job.tag << JOB_ID_BITS) + job.job_id


def queued_job(key: QueueKey) -> JobId:
    """Return the job of a key."""
    return JobId(key & (1 << JOB_ID_BITS) - 1)


class JobQueue:
    """Keys in order; small where there are few, as there may be many queues of one job each."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[QueueKey] | SortedList[QueueKey] = []

    def add(self, key: QueueKey) -> None:
        """Add a key; one that is in already stays."""
        if key in self:
            return
        if isinstance(self.keys, SortedList):
            self.keys.add(key)
        elif len(self.keys) < PLAIN_QUEUE_MAX:
            insort(self.keys, key)
        else:
            self.keys = SortedList((*self.keys, key))

    def discard(self, key: QueueKey) -> bool:
        """Take a key out, if it is in; return whether it was."""
        keys = self.keys
        at = keys.bisect_left(key) if isinstance(keys, SortedList) else bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            return False
        del keys[at]
        return True

    def __contains__(self, key: QueueKey) -> bool:
        if isinstance(self.keys, SortedList):
            return key in self.keys
        at = bisect_left(self.keys, key)
        return at < len(self.keys) and self.keys[at] == key
