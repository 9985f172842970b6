"""Whether sharing pays: each user's jobs in the pool, against the same jobs alone on the user's own part of it.

The **own part** of user i is a machine of ``c = P g / n`` processors: P is the machine, g its share, n the sum of the
shares of all users. It takes the user's jobs in the order of submission, and works off one after the other with all of
c, a fraction of a processor included; but no job ends there before it has run for its run time. So a job's turnaround
**alone** is ``max(run, time until the work submitted up to and with it is done)``. That is never more than any real
machine of that size could do with jobs in that order: what is compared with is a good one. Known at the submit, it
needs one number a user, and one for each job that waits.

**Finish-time fairness**: ``rho = T_shared / T_alone`` of each job, T its turnaround. Above 1 the job was worse off in
the pool. Source: Mahajan et al., "Themis: Fair and Efficient GPU Cluster Scheduling", NSDI 2020, where it is that of an
application and estimated; here it is measured, a user's is the mean over its jobs, and the largest is kept as well.
Work cannot be divided at will, so it is also counted who is above ``1 + 1/P``.

**Sharing incentive**: whether all users are at least as well off as alone. A user's **deficit** is its mean turnaround
in the pool minus that alone, in seconds, where that is above 0: so much it loses by sharing. Source: the property of
that name in Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, measured over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from meted.core.limits import SECOND_US

RHO_BITS: Final = 40


class _User:
    """One user: its own part of the machine, and sums over its jobs."""

    __slots__ = ("alone_us", "backlog", "jobs", "mark_us", "rate", "rho", "rho_max", "shared_us")

    def __init__(self, rate: int) -> None:
        self.rate = rate  # processors of its part, times the sum of the shares
        self.backlog = 0  # processor-microseconds of work left alone at `mark_us`, times the sum of the shares
        self.mark_us = 0
        self.jobs = 0
        self.shared_us = 0
        self.alone_us = 0
        self.rho = 0  # in units of 2^-40, each rounded down
        self.rho_max = 0


class PartitionMeter:
    """Takes submits and starts in the order of time; a job is known by any key that no other waiting job has."""

    def __init__(self, procs: int, users: int, shares: Mapping[int, int] | None = None) -> None:
        """Start with no jobs.

        Args:
            procs: Processors of the machine.
            users: How many users there are.
            shares: The share of each; None is 1 for all.
        """
        self._procs = procs
        self._shares = shares
        self._registered = users if shares is None else sum(shares.values())
        self._users: dict[int, _User] = {}
        self._alone_us: dict[int, int] = {}  # of the jobs that wait

    def submitted(self, number: int, key: int, at_us: int, run_us: int, procs: int) -> None:
        """A job of a user began to wait."""
        user = self._users.get(number)
        if user is None:
            user = self._users[number] = _User(self._procs * (1 if self._shares is None else self._shares[number]))
        left = user.backlog - user.rate * (at_us - user.mark_us)
        user.backlog = max(left, 0) + run_us * procs * self._registered
        user.mark_us = at_us
        self._alone_us[key] = max(run_us, -(-user.backlog // user.rate))

    def started(self, number: int, key: int, turnaround_us: int) -> None:
        """A waiting job of a user started, and its wait and run take so long together."""
        user = self._users[number]
        alone_us = self._alone_us.pop(key)
        rho = (turnaround_us << RHO_BITS) // alone_us
        user.jobs += 1
        user.shared_us += turnaround_us
        user.alone_us += alone_us
        user.rho += rho
        if rho > user.rho_max:
            user.rho_max = rho

    def rhos(self) -> dict[int, tuple[Fraction, Fraction]]:
        """Return the mean and the largest rho of each user that has started a job."""
        return {
            number: (Fraction(user.rho, user.jobs << RHO_BITS), Fraction(user.rho_max, 1 << RHO_BITS))
            for number, user in self._users.items()
            if user.jobs
        }

    def deficits_s(self) -> dict[int, Fraction]:
        """Return how much longer the mean turnaround of each user was than alone, in seconds; 0 where it was not."""
        return {
            number: Fraction(max(0, user.shared_us - user.alone_us), user.jobs * SECOND_US)
            for number, user in self._users.items()
            if user.jobs
        }
