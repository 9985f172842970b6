"""An obvious simulator of one counted resource, to hold the real one against: FCFS, SJF, EASY and conservative.

It shares no code with the project and reads nothing: jobs in, start times out. Its rules, which make it come out equal
to published schedules at every start (see ``test_oracle.py``), are:

*Jobs.* ``estimate >= run > 0`` and ``0 < procs <= capacity``. The queue is in the order of the list, which is sorted by
(submit, job id). An estimated end is ``start + estimate``, an end is ``start + run``; no job is killed.

*Pass.* (1) The head of the queue starts while it fits into what is free. (2) FCFS stops here. (3) EASY gives the job
that is now the head a reservation, from nothing but the estimated ends of running jobs: the *shadow* time is the
earliest estimated end by which enough is free for it, and the *extra* is what is then free beyond its need, counting
every job whose estimated end is at or before the shadow. (4) The others are candidates, in queue order (EASY) or by
estimate, equal ones in queue order (EASY-SJBF). A candidate starts now when it fits into what is free now and either
its estimated end is at or before the shadow (``<=``), which leaves the extra as it was, or it fits into the extra,
which it then uses up. The reservation lives for this pass only: the next pass computes it anew, and the jobs that were
started count as running there.

SJF and EASY-SJF are FCFS and EASY with the queue sorted by estimate, stably, before each pass.

*Conservative.* A job that joins the queue is at once given a place: the earliest start at which its processors are free
for its whole estimate, beside the running jobs up to their estimated ends and the places of all others. A pass starts
whoever has come to their place and fits. If a job has ended since the last pass, a pass begins with a round: each job
that waits, in queue order, gives up its place and takes the earliest one. There is also a pass when somebody comes to
their place and nothing else happens.

*Instant order.* At each time: all jobs that end now give back their processors, then all submits join the queue, then
one pass.

*Pyss order.* One pass an event; at one time all submissions come before all terminations. In detail, at each ``t``:

1. Every running job with ``end == t`` and ``estimated end == t`` gives back its processors, without a pass. (A
   reservation table of half-open slices [start, estimated end) shows these processors as free at ``t``, so that a job
   submitted at ``t`` may start on them although the termination has not been handled yet.)
2. For each submit at ``t``, in list order: the job joins the queue, then a pass at ``t``.
3. For each job with ``end == t``, in the order in which they were *started* (not by estimate, id or submit time): it
   gives back its processors unless step 1 did, then a pass at ``t``; the pass comes also when step 1 did.

A job that ends early (``estimated end > t``) therefore holds its processors through the submission passes of the
instant of its end. Jobs that start at ``t`` end later, since run > 0, so one round of the three steps finishes ``t``.

*CQSim order.* One pass an event, terminations before submissions: each job that ends at ``t``, in the order of the
starts, gives back its processors, then a pass; then each submit, then a pass.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import NamedTuple


class Job(NamedTuple):
    """A job, in any one unit of time."""

    id: int
    submit: int
    run: int
    estimate: int
    procs: int


class Oracle:
    """The machine, its queue, and the start time of every job so far by position in the list of jobs."""

    def __init__(self, jobs: Sequence[Job], capacity: int, policy: str) -> None:
        self.jobs = jobs
        self.free = capacity
        self.policy = policy
        self.queue: deque[int] = deque()
        self.ends: list[tuple[int, int, int]] = []  # a heap of (end, how many started before it, job)
        self.estimated: list[tuple[int, int]] = []  # running jobs, sorted by (estimated end, job)
        self.starts: dict[int, int] = {}
        self.places: dict[int, int] = {}  # conservative: the start that every waiting job was given
        self.has_ended = False

    def begin(self, index: int, now: int) -> None:
        """Start a job."""
        job = self.jobs[index]
        self.free -= job.procs
        assert self.free >= 0, "more is running than there is"
        heappush(self.ends, (now + job.run, len(self.starts), index))
        insort(self.estimated, (now + job.estimate, index))
        self.starts[index] = now

    def release(self, index: int) -> None:
        """Give back what a running job holds."""
        self.free += self.jobs[index].procs
        self.estimated.remove((self.starts[index] + self.jobs[index].estimate, index))
        self.has_ended = True

    def schedule(self, now: int) -> None:
        """One pass."""
        if self.policy == "conservative":
            self.follow_plan(now)
            return
        if self.policy in ("sjf", "easy-sjf"):
            self.queue = deque(sorted(self.queue, key=lambda index: (self.jobs[index].estimate, index)))
        while self.queue and self.jobs[self.queue[0]].procs <= self.free:
            self.begin(self.queue.popleft(), now)
        if self.policy in ("fcfs", "sjf") or self.free == 0 or len(self.queue) < 2:
            return
        head, *candidates = self.queue
        shadow, extra = self.reserve(self.jobs[head].procs)
        if self.policy == "easy-sjbf":
            candidates.sort(key=lambda index: self.jobs[index].estimate)
        begun = set()
        for index in candidates:
            job = self.jobs[index]
            if job.procs > self.free or (now + job.estimate > shadow and job.procs > extra):
                continue
            if now + job.estimate > shadow:
                extra -= job.procs
            self.begin(index, now)
            begun.add(index)
        if begun:
            self.queue = deque(index for index in self.queue if index not in begun)

    def reserve(self, procs: int) -> tuple[int, int]:
        """Return the shadow time and the extra of a job that does not fit now."""
        free, shadow = self.free, -1
        for end, index in self.estimated:
            if free >= procs and end > shadow:
                break
            free, shadow = free + self.jobs[index].procs, end
        return shadow, free - procs

    def follow_plan(self, now: int) -> None:
        """One pass of conservative backfilling."""
        if self.has_ended:
            for index in self.queue:
                if index in self.places:
                    del self.places[index]
                    self.places[index] = self.earliest(index, now)
        self.has_ended = False
        for index in self.queue:
            if index not in self.places:
                self.places[index] = self.earliest(index, now)
        for index in sorted(self.queue, key=lambda index: (self.places[index], index)):
            if self.places[index] <= now and self.jobs[index].procs <= self.free:
                self.begin(index, now)
                self.queue.remove(index)
                del self.places[index]

    def earliest(self, index: int, now: int) -> int:
        """Return the earliest start of a job beside what runs and everybody's place."""
        taken = [(now, end, self.jobs[other].procs) for end, other in self.estimated]
        for other, start in self.places.items():
            taken.append((start, start + self.jobs[other].estimate, self.jobs[other].procs))
        capacity = self.free + sum(self.jobs[other].procs for _, other in self.estimated)
        job = self.jobs[index]

        def fits(start: int) -> bool:
            looked_at = [start] + [begin for begin, _, _ in taken if start < begin < start + job.estimate]
            return all(
                sum(procs for begin, end, procs in taken if begin <= at < end) + job.procs <= capacity
                for at in looked_at
            )

        return next(start for start in sorted({now} | {end for _, end, _ in taken if end > now}) if fits(start))

    def ending(self, now: int) -> list[int]:
        """Take the jobs that end now off the heap, in the order in which they were started."""
        found = []
        while self.ends and self.ends[0][0] == now:
            found.append(heappop(self.ends)[2])
        return found

    def instant_step(self, now: int, submitted: Iterable[int]) -> None:
        """All ends, all submits, one pass."""
        for index in self.ending(now):
            self.release(index)
        self.queue.extend(submitted)
        self.schedule(now)

    def pyss_step(self, now: int, submitted: Iterable[int]) -> None:
        """One pass an event, submissions before terminations; what ends as estimated is free for both."""
        ending = self.ending(now)
        on_time = {index for index in ending if self.starts[index] + self.jobs[index].estimate == now}
        self.events_step(now, submitted, ending, on_time)

    def cqsim_step(self, now: int, submitted: Iterable[int]) -> None:
        """One pass an event, terminations before submissions."""
        for index in self.ending(now):
            self.release(index)
            self.schedule(now)
        for index in submitted:
            self.queue.append(index)
            self.schedule(now)

    def events_step(self, now: int, submitted: Iterable[int], ending: list[int], on_time: set[int]) -> None:
        """Do steps 1 to 3 of the module's docstring, with ``on_time`` as the jobs of step 1."""
        for index in ending:
            if index in on_time:
                self.release(index)
        for index in submitted:
            self.queue.append(index)
            self.schedule(now)
        for index in ending:
            if index not in on_time:
                self.release(index)
            self.schedule(now)
        if not ending:
            self.schedule(now)


