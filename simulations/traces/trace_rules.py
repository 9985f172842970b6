"""The rules by which records become jobs, as options, and the count of what they did."""

from __future__ import annotations

from typing import Literal

import attrs

from meted.core.record import record

from ..errors import TraceError

ProcsField = Literal["allocated", "requested"]
Overrun = Literal["extend", "cut"]


@record
class TraceOptions:
    """How a trace is read.

    Attributes:
        procs: The size of the machine; None is ``MaxProcs`` of the header, else ``MaxNodes``.
        procs_field: ``allocated``: field 5, where that is unknown field 8; ``requested``: the other way round.
        overrun: A run beyond its estimate (field 9): ``extend`` makes the estimate as long as the run, ``cut`` ends
            the run at the estimate, as a system would that kills it there.
        clairvoyant: The estimate is the run time.
        first: Take only the first so many records of the file, counted before any is left out.
    """

    procs: int | None = None
    procs_field: ProcsField = "allocated"
    overrun: Overrun = "extend"
    clairvoyant: bool = False
    first: int | None = None


@attrs.define
class FilterCounts:
    """What became of the records of a trace.

    Attributes:
        records: Records taken from the file.
        malformed: Lines that are no record.
        no_submit: Left out: the submit time is unknown.
        no_procs: Left out: neither processor field is above zero.
        no_run: Left out: the run time is unknown or zero.
        too_wide: Left out: more processors than the machine has.
        jobs: What is simulated.
        no_estimate: Jobs without an estimate, which were given their run time.
        overruns: Jobs that ran longer than their estimate, to which ``overrun`` was applied.
        no_user: Jobs of ``UNKNOWN_USER``.
        unsorted: Jobs that stood behind a job with a later (submit time, job number), and were sorted.
        duplicate_ids: Jobs whose number an earlier job has as well; all of them are simulated.
        partial: Jobs whose status says that they are a part of another record's job.
        extra_columns: Records with more than 18 columns; the others were not read.
        below_unknown: Records with a number below -1.
    """

    records: int = 0
    malformed: int = 0
    no_submit: int = 0
    no_procs: int = 0
    no_run: int = 0
    too_wide: int = 0
    jobs: int = 0
    no_estimate: int = 0
    overruns: int = 0
    no_user: int = 0
    unsorted: int = 0
    duplicate_ids: int = 0
    partial: int = 0
    extra_columns: int = 0
    below_unknown: int = 0


def check_options(options: TraceOptions) -> None:
    """Raise a ``TraceError`` for options that make no sense."""
    if options.procs is not None and options.procs < 1:
        raise TraceError(f"--procs is {options.procs}; give the number of processors, at least 1.")
    if options.first is not None and options.first < 1:
        raise TraceError(f"--first is {options.first}; give the number of records to take, at least 1.")
    if options.procs_field not in ("allocated", "requested"):
        raise TraceError(f"--procs-field is {options.procs_field}; give allocated or requested.")
    if options.overrun not in ("extend", "cut"):
        raise TraceError(f"--overrun is {options.overrun}; give extend or cut.")


def why_empty(name: str, procs: int, counts: FilterCounts) -> str:
    """Return one sentence about a trace of which no job is left."""
    if not counts.records:
        return (
            f"{name} holds no record in the Standard Workload Format"
            + (f" (malformed lines: {counts.malformed:,})" if counts.malformed else "")
            + "; check that it is such a trace."
        )
    return (
        f"{name} holds no job to simulate: of {counts.records:,} records, {counts.no_submit:,} have no submit time, "
        f"{counts.no_procs:,} no processors, {counts.no_run:,} no run time, and {counts.too_wide:,} take more than "
        f"{procs:,} processors; check the file and --procs."
    )
