"""The jobs of a trace while it is read: kept as rows, counted and sorted, and the lines of those that are odd noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import starmap
from operator import itemgetter

from .job import UNKNOWN_USER, TraceJob
from .rows import Rows
from .sorting import sort_rows
from .swf import SwfReader, note_line
from .trace_rules import FilterCounts

_WIDTH = 7
_ID, _USER, _SUBMIT, _PROCS = 0, 1, 2, 5
_BY_SUBMIT = itemgetter(_SUBMIT, _ID)


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
        note_line(self.lines, kind, self._reader.line)

    def forget(self, *kinds: str) -> None:
        """Name no line of these kinds."""
        for kind in kinds:
            self.lines.pop(kind, None)


class JobRows:
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
        self._left_out = 0
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
                self._left_out += 1
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

    def fitting(self, procs: int, counts: FilterCounts) -> JobRows:
        """Return the jobs that are no wider than the machine, and count the others."""
        if self._procs_max <= procs and not self._left_out:
            return self
        kept = JobRows()
        kept.take(starmap(TraceJob, (row for row in self.rows if row[_PROCS] <= procs)))
        counts.too_wide = len(self.rows) - len(kept.rows)
        if self._lines and counts.too_wide != self._left_out:
            # A header behind the jobs says how large the machine is, so that other lines were noted than are counted.
            self._lines.forget("too_wide", "unsorted")
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
