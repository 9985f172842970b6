"""An immutable set of unit indices that costs what it is ragged, not what it holds.

Which units of a job succeeded, failed or were cancelled is nearly always a few long runs, so up to ``MAX_INTERVALS``
runs are kept as a sorted tuple of edges. A job whose every second unit fails would need an edge a unit: beyond the
limit the set becomes bitmaps, one integer a chunk of ``CHUNK_UNITS`` indices, and complete chunks go back into edges.
That is the idea of Roaring bitmaps with run containers (Lemire, Ssi-Yan-Kai and Kaser, "Consistently faster and smaller
compressed bitmaps with Roaring", Software: Practice and Experience 46(11), 2016), over a persistent map.

The form follows from the members alone, so equal sets have equal fields, whatever the order they were filled in.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import merge

from immutables import Map

from .record import record

MAX_INTERVALS = 16
"""With more spans than this a set is kept as bitmaps."""

CHUNK_UNITS = 4_096
"""Indices a bitmap covers; a power of two."""

_SHIFT = CHUNK_UNITS.bit_length() - 1
_LAST = CHUNK_UNITS - 1
_FULL = (1 << CHUNK_UNITS) - 1
_RUN = re.compile("1+")


@record
class IndexSet:
    """A set of indices >= 0; ``EMPTY.add(first, count)`` makes one. The fields are for reading only.

    Attributes:
        count: Members.
        span_count: Maximal runs of consecutive members.
        edges: Where runs begin and end, alternately and ascending: (first, end, first, end, ...), each end exclusive.
            They are the runs of members, or, where there are bitmaps, the runs of complete chunks.
        chunks: Bitmap of each chunk that is neither empty nor complete, by chunk number; None up to
            ``MAX_INTERVALS`` spans.
    """

    count: int
    span_count: int
    edges: tuple[int, ...]
    chunks: Map[int, int] | None

    def add(self, first: int, count: int) -> IndexSet:
        """Return this set with ``count`` consecutive indices from ``first`` on; those that are members already stay.

        Takes time in proportion to the intervals (at most ``MAX_INTERVALS``) or to the chunks that are touched.

        Raises:
            ValueError: If ``first`` or ``count`` is negative.
        """
        end = first + count
        edges, chunks = self.edges, self.chunks
        if chunks is None and edges and edges[-1] == first and count > 0:
            longer = (edges[0], end) if len(edges) == 2 else (*edges[:-1], end)
            return IndexSet(self.count + count, self.span_count, longer, None)
        if first < 0 or count < 0:
            raise ValueError(f"A run of indices cannot be negative: first {first}, count {count}.")
        if count == 0:
            return self
        if chunks is not None:
            return self._with_bits(chunks, first, end)
        if not edges:
            return IndexSet(count, 1, (first, end), None)
        added, edges = _with_interval(edges, first, end)
        return _from_edges(self.count + added, edges) if added else self

    def _with_bits(self, chunks: Map[int, int], first: int, end: int) -> IndexSet:
        """Return this set of bitmaps with the indices from ``first`` to before ``end``."""
        added = joined = before = 0
        complete: list[int] = []
        # Runs that overlap or touch the new one become one with it: those seen between its two neighbours, inclusive.
        low = first - 1 if first else 0
        for chunk in range(low >> _SHIFT, (end >> _SHIFT) + 1):
            base = chunk << _SHIFT
            old = chunks.get(chunk)
            if old is None:
                old = _FULL if bisect_right(self.edges, base) & 1 else 0
            skip = low - base if low > base else 0
            stop = end - base if end - base < CHUNK_UNITS else CHUNK_UNITS
            seen = old >> skip & (2 << stop - skip) - 1
            joined += (seen & ~(seen << 1 | before)).bit_count()
            before = old >> _LAST
            new = old | (1 << stop) - (1 << (first - base if first > base else 0))
            if new == old:
                continue
            added += (new ^ old).bit_count()
            if new != _FULL:
                chunks = chunks.set(chunk, new)
            else:
                complete.append(base)
                if old:
                    chunks = chunks.delete(chunk)
        if not added:
            return self
        edges = self.edges
        if complete:  # in one run with what was complete before, as only the outermost two chunks can stay incomplete
            _, edges = _with_interval(edges, complete[0], complete[-1] + CHUNK_UNITS)
        grown = IndexSet(self.count + added, self.span_count + 1 - joined, edges, chunks)
        if grown.span_count > MAX_INTERVALS:
            return grown
        return _from_edges(grown.count, [edge for start, count in grown.spans() for edge in (start, start + count)])

    def __contains__(self, index: int) -> bool:
        """Whether ``index`` is a member."""
        # An odd number of edges at or before the index: it lies behind a beginning and before its end.
        if bisect_right(self.edges, index) & 1:
            return True
        return self.chunks is not None and self.chunks.get(index >> _SHIFT, 0) >> (index & _LAST) & 1 == 1

    def __bool__(self) -> bool:
        """Whether there is any member."""
        return self.count > 0

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield the maximal runs of members, ascending, as (first, count)."""
        intervals = zip(self.edges[::2], self.edges[1::2], strict=True)
        if self.chunks is None:
            yield from ((first, end - first) for first, end in intervals)
            return
        start = stop = 0
        for first, end in merge(intervals, _runs(self.chunks)):
            if first != stop:
                if stop:
                    yield start, stop - start
                start = first
            stop = end
        yield start, stop - start

    def to_plain(self) -> tuple[int, ...]:
        """Return the set as integers alone, (first, count, first, count, ...) of its spans: equal for equal sets."""
        if self.span_count < 2:  # as in nearly every job; a snapshot is mostly made of these
            if not self.count:
                return ()
            if self.chunks is None:
                return self.edges[0], self.count
        return tuple(number for span in self.spans() for number in span)

    @staticmethod
    def from_plain(plain: Sequence[int]) -> IndexSet:
        """Return the set that ``to_plain`` made ``plain`` of.

        Raises:
            ValueError: If ``plain`` is not what ``to_plain`` returns: the runs must be ascending, apart and not empty.
        """
        if not plain:
            return EMPTY
        edges: list[int] = []
        members = 0
        last = -1
        for first, count in zip(plain[::2], plain[1::2], strict=True):
            if type(first) is not int or type(count) is not int or first <= last or count < 1:
                raise ValueError(
                    f"A set of indices is ascending runs with gaps between them, not {first!r}, {count!r}."
                )
            last = first + count
            edges += (first, last)
            members += count
        return _from_edges(members, edges)


