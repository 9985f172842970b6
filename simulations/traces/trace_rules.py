"""The rules by which records become jobs, as options, and the count of what they did."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import attrs

from meted.adapters.wording import counted
from meted.core.record import record

from ..errors import TraceError
from ..factors import read_factor
from .estimates import parse_estimates
from .misreport import Misreport, parse_said
from .swf_header import SwfHeader

ProcsField = Literal["allocated", "requested"]
Overrun = Literal["extend", "cut"]

DOMAIN_FIELDS: Final = ("user", "group", "queue")
"""The fields of a record that can be its domain."""

TIME_MAX_SAID: Final = "the 285 years that can be simulated"
"""What ``TIME_MAX_US`` of the core is for people."""

LOAD_MIN: Final = Fraction(1, 1_000)
LOAD_MAX: Final = Fraction(1_000)
"""By how much the load of a trace may be changed."""


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
        window: Take only jobs submitted from the first of these times on and before the second (None: to the end), in
            microseconds from the start of the log. Jobs keep their submit times.
        load: Divide all submit times by this number (:mod:`~meted.simulations.factors`), so that as much work comes in
            that much less time; None is 1.
        procs_max: A wider job takes so many processors, for as long as before; None leaves all as they are.
        domain_of: Whose domain a job is: that of its ``user``, ``group`` or ``queue``, or else the path of a file that
            says so (:mod:`.mapping`).
        shares: The path of a file that says what domains are entitled to (:mod:`.entitlements`), or None.
        loans: The path of a file that says who lends what when (:mod:`.loans`), or None.
        estimates: ``recorded``, ``exact``, ``xF`` or ``random:F`` (:mod:`.estimates`).
        seed: Of what is drawn.
        misreport: Who says something else than the truth, and what (:mod:`.misreport`); None is nobody.
    """

    procs: int | None = None
    procs_field: ProcsField = "allocated"
    overrun: Overrun = "extend"
    clairvoyant: bool = False
    first: int | None = None
    window: tuple[int, int | None] | None = None
    load: str | None = None
    procs_max: int | None = None
    domain_of: str = "user"
    shares: str | None = None
    loans: str | None = None
    estimates: str = "recorded"
    seed: int = 0
    misreport: Misreport | None = None


@attrs.define
class FilterCounts:
    """What became of the records of a trace.

    Attributes:
        records: Records taken from the file.
        malformed: Lines that are no record.
        parts: Left out: a part of the job whose record stands before it, with all of its run time (status 2 to 4).
        no_submit: Left out: the submit time is unknown.
        no_procs: Left out: neither processor field is above zero.
        no_run: Left out: the run time is unknown or zero.
        too_late: Left out: it is submitted, runs or asks for time beyond ``TIME_MAX_US`` of the core.
        outside_window: Left out: submitted outside the window that was asked for.
        no_domain: Left out: nothing says to which domain the user belongs.
        too_wide: Left out: more processors than the machine has.
        jobs: What is simulated.
        narrowed: Jobs that were wider than ``procs_max``.
        no_estimate: Jobs without an estimate, which were given their run time.
        overruns: Jobs that ran longer than their estimate, to which ``overrun`` was applied.
        no_user: Jobs of ``UNKNOWN_USER``.
        unsorted: Jobs that stood behind a job with a later (submit time, job number), and were sorted.
        duplicate_ids: Jobs whose number an earlier job has as well; all of them are simulated.
        partial: Jobs whose status says that they are a part of a job that has no record of its own before them.
        extra_columns: Records with more than 18 columns; the others were not read.
        below_unknown: Records with a number below -1.
    """

    records: int = 0
    malformed: int = 0
    parts: int = 0
    no_submit: int = 0
    no_procs: int = 0
    no_run: int = 0
    too_late: int = 0
    outside_window: int = 0
    no_domain: int = 0
    too_wide: int = 0
    jobs: int = 0
    narrowed: int = 0
    no_estimate: int = 0
    overruns: int = 0
    no_user: int = 0
    unsorted: int = 0
    duplicate_ids: int = 0
    partial: int = 0
    extra_columns: int = 0
    below_unknown: int = 0