def simulate(jobs: Sequence[Job], capacity: int, policy: str, event_order: str) -> list[int]:
    """Return the start time of every job.

    Args:
        jobs: Sorted by (submit, id); each ``0 < run <= estimate`` and ``0 < procs <= capacity``.
        capacity: How many processors there are.
        policy: ``fcfs``, ``sjf``, ``easy``, ``easy-sjbf``, ``easy-sjf`` or ``conservative``.
        event_order: ``instant``, ``pyss`` or ``cqsim``; the last not for ``conservative``.
    """
    return run_all(Oracle(jobs, capacity, policy), event_order)


def run_all(machine: Oracle, event_order: str) -> list[int]:
    """Return the start time of every job of a machine that nothing has happened on yet."""
    jobs = machine.jobs
    step = {"instant": machine.instant_step, "pyss": machine.pyss_step, "cqsim": machine.cqsim_step}[event_order]
    following = 0
    while following < len(jobs) or machine.ends or machine.places:
        due = [job.submit for job in jobs[following : following + 1]] + [entry[0] for entry in machine.ends[:1]]
        now = min(due + list(machine.places.values()))
        first = following
        while following < len(jobs) and jobs[following].submit == now:
            following += 1
        step(now, range(first, following))
    return [machine.starts[index] for index in range(len(jobs))]


def metrics(jobs: Sequence[Job], starts: Sequence[int], capacity: int, second: int = 1) -> dict[str, float]:
    """Return mean and largest wait, mean bounded slowdown, utilisation and makespan over all jobs, times in seconds.

    ``second`` is how many units of time make one second.
    """
    waits = [start - job.submit for job, start in zip(jobs, starts, strict=True)]
    makespan = max(start + job.run for job, start in zip(jobs, starts, strict=True)) - min(job.submit for job in jobs)
    slowdowns = (max(1.0, (wait + job.run) / max(job.run, 10 * second)) for job, wait in zip(jobs, waits, strict=True))
    return {
        "mean_wait_s": float(Fraction(sum(waits), len(jobs) * second)),
        "max_wait_s": max(waits) / second,
        "mean_bounded_slowdown": sum(slowdowns) / len(jobs),
        "utilisation": float(Fraction(sum(job.run * job.procs for job in jobs), capacity * makespan)),
        "makespan_s": makespan / second,
    }


def over_capacity(jobs: Sequence[Job], starts: Sequence[int], capacity: int) -> Iterator[int]:
    """Yield every time at which more is running than there is; a job holds [start, end)."""
    changes = [(start, job.procs) for job, start in zip(jobs, starts, strict=True)]
    changes += [(start + job.run, -job.procs) for job, start in zip(jobs, starts, strict=True)]
    used = 0
    for now, change in sorted(changes):  # at one time the negative ones come first
        used += change
        if used > capacity:
            yield now
