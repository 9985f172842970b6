"""From the records of a trace to the jobs that are simulated, by rules that are stated beside every figure.

The rules are those that make figures of different tools comparable: which column counts as the processors, what a run
beyond its estimate means, which records are no job at all. Every record that is left out is counted by its reason.

A trace is read once, front to back; so it may be a pipe. Its jobs are kept as rows (:mod:`.rows`), which go to a
temporary file where they are many, and are sorted there (:mod:`.sorting`) if the trace is not. In memory stay the users
and the rows of a moment, however long the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, starmap

from meted.core.limits import TIME_MAX_US

from ..errors import TraceError
from . import entitlements, loans
from .entitlements import WorkloadDomain, header_rows, leaf_shares, workload_domains
from .job import UNKNOWN_USER, TraceJob
from .job_rows import JobRows, NotedLines
from .loans import TimedLoan, timed_loans
from .mapping import DomainMapping, domain_mapping
from .side_files import Row, read_table
from .swf import PARTS, Malformed, SwfReader, SwfRecord
from .swf_header import SwfHeader
from .trace_rules import (
    FilterCounts,
    TraceOptions,
    check_options,
    is_within,
    load_of,
    why_empty,
    why_no_machine,
)
from .transforms import transformed


class Trace:
    """The jobs of a trace in the order in which they are submitted; a :class:`~.workload.Workload`.

    They are sorted by (submit time, job number, place in the file), whatever the order of the file. Jobs of one instant
    thus come in the order of their numbers in either event order; ``counts.unsorted`` says where the file disagrees.

    Attributes:
        name: The last part of the file's path.
        sha256: The digest of the file as it is stored, compressed or not.
        header: Its ``;`` lines.
        options: How it was read.
        procs: The size of the machine.
        counts: What became of its records.
        lines: The first lines of each kind of record that was left out or sorted, by the names of the counts.
        malformed: The first malformed lines.
        users: The domains of the jobs, sorted.
        domains: All domains, parents before their children.
        shares: What each domain without sub-domains is entitled to, in proportion; None where all have the same.
        loans: What is lent over time.
        side_sha256: The digests of the other files that were read, by the names of their options.
    """

    def __init__(
        self,
        reader: SwfReader,
        options: TraceOptions,
        procs: int,
        jobs: JobRows,
        counts: FilterCounts,
        mapping: DomainMapping,
        lines: Mapping[str, tuple[int, ...]],
    ) -> None:
        """Take over what ``read_trace`` has read."""
        self.name = reader.name
        self.sha256 = reader.sha256()
        self.header: SwfHeader = reader.header
        self.malformed: tuple[Malformed, ...] = tuple(reader.malformed)
        self.options = options
        self.procs = procs
        self.counts = counts
        self.lines = lines
        self._rows = jobs.rows
        self.users = tuple(sorted(jobs.users))
        self.side_sha256: dict[str, str] = {} if mapping.sha256 is None else {"domain_of": mapping.sha256}
        rows = self._side_rows("shares", options.shares, entitlements.HEADER_KEY, entitlements.COLUMNS, 2)
        self.domains: tuple[WorkloadDomain, ...] = workload_domains(self.users, mapping.names, rows)
        self.shares: Mapping[int, int] | None = leaf_shares(self.domains) if rows else None
        lent = self._side_rows("loans", options.loans, loans.HEADER_KEY, loans.COLUMNS, loans.REQUIRED)
        self.loans: tuple[TimedLoan, ...] = timed_loans(lent, {one.name for one in self.domains}, load_of(options))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[TraceJob]:
        return starmap(TraceJob, self._rows)

    def _side_rows(
        self, option: str, path: str | None, key: str, columns: tuple[str, ...], required: int
    ) -> tuple[Row, ...]:
        """Return the rows of a table that an option names, or those in the header if it names none."""
        if path == "none":
            return ()
        if path is not None:
            table = read_table(path, columns, required)
            self.side_sha256[option] = table.sha256
            return table.rows
        # What a trace says of its users holds only where these are the domains.
        return header_rows(self.name, self.header, key, columns) if self.options.domain_of == "user" else ()


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
    mapping = domain_mapping(options.domain_of)
    counts = FilterCounts()
    with SwfReader(path, report) as reader:
        lines = NotedLines(reader)
        jobs = JobRows(lines, lambda: _machine(options, reader))
        jobs.take(
            transformed(_jobs_of(_records(reader, options.first), options, counts, mapping, lines), options, counts)
        )
        counts.records = reader.records
        counts.malformed = reader.malformed_count
        if not counts.records:
            raise TraceError(why_empty(reader.name, 0, counts))
        procs = _machine(options, reader)
        if procs is None:
            raise TraceError(why_no_machine(reader.name, reader.header))
        jobs = jobs.fitting(procs, counts)
        counts.extra_columns = reader.extra_columns
        counts.below_unknown = reader.below_unknown
        counts.jobs = len(jobs.rows)
        if not counts.jobs:
            raise TraceError(why_empty(reader.name, procs, counts))
        counts.no_user = jobs.no_user
        counts.unsorted = jobs.unsorted
        if jobs.unsorted:
            jobs.sort()
        counts.duplicate_ids = jobs.duplicates()
        return Trace(reader, options, procs, jobs, counts, mapping, lines.lines | reader.odd_lines)


def _machine(options: TraceOptions, reader: SwfReader) -> int | None:
    """Return the size of the machine by what is known so far."""
    return options.procs or reader.header.number("MaxProcs") or reader.header.number("MaxNodes")


def _records(reader: SwfReader, first: int | None) -> Iterator[SwfRecord]:
    """Return an iterator over the first so many records, or all."""
    return iter(reader) if first is None else islice(reader, first)


def _without_parts(records: Iterable[SwfRecord], counts: FilterCounts, lines: NotedLines) -> Iterator[SwfRecord]:
    """Yield all records but the parts of the job whose record stands before them: these it has summed up."""
    whole: int | None = None
    for found in records:
        if found.status not in PARTS:
            whole = found.job_id
        elif found.job_id == whole:
            counts.parts += 1
            lines.note("parts")
            continue
        yield found


def _jobs_of(
    records: Iterable[SwfRecord], options: TraceOptions, counts: FilterCounts, mapping: DomainMapping, lines: NotedLines
) -> Iterator[TraceJob]:
    """Yield the records that are jobs, in the order of the file, and count the others."""
    requested_first, cut = options.procs_field == "requested", options.overrun == "cut"
    clairvoyant, window = options.clairvoyant or options.estimates == "exact", options.window
    domain_of = None if options.domain_of == "user" else mapping.domain_of
    for found in _without_parts(records, counts, lines):
        procs, other = found.allocated_procs, found.requested_procs
        if requested_first:
            procs, other = other, procs
        if procs <= 0:
            procs = other
        run, estimate = found.run_us, found.requested_us
        if found.submit_us < 0:
            counts.no_submit += 1
            lines.note("no_submit")
            continue
        if procs <= 0:
            counts.no_procs += 1
            lines.note("no_procs")
            continue
        if run <= 0:
            counts.no_run += 1
            lines.note("no_run")
            continue
        if found.submit_us + run > TIME_MAX_US or estimate > TIME_MAX_US:
            counts.too_late += 1
            lines.note("too_late")
            continue
        user, member = found.user if found.user >= 0 else UNKNOWN_USER, UNKNOWN_USER
        if domain_of is not None:
            domain = domain_of(found)
            if domain is None:
                counts.no_domain += 1
                lines.note("no_domain")
                continue
            user, member = domain, user
        is_kept = is_within(found.submit_us, window)
        if estimate <= 0:
            counts.no_estimate += is_kept
            estimate = run
        elif run > estimate:
            counts.overruns += is_kept
            if cut:
                run = estimate
            else:
                estimate = run
        counts.partial += is_kept and found.status in PARTS
        yield TraceJob(found.job_id, user, found.submit_us, run, run if clairvoyant else estimate, procs, member)
