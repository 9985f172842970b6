"""The SWF reader: what it takes, what it reports, and that nothing makes it fail or lose a line in silence."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import TraceError
from meted.simulations.traces.lines import MAX_LINE_BYTES
from meted.simulations.traces.swf import MAX_FIELD, MAX_MALFORMED_KEPT, UNKNOWN, Malformed, SwfReader, SwfRecord
from meted.simulations.traces.swf_header import MAX_HEADER_BYTES, SwfHeader

from .sharing import trace_file

PLAIN = b"7 100 20 300 4 250 1024 8 600 2048 1 3 2 5 1 0 6 30"
RECORD = SwfRecord(
    7, 100_000_000, 20_000_000, 300_000_000, 4, 250_000_000, 1024, 8, 600_000_000, 2048, 1, 3, 2, 5, 1, 0, 6, 30_000_000
)


def write(folder: Path, data: bytes, name: str = "trace.swf") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(data)
    return str(path)


def read(path: str) -> tuple[list[SwfRecord], SwfReader]:
    """Read a file to its end."""
    with SwfReader(path) as reader:
        return list(reader), reader


def digest(path: str) -> str:
    """Return the digest after the first record was taken."""
    with SwfReader(path) as reader:
        assert next(iter(reader)) == RECORD
        return reader.sha256()


def with_field(column: int, value: bytes) -> bytes:
    """Return a plain line with another value in a column, counted from 1."""
    words = PLAIN.split()
    words[column - 1] = value
    return b" ".join(words)


def test_the_eighteen_fields(tmp_path: Path) -> None:
    assert read(write(tmp_path, PLAIN + b"\n"))[0] == [RECORD]
    assert len(attrs.fields(SwfRecord)) == 18


def test_unknown_fields(tmp_path: Path) -> None:
    (record,), reader = read(write(tmp_path, b" -1" * 18))
    assert attrs.astuple(record) == (UNKNOWN,) * 18
    assert (reader.malformed_count, reader.below_unknown) == (0, 0)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n\n", b"   \t\n", b""])
def test_line_ends_and_blank_lines(tmp_path: Path, end: bytes) -> None:
    records, reader = read(write(tmp_path, b"  " + PLAIN.replace(b" ", b"\t  ") + end))
    assert records == [RECORD]
    assert reader.malformed == []


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        (b"12.50", 12_500_000),
        (b"0.1", 100_000),
        (b"1234567890.123456", 1_234_567_890_123_456),  # beyond what a double holds
        (b"999999999999.999999", 999_999_999_999_999_999),
        (b".5", 500_000),
        (b"5.", 5_000_000),
        (b"+3", 3_000_000),
        (b"1e3", 1_000_000_000),
        (b"0.0000004", 0),
        (b"0.0000005", 0),  # half to even
        (b"0.0000015", 2),
        (b"-0.5", UNKNOWN),
        (b"-1.0", UNKNOWN),
        (b"-7", UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    ("column", "field"),
    [(2, "submit_us"), (3, "wait_us"), (4, "run_us"), (6, "average_cpu_us"), (9, "requested_us"), (18, "think_us")],
)
def test_times_are_exact(tmp_path: Path, column: int, field: str, text: bytes, microseconds: int) -> None:
    (record,), _ = read(write(tmp_path, with_field(column, text)))
    assert getattr(record, field) == microseconds
    assert attrs.evolve(record, **{field: getattr(RECORD, field)}) == RECORD


@pytest.mark.parametrize("text", [b"; MaxProcs: 4\n" + PLAIN, PLAIN + b"\n; MaxProcs: 4"])
def test_a_mark_before_the_text_is_no_part_of_it(tmp_path: Path, text: bytes) -> None:
    records, reader = read(write(tmp_path, b"\xef\xbb\xbf" + text))
    assert records == [RECORD]
    assert (reader.malformed_count, reader.header.number("MaxProcs")) == (0, 4)


def test_whole_numbers_with_a_point(tmp_path: Path) -> None:
    (record,), reader = read(write(tmp_path, with_field(5, b"4.0")))
    assert (record, reader.malformed) == (RECORD, [])


def test_memory_is_rounded(tmp_path: Path) -> None:
    (record,), _ = read(write(tmp_path, with_field(7, b"12.7")))
    assert record.used_memory_kb == 13


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"1 2 3", "3 columns where SWF has 18"),
        (PLAIN.rsplit(b" ", 1)[0], "17 columns"),
        (b"hello", "1 column"),
        (with_field(1, b"x"), "column 1 (job number) is no number: x"),
        (with_field(2, b"nan"), "column 2 (submit time) is no number: nan"),
        (with_field(3, b"inf"), "column 3 (wait time)"),
        (with_field(4, b"1_000"), "column 4 (run time) is no number: 1_000"),
        (with_field(5, b"4.5"), "column 5 (allocated processors) must be a whole number"),
        (with_field(8, b"0x10"), "column 8 (requested processors)"),
        (with_field(9, b"12:30"), "column 9 (requested time)"),
        (with_field(12, b"\xff\x00\x80"), "\\xff\\x00\\x80"),
        (with_field(12, "\N{ARABIC-INDIC DIGIT FIVE}".encode()), "column 12 (user) is no number"),
        (with_field(1, str(MAX_FIELD + 1).encode()), f"beyond {MAX_FIELD:,}"),
        (with_field(4, b"-" + str(MAX_FIELD + 1).encode()), "column 4 (run time) is beyond"),
        (with_field(4, b"9" * 5_000), "column 4 (run time) has more digits than are read"),
        (with_field(4, b"1e99"), "column 4 (run time) is beyond"),
        (with_field(18, b"--1"), "column 18 (think time)"),
        (b"9" * (MAX_LINE_BYTES + 1), f"more than {MAX_LINE_BYTES:,} bytes"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: bytes, part: str) -> None:
    """Each is reported with its number and a sentence, and the lines around it are read."""
    records, reader = read(write(tmp_path, PLAIN + b"\n\n" + line + b"\n" + PLAIN))
    assert records == [RECORD, RECORD]
    (malformed,) = reader.malformed
    assert malformed.line == 3
    assert part in malformed.sentence
    assert str(malformed) == f"line 3: {malformed.sentence}"
    assert len(malformed.sentence) < 200
    assert reader.malformed_count == 1


def test_the_largest_number_is_read(tmp_path: Path) -> None:
    (record,), _ = read(write(tmp_path, with_field(2, str(MAX_FIELD).encode())))
    assert record.submit_us == MAX_FIELD * 1_000_000 < 2**63


def test_further_columns_are_counted(tmp_path: Path) -> None:
    records, reader = read(write(tmp_path, PLAIN + b" 1 x 3\n" + PLAIN))
    assert records == [RECORD, RECORD]
    assert (reader.extra_columns, reader.malformed_count) == (1, 0)


def test_numbers_below_unknown_are_counted(tmp_path: Path) -> None:
    (first, second), reader = read(write(tmp_path, with_field(4, b"-5") + b"\n" + with_field(12, b"-3")))
    assert (first.run_us, second.user, reader.below_unknown) == (UNKNOWN, -3, 2)


def test_every_malformed_line_is_reported_and_few_are_kept(tmp_path: Path) -> None:
    reported: list[Malformed] = []
    count = MAX_MALFORMED_KEPT + 5
    with SwfReader(write(tmp_path, b"bad\n" * count), reported.append) as reader:
        assert list(reader) == []
    assert reader.malformed_count == len(reported) == count
    assert reader.malformed == reported[:MAX_MALFORMED_KEPT]
    assert [malformed.line for malformed in reported] == list(range(1, count + 1))


def test_the_header(tmp_path: Path) -> None:
    lines = [
        b";Version: 2.2",
        b"; MaxProcs: 1,152 (batch only)",
        b"; Information: http://example.org/",
        b";              http://example.com/",
        b"; Note: one",
        b";",
        b"; Note: two",
        b";       goes on: here",
        b"  ; MaxNodes: -1",
        b"; Odd: \xff",
        PLAIN,
        b"; Late: yes",
    ]
    records, reader = read(write(tmp_path, b"\n".join(lines)))
    header = reader.header
    assert (records, reader.malformed) == ([RECORD], [])
    assert header.text("Version") == "2.2"
    assert header.number("MaxProcs") == 1152
    assert header.text("Information") == "http://example.org/\nhttp://example.com/"
    assert header.values["Note"] == ["one", "two\ngoes on: here"]
    assert header.number("MaxNodes") is None
    assert header.text("Odd") == "\ufffd"
    assert header.text("Late") == "yes"
    assert header.text("Absent") is None


@pytest.mark.parametrize(
    ("value", "number"), [(b"100", 100), (b"0", None), (b"12.5", None), (b"x", None), (b"", None), (b"9" * 30, None)]
)
def test_numbers_of_the_header(value: bytes, number: int | None) -> None:
    header = SwfHeader()
    header.add(b"; MaxProcs: " + value)
    assert header.number("MaxProcs") == number


@pytest.mark.parametrize(
    "line",
    [
        b";MaxProcs:64",
        b";  MaxProcs: 64",
        b";\t MaxProcs\t:\t64",
        b"; MaxProcs : 64",
        b"; maxprocs: 64 (32 nodes)",
        b" ;; MAXPROCS: 64\r",
    ],
)
def test_the_size_of_the_machine_is_read_however_it_is_set(line: bytes) -> None:
    header = SwfHeader()
    for one in (b"; Note: first", line, b";   more of it"):
        header.add(one)
    assert header.number("MaxProcs") == 64
    assert header.values["Note"] == ["first"]


def test_a_huge_header_is_dropped_and_counted(tmp_path: Path) -> None:
    line = b"; Note: " + b"x" * 992 + b"\n"
    records, reader = read(write(tmp_path, line * 1_000 + PLAIN))
    kept = MAX_HEADER_BYTES // (len(line) - 1)
    assert records == [RECORD]
    assert (len(reader.header.values["Note"]), reader.header.dropped_lines) == (kept, 1_000 - kept)


@pytest.mark.parametrize("name", ["trace.swf", "trace.swf.gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_gzip_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path, name: str, packed: bool) -> None:
    data = (PLAIN + b"\n") * 5_000
    stored = gzip.compress(data[:1_000]) + gzip.compress(data[1_000:]) if packed else data
    records, reader = read(write(tmp_path, stored, name))
    assert records == [RECORD] * 5_000
    assert reader.name == name
    assert digest(str(tmp_path / name)) == hashlib.sha256(stored).hexdigest()


@pytest.mark.parametrize(
    ("damage", "part"),
    [(lambda data: data[:-20], "ends too early"), (lambda data: data[:400] + b"\xff" * 40 + data[440:], "damaged")],
)
def test_a_damaged_gzip_file(tmp_path: Path, damage: Callable[[bytes], bytes], part: str) -> None:
    lines = b"".join(b"%d " % number + PLAIN.split(b" ", 1)[1] + b"\n" for number in range(2_000))
    records, reader = read(write(tmp_path, damage(gzip.compress(lines))))
    assert 0 < len(records) < 2_000
    assert records[0] == attrs.evolve(RECORD, job_id=0)
    assert reader.malformed[-1].line == len(records) + reader.malformed_count
    assert part in reader.malformed[-1].sentence


def tarred(data: bytes) -> bytes:
    """Return a tar archive of a file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        one = tarfile.TarInfo("trace.swf")
        one.size = len(data)
        archive.addfile(one, io.BytesIO(data))
    return made.getvalue()


