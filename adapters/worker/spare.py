"""Room that stands empty while a lease has much to do: half of the lease is given back, for the server to give anew.

The units of a lease run one after another. When the last units of a job are leased, one place can have a whole lease
to do while the next has nothing, and all wait for the one. So the place that has nothing gets half of what is left, as
in guided self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36(12), 1987), though only when
it comes to that: shorter leases from the start would cost more. The same helps where units take far longer than the
server expected when it put them into one lease.
"""

from __future__ import annotations

from collections.abc import Iterable

from meted.core.resources import Resources

from .held import HeldLease

EMPTY_US = 10_000
"""Room that has been empty for so long is not given anything: the server would have done so by now."""

LEFT_MIN_US = 2 * EMPTY_US
"""A lease that is thought to have less than this to do is left as it is."""

PAUSE_MAX_US = 1_000_000
"""Where room stays empty all the same, it is looked at again after pauses that double up to this."""


class SpareRoom:
    """Says which lease is to give back half of what it has not started.

    Attributes:
        due_us: When to look, or None.
    """

    def __init__(self, room: Resources) -> None:
        self.due_us: int | None = None
        self._room = room
        self._pause_us = EMPTY_US

    def see(self, room: Resources, leases: Iterable[HeldLease], now_us: int) -> None:
        """Take note of how much room there is now beside these leases, while nothing waits for it."""
        if room is not self._room:
            if room != self._room:
                self._pause_us = EMPTY_US
                self.due_us = now_us + EMPTY_US if any(lease.could_share(room) for lease in leases) else None
            self._room = room

    def look(self, leases: Iterable[HeldLease], now_us: int) -> HeldLease | None:
        """Return the lease that has the most to do of those that could use the room, or None."""
        self.due_us = None
        useful = [lease for lease in leases if lease.could_share(self._room)]
        if not useful:
            return None
        longest = max(useful, key=lambda lease: (lease.left_us(now_us), -lease.arrival))
        self.due_us, self._pause_us = now_us + self._pause_us, min(2 * self._pause_us, PAUSE_MAX_US)
        return longest if longest.left_us(now_us) >= LEFT_MIN_US else None
