"""A reader of the Standard Workload Format: one record a job, no line lost in silence.

The format is that of the Parallel Workloads Archive, version 2.2: a header of ``;`` comments, then one line a job of 18
columns, -1 where a value is unknown. Real files hold more: fractions, 21 columns, comments further down, a mark that
editors put before text, damage.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import TracebackType
from typing import Annotated, Final

import msgspec

from meted.adapters.wording import counted
from meted.core.limits import SECOND_US
from meted.core.record import record

from .lines import MAX_LINE_BYTES, TOO_LONG, Lines
from .swf_header import SwfHeader

COLUMNS: Final = 18
"""What a line must have; further columns are ignored and counted."""

MAX_FIELD: Final = 10**12
"""The largest number a field may hold (in seconds: 31,000 years). Larger ones, of either sign, are malformed."""

MAX_MALFORMED_KEPT: Final = 1_000
"""How many malformed lines a reader remembers; it reports and counts all of them."""

LINES_NAMED: Final = 3
"""So many lines of each kind of record that is left out or odd are named; all are counted."""

UNKNOWN: Final = -1
"""A field without a value. Any negative time is unknown."""

PARTS: Final = (2, 3, 4)
"""Statuses of a part of a job, between two interruptions: more follow; the last, completed; the last, failed."""

_PLAIN_DIGITS: Final = 12
_TIMES: Final = frozenset({1, 2, 3, 5, 8, 17})
_ROUNDED: Final = frozenset({6, 9})
_NAMES: Final = (
    *("job number", "submit time", "wait time", "run time", "allocated processors", "average CPU time"),
    *("used memory", "requested processors", "requested time", "requested memory", "status", "user"),
    *("group", "executable", "queue", "partition", "preceding job", "think time"),
)
_plain_fields: Final = msgspec.json.Decoder(
    tuple[(Annotated[int, msgspec.Meta(ge=UNKNOWN, le=MAX_FIELD)],) * COLUMNS]  # type: ignore[misc]
).decode
"""Returns the fields of a line that is written as a JSON list: reads and checks them three times as fast as int()."""

_ANY_NUMBER: Final = re.compile(rb"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_NUMBER: Final = re.compile(rb"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?")
_EXACT: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)


@record
class SwfRecord:
    """One line of a trace: the 18 fields, ``UNKNOWN`` (-1) where there is no value.

    Times are in microseconds; submit times count from the start of the log. Memory is in kilobytes per processor. The
    status is 0 failed, 1 completed, 2 to 4 a part of a job, 5 cancelled. What is finer than a microsecond (or than a
    kilobyte) is rounded half to even.
    """

    job_id: int
    submit_us: int
    wait_us: int
    run_us: int
    allocated_procs: int
    average_cpu_us: int
    used_memory_kb: int
    requested_procs: int
    requested_us: int
    requested_memory_kb: int
    status: int
    user: int
    group: int
    executable: int
    queue: int
    partition: int
    preceding_job: int
    think_us: int


@record
class Malformed:
    """A line that is no record.

    Attributes:
        line: Its number, counted from 1.
        sentence: What is wrong with it.
    """

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}"


class SwfReader:
    """An iterator over the records of a trace that holds one piece of the file at a time.

    Attributes:
        header: The ``;`` lines read so far; those before the first record are known once that record was taken.
        records: How many records were read.
        line: The number of the line of the record that was taken last, counted from 1.
        malformed: The first ``MAX_MALFORMED_KEPT`` lines that are no record.
        malformed_count: How many there were.
        extra_columns: How many records had more than 18 columns.
        below_unknown: How many records held a number below -1, which SWF has no meaning for.
        odd_lines: The first lines of both, by these names, and of those that are no record, as ``malformed``.
    """

    def __init__(self, path: str, report: Callable[[Malformed], None] | None = None) -> None:
        """Open a trace.

        Args:
            path: A plain or gzip file, whatever its name; ``-`` is the standard input.
            report: Called with every malformed line as it is met.

        Raises:
            TraceError: The file cannot be opened; or, while reading, cannot be read.
        """
        self._lines = Lines(path)
        self._report = report
        self.name = self._lines.name
        self.header = SwfHeader()
        self.records = 0
        self.line = 0
        self.malformed: list[Malformed] = []
        self.malformed_count = 0
        self.extra_columns = 0
        self.below_unknown = 0
        self.odd_lines: dict[str, tuple[int, ...]] = {}

    def __enter__(self) -> SwfReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[SwfRecord]:
        number = 0
        for number, line in enumerate(self._lines, 1):
            if number == 1 and line.startswith(BOM_UTF8):
                line = line.removeprefix(BOM_UTF8)
            found = _plain_record(line) or self._read_with_care(number, line)
            if found is not None:
                self.records += 1
                self.line = number
                yield found
        if self._lines.damage is not None:
            self._refuse(number + 1, self._lines.damage)

    def sha256(self) -> str:
        """Return the digest of the file's bytes as they are stored, before the reader is closed.

        What was not read yet is read now, for the digest alone.
        """
        return self._lines.sha256()

    def _refuse(self, number: int, sentence: str) -> None:
        """Count and report a line that is no record."""
        found = Malformed(number, sentence)
        self.malformed_count += 1
        note_line(self.odd_lines, "malformed", number)
        if len(self.malformed) < MAX_MALFORMED_KEPT:
            self.malformed.append(found)
        if self._report is not None:
            self._report(found)

    def _read_with_care(self, number: int, line: bytes) -> SwfRecord | None:
        """Return the record of a line that is not plainly 18 whole numbers, or None after dealing with it."""
        if line is TOO_LONG:
            self._refuse(number, f"it has more than {MAX_LINE_BYTES:,} bytes")
            return None
        words = line.split()
        if not words:
            return None
        if words[0].startswith(b";"):
            self.header.add(line, number)
            return None
        if len(words) < COLUMNS:
            self._refuse(number, f"it has {counted(len(words), 'column')} where SWF has {COLUMNS}")
            return None
        fields: list[int] = []
        below = False
        for column, word in enumerate(words[:COLUMNS]):
            value = _number(column, word)
            if isinstance(value, str):
                self._refuse(number, value)
                return None
            fields.append(value)
            below = below or (word.startswith(b"-") and Decimal(word.decode("ascii")) < UNKNOWN)
        if len(words) > COLUMNS:
            self.extra_columns += 1
            note_line(self.odd_lines, "extra_columns", number)
        if below:
            self.below_unknown += 1
            note_line(self.odd_lines, "below_unknown", number)
        return SwfRecord(*fields)


def note_line(lines: dict[str, tuple[int, ...]], kind: str, number: int) -> None:
    """Note the number of a line, if few of its kind are noted."""
    known = lines.get(kind, ())
    if len(known) < LINES_NAMED:
        lines[kind] = (*known, number)


def _plain_record(line: bytes) -> SwfRecord | None:
    """Return the record of a line of 18 whole numbers from -1 to ``MAX_FIELD``, or None if it is anything else."""
    if b"," in line:
        return None
    try:
        fields = _plain_fields(b"[" + b",".join(line.split()) + b"]")
    except msgspec.MsgspecError:
        return None
    a, submit, wait, run, e, cpu, g, h, requested, j, k, m, n, o, p, q, r, think = fields
    return SwfRecord(
        a,
        submit * SECOND_US if submit >= 0 else UNKNOWN,
        wait * SECOND_US if wait >= 0 else UNKNOWN,
        run * SECOND_US if run >= 0 else UNKNOWN,
        e,
        cpu * SECOND_US if cpu >= 0 else UNKNOWN,
        g,
        h,
        requested * SECOND_US if requested >= 0 else UNKNOWN,
        j,
        k,
        m,
        n,
        o,
        p,
        q,
        r,
        think * SECOND_US if think >= 0 else UNKNOWN,
    )


def _number(column: int, word: bytes) -> int | str:
    """Return the value of a field in its unit, or what is wrong with it as a sentence."""
    if word == b"-1":
        return UNKNOWN
    if len(word) <= _PLAIN_DIGITS and word.isdigit():
        return int(word) * SECOND_US if column in _TIMES else int(word)
    if _NUMBER.fullmatch(word) is None:
        if _ANY_NUMBER.fullmatch(word):
            return (
                f"column {column + 1} ({_NAMES[column]}) has more digits than are read, 40 before and after the point: "
                f"{word[:40].decode('ascii')}"
            )
        return f"column {column + 1} ({_NAMES[column]}) is no number: {repr(word[:40])[2:-1]}"
    value = Decimal(word.decode("ascii"))
    if abs(value) > MAX_FIELD:
        return f"column {column + 1} ({_NAMES[column]}) is beyond {MAX_FIELD:,}, the largest number that is read"
    if column in _TIMES:
        return UNKNOWN if value < 0 else int(_EXACT.to_integral_value(_EXACT.multiply(value, Decimal(SECOND_US))))
    whole = int(_EXACT.to_integral_value(value))
    if whole != value and column not in _ROUNDED:
        return f"column {column + 1} ({_NAMES[column]}) must be a whole number and is {word[:40].decode('ascii')}"
    return whole
