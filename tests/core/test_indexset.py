"""IndexSet against a plain Python set, its canonical form, and what it costs."""

from __future__ import annotations

import sys
from itertools import groupby
from random import Random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.core.indexset import CHUNK_UNITS, EMPTY, MAX_INTERVALS, IndexSet

FEW = 3 * CHUNK_UNITS
"""Indices below this are drawn: three chunks have an inside and two borders."""

near_a_border = st.builds(
    lambda chunk, offset: max(0, chunk * CHUNK_UNITS + offset), st.integers(0, 3), st.integers(-3, 3)
)
firsts = st.integers(0, 60) | st.integers(0, FEW) | near_a_border
counts = st.integers(1, 3) | st.integers(0, 70) | st.sampled_from([CHUNK_UNITS - 1, CHUNK_UNITS, CHUNK_UNITS + 1, FEW])
adds = st.lists(st.tuples(firsts, counts), max_size=30)
combs = st.builds(
    lambda start, step, teeth: [(start + step * tooth, 1) for tooth in range(teeth)],
    firsts,
    st.integers(2, 300),
    st.integers(0, 3 * MAX_INTERVALS),
)
"""Many lone members, so that there are bitmaps."""

fillings = st.builds(lambda comb, other: comb + other, combs, adds)


def fill(runs: list[tuple[int, int]]) -> IndexSet:
    """Return the set with all of ``runs``."""
    found = EMPTY
    for first, count in runs:
        found = found.add(first, count)
    return found


def model(runs: list[tuple[int, int]]) -> set[int]:
    """Return the same as a plain set."""
    return {index for first, count in runs for index in range(first, first + count)}


def runs_of(indices: set[int]) -> list[tuple[int, int]]:
    """Return the maximal runs of a plain set, by the textbook: index minus rank is constant in a run."""
    ranked = groupby(enumerate(sorted(indices)), key=lambda pair: pair[1] - pair[0])
    groups = [[index for _, index in group] for _, group in ranked]
    return [(group[0], len(group)) for group in groups]


def alternate(count: int) -> IndexSet:
    """Return the even indices below ``2 * count``."""
    return fill([(2 * rank, 1) for rank in range(count)])


@given(fillings)
def test_it_holds_what_a_set_holds(runs: list[tuple[int, int]]) -> None:
    found, expected = fill(runs), model(runs)
    spans = runs_of(expected)
    assert list(found.spans()) == spans
    assert (found.count, found.span_count, bool(found)) == (len(expected), len(spans), bool(expected))
    for border in {edge for first, count in spans for edge in (first, first + count)}:
        for index in (border - 1, border, border + 1):
            assert (index in found) == (index in expected)


@given(fillings, st.randoms(use_true_random=False))
def test_equal_sets_are_equal_whatever_the_order(runs: list[tuple[int, int]], random: Random) -> None:
    pieces = []
    for first, count in runs:
        cut = random.randint(0, count)
        pieces += [(first, cut), (first + cut, count - cut)]
    random.shuffle(pieces)
    assert fill(runs) == fill(pieces)
    assert hash(fill(runs)) == hash(fill(pieces))


@given(fillings, fillings)
def test_different_sets_are_not_equal(runs: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    assert (fill(runs) == fill(others)) == (model(runs) == model(others))


@given(fillings)
def test_adding_members_again_changes_nothing(runs: list[tuple[int, int]]) -> None:
    found = fill(runs)
    for first, count in runs:
        assert found.add(first, count) == found


@given(fillings, firsts, counts)
def test_adding_leaves_the_old_set_alone(runs: list[tuple[int, int]], first: int, count: int) -> None:
    found = fill(runs)
    found.add(first, count)
    assert found == fill(runs)


@given(fillings)
def test_it_goes_through_plain_integers_and_messagepack(runs: list[tuple[int, int]]) -> None:
    found = fill(runs)
    plain = msgpack.unpackb(msgpack.packb(found.to_plain()), use_list=False)
    assert plain == found.to_plain()
    assert IndexSet.from_plain(plain) == found


@pytest.mark.parametrize(
    "plain", [(1,), (0, 0), (0, -1), (-1, 2), (0, 2, 2, 1), (0, 2, 1, 3), (5, 1, 0, 1), (0, True), (0.0, 1), ("0", 1)]
)
def test_what_is_not_canonical_is_refused(plain: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ascending runs|argument 2 is shorter"):
        IndexSet.from_plain(plain)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (-5, 10), (0, -1), (7, -7)])
@pytest.mark.parametrize("found", [EMPTY, EMPTY.add(0, 7), alternate(100)])
def test_a_negative_run_is_refused(found: IndexSet, first: int, count: int) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        found.add(first, count)


def test_the_form_follows_from_the_members() -> None:
    assert alternate(MAX_INTERVALS).chunks is None
    ragged = alternate(MAX_INTERVALS + 1)
    assert ragged.chunks is not None
    assert ragged.add(1, 1).chunks is None


def test_a_complete_chunk_leaves_its_bitmap() -> None:
    ragged = fill([(CHUNK_UNITS + 2 * rank, 1) for rank in range(CHUNK_UNITS)])
    assert ragged.chunks is not None
    assert sorted(ragged.chunks) == [1, 2]
    joined = ragged.add(CHUNK_UNITS, CHUNK_UNITS)
    assert joined.chunks is not None
    assert (joined.edges, sorted(joined.chunks)) == ((CHUNK_UNITS, 2 * CHUNK_UNITS), [2])


def test_a_job_that_finishes_in_order_is_one_interval() -> None:
    found = EMPTY
    for first in range(0, 1_000_000, 16):
        found = found.add(first, 16)
    assert found == IndexSet(1_000_000, 1, (0, 1_000_000), None)


def test_a_job_that_finishes_out_of_order_is_small_again_at_its_end() -> None:
    """Seven workers take turns of very different length, so that hundreds of runs are open at once."""
    shares = [range(share, 50_000, 7) for share in range(7)]
    found, most = EMPTY, 0
    for share in shares:
        for index in share:
            found = found.add(index, 1)
            most = max(most, found.span_count)
    assert most > 100 * MAX_INTERVALS
    assert found == EMPTY.add(0, 50_000)


def test_alternate_members_cost_bits() -> None:
    found = alternate(1_000_000)
    assert (found.count, found.span_count, found.edges) == (1_000_000, 1_000_000, ())
    assert found.chunks is not None
    assert sum(sys.getsizeof(bits) for bits in found.chunks.values()) < 400 * 1024


def test_an_empty_and_a_whole_set_are_tiny() -> None:
    assert EMPTY.add(3, 0) is EMPTY
    whole = EMPTY.add(0, 1_000_000)
    assert whole.add(10, 1_000) is not None
    assert sum(sys.getsizeof(part) for part in (whole, whole.count, whole.edges, *whole.edges)) < 300
