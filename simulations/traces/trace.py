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
from operator import itemgetter
from typing import Final

from ..errors import TraceError
from . import entitlements, loans
from .entitlements import WorkloadDomain, header_rows, leaf_shares, workload_domains
from .job import UNKNOWN_USER as UNKNOWN_USER
from .job import TraceJob as TraceJob
from .loans import TimedLoan, timed_loans
from .mapping import DomainMapping, domain_mapping
from .rows import Rows
from .side_files import Row, read_table
from .sorting import sort_rows
from .swf import PARTS, Malformed, SwfReader, SwfRecord
from .swf_header import SwfHeader
from .trace_rules import FilterCounts, TraceOptions, check_options, load_of, why_empty
from .transforms import transformed

LINES_NAMED: Final = 3
"""So many lines of each kind of record that is left out or odd are named; all are counted."""

_WIDTH = 7
_ID, _USER, _SUBMIT, _PROCS = 0, 1, 2, 5
_BY_SUBMIT = itemgetter(_SUBMIT, _ID)


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
        jobs: _Jobs,
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
        return header_rows(self.header.values.get(key, []), key, columns) if self.options.domain_of == "user" else ()


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
        jobs = _Jobs(lines, lambda: _machine(options, reader))
        jobs.take(
            transformed(_jobs_of(_records(reader, options.first), options, counts, mapping, lines), options, counts)
        )
        counts.records = reader.records
        counts.malformed = reader.malformed_count
        if not counts.records:
            raise TraceError(why_empty(reader.name, 0, counts))
        procs = _machine(options, reader)
        if procs is None:
            raise TraceError(
                f"{reader.name} does not say how many processors its machine had; give their number with --procs."
            )
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
        return Trace(reader, options, procs, jobs, counts, mapping, lines.lines)


def _machine(options: TraceOptions, reader: SwfReader) -> int | None:
    """Return the size of the machine by what is known so far."""
    return options.procs or reader.header.number("MaxProcs") or reader.header.number("MaxNodes")


class NotedLines:
    """The first lines of each kind of record that is left out or odd.

    Attributes:
        lines: Their numbers, by the names of the counts.
    """

    def __init__(self, reader: SwfReader) -> None:
        """Note lines of a reader."""
        self.lines: dict[str, tuple[int, ...]] = {}
        self._reader = reader

    def note(self, kind: str) -> None:
        """Note the line of the record that was read last, if few of its kind are noted."""
        known = self.lines.get(kind, ())
        if len(known) < LINES_NAMED:
            self.lines[kind] = (*known, self._reader.line)


class _Jobs:
    """Jobs as rows, and what is to be known of them."""

    def __init__(self, lines: NotedLines | None = None, machine: Callable[[], int | None] = lambda: None) -> None:
        """Start with none; of those that are out of order, or too wide for the machine, note the lines."""
        self._lines = lines
        self._machine = machine
        self.rows = Rows(_WIDTH)
        self.users: set[int] = set()
        self.no_user = 0
        self.unsorted = 0
        self._procs_max = 0
        self._left_out = False
        self._ascending = True  # the numbers, and so all of them differ

    def take(self, jobs: Iterable[TraceJob]) -> None:
        """Add jobs, in the order of the file."""
        add, add_user = self.rows.add, self.users.add
        latest_us, latest_id, last_id = -1, -1, None
        note, machine = self._lines and self._lines.note, None
        for job in jobs:
            job_id, user, submit_us = job.job_id, job.user, job.submit_us
            add(job_id, user, submit_us, job.run_us, job.estimate_us, job.procs, job.member)
            add_user(user)
            if user == UNKNOWN_USER:
                self.no_user += 1
            if job.procs > self._procs_max:
                self._procs_max = job.procs
                machine = self._machine()
            if machine is not None and job.procs > machine:
                # It will be left out, so that it is no matter whether it is out of order.
                self._left_out = True
                if note:
                    note("too_wide")
                continue
            if submit_us > latest_us or (submit_us == latest_us and job_id >= latest_id):
                latest_us, latest_id = submit_us, job_id
            else:
                self.unsorted += 1
                if note:
                    note("unsorted")
            if last_id is not None and job_id <= last_id:
                self._ascending = False
            last_id = job_id

    def fitting(self, procs: int, counts: FilterCounts) -> _Jobs:
        """Return the jobs that are no wider than the machine, and count the others."""
        if self._procs_max <= procs and not self._left_out:
            return self
        kept = _Jobs()
        kept.take(starmap(TraceJob, (row for row in self.rows if row[_PROCS] <= procs)))
        counts.too_wide = len(self.rows) - len(kept.rows)
        return kept

    def sort(self) -> None:
        """Sort them by (submit time, job number, place in the file)."""
        self.rows = sort_rows(self.rows, _WIDTH, _BY_SUBMIT)
        self._ascending = False

    def duplicates(self) -> int:
        """Return how many jobs have the number of an earlier one."""
        if self._ascending:
            return 0
        last_id, found = None, 0
        for (job_id,) in sort_rows(((row[_ID],) for row in self.rows), 1, itemgetter(0)):
            found += job_id == last_id
            last_id = job_id
        return found


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
    clairvoyant = options.clairvoyant or options.estimates == "exact"
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
        user, member = found.user if found.user >= 0 else UNKNOWN_USER, UNKNOWN_USER
        if domain_of is not None:
            domain = domain_of(found)
            if domain is None:
                counts.no_domain += 1
                lines.note("no_domain")
                continue
            user, member = domain, user
        if estimate <= 0:
            counts.no_estimate += 1
            estimate = run
        elif run > estimate:
            counts.overruns += 1
            if cut:
                run = estimate
            else:
                estimate = run
        counts.partial += found.status in PARTS
        yield TraceJob(found.job_id, user, found.submit_us, run, run if clairvoyant else estimate, procs, member)
