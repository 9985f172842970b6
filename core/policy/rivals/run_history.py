"""What the last two runs of each user took, in the order in which they ended: the next one is predicted from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from immutables import Map

from ...ids import DomainId, LeaseId
from ...limits import SECOND_US
from ...record import record

COUNTED: Final = 2
"""How many runs a prediction is the mean of."""

User = tuple[DomainId, str]


@record
class LastRuns:
    """One user: run times that count at any time, and those of the last instant, which count only after it.

    Attributes:
        settled: The last run times before that instant, two at most.
        fresh: Of each lease of which units ended then, its id, and behind it their run times; all in microseconds.
        at_us: That instant.
    """

    settled: tuple[int, ...] = ()
    fresh: tuple[tuple[int, ...], ...] = ()
    at_us: int = 0

    def all_settled(self) -> LastRuns:
        """Return them where that instant is over: what ended then counts in the order in which the runs started."""
        times_us = list(self.settled)
        for _, *run_us in sorted(self.fresh):
            times_us += run_us
        return LastRuns(tuple(times_us[-COUNTED:]), (), self.at_us)


class RunHistory:
    """The last runs of all users.

    Attributes:
        users: Of each user.
    """

    def __init__(self, users: Map[User, LastRuns] | None = None) -> None:
        """Begin with who is known."""
        self.users: Map[User, LastRuns] = Map() if users is None else users

    def learn(self, user: User, lease_id: LeaseId, run_us: Sequence[int], at_us: int) -> None:
        """Units of a user have ended, after so many microseconds each."""
        runs = self.users.get(user, LastRuns())
        if at_us > runs.at_us:
            runs = runs.all_settled()
        fresh = (*runs.fresh, (lease_id, *run_us[-COUNTED:]))
        self.users = self.users.set(user, LastRuns(runs.settled, fresh, max(at_us, runs.at_us)))

    def mean_us(self, user: User, before_us: int) -> int | None:
        """Return the mean of the last two run times in whole seconds, rounded down, but at least one second.

        Args:
            user: Whose runs.
            before_us: Only what ended earlier counts; it is no earlier than the last run that is known.

        Returns:
            The mean in microseconds; None if fewer than two runs have ended.
        """
        runs = self.users.get(user)
        if runs is None:
            return None
        if runs.at_us < before_us and runs.fresh:
            runs = runs.all_settled()
            self.users = self.users.set(user, runs)
        times_us = runs.settled
        if len(times_us) < COUNTED:
            return None
        return max(1, sum(times_us) // (COUNTED * SECOND_US)) * SECOND_US

    def forget(self, domain_id: DomainId) -> None:
        """Forget the users of a domain."""
        for user in [user for user in self.users if user[0] == domain_id]:
            self.users = self.users.delete(user)
