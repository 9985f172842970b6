"""From records to jobs: every rule, every count, every refusal."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.errors import TraceError
from meted.simulations.traces.job import UNKNOWN_USER, TraceJob
from meted.simulations.traces.swf import Malformed
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import FilterCounts, TraceOptions

S = 1_000_000
HEADER = "; MaxProcs: 64\n"


def row(
    job: int = 1,
    submit: float = 0,
    run: float = 50,
    allocated: int = 4,
    requested: int = 8,
    estimate: float = 100,
    user: int = 3,
    status: int = 1,
) -> str:
    """Return one line of a trace."""
    return f"{job} {submit} -1 {run} {allocated} -1 -1 {requested} {estimate} -1 {status} {user} -1 -1 -1 -1 -1 -1\n"


def read(folder: Path, text: str, options: TraceOptions | None = None) -> Trace:
    """Read a trace from a text."""
    path = folder / "made.swf"
    path.write_text(text)
    return read_trace(str(path), options)


def nonzero(counts: FilterCounts) -> dict[str, int]:
    """Return the counts that are not zero, without the two that every trace has."""
    return {name: count for name, count in attrs.asdict(counts).items() if count and name not in ("records", "jobs")}


@pytest.mark.parametrize(
    ("line", "options", "run_s", "estimate_s", "procs"),
    [
        (row(), TraceOptions(), 50, 100, 4),
        (row(), TraceOptions(procs_field="requested"), 50, 100, 8),
        (row(allocated=-1), TraceOptions(), 50, 100, 8),
        (row(allocated=0), TraceOptions(), 50, 100, 8),
        (row(requested=-1), TraceOptions(procs_field="requested"), 50, 100, 4),
        (row(estimate=-1), TraceOptions(), 50, 50, 4),
        (row(estimate=0), TraceOptions(overrun="cut"), 50, 50, 4),
        (row(run=150), TraceOptions(), 150, 150, 4),
        (row(run=150), TraceOptions(overrun="cut"), 100, 100, 4),
        (row(), TraceOptions(overrun="cut"), 50, 100, 4),
        (row(), TraceOptions(clairvoyant=True), 50, 50, 4),
        (row(run=150), TraceOptions(clairvoyant=True), 150, 150, 4),
        (row(run=150), TraceOptions(clairvoyant=True, overrun="cut"), 100, 100, 4),
    ],
)
def test_the_rules_of_a_job(
    tmp_path: Path, line: str, options: TraceOptions, run_s: int, estimate_s: int, procs: int
) -> None:
    trace = read(tmp_path, HEADER + line, options)
    assert list(trace) == [TraceJob(1, 3, 0, run_s * S, estimate_s * S, procs)]
    assert len(trace) == trace.counts.jobs == trace.counts.records == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(submit=-1), "no_submit"),
        (row(allocated=-1, requested=-1), "no_procs"),
        (row(allocated=0, requested=0), "no_procs"),
        (row(run=0), "no_run"),
        (row(run=-1), "no_run"),
        (row(allocated=65), "too_wide"),
        ("1 2 3\n", "malformed"),
    ],
)
def test_what_is_left_out_is_counted(tmp_path: Path, line: str, reason: str) -> None:
    trace = read(tmp_path, HEADER + row(7) + line + row(8))
    assert [job.job_id for job in trace] == [7, 8]
    assert nonzero(trace.counts) == {reason: 1}
    assert trace.counts.records == (2 if reason == "malformed" else 3)


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (row(8, estimate=-1), "no_estimate"),
        (row(8, run=101), "overruns"),
        (row(8, user=-1), "no_user"),
        (row(8, status=3), "partial"),
        (row(7), "duplicate_ids"),
        (row(6), "unsorted"),
        (row(8).rstrip() + " 5\n", "extra_columns"),
        (row(8).replace("-1\n", "-4\n"), "below_unknown"),
    ],
)
def test_what_is_kept_and_odd_is_counted(tmp_path: Path, line: str, note: str) -> None:
    trace = read(tmp_path, HEADER + row(7) + line)
    assert len(trace) == 2
    assert nonzero(trace.counts) == {note: 1}


def test_of_a_job_in_parts_the_whole_counts(tmp_path: Path) -> None:
    """Its record comes first, with all of its run time; only the first part behind it has a submit time."""
    parts = row(7, run=30, status=2) + row(7, submit=-1, run=20, status=2) + row(7, submit=-1, run=50, status=4)
    trace = read(tmp_path, HEADER + row(7, run=100, status=0) + parts + row(8) + row(9, status=2))
    assert [(job.job_id, job.run_us) for job in trace] == [(7, 100 * S), (8, 50 * S), (9, 50 * S)]
    assert nonzero(trace.counts) == {"parts": 3, "partial": 1}
    assert trace.lines == {"parts": (3, 4, 5)}


def test_a_clock_that_goes_back_is_sorted(tmp_path: Path) -> None:
    text = HEADER + row(1, 100) + row(2, 50) + row(4, 100) + row(3, 100) + row(5, 99) + row(6, 200)
    trace = read(tmp_path, text)
    assert [(job.submit_us // S, job.job_id) for job in trace] == [
        (50, 2),
        (99, 5),
        *((100, n) for n in (1, 3, 4)),
        (200, 6),
    ]
    assert trace.counts.unsorted == 3


def test_jobs_of_one_number_and_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    trace = read(tmp_path, HEADER + row(2, run=9) + row(1, run=8) + row(1, run=7) + row(1, run=6))
    assert [job.run_us // S for job in trace] == [8, 7, 6, 9]
    assert (trace.counts.duplicate_ids, trace.counts.unsorted) == (2, 3)


def test_unknown_users_are_one_user(tmp_path: Path) -> None:
    trace = read(tmp_path, HEADER + row(1, user=-1) + row(2, user=-5) + row(3, user=9))
    assert [job.user for job in trace] == [UNKNOWN_USER, UNKNOWN_USER, 9]
    assert trace.users == (UNKNOWN_USER, 9)


def test_fractions_are_exact(tmp_path: Path) -> None:
    (job,) = read(tmp_path, HEADER + row(submit=0.1, run=12.3, estimate=12.300001))
    assert (job.submit_us, job.run_us, job.estimate_us) == (100_000, 12_300_000, 12_300_001)


def test_first_counts_records_before_any_is_left_out(tmp_path: Path) -> None:
    text = HEADER + row(1) + "malformed\n" + row(2, run=0) + row(3) + row(4)
    trace = read(tmp_path, text, TraceOptions(first=3))
    assert [job.job_id for job in trace] == [1, 3]
    assert (trace.counts.records, trace.counts.no_run, trace.counts.malformed) == (3, 1, 1)
    assert trace.sha256 == read(tmp_path, text).sha256


@pytest.mark.parametrize(
    ("header", "procs", "size"),
    [
        ("; MaxProcs: 64\n; MaxNodes: 32\n", None, 64),
        ("; MaxNodes: 32\n", None, 32),
        ("; MaxProcs: -1\n;MaxNodes: 32\n", None, 32),
        ("; MaxProcs: 64\n", 10, 10),
        ("", 10, 10),
    ],
)
def test_the_size_of_the_machine(tmp_path: Path, header: str, procs: int | None, size: int) -> None:
    assert read(tmp_path, header + row(), TraceOptions(procs=procs)).procs == size


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (
            row(),
            TraceOptions(),
            "made.swf does not say how many processors its machine had; give their number with --procs.",
        ),
        (
            HEADER,
            TraceOptions(),
            "made.swf holds no record in the Standard Workload Format; check that",
        ),
        (HEADER + "x\n", TraceOptions(), "(malformed lines: 1)"),
        (
            HEADER + row(run=0) + row(),
            TraceOptions(procs=2),
            "of 2 records, 0 without a submit time, 0 without processors, 1 without a run",
        ),
        (row(), TraceOptions(procs=0), "--procs is 0; give the number of processors, at least 1."),
        (row(), TraceOptions(first=0), "--first is 0;"),
        (row(), TraceOptions(procs_field="both"), "--procs-field is both; give allocated or requested."),  # type: ignore[arg-type]
        (row(), TraceOptions(overrun="kill"), "--overrun is kill; give extend or cut."),  # type: ignore[arg-type]
    ],
)
def test_refusals(tmp_path: Path, text: str, options: TraceOptions, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(tmp_path, text, options)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


def test_malformed_lines_are_reported(tmp_path: Path) -> None:
    reported: list[Malformed] = []
    path = tmp_path / "made.swf"
    path.write_text(HEADER + "x\n" + row())
    trace = read_trace(str(path), report=reported.append)
    assert tuple(reported) == trace.malformed
    assert [malformed.line for malformed in reported] == [2]


ROWS = st.tuples(
    st.integers(1, 6),
    st.integers(-1, 5),
    st.integers(-1, 4),
    st.integers(-1, 5),
    st.integers(-1, 5),
    st.integers(-1, 4),
)


@given(rows=st.lists(ROWS, min_size=1, max_size=12), cut=st.booleans())
def test_every_record_is_a_job_or_counted(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, int, int, int]], cut: bool
) -> None:
    text = "".join(row(*fields) for fields in [(9, 0, 1, 1, 1, 1), *rows])
    options = TraceOptions(procs=4, overrun="cut" if cut else "extend")
    trace = read(tmp_path_factory.getbasetemp(), text, options)
    counts = trace.counts
    assert counts.records == len(rows) + 1
    assert counts.records == counts.jobs + counts.no_submit + counts.no_procs + counts.no_run + counts.too_wide
    jobs = list(trace)
    assert jobs == sorted(jobs, key=lambda job: (job.submit_us, job.job_id))
    for job in jobs:
        assert 0 < job.run_us <= job.estimate_us
        assert 0 < job.procs <= 4
        assert job.submit_us >= 0


@pytest.mark.parametrize(
    ("name", "options", "users", "counts"),
    [
        ("KTH-SP2-1996-sc15", TraceOptions(), 214, {}),
        ("KTH-SP2-1996-2.1-cln", TraceOptions(), 214, {"no_procs": 1, "no_run": 8, "overruns": 475}),
        ("SDSC-SP2-1998-first5K", TraceOptions(), 96, {"no_run": 355, "overruns": 309}),
        ("NASA-iPSC-1993-3.1-cln", TraceOptions(), 69, {"no_run": 173, "no_estimate": 18_066}),
        ("LCG-2005-1", TraceOptions(procs=1_600), 216, {"no_run": 521}),
        (
            "LLNL-Atlas-2006-2.1-cln",
            TraceOptions(),
            128,
            {"no_procs": 4_571, "no_run": 2_607, "no_estimate": 5_352, "overruns": 3_351, "no_user": 32},
        ),
        ("lublin_256", TraceOptions(first=2_000), 1, {"no_estimate": 2_000, "no_user": 2_000}),
    ],
)
def test_real_traces(shared_traces: Path, name: str, options: TraceOptions, users: int, counts: dict[str, int]) -> None:
    trace = read_trace(str(shared_traces / "swf" / f"{name}.swf.gz"), options)
    assert len(trace.users) == users
    assert nonzero(trace.counts) == counts
