"""The reader of demand matrices: what it takes, what it names, and that nothing makes it fail."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import TraceError
from meted.simulations.quanta.allocators import KarmaOptions
from meted.simulations.quanta.comparison import Contender, compare
from meted.simulations.quanta.demands import MAX_DEMAND, MAX_DEMAND_LINE_BYTES, DemandReader


def read(
    folder: Path, data: bytes, users: int | None = None, first: int | None = None, scale: int = 1
) -> tuple[list[tuple[int, ...]], list[str], DemandReader]:
    """Read a matrix to its end; return its quanta, what was told, and the reader."""
    path = folder / "demands.txt"
    path.write_bytes(data)
    told: list[str] = []
    with DemandReader(str(path), users, first, scale, lambda found: told.append(str(found))) as reader:
        rows = list(reader)
        assert reader.quanta == len(rows)
        assert reader.malformed_count == len(told)
        assert reader.sha256() == hashlib.sha256(data).hexdigest()
    return rows, told, reader


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_matrix_plain_or_compressed(tmp_path: Path, pack: type[bytes]) -> None:
    rows, told, reader = read(tmp_path, pack(b"# of three users\n1 2 3\n\n4\t5  6\r\n007 0 0\n"))
    assert (rows, told) == ([(1, 2, 3), (4, 5, 6), (7, 0, 0)], [])
    assert (reader.users, reader.columns, reader.name) == (3, 3, "demands.txt")


def test_a_part_of_it_and_more_of_it(tmp_path: Path) -> None:
    rows, _, reader = read(tmp_path, b"1 2 3\n4 5 6\n7 8 9\n", users=2, first=2, scale=10)
    assert rows == [(10, 20), (40, 50)]
    assert (reader.users, reader.columns) == (2, 3)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"1 2 3", "it has 3 columns where the matrix has 2"),
        (b"1", "it has 1 column where the matrix has 2"),
        (b"1 -2", "column 2 is negative: -2"),
        (b"1 2.5", "column 2 is no whole number: 2.5"),
        (b"1 +2", "column 2 is no whole number: +2"),
        (b"1_0 2", "column 1 is no whole number: 1_0"),
        (b"x" * 50 + b" 2", "column 1 is no whole number: " + "x" * 40),
        (b"\xff\x00 2", "column 1 is no whole number: \\xff\\x00"),
        (b"1 1000000000001", "column 2 is beyond 1,000,000,000,000, the largest demand that is read"),
        (b"9" * 5_000 + b" 1", "column 1 is beyond 1,000,000,000,000, the largest demand that is read"),
        (b"1 " * 600_000, "it has more than 1,048,576 bytes"),
    ],
)
def test_a_malformed_line_is_named_and_left_out(tmp_path: Path, line: bytes, sentence: str) -> None:
    rows, told, _ = read(tmp_path, b"1 2\n" + line + b"\n3 4\n")
    assert rows == [(1, 2), (3, 4)]
    assert told == [f"line 2: {sentence}"]


def test_what_is_just_within_the_limits(tmp_path: Path) -> None:
    wide = b"1 " * (MAX_DEMAND_LINE_BYTES // 2)
    rows, told, reader = read(tmp_path, wide + b"\n")
    assert (len(rows[0]), told, reader.users) == (MAX_DEMAND_LINE_BYTES // 2, [], MAX_DEMAND_LINE_BYTES // 2)
    assert read(tmp_path, b"%d 000000000000000001\n" % MAX_DEMAND)[0] == [(MAX_DEMAND, 1)]


def test_memory_does_not_grow_with_the_length() -> None:
    """Ten times as many quanta take no more."""

    def peak_bytes(quanta: int) -> int:
        tracemalloc.start()
        try:
            compare(((number % 7, 2, 3) for number in range(quanta)), [Contender("karma", KarmaOptions())], lambda _: 9)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(300)
    assert peak_bytes(3_000) < 2 * peak_bytes(300)


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b"%d %d\n" % (number, number * 7) for number in range(1_000)))
    rows, told, _ = read(tmp_path, packed[: len(packed) // 2])
    assert 0 < len(rows) < 1_000
    assert told == [
        f"line {len(rows) + 1}: the gzip file ends too early, so that its last records are missing; fetch it again"
    ]


def test_too_few_columns_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"^demands.txt has 2 users; ask for at most so many.$"):
        read(tmp_path, b"1 2\n", users=3)


@given(data=st.binary(max_size=300) | st.text("0123 -\n#.x", max_size=200).map(str.encode))
def test_nothing_makes_it_fail(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each line is a quantum, is told, or is skipped because it is empty or a comment."""
    rows, told, reader = read(tmp_path_factory.mktemp("any"), data)
    assert len({len(row) for row in rows}) <= 1
    assert all(0 <= demand <= MAX_DEMAND for row in rows for demand in row)
    if not data.startswith(b"\x1f\x8b"):
        lines = [line.split() for line in data.split(b"\n")]
        assert len(rows) + len(told) == sum(bool(words) and not words[0].startswith(b"#") for words in lines)
    assert reader.columns == (len(rows[0]) if rows else 0)
