"""Karma in its quantum form: users earn credit with slices that they leave to others, and pay with it for more.

Source: Vuppalapati, Fikioris, Agarwal, Cidon, Khandelwal, Tardos, "Karma: Resource Allocation for Dynamic Demands",
OSDI 2023, Algorithm 1. ``alpha`` is the paper's: the *guaranteed* part of the fair share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from meted.core.record import record

from .water_filling import pour

Bankrupt = Literal["serve", "idle"]

BANKRUPT: Final[tuple[Bankrupt, ...]] = ("serve", "idle")
"""What is done with slices that only users without credit want: hand them out for nothing, or let them idle."""

ALPHA_MILLI: Final = 500
"""The guaranteed part of the fair share in thousandths, as in most of the paper's experiments."""


@record
class Exchange:
    """What one quantum came to.

    Attributes:
        allocation: Slices of each user.
        credits: Credits of each user afterwards.
        donated_used: Slices that borrowers paid to donors for.
        shared_used: Slices of the shared pool that borrowers paid for; these credits are out of circulation.
        unpaid: Slices that went to users without credit.
    """

    allocation: list[int]
    credits: list[int]
    donated_used: int
    shared_used: int
    unpaid: int


def exchange(
    demands: Sequence[int],
    credits: Sequence[int],
    guaranteed: int,
    shared: int,
    *,
    unlimited: bool = False,
    bankrupt: Bankrupt = "serve",
) -> Exchange:
    """Share one quantum.

    Everybody gets what it asks for up to ``guaranteed``, and donates the rest of that. Then, as long as a user wants
    more and can pay and a slice is left, the slice goes to the user with the *most* credits for one credit; it comes
    from the donor with the *fewest*, who gets the credit, and from the shared pool only when no donor is left. A donor
    is never a borrower in the same quantum, so the two sides are independent but for the number of slices; each is one
    ``pour``, and the cost is O(n log n).

    Ties go to the user with the highest index, on both sides.

    Args:
        demands: Slices that each user asks for.
        credits: Whole credits of each user, the grant of this quantum included.
        guaranteed: Slices that each user is guaranteed.
        shared: Slices of the shared pool.
        unlimited: Whether users pay even when they have no credit left; credits may then be negative.
        bankrupt: ``idle`` is the paper's rule: what only users without credit want stays idle. With ``serve`` it goes
            to them for nothing, and evenly: the next slice to the one with the fewest beyond the guarantee.

    Returns:
        The allocation and the credits after it.
    """
    allocation = [demand if demand < guaranteed else guaranteed for demand in demands]
    after = list(credits)
    donors = [user for user, demand in enumerate(demands) if demand < guaranteed]
    borrowers = [user for user, demand in enumerate(demands) if demand > guaranteed]
    donations = [guaranteed - demands[user] for user in donors]
    wants = [demands[user] - guaranteed for user in borrowers]
    donated = sum(donations)
    affordable = wants
    if not unlimited:
        affordable = [min(want, max(0, credits[user])) for user, want in zip(borrowers, wants, strict=True)]
    paid = min(sum(affordable), donated + shared)
    taken = pour([-credits[user] for user in borrowers], affordable, paid)
    for user, count in zip(borrowers, taken, strict=True):
        allocation[user] += count
        after[user] -= count
    donated_used = min(paid, donated)
    for user, count in zip(donors, pour([credits[user] for user in donors], donations, donated_used), strict=True):
        after[user] += count
    unpaid = 0
    if bankrupt == "serve" and not unlimited:
        missing = [want - count for want, count in zip(wants, taken, strict=True)]
        for user, count in zip(borrowers, pour(taken, missing, donated + shared - paid), strict=True):
            allocation[user] += count
            unpaid += count
    return Exchange(allocation, after, donated_used, paid - donated_used, unpaid)


class Karma:
    """The allocator ``karma``: the exchange, quantum after quantum.

    Slices and credits are whole. The guarantee is the whole part of ``alpha * slices / users``. All other slices are
    the shared pool, so none is lost to rounding. Each quantum grants as many credits as the shared pool has slices, to
    all users alike. What does not divide evenly is owed until it does: less than one credit a user, and never lost.

    Attributes:
        credits: Whole credits of each user.
        owed: Credits due to all users together that do not divide evenly among them yet.
        guaranteed: Slices that each user is guaranteed.
        shared: Slices of the shared pool.
        last: What the last quantum came to; None before the first.
    """

    name = "karma"

    def __init__(
        self,
        users: int,
        slices: int,
        alpha_milli: int = ALPHA_MILLI,
        start_credits: int | None = None,
        bankrupt: Bankrupt = "serve",
        redistribute: bool = False,
    ) -> None:
        """Begin before the first quantum.

        Args:
            users: How many there are, at least 1.
            slices: Slices of the pool in each quantum.
            alpha_milli: The guaranteed part of the fair share, in thousandths from 0 to 1,000.
            start_credits: Credits of each user at the beginning. None lifts the limit: credits start at 0 and may fall
                below, so that nobody is ever without. (The paper wants "large enough" a number; order is all the same.)
            bankrupt: As in :func:`exchange`.
            redistribute: Whether credits paid for shared slices are given back to all, in equal parts with the next
                grant. The paper lets them vanish; a simulator published with it redistributes.

        Raises:
            ValueError: A number is out of its range.
        """
        if users < 1 or slices < 0 or not 0 <= alpha_milli <= 1_000 or (start_credits or 0) < 0:
            raise ValueError("users at least 1, slices and start_credits at least 0, alpha_milli from 0 to 1,000")
        self._slices = slices
        self._alpha_milli = alpha_milli
        self._unlimited = start_credits is None
        self._bankrupt: Bankrupt = bankrupt
        self._redistribute = redistribute
        self.credits = [start_credits or 0] * users
        self.owed = 0
        self.last: Exchange | None = None
        self._divide()

    def allocate(self, demands: Sequence[int]) -> list[int]:
        """Share one quantum and return the slices of each user; O(n log n).

        Args:
            demands: Slices that each user asks for; none is negative.

        Raises:
            ValueError: There is not one demand for each user.
        """
        if len(demands) != len(self.credits):
            raise ValueError(f"{len(self.credits)} users and {len(demands)} demands")
        grant, self.owed = divmod(self.owed + self.shared, len(self.credits))
        granted = [credit + grant for credit in self.credits]
        self.last = exchange(
            demands, granted, self.guaranteed, self.shared, unlimited=self._unlimited, bankrupt=self._bankrupt
        )
        self.credits = self.last.credits
        if self._redistribute:
            self.owed += self.last.shared_used
        return self.last.allocation

    def join(self) -> int:
        """Add a user and return its index; the pool stays as large as it is, and so the fair share shrinks.

        The newcomer gets the mean of all users' credits, rounded down, as in section 3.4 of the paper. The shared pool
        has no account, so it does not count.
        """
        self.credits.append(sum(self.credits) // len(self.credits))
        self._divide()
        return len(self.credits) - 1

    def _divide(self) -> None:
        users = len(self.credits)
        self.guaranteed = self._alpha_milli * self._slices // (1_000 * users)
        self.shared = self._slices - users * self.guaranteed
