"""From the records of a trace to the jobs that are simulated, by rules that are stated beside every figure.

The rules are those that make figures of different tools comparable: which column counts as the processors, what a run
beyond its estimate means, which records are no job at all. Every record that is left out is counted by its reason.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final

from meted.core.record import record

from ..errors import TraceError
from .swf import Malformed, SwfReader
from .swf_header import SwfHeader
from .trace_rules import FilterCounts, TraceOptions, check_options, why_empty

UNKNOWN_USER: Final = -1
"""The user of every job whose record names none: one user like any other."""


@record
class TraceJob:
    """One job to be replayed.

    Attributes:
        job_id: Its number in the trace; not always unique.
        user: The number of its user, or ``UNKNOWN_USER``.
        submit_us: When it is submitted, in microseconds from the start of the log.
        run_us: How long it runs, in microseconds, above zero.
        estimate_us: How long it is said to run, in microseconds, at least ``run_us``.
        procs: How many processors it takes.
    """

    job_id: int
    user: int
    submit_us: int
    run_us: int
    estimate_us: int
    procs: int


class Trace:
    """The jobs of a trace in the order in which they are submitted, in six machine words each.

    They are sorted by (submit time, job number, place in the file), whatever the order of the file. Jobs of one instant
    thus come in the order of their numbers in either event order; ``counts.unsorted`` says where the file disagrees.

    Attributes:
        name: The last part of the file's path.
        sha256: The digest of the file as it is stored, compressed or not.
        header: Its ``;`` lines.
        options: How it was read.
        procs: The size of the machine.
        counts: What became of its records.
        malformed: The first malformed lines.
        users: The users of the jobs, sorted.
    """

    def __init__(
        self, reader: SwfReader, options: TraceOptions, procs: int, columns: list[array[int]], counts: FilterCounts
    ) -> None:
        """Take over what ``read_trace`` has read."""
        self.name = reader.name
        self.sha256 = reader.sha256()
        self.header: SwfHeader = reader.header
        self.malformed: tuple[Malformed, ...] = tuple(reader.malformed)
        self.options = options
        self.procs = procs
        self.counts = counts
        self._columns = columns
        self.users = tuple(sorted(set(columns[1])))

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[TraceJob]:
        return map(TraceJob, *self._columns)


def read_trace(
    path: str, options: TraceOptions | None = None, report: Callable[[Malformed], None] | None = None
) -> Trace:
    """Read the jobs of a trace.

    Args:
        path: A plain or gzip file in the Standard Workload Format; ``-`` is the standard input.
        options: How to read it.
        report: Called with every malformed line as it is met.

    Raises:
        TraceError: It cannot be read, has no job, does not say how large its machine was, or an option makes no sense.
    """
    options = options or TraceOptions()
    check_options(options)
    with SwfReader(path, report) as reader:
        columns, counts = _read_columns(reader, options)
        counts.malformed = reader.malformed_count
        if not counts.records:
            raise TraceError(why_empty(reader.name, 0, counts))
        procs = options.procs or reader.header.number("MaxProcs") or reader.header.number("MaxNodes")
        if procs is None:
            raise TraceError(
                f"{reader.name} does not say how many processors its machine had; give their number with --procs."
            )
        columns = _drop_wide(columns, procs, counts)
        counts.extra_columns = reader.extra_columns
        counts.below_unknown = reader.below_unknown
        counts.jobs = len(columns[0])
        if not counts.jobs:
            raise TraceError(why_empty(reader.name, procs, counts))
        columns = _sort(columns, counts)
        counts.duplicate_ids = _count_duplicates(columns[0])
        counts.no_user = columns[1].count(UNKNOWN_USER)
        return Trace(reader, options, procs, columns, counts)


def _read_columns(reader: SwfReader, options: TraceOptions) -> tuple[list[array[int]], FilterCounts]:
    """Return the columns of ``TraceJob`` for every record that is a job, in the order of the file."""
    columns = [array("q") for _ in range(6)]
    add_id, add_user, add_submit, add_run, add_estimate, add_procs = (column.append for column in columns)
    counts = FilterCounts()
    requested_first, cut, clairvoyant = (
        options.procs_field == "requested",
        options.overrun == "cut",
        options.clairvoyant,
    )
    for found in reader:
        procs, other = found.allocated_procs, found.requested_procs
        if requested_first:
            procs, other = other, procs
        if procs <= 0:
            procs = other
        run, estimate = found.run_us, found.requested_us
        if found.submit_us < 0:
            counts.no_submit += 1
        elif procs <= 0:
            counts.no_procs += 1
        elif run <= 0:
            counts.no_run += 1
        else:
            if estimate <= 0:
                counts.no_estimate += 1
                estimate = run
            elif run > estimate:
                counts.overruns += 1
                if cut:
                    run = estimate
                else:
                    estimate = run
            counts.partial += 2 <= found.status <= 4
            add_id(found.job_id)
            add_user(found.user if found.user >= 0 else UNKNOWN_USER)
            add_submit(found.submit_us)
            add_run(run)
            add_estimate(run if clairvoyant else estimate)
            add_procs(procs)
        if reader.records == options.first:
            break
    counts.records = reader.records
    return columns, counts


def _drop_wide(columns: list[array[int]], procs: int, counts: FilterCounts) -> list[array[int]]:
    """Return the columns without the jobs that are wider than the machine."""
    widths = columns[5]
    if not widths or max(widths) <= procs:
        return columns
    fitting = [index for index, width in enumerate(widths) if width <= procs]
    counts.too_wide = len(widths) - len(fitting)
    return _pick(columns, fitting)


def _sort(columns: list[array[int]], counts: FilterCounts) -> list[array[int]]:
    """Return the columns sorted by (submit time, job number, place in the file)."""
    numbers, submits = columns[0], columns[2]
    latest = (-1, -1)
    for key in zip(submits, numbers, strict=True):
        if key < latest:
            counts.unsorted += 1
        else:
            latest = key
    if not counts.unsorted:
        return columns
    return _pick(columns, sorted(range(len(numbers)), key=lambda index: (submits[index], numbers[index])))


def _pick(columns: list[array[int]], rows: list[int]) -> list[array[int]]:
    """Return these rows of the columns, in this order."""
    return [array("q", map(column.__getitem__, rows)) for column in columns]


def _count_duplicates(numbers: array[int]) -> int:
    """Return how many jobs have the number of an earlier one."""
    following = numbers[1:]
    if all(map(int.__lt__, numbers, following)):
        return 0
    return len(numbers) - len(set(numbers))
