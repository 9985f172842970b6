"""Places in queues, of jobs above all: as integers, so that a queue of many takes little memory and compares fast."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import cast

from sortedcontainers import SortedList

from ..ids import JobId
from ..state import Job

ID_BITS = 53
"""Ids are below 2**53, as clients may name them; a key has the id lowest."""

ID_MASK = (1 << ID_BITS) - 1

REQUESTED_TIME_BITS = 54
"""Requested times are at most 2**53 us; all ones stands for a job that names none, and so is behind all that do."""

PLAIN_QUEUE_MAX = 2_048
"""Longer queues are kept in chunks, where taking out the first does not move all others; this many move in no time."""

QueueKey = int
"""Place among others, least first: an order above an id, nearly always that of a job."""


def queue_key(job: Job) -> QueueKey:
    """Return the place of a job by priority, higher first, then by submission.

    Nearly always the priority is 0, and the key is the very object that is the id.
    """
    priority = job.terms.priority
    return job.job_id if priority == 0 else (-priority << ID_BITS) + job.job_id


def shortest_key(job: Job) -> QueueKey:
    """Return the place of a job by priority, higher first, then by requested time, shorter first, then by submission.

    The time is that of one unit. It is what the job asks for and no estimate made from run times, so that a place never
    moves by itself. Who names no time is taken to need longest.
    """
    terms = job.terms
    wanted_us = terms.time_request_us
    time_us = (1 << REQUESTED_TIME_BITS) - 1 if wanted_us is None else wanted_us
    return ((-terms.priority << REQUESTED_TIME_BITS | time_us) << ID_BITS) + job.job_id


def tag_key(job: Job) -> QueueKey:
    """Return the place of a job by its virtual finish tag, then by submission."""
    return (job.tag << ID_BITS) + job.job_id


def queued_job(key: QueueKey) -> JobId:
    """Return the job of a key."""
    return JobId(key & ID_MASK)


def queued_jobs(keys: Iterable[QueueKey]) -> list[JobId]:
    """Return the jobs of keys, in their order."""
    return cast(list[JobId], [key & ID_MASK for key in keys])


class KeyQueue:
    """Keys in order; small where there are few, as there may be many queues of one job each.

    Attributes:
        keys: All of them, least first; for reading.
    """

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[QueueKey] | SortedList[QueueKey] = []

    @property
    def first(self) -> QueueKey | None:
        """The least key, or None."""
        return self.keys[0] if self.keys else None

    def add(self, key: QueueKey) -> None:
        """Add a key; one that is in already stays."""
        keys = self.keys
        if isinstance(keys, list):
            if not keys or keys[-1] < key:
                keys.append(key)
            else:
                at = bisect_left(keys, key)
                if keys[at] != key:
                    keys.insert(at, key)
            if len(keys) > PLAIN_QUEUE_MAX:
                self.keys = SortedList(keys)
        elif key not in keys:
            keys.add(key)

    def discard(self, key: QueueKey) -> bool:
        """Take a key out, if it is in; return whether it was."""
        keys = self.keys
        if not isinstance(keys, list):
            before = len(keys)
            keys.discard(key)
            return len(keys) < before
        at = bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            return False
        del keys[at]
        return True

    def before(self, key: QueueKey) -> list[QueueKey]:
        """Return all that are less than a key, in order."""
        keys = self.keys
        found = keys[: bisect_left(keys, key)] if isinstance(keys, list) else keys[: keys.bisect_left(key)]
        return list(found)

    def behind(self, key: QueueKey, count: int | None) -> list[QueueKey]:
        """Return the first ``count`` (None: all) that are greater than a key, in order."""
        keys = self.keys
        start = bisect_right(keys, key) if isinstance(keys, list) else keys.bisect_right(key)
        return list(keys[start : None if count is None else start + count])

    def since(self, key: QueueKey) -> Iterator[QueueKey]:
        """Yield all that are not less than a key, in order."""
        keys = self.keys
        if not isinstance(keys, list):
            return keys.irange(key)
        at = bisect_left(keys, key)
        return iter(keys[at:] if at else keys)

    def __contains__(self, key: QueueKey) -> bool:
        keys = self.keys
        if not isinstance(keys, list):
            return key in keys
        at = bisect_left(keys, key)
        return at < len(keys) and keys[at] == key

    def __iter__(self) -> Iterator[QueueKey]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)