def is_within(submit_us: int, window: tuple[int, int | None] | None) -> bool:
    """Whether what is submitted then is in a window: from its start on and before its end, None being none."""
    return window is None or (window[0] <= submit_us and (window[1] is None or submit_us < window[1]))


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
    if options.window is not None and options.window[1] is not None and options.window[1] <= options.window[0]:
        raise TraceError("--window ends before it has begun; give START..END with the earlier time first.")
    load_of(options)
    if options.procs_max is not None and options.procs_max < 1:
        raise TraceError(f"--procs-max is {options.procs_max}; give a number of processors, at least 1.")
    if parse_estimates(options.estimates).kind not in ("recorded", "exact") and options.clairvoyant:
        raise TraceError("--clairvoyant and --estimates contradict each other; give one of them.")
    if options.misreport is not None:
        parse_said(options.misreport.says)


def load_of(options: TraceOptions) -> Fraction:
    """Return by what submit times are divided.

    Raises:
        TraceError: It is no number, or out of bounds.
    """
    try:
        load = Fraction(1) if options.load is None else read_factor(options.load)
    except ValueError as error:
        raise TraceError(f"--load: {error}") from None
    if not LOAD_MIN <= load <= LOAD_MAX:
        raise TraceError(f"--load is {float(load):g}; give a factor from 0.001 to 1000.")
    return load


def side_paths(options: TraceOptions) -> tuple[str, ...]:
    """Return the files that are read beside a trace: what is made of it depends on these as well."""
    paths = (None if options.domain_of in DOMAIN_FIELDS else options.domain_of, options.shares, options.loans)
    return tuple(path for path in paths if path not in (None, "none"))


def transform_figures(options: TraceOptions) -> dict[str, int | str | None]:
    """Return what was done to the jobs of a trace, by the names of the options; None where nothing was."""
    window = options.window
    drawn = options.estimates.startswith("random")
    told = options.misreport
    return {
        "window_s": None if window is None else f"{_seconds(window[0])}..{_seconds(window[1])}",
        "load": options.load,
        "procs_max": options.procs_max,
        "domain_of": options.domain_of,
        "shares": options.shares,
        "loans": options.loans,
        "estimates": "exact" if options.clairvoyant else options.estimates,
        "seed": options.seed if drawn else None,
        **({} if told is None else {"misreport": f"{told.user}:{told.says}"}),
    }


def _seconds(time_us: int | None) -> str:
    if time_us is None:
        return ""
    whole, rest = divmod(time_us, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def why_no_machine(name: str, header: SwfHeader) -> str:
    """Return one sentence about a trace that does not say how large its machine was."""
    texts = {key: header.text(key) for key in ("MaxProcs", "MaxNodes")}
    said = "".join(f" (its {key} is {text[:40]!r})" for key, text in texts.items() if text is not None)
    return f"{name} does not say how many processors its machine had{said}; give their number with --procs."


def why_empty(name: str, procs: int, counts: FilterCounts) -> str:
    """Return one sentence about a trace of which no job is left."""
    if not counts.records:
        return (
            f"{name} holds no record in the Standard Workload Format"
            + (f" (malformed lines: {counts.malformed:,})" if counts.malformed else "")
            + "; check that it is such a trace."
        )
    outside = f"{counts.outside_window:,} outside --window, " if counts.outside_window else ""
    outside += f"{counts.too_late:,} beyond {TIME_MAX_SAID}, " if counts.too_late else ""
    outside += f"{counts.no_domain:,} of users whom --domain-of does not name, " if counts.no_domain else ""
    return (
        f"{name} holds no job to simulate: of {counted(counts.records, 'record')}, {counts.no_submit:,} without a "
        f"submit time, {counts.no_procs:,} without processors, {counts.no_run:,} without a run time, {outside}"
        f"and {counts.too_wide:,} wider than {counted(procs, 'processor')}; check the file and --procs."
    )
