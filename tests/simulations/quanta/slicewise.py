"""The allocators slice by slice, as plainly as they can be said: O(slices log n), to hold the batched ones against."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace


def pour(levels: Sequence[int], caps: Sequence[int], amount: int) -> list[int]:
    """Give each slice to the lowest level that has room, ties to the highest index."""
    taken = [0] * len(levels)
    heap = [(level, -user) for user, level in enumerate(levels)]
    heapify(heap)
    while amount and heap:
        level, minus_user = heap[0]
        user = -minus_user
        if taken[user] < caps[user]:
            taken[user] += 1
            amount -= 1
            heapreplace(heap, (level + 1, -user))
        else:
            heap[0] = heap[-1]
            heap.pop()
            heapify(heap)
    return taken


def pour_to_who_lacks_least(levels: Sequence[int], caps: Sequence[int], amount: int) -> list[int]:
    """Give slices to the lowest level in rounds, one to each who is at it; where they are fewer, ties as in the lab of
    Karma's authors: to who lacks least at that moment, then to the name (here the column) that is first as a text.
    """
    taken = [0] * len(levels)
    while amount and (wanting := [user for user, cap in enumerate(caps) if taken[user] < cap]):
        lowest = min(levels[user] + taken[user] for user in wanting)
        equal = [user for user in wanting if levels[user] + taken[user] == lowest]
        for user in sorted(equal, key=lambda user: (caps[user] - taken[user], str(user)))[:amount]:
            taken[user] += 1
            amount -= 1
    return taken


def karma(
    demands: Sequence[int], credits: Sequence[int], guaranteed: int, shared: int, *, unlimited: bool, serve: bool
) -> tuple[list[int], list[int], int]:
    """Do Algorithm 1 of the paper one slice at a time; return the allocation, the credits and the shared slices used.

    With ``serve``, what the paper leaves idle goes to those who cannot pay, one by one to who has the least.
    """
    users = range(len(demands))
    allocation = [min(demand, guaranteed) for demand in demands]
    donated = [guaranteed - got for got in allocation]
    balance = list(credits)
    left = shared
    while True:
        borrowers = [u for u in users if allocation[u] < demands[u] and (unlimited or balance[u] > 0)]
        donors = [u for u in users if donated[u]]
        if not borrowers or not (donors or left):
            break
        borrower = min(borrowers, key=lambda u: (-balance[u], -u))
        balance[borrower] -= 1
        allocation[borrower] += 1
        if donors:
            donor = min(donors, key=lambda u: (balance[u], -u))
            balance[donor] += 1
            donated[donor] -= 1
        else:
            left -= 1
    idle = left + sum(donated)
    while serve and idle:
        wanting = [u for u in users if allocation[u] < demands[u]]
        if not wanting:
            break
        allocation[min(wanting, key=lambda u: (allocation[u], -u))] += 1
        idle -= 1
    return allocation, balance, shared - left
