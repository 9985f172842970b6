"""The obvious simulator once more, with predicted run times in place of estimates: EASY++ and EASY by predictions.

It shares no code with the project, as :mod:`.oracle` does not. What it adds to the rules there:

*Prediction.* Of the same user two runs have ended: the mean of the last two run times, in whole seconds, rounded down,
and at most the estimate. Else the estimate. It is made when the job is submitted, or anew before every pass for all
that wait. Runs that end in the instant of a submission are not known to it yet; those that end together were last in
the order in which they were started.

*Correction.* A job that runs on at its predicted end is given more, before anything else happens in that instant and
without a pass: first 1 minute beyond the first prediction, then 5, 15 and 30 minutes, 1, 2, 5, 10, 20, 50 and 100
hours, then its estimate, and never more than this. Or its estimate at once. Or twice as much as before, without bound.

*Which pass.* ``lazy``: what was submitted and does not fit now causes no pass.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

from .oracle import Job, Oracle, run_all

STEPS_S = (60, 300, 900, 1_800, 3_600, 7_200, 18_000, 36_000, 72_000, 180_000, 360_000)


class Predicting(Oracle):
    """An oracle whose jobs' estimates are predictions; ``requests`` are what was asked for. Times are in seconds."""

    def __init__(
        self,
        jobs: Sequence[Job],
        users: Sequence[int],
        capacity: int,
        policy: str,
        *,
        each_pass: bool = False,
        to_request: bool = False,
        doubling: bool = False,
        lazy: bool = False,
    ) -> None:
        super().__init__(list(jobs), capacity, policy)
        self.guesses: list[Job] = self.jobs  # type: ignore[assignment]
        self.requests = [job.estimate for job in jobs]
        self.users = users
        self.each_pass, self.to_request, self.lazy = each_pass, to_request, lazy
        self.doubling = doubling
        self.ran: dict[int, list[int]] = {}
        self.first: dict[int, int] = {}

    def predict(self, index: int) -> None:
        """Set what a job is thought to need."""
        ran = self.ran.get(self.users[index], [])
        length = min(self.requests[index], sum(ran[-2:]) // 2) if len(ran) >= 2 else self.requests[index]
        self.guesses[index] = self.jobs[index]._replace(estimate=length)

    def begin(self, index: int, now: int) -> None:
        """Start a job."""
        super().begin(index, now)
        self.first[index] = self.jobs[index].estimate

    def schedule(self, now: int) -> None:
        """One pass."""
        if self.each_pass:
            for index in self.queue:
                self.predict(index)
        super().schedule(now)

    def correct(self, now: int) -> None:
        """Give more to whoever runs on at the predicted end."""
        while self.estimated and self.estimated[0][0] <= now:
            late = [(end, index) for end, index in self.estimated if end <= now]
            late = [(end, index) for end, index in late if self.starts[index] + self.jobs[index].run > end]
            if not late:
                return
            for end, index in late:
                self.estimated.remove((end, index))
                length = end - self.starts[index]
                longer = [self.first[index] + step for step in STEPS_S if self.first[index] + step > length]
                new = self.requests[index] if self.to_request or not longer else min(self.requests[index], longer[0])
                new = 2 * length if self.doubling else new
                self.guesses[index] = self.jobs[index]._replace(estimate=new)
                insort(self.estimated, (self.starts[index] + new, index))

    def events_step(self, now: int, submitted: Iterable[int], ending: list[int], on_time: set[int]) -> None:
        """The steps of the oracle; what ends is learnt from in the last of them."""
        for index in ending:
            if index in on_time:
                self.release(index)
        for index in submitted:
            self.predict(index)
            self.queue.append(index)
            if not self.lazy or self.jobs[index].procs <= self.free:
                self.schedule(now)
        for index in ending:
            if index not in on_time:
                self.release(index)
            self.ran.setdefault(self.users[index], []).append(self.jobs[index].run)
            self.schedule(now)

    def pyss_step(self, now: int, submitted: Iterable[int]) -> None:
        """Corrections, then the order of pyss."""
        self.correct(now)
        super().pyss_step(now, submitted)

    def instant_step(self, now: int, submitted: Iterable[int]) -> None:
        """All ends, all submits, corrections, one pass."""
        ending = self.ending(now)
        for index in ending:
            self.release(index)
        self.correct(now)
        for index in submitted:
            self.predict(index)
            self.queue.append(index)
        for index in ending:
            self.ran.setdefault(self.users[index], []).append(self.jobs[index].run)
        self.schedule(now)


def simulate_predicting(
    jobs: Sequence[Job], users: Sequence[int], capacity: int, policy: str, event_order: str, **rules: bool
) -> list[int]:
    """Return the start time of every job; ``policy`` is ``easy`` or ``easy-sjbf``, by predictions."""
    return run_all(Predicting(jobs, users, capacity, policy, **rules), event_order)
