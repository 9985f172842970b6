"""What can be done to the jobs of a trace before they are simulated: each takes jobs and yields jobs, one at a time.

They can be put behind one another in any order; :func:`transformed` puts them in the one that the options mean: window,
load, sizes, estimates, and what one user says in place of the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from meted.core.record import replaced

from .estimates import parse_estimates, with_estimates
from .job import TraceJob
from .misreport import misreported
from .trace_rules import FilterCounts, TraceOptions, is_within, load_of

SUBMIT_MAX_US: Final = 2**62
"""Where a submit time ends up that a small load moves beyond all that can be simulated; the replay then refuses it."""


def within(
    jobs: Iterable[TraceJob], start_us: int, end_us: int | None, counts: FilterCounts | None = None
) -> Iterator[TraceJob]:
    """Yield the jobs that are submitted from ``start_us`` on and before ``end_us`` (None: to the end).

    Submit times stay as they are, so that a job can be found again in the trace.
    """
    for job in jobs:
        if is_within(job.submit_us, (start_us, end_us)):
            yield job
        elif counts is not None:
            counts.outside_window += 1


def with_load(jobs: Iterable[TraceJob], factor: Fraction) -> Iterator[TraceJob]:
    """Yield the jobs with all submit times, and so all times between two submits, divided by ``factor``, rounded down.

    Run times and sizes stay as they are: with a factor of 2 the same work comes in half the time. The daily cycle is
    compressed as well.
    """
    numerator, denominator = factor.numerator, factor.denominator
    for job in jobs:
        yield replaced(job, submit_us=min(job.submit_us * denominator // numerator, SUBMIT_MAX_US))


def narrowed(jobs: Iterable[TraceJob], procs_max: int, counts: FilterCounts | None = None) -> Iterator[TraceJob]:
    """Yield the jobs; those wider than ``procs_max`` take so many processors, for as long as before."""
    for job in jobs:
        if job.procs <= procs_max:
            yield job
        else:
            if counts is not None:
                counts.narrowed += 1
            yield replaced(job, procs=procs_max)


def transformed(jobs: Iterator[TraceJob], options: TraceOptions, counts: FilterCounts) -> Iterator[TraceJob]:
    """Yield the jobs as the options ask for them; what is done is counted."""
    if options.window is not None:
        jobs = within(jobs, *options.window, counts)
    if options.load is not None:
        jobs = with_load(jobs, load_of(options))
    if options.procs_max is not None:
        jobs = narrowed(jobs, options.procs_max, counts)
    estimates = parse_estimates(options.estimates)
    if estimates.kind != "recorded":
        jobs = with_estimates(jobs, estimates, options.seed)
    if options.misreport is not None:
        jobs = misreported(jobs, options.misreport, options.overrun == "cut")
    return jobs
