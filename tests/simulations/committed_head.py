"""The rules of the simulator of a study of learned scheduling (SC'20), which its published table hangs on.

It shares no code with the project, and is no policy of it: what is peculiar here is a simulator's, not a rule that a
site would want.

*Committed head.* The queue is sorted by a score, and its first is *picked*. If it does not fit, it is held until it
does, even if something better comes; who is next is asked only after it has started.

*Time.* While the picked job waits, time goes on by one event: the next submit, or the next end if that is earlier (a
submit at the time of an end comes first; of several ends each is an event). Submits are noticed only so, or when the
queue is empty: after a start in an instant, what was submitted in that instant is not yet in the queue.

*Backfilling.* When the picked job is found not to fit, the time at which it should is reckoned once, from the estimated
ends of what runs. Before each event all jobs of the queue are tried, by submit time: one starts if its estimated end is
*before* that time and it fits. What would be free beside the picked job is not considered.

*Scores*, least first: submit time (FCFS); estimate, then submit time (SJF); log10(estimate) x processors + 870 x
log10(submit time) (F1). WFP3 and UNICEP are to go by the wait, but take it from a start time that is still -1: the
wait is then -1 - submit time, and what the table calls by these names is no WFP3 and no UNICEP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2, log10

from .oracle import Job

Score = Callable[[Job], float | tuple[float, float]]


def fcfs(job: Job) -> float:
    """First come, first served."""
    return job.submit


def sjf(job: Job) -> tuple[float, float]:
    """Shortest first."""
    return job.estimate, job.submit


def f1(job: Job) -> float:
    """A formula that was learnt by regression in another study."""
    estimate, submit = (time if time > 0 else 0.1 for time in (job.estimate, job.submit))
    return log10(estimate) * job.procs + 870 * log10(submit)


def wfp3(job: Job) -> float:
    """What is called WFP3 there."""
    return -(((-1 - job.submit) / job.estimate) ** 3) * job.procs


def unicep(job: Job) -> float:
    """What is called UNICEP there."""
    return -(-1 - job.submit + 1e-15) / (log2(job.procs + 1e-15) * job.estimate)


class CommittedHead:
    """The machine, and the start times so far by position in the list of jobs; ``now`` is that of the last start."""

    def __init__(self, jobs: Sequence[Job], capacity: int, score: Score, *, backfills: bool) -> None:
        self.jobs = jobs
        self.free = capacity
        self.scores = [score(job) for job in jobs]
        self.backfills = backfills
        self.queue = [0]
        self.running: list[int] = []
        self.starts: dict[int, int] = {}
        self.now = jobs[0].submit
        self.coming = 1

    def run(self) -> list[int]:
        """Return when each job starts."""
        while self.queue or self.coming < len(self.jobs):
            while not self.queue:
                self.go_on()
            self.queue.sort(key=self.scores.__getitem__)
            picked = self.queue[0]
            if self.jobs[picked].procs > self.free:
                self.wait_for(picked)
            self.start(picked)
        return [self.starts[index] for index in range(len(self.jobs))]

    def start(self, index: int) -> None:
        """Start a job of the queue."""
        self.queue.remove(index)
        self.free -= self.jobs[index].procs
        assert self.free >= 0, "more is running than there is"
        self.starts[index] = self.now
        self.running.append(index)

    def wait_for(self, picked: int) -> None:
        """Go on until the picked job fits."""
        due = self.due(picked) if self.backfills else 0
        while self.jobs[picked].procs > self.free:
            if self.backfills:
                self.queue.sort(key=lambda index: self.jobs[index].submit)
                for index in list(self.queue):
                    job = self.jobs[index]
                    if self.now + job.estimate < due and job.procs <= self.free:
                        self.start(index)
            self.go_on()

    def due(self, picked: int) -> int:
        """Return when the picked job should fit, by the estimated ends of what runs."""
        free, due = self.free, self.now
        self.running.sort(key=lambda index: self.starts[index] + self.jobs[index].estimate)
        for index in self.running:
            free, due = free + self.jobs[index].procs, self.starts[index] + self.jobs[index].estimate
            if free >= self.jobs[picked].procs:
                break
        return due

    def go_on(self) -> None:
        """Let the next event happen."""
        self.running.sort(key=lambda index: self.starts[index] + self.jobs[index].run)
        first = self.running[0] if self.running else None
        submit = self.jobs[self.coming].submit if self.coming < len(self.jobs) else None
        end = None if first is None else self.starts[first] + self.jobs[first].run
        if submit is not None and (end is None or submit <= end):
            self.now = max(self.now, submit)
            self.queue.append(self.coming)
            self.coming += 1
        else:
            assert first is not None
            assert end is not None
            self.now = max(self.now, end)
            self.free += self.jobs[first].procs
            self.running.remove(first)
