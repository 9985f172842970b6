"""Water-filling with caps in whole slices: one rule from which every allocator here is made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def pour(levels: Sequence[int], caps: Sequence[int], amount: int) -> list[int]:
    """Hand out slices one at a time, each to the lowest level whose cap is not reached; it raises that level by one.

    Ties go to the highest index, as they do in the results published with Karma. The slices are not handed out singly:
    the common level is found from the sorted levels at which users begin to rise (``level``) and stop
    (``level + cap``). Between two of these the amount poured is linear in the level. The cost is O(n log n) for n
    users, whatever the amount and however far the levels are apart.

    Args:
        levels: Where each user stands.
        caps: Slices that each can take at most; none is negative.
        amount: Slices to hand out; what no cap has room for stays.

    Returns:
        The slices that each user takes.
    """
    if amount <= 0:
        return [0] * len(caps)
    if sum(caps) <= amount:
        return list(caps)
    starts = sorted(levels)
    ends = sorted(map(int.__add__, levels, caps))
    starts_sum, ends_sum = [0, *accumulate(starts)], [0, *accumulate(ends)]

    def poured(level: int) -> int:
        """Return the slices taken once every user has risen to a level, or to its end below it."""
        begun, ended = bisect_right(starts, level), bisect_right(ends, level)
        return (begun - ended) * level - starts_sum[begun] + ends_sum[ended]

    # The highest start or end that this amount reaches; the first start needs nothing, so there is one.
    lower = starts[bisect_right(starts, amount, key=poured) - 1]
    if stopped := bisect_right(ends, amount, key=poured):
        lower = max(lower, ends[stopped - 1])
    rising = bisect_right(starts, lower) - bisect_right(ends, lower)
    further, rest = divmod(amount - poured(lower), rising)
    surface = lower + further
    taken = [
        0 if level >= surface else cap if level + cap <= surface else surface - level
        for level, cap in zip(levels, caps, strict=True)
    ]
    if rest:
        for index in range(len(levels) - 1, -1, -1):
            if levels[index] <= surface < levels[index] + caps[index]:
                taken[index] += 1
                rest -= 1
                if not rest:
                    break
    return taken
