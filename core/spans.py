"""Runs of unit indices as (first, count) pairs, and the bit masks by which a lease remembers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .ids import Span


def mask(first: int, spans: Iterable[Span]) -> int:
    """Return the bits of ``spans`` counted from index ``first``."""
    bits = 0
    for start, count in spans:
        bits |= ((1 << count) - 1) << (start - first)
    return bits


def spans_of(first: int, bits: int) -> tuple[Span, ...]:
    """Return the maximal runs whose bits, counted from index ``first``, are set."""
    spans = []
    at = first
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        at += zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        spans.append((at, ones))
        bits >>= ones
        at += ones
    return tuple(spans)


def total(spans: Iterable[Span]) -> int:
    """Return the number of indices in ``spans``."""
    return sum(count for _, count in spans)


def indices(spans: Iterable[Span]) -> Iterator[int]:
    """Yield every index in ``spans``."""
    for first, count in spans:
        yield from range(first, first + count)


def runs_of(ascending: Iterable[int]) -> tuple[Span, ...]:
    """Return ascending indices as maximal runs."""
    spans: list[Span] = []
    for index in ascending:
        if spans and sum(spans[-1]) == index:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((index, 1))
    return tuple(spans)
