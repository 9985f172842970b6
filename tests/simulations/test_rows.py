"""Rows in memory and in a file, and sorting more of them than are held at a time."""

from __future__ import annotations

import os
import tempfile
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import TraceError
from meted.simulations.traces.rows import CHUNK_BYTES, Rows
from meted.simulations.traces.sorting import sort_rows

NUMBERS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(NUMBERS, st.integers(0, 3)), max_size=40)


@given(rows=ROWS, memory_bytes=st.sampled_from([0, 100, 10**6]), first=st.integers(0, 40), count=st.integers(0, 40))
def test_rows_come_back_as_they_were(rows: list[tuple[int, int]], memory_bytes: int, first: int, count: int) -> None:
    kept = Rows(2, memory_bytes)
    kept.extend(rows)
    assert len(kept) == len(rows)
    assert list(kept) == list(kept) == rows
    first = min(first, len(rows))
    count = min(count, len(rows) - first)
    assert list(kept.part(first, count, 32)) == rows[first : first + count]


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
def test_many_rows_and_many_readers(memory_bytes: int) -> None:
    kept = Rows(3, memory_bytes)
    number = 3 * CHUNK_BYTES // 24 + 7
    kept.extend((n, -n, n * n) for n in range(number))
    one, other = iter(kept), kept.part(number - 5, 5)
    assert [next(one)[0] for _ in range(3)] == [0, 1, 2]
    assert [row[0] for row in other] == list(range(number - 5, number))
    assert sum(row[0] for row in one) == sum(range(3, number))


def test_forked_readers_do_not_disturb_one_another() -> None:
    kept = Rows(1, 0)
    kept.extend((n,) for n in range(100_000))
    rows = iter(kept)
    next(rows)
    child = os.fork()
    if not child:
        os._exit(0 if sum(row[0] for row in rows) == sum(range(100_000)) else 1)
    assert sum(row[0] for row in rows) == sum(range(100_000))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@given(
    rows=ROWS,
    rows_max=st.integers(1, 9),
    memory_bytes=st.sampled_from([0, 10**6]),
)
def test_sorted_as_python_sorts(rows: list[tuple[int, int]], rows_max: int, memory_bytes: int) -> None:
    found = sort_rows(iter(rows), 2, itemgetter(1), rows_max=rows_max, memory_bytes=memory_bytes)
    assert list(found) == sorted(rows, key=itemgetter(1))


@pytest.fixture
def no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))


@pytest.mark.usefixtures("no_folder")
def test_no_place_for_a_file_is_one_sentence() -> None:
    kept = Rows(1, 0)
    with pytest.raises(TraceError, match=r"absent cannot be made \(no such file or directory\).*set TMPDIR"):
        kept.extend((n,) for n in range(10_000))


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Rows(1, 0)
    kept.extend((n,) for n in range(5_000))

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "_file", Full())
    with pytest.raises(TraceError, match=r"cannot be written \(no space left on device\).*set TMPDIR"):
        kept.extend((n,) for n in range(5_000))