EMPTY = IndexSet(0, 0, (), None)
"""The set without members."""


def _with_interval(edges: tuple[int, ...], first: int, end: int) -> tuple[int, tuple[int, ...]]:
    """Return how many indices are new, and ``edges`` with an interval more, joined with what it overlaps or touches."""
    left = bisect_left(edges, first)
    right = bisect_right(edges, end)
    # The edges between fall away. At an odd place an interval is open: its own edge stays, and the new one falls away.
    begin = () if left & 1 else (first,)
    close = () if right & 1 else (end,)
    added = end - first
    if left != right or left & 1:
        inner = ((first,) if left & 1 else ()) + edges[left:right] + ((end,) if right & 1 else ())
        added -= sum(inner[1::2]) - sum(inner[::2])
    return added, edges[:left] + begin + close + edges[right:]


def _from_edges(count: int, edges: Sequence[int]) -> IndexSet:
    """Return the set of ``count`` members whose spans have these edges, in the form that suits it."""
    span_count = len(edges) >> 1
    if span_count <= MAX_INTERVALS:
        return IndexSet(count, span_count, tuple(edges), None)
    bitmaps: defaultdict[int, int] = defaultdict(int)
    complete: list[int] = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        head, tail = first >> _SHIFT, end >> _SHIFT
        if head == tail:
            bitmaps[head] |= (1 << end - first) - 1 << (first & _LAST)
            continue
        if first & _LAST:
            bitmaps[head] |= _FULL - ((1 << (first & _LAST)) - 1)
            head += 1
        if head < tail:
            complete += (head << _SHIFT, tail << _SHIFT)
        if end & _LAST:
            bitmaps[tail] |= (1 << (end & _LAST)) - 1
    return IndexSet(count, span_count, tuple(complete), Map(bitmaps))


def _runs(chunks: Map[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the runs of set bits as (first, end), ascending; a run that goes on in the next chunk comes in two."""
    for chunk, bits in sorted(chunks.items()):
        base = chunk << _SHIFT
        for run in _RUN.finditer(f"{bits:b}"[::-1]):
            yield base + run.start(), base + run.end()
