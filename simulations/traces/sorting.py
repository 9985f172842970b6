"""Sorting more rows than fit in memory: sorted runs, then one merge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

from .rows import CHUNK_BYTES, ROWS_MEMORY_BYTES, Rows

SORT_ROWS_MAX: Final = 100_000
"""Rows that are sorted at a time in memory."""

_MERGE_BYTES: Final = 8 * 2**20
_CHUNK_BYTES_MIN: Final = 4_096


def sort_rows(
    rows: Iterable[tuple[int, ...]],
    width: int,
    key: Callable[[Sequence[int]], Any],
    *,
    rows_max: int = SORT_ROWS_MAX,
    memory_bytes: int = ROWS_MEMORY_BYTES,
) -> Rows:
    """Return rows in the order of a key; those with the same key stay in their order.

    Args:
        rows: The rows, in any number.
        width: Numbers in a row.
        key: What to sort by.
        rows_max: How many rows to hold in memory at a time.
        memory_bytes: Beyond this size the sorted rows are kept in a temporary file.

    Raises:
        TraceError: A temporary file cannot be written or read.
    """
    runs = Rows(width, memory_bytes)
    lengths: list[int] = []
    source = iter(rows)
    while run := list(islice(source, rows_max)):
        run.sort(key=key)
        runs.extend(run)
        lengths.append(len(run))
    if len(lengths) <= 1:
        return runs
    made = Rows(width, memory_bytes)
    made.extend(merge(*_parts(runs, lengths), key=key))
    return made


def _parts(runs: Rows, lengths: list[int]) -> Iterator[Iterator[tuple[int, ...]]]:
    """Yield a reader of each run; all of them together hold a bounded part of the file."""
    chunk_bytes = max(_CHUNK_BYTES_MIN, min(CHUNK_BYTES, _MERGE_BYTES // len(lengths)))
    first = 0
    for length in lengths:
        yield runs.part(first, length, chunk_bytes)
        first += length
