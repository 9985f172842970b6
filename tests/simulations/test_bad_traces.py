"""Bad input through the whole command: named with its line, counted, and never a traceback."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from meted.simulations.commands.simulate import simulate
from meted.simulations.errors import SimulationError
from meted.simulations.policies.registry import make_policy
from meted.simulations.replay import Replay
from meted.simulations.traces.trace import read_trace
from meted.simulations.traces.trace_rules import TraceOptions

HEADER = "; MaxProcs: 4\n"


def row(job: object = 1, submit: object = 0, run: object = 10, procs: object = 1, estimate: object = 20) -> str:
    """Return one line of a trace."""
    return f"{job} {submit} -1 {run} {procs} -1 -1 -1 {estimate} -1 1 3 -1 -1 -1 -1 -1 -1\n"


def run(path: Path, *words: str) -> Result:
    """Simulate, and see that nobody gets a traceback."""
    result = CliRunner().invoke(simulate, [str(path), "--policy", "fcfs", *words])
    assert "Traceback" not in result.output
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.mark.parametrize(
    ("bad", "told", "key"),
    [
        ("1 2 3\n", "line 3: it has 3 columns where SWF has 18.", "malformed"),
        (row(submit="1" + "0" * 400), "line 3: column 2 (submit time) has more digits than are read", "malformed"),
        (row(submit="1e400"), "line 3: column 2 (submit time) has more digits than are read", "malformed"),
        (row(run="9" * 30), "line 3: column 4 (run time) is beyond 1,000,000,000,000", "malformed"),
        (row(run="nan"), "line 3: column 4 (run time) is no number: nan.", "malformed"),
        (row(job="1_0"), "line 3: column 1 (job number) is no number: 1_0.", "malformed"),
        ("x" * 70_000 + "\n", "line 3: it has more than 65,536 bytes.", "malformed"),
        ("\x00\x01\x7f\n", "line 3: it has 1 column where", "malformed"),
        (row(submit=-5), "1 without a submit time (line 3)", "no_submit"),
        (row(run=-5), "1 without a run time (line 3)", "no_run"),
        (row(procs=-5), "1 without processors (line 3)", "no_procs"),
        (row(procs=5), "1 wider than the machine (line 3)", "too_wide"),
        (row(job=0), "1 job was out of order and was sorted (line 3)", "unsorted"),
        (row(estimate=-5), "1 record holds a number below -1 (line 3)", "below_unknown"),
        (row().rstrip() + " 7\n", "1 record has more than 18 columns (line 3)", "extra_columns"),
        (row(submit=9_007_199_254, run=10), "1 beyond the 285 years that can be simulated (line 3)", "too_late"),
        (row(run=9_007_199_255), "1 beyond the 285 years that can be simulated (line 3)", "too_late"),
        (row(estimate=9_007_199_255), "1 beyond the 285 years that can be simulated (line 3)", "too_late"),
    ],
)
def test_each_is_named_with_its_line_and_counted(tmp_path: Path, bad: str, told: str, key: str) -> None:
    path = tmp_path / "bad.swf"
    path.write_text(HEADER + row(1) + bad + row(9, 9))
    assert told in run(path).output
    result = run(path, "--json", "-")
    found = json.loads(result.stdout)
    assert found["filter"][key] == 1
    assert found["filter_lines"][key] == "3"


def test_many_odd_lines_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.swf"
    path.write_text(HEADER + row() + row(run=0) * 7)
    result = run(path)
    assert "7 without a run time (line 3, 4, 5, ...)" in result.output
    assert json.loads(run(path, "--json", "-").stdout)["filter_lines"] == {"no_run": "3, 4, 5"}


def test_of_many_odd_records_the_first_are_named_as_well(tmp_path: Path) -> None:
    path = tmp_path / "odd.swf"
    path.write_text(HEADER + row(estimate=-5) * 4 + row() + (row().rstrip() + " 1 2\n") * 2)
    trace = read_trace(str(path))
    assert (trace.counts.below_unknown, trace.counts.extra_columns) == (4, 2)
    assert trace.lines == {"below_unknown": (2, 3, 4), "extra_columns": (7, 8)}


def test_a_report_names_the_lines_that_are_malformed(tmp_path: Path) -> None:
    path = tmp_path / "bad.swf"
    path.write_text(HEADER + row() + "1 2\n" * 4)
    assert "4 malformed lines (line 3, 4, 5, ...)" in run(path).stdout


def test_nothing_but_jobs_too_late_says_so(tmp_path: Path) -> None:
    path = tmp_path / "late.swf"
    path.write_text(HEADER + row(run=10**12) * 2)
    assert "2 beyond the 285 years that can be simulated" in run(path).output


@pytest.mark.parametrize(
    ("size", "said"), [("; MaxProcs: many\n", " (its MaxProcs is 'many')"), ("; MaxNodes: -4\n", ""), ("", "")]
)
def test_a_size_of_the_machine_that_is_no_number_is_named(tmp_path: Path, size: str, said: str) -> None:
    path = tmp_path / "size.swf"
    path.write_text(size + row())
    said = said or (" (its MaxNodes is '-4')" if size else "")
    assert f"size.swf does not say how many processors its machine had{said}; give their number" in run(path).output


def test_a_wide_job_out_of_order_is_wide_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "bad.swf"
    path.write_text(HEADER + row(1, 5) + row(9, 99, procs=7) + row(2, 6) + row(0, 0, procs=9) + row(3, 7))
    trace = read_trace(str(path))
    assert trace.lines == {"too_wide": (3, 5)}
    assert (trace.counts.too_wide, trace.counts.unsorted, len(trace)) == (2, 0, 3)


def test_a_header_that_comes_late_counts_as_well(tmp_path: Path) -> None:
    path = tmp_path / "late.swf"
    path.write_text("; MaxNodes: 2\n" + row(1, 9, procs=3) + row(2, 5, procs=1) + "; MaxProcs: 4\n")
    trace = read_trace(str(path))
    assert [job.job_id for job in trace] == [2, 1]
    assert (trace.procs, trace.counts.too_wide, trace.counts.unsorted) == (4, 0, 1)
    assert trace.lines == {}


def test_what_is_out_of_order_beside_a_job_that_a_late_header_leaves_out_is_not(tmp_path: Path) -> None:
    path = tmp_path / "late.swf"
    path.write_text(row(1, 9, procs=4) + row(2, 5) + "; MaxProcs: 3\n")
    trace = read_trace(str(path))
    assert (trace.counts.too_wide, trace.counts.unsorted, trace.lines) == (1, 0, {})


@pytest.mark.parametrize("kept", [0, 1, 5, 40, 300])
def test_truncated_gzip(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.swf.gz"
    whole = gzip.compress((HEADER + "".join(row(n, n * 7919 % 1000) for n in range(500))).encode())
    path.write_bytes(whole[:kept])
    result = run(path)
    assert result.exit_code == 1 or "the gzip file ends too early" in result.output


@given(data=st.binary(max_size=300), packed=st.booleans(), cut=st.integers(0, 40))
def test_junk(tmp_path_factory: pytest.TempPathFactory, data: bytes, packed: bool, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.swf"
    whole = gzip.compress(data) if packed else data
    path.write_bytes(whole[: max(0, len(whole) - cut)] if cut < 20 else whole)
    run(path, "--procs", "4")


WORD = st.one_of(
    st.integers(-3, 30).map(str),
    st.sampled_from(
        ["-1", "1e3", "0.5", "1e-40", "1e99", "9" * 18, "1" * 45, "nan", "inf", "x", "+7", "1_0", ";", "\x00"]
    ),
    st.floats(-10, 10**6).map(repr),
)
LINE = st.one_of(
    st.lists(WORD, min_size=18, max_size=18).map(" ".join),
    st.lists(WORD, max_size=21).map(" ".join),
    st.tuples(st.integers(0, 20), st.integers(-2, 50), st.integers(-1, 10**13), st.integers(-1, 6)).map(
        lambda fields: row(*fields).rstrip()
    ),
    st.sampled_from(
        ["; MaxProcs: 3", "; MetedShare: 3, 2", "; MetedShare: 3, x", "; MetedLoan: 1, 3, 4, share, 1", ";"]
    ),
)


@settings(max_examples=150)
@given(
    lines=st.lists(LINE, max_size=15),
    first=st.none() | st.integers(1, 5),
    procs=st.none() | st.integers(1, 5),
    load=st.sampled_from([None, "0.001", "7/3"]),
    estimates=st.sampled_from(["recorded", "exact", "x1000000", "random:9"]),
    domain_of=st.sampled_from(["user", "group", "queue"]),
)
def test_any_lines_are_simulated_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    first: int | None,
    procs: int | None,
    load: str | None,
    estimates: str,
    domain_of: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.swf"
    path.write_text("\n".join(lines))
    options = TraceOptions(procs, first=first, load=load, estimates=estimates, domain_of=domain_of)
    try:
        trace = read_trace(str(path), options)
        counts = trace.counts
        left_out = counts.parts + counts.no_submit + counts.no_procs + counts.no_run + counts.too_late + counts.too_wide
        assert counts.records == counts.jobs + left_out
        assert len(list(trace)) == len(trace) == counts.jobs
        for kind, numbers in trace.lines.items():
            assert getattr(counts, kind) >= len(numbers)
        replay = Replay(trace, make_policy("fcfs"))
        assert replay.run()
        assert replay.ended == len(trace)
    except SimulationError as error:
        assert str(error).endswith(".")