def zipped(data: bytes) -> bytes:
    """Return a zip archive of a file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("trace.swf", data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (bz2.compress, "packed with bzip2"),
        (lzma.compress, "packed with xz"),
        (lambda data: b"\x28\xb5\x2f\xfd" + data, "packed with zstd"),
        (lambda data: b"\x1f\x9d\x90" + data, "packed with compress"),
        (zipped, "a zip archive"),
        (tarred, "a tar archive"),
        (lambda data: gzip.compress(tarred(data)), "a tar archive"),
        (lambda data: gzip.compress(gzip.compress(data)), "packed with gzip twice"),
        (lambda data: data.decode().encode("utf-16"), "text in UTF-16"),
        (lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"), "text in UTF-16"),
    ],
)
def test_what_is_packed_otherwise_is_named_and_not_read(
    tmp_path: Path, pack: Callable[[bytes], bytes], kind: str
) -> None:
    records, reader = read(write(tmp_path, pack(b"; MaxProcs: 64\n" + PLAIN + b"\n")))
    assert records == []
    told = f"it is {kind}, and only plain text and gzip are read here; unpack it first"
    assert reader.malformed == [Malformed(1, told)]


def test_something_behind_the_gzip_data(tmp_path: Path) -> None:
    records, reader = read(write(tmp_path, gzip.compress(PLAIN + b"\n") + b"junk"))
    assert records == [RECORD]
    assert "damaged" in reader.malformed[0].sentence


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(PLAIN))))
    records, reader = read("-")
    assert (records, reader.name) == ([RECORD], "stdin")


@pytest.mark.parametrize("path", ["absent.swf", ".", "nul\0byte"])
def test_what_cannot_be_opened(tmp_path: Path, path: str) -> None:
    with pytest.raises(TraceError, match=r"^.* cannot be opened \(.+\); check the path\.$"):
        SwfReader(f"{tmp_path}/{path}")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress((PLAIN + b"\n") * 20_000 + b"z" * 8_000_000 + b"\n" + PLAIN))
    with SwfReader(path) as reader:
        tracemalloc.start()
        count = sum(1 for _ in reader)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (count, reader.malformed_count) == (20_001, 1)
    assert peak < 2_000_000


@given(data=st.binary(max_size=600), packed=st.booleans())
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, data: bytes, packed: bool) -> None:
    """Whatever a file holds, each of its lines is a record, a comment, blank or reported."""
    path = write(tmp_path_factory.getbasetemp(), gzip.compress(data) if packed else data, "any.swf")
    records, reader = read(path)
    if packed or not data.startswith(b"\x1f\x8b"):
        lines = [line for line in data.split(b"\n") if line.split() and not line.split()[0].startswith(b";")]
        assert len(records) + reader.malformed_count == len(lines)


@given(data=st.data())
def test_any_damage_to_a_gzip_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """What is given out before the damage is noticed may be wrong only where the damaged bytes still are lines."""
    packed = bytearray(gzip.compress((PLAIN + b"\n") * 50))
    for _ in range(data.draw(st.integers(0, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    del packed[data.draw(st.integers(0, len(packed))) :]
    records, reader = read(write(tmp_path_factory.getbasetemp(), bytes(packed), "damaged.swf"))
    assert records == [RECORD] * 50 or reader.malformed_count or not packed or len(packed) < 2


NUMBERS = st.integers(-3, MAX_FIELD).map(str) | st.decimals(0, 10**6, places=3, allow_nan=False).map(str)
WORDS = NUMBERS | st.text("0123456789.-+eE_x\xff", min_size=1, max_size=12)


@given(rows=st.lists(st.lists(WORDS, min_size=16, max_size=20), max_size=8))
def test_nearly_right_lines(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    text = "\n".join(" ".join(row) for row in rows)
    records, reader = read(write(tmp_path_factory.getbasetemp(), text.encode("latin-1"), "near.swf"))
    assert len(records) + reader.malformed_count == len(rows)
    assert reader.records == len(records)
    for record in records:
        assert all(type(value) is int and abs(value) < 2**63 for value in attrs.astuple(record))


@pytest.mark.parametrize(
    ("name", "records", "procs", "users"),
    [
        ("KTH-SP2-1996-sc15", 28_481, 100, 214),
        ("KTH-SP2-1996-2.1-cln", 28_476, 100, 214),
        ("SDSC-SP2-1998-first5K", 4_961, 128, 99),
        ("LCG-2005-1", 188_041, 24_515, 216),
        ("NASA-iPSC-1993-3.1-cln", 18_239, 128, 69),
        ("LLNL-Atlas-2006-2.1-cln", 43_778, 9_216, 131),
        ("lublin_256", 10_000, None, 1),
        ("lublin_256_new2", 10_000, None, 1),
    ],
)
def test_real_traces(shared_traces: Path, name: str, records: int, procs: int | None, users: int) -> None:
    with SwfReader(str(shared_traces / "swf" / f"{name}.swf.gz")) as reader:
        found = {record.user for record in reader}
    assert (reader.records, reader.malformed_count, reader.extra_columns) == (records, 0, 0)
    assert reader.header.number("MaxProcs") == procs
    assert reader.header.number("MaxNodes") == (256 if procs is None else reader.header.number("MaxNodes"))
    assert len(found) == users


@pytest.mark.parametrize(
    ("name", "jobs", "users", "percent"),
    [
        ("KTH-SP2-1996-2.1-cln", 28_476, 214, 70.1),
        ("NASA-iPSC-1993-3.1-cln", 18_239, 69, 46.6),
        ("HPC2N-2002-2.2-cln", 202_871, 257, 60.1),
        ("SDSC-BLUE-2000-4.2-cln", 243_306, 468, 76.7),
        ("SDSC-SP2-1998-4.2-cln", 59_715, 437, 83.4),
    ],
)
def test_the_table_of_the_archive(shared_traces: Path, name: str, jobs: int, users: int, percent: float) -> None:
    """Jobs, users and utilisation: allocated processor-time, of all there was from the first submit to the last end."""
    with SwfReader(str(trace_file(shared_traces, name))) as reader:
        records = list(reader)
    work = sum(max(one.run_us, 0) * max(one.allocated_procs, 0) for one in records)
    begun = min(one.submit_us for one in records)
    ended = max(one.submit_us + max(one.wait_us, 0) + max(one.run_us, 0) for one in records)
    procs = reader.header.number("MaxProcs") or 0
    assert (len(records), len({one.user for one in records})) == (jobs, users)
    assert round(100 * work / (procs * (ended - begun)), 1) == percent


def test_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(TraceError, match=r"^the standard input is closed; give the path of a file\.$"):
        SwfReader("-")
