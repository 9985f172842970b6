"""What is done to the jobs of a trace: windows, load, sizes, estimates, domains; and that it is said."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from meted.simulations.commands.simulate import simulate
from meted.simulations.errors import TraceError
from meted.simulations.factors import read_factor, write_factor
from meted.simulations.traces.estimates import parse_estimates, with_estimates
from meted.simulations.traces.job import TraceJob
from meted.simulations.traces.trace import Trace, read_trace
from meted.simulations.traces.trace_rules import FilterCounts, TraceOptions
from meted.simulations.traces.transforms import narrowed, with_load, within

S = 1_000_000
ROW = "{0} {1} -1 10 {2} -1 -1 -1 20 -1 1 {3} {4} -1 {5} -1 -1 -1\n"
TEXT = "; MaxProcs: 8\n" + "".join(ROW.format(n, 10 * n, 1 + n % 4, n % 5, n % 3, n % 2) for n in range(1, 31))


def read(folder: Path, options: TraceOptions, text: str = TEXT) -> Trace:
    path = folder / "made.swf"
    path.write_text(text)
    return read_trace(str(path), options)


def jobs_of(count: int = 20) -> list[TraceJob]:
    return [TraceJob(n, n % 3, n * 7 * S, n * S, 2 * n * S, 1 + n % 8) for n in range(1, count)]


def test_a_window_takes_its_start_and_leaves_its_end_and_moves_nothing(tmp_path: Path) -> None:
    trace = read(tmp_path, TraceOptions(window=(50 * S, 100 * S)))
    assert [job.submit_us // S for job in trace] == [50, 60, 70, 80, 90]
    assert trace.counts.outside_window == 25
    assert len(read(tmp_path, TraceOptions(window=(290 * S, None)))) == 2


def test_what_is_noted_of_jobs_is_so_of_those_in_the_window(tmp_path: Path) -> None:
    odd = ["{0} {1} -1 30 1 -1 -1 -1 {2} -1 {3} 1 1 -1 1 -1 -1 -1\n"] * 9
    text = "; MaxProcs: 8\n" + "".join(
        line.format(n, 10 * n, (-1, 20, 99)[n % 3], 3 if n % 3 == 2 else 1) for n, line in enumerate(odd)
    )
    counts = read(tmp_path, TraceOptions(window=(30 * S, 60 * S)), text).counts
    assert (counts.jobs, counts.outside_window) == (3, 6)
    assert (counts.no_estimate, counts.overruns, counts.partial) == (1, 1, 1)


def test_a_window_around_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="30 outside --window"):
        read(tmp_path, TraceOptions(window=(5_000 * S, None)))


def test_load_divides_the_times_between_submits(tmp_path: Path) -> None:
    trace = read(tmp_path, TraceOptions(load="2.5"))
    assert [job.submit_us for job in trace] == [4 * S * n for n in range(1, 31)]
    assert {job.run_us for job in trace} == {10 * S}


def test_wide_jobs_are_narrowed_and_counted(tmp_path: Path) -> None:
    trace = read(tmp_path, TraceOptions(procs_max=2))
    assert max(job.procs for job in trace) == 2
    assert trace.counts.narrowed == sum(1 for n in range(1, 31) if 1 + n % 4 > 2)


@pytest.mark.parametrize(
    ("how", "factor"),
    [("exact", Fraction(1)), ("x1", Fraction(1)), ("x2.5", Fraction(5, 2)), ("recorded", Fraction(2))],
)
def test_estimates_by_rule(tmp_path: Path, how: str, factor: Fraction) -> None:
    trace = read(tmp_path, TraceOptions(estimates=how))
    assert {job.estimate_us for job in trace} == {int(10 * S * factor)}


def test_drawn_estimates_lie_between_and_hang_on_the_seed_alone() -> None:
    jobs = jobs_of(2_000)
    how = parse_estimates("random:3")
    first = [job.estimate_us / job.run_us for job in with_estimates(jobs, how, 1)]
    assert first == [job.estimate_us / job.run_us for job in with_estimates(iter(jobs), how, 1)]
    assert first != [job.estimate_us / job.run_us for job in with_estimates(jobs, how, 2)]
    assert 1 <= min(first) < 1.02
    assert 2.98 < max(first) <= 3
    assert sum(first) / len(first) == pytest.approx(2, abs=0.05)
    assert first[:2] == [1.268728, 2.694867]  # the same on every machine


@pytest.mark.parametrize("text", ["", "x", "x0.5", "x-1", "random:0", "random:x", "2", "x1e9", "x99999999", "exact "])
def test_what_is_no_estimate_is_refused(text: str) -> None:
    with pytest.raises(TraceError, match="give recorded, exact, a factor"):
        parse_estimates(text)


@given(
    start=st.integers(0, 100),
    length=st.integers(1, 100),
    load=st.fractions(Fraction(1, 10), 10),
    most=st.integers(1, 8),
)
def test_transforms_can_be_put_behind_one_another(start: int, length: int, load: Fraction, most: int) -> None:
    jobs = jobs_of()
    counts = FilterCounts()
    window = (start * S, (start + length) * S)
    one = list(narrowed(with_load(within(jobs, *window, counts), load), most))
    kept = list(within(jobs, *window))
    assert counts.outside_window == len(jobs) - len(kept)
    assert one == list(with_load(narrowed(kept, most), load))
    for job, before in zip(one, kept, strict=True):
        assert job.submit_us == int(before.submit_us / load)
        assert (job.run_us, job.procs) == (before.run_us, min(before.procs, most))


@given(value=st.fractions(0, 1000, max_denominator=1000))
def test_factors_are_read_as_they_are_written(value: Fraction) -> None:
    assert read_factor(write_factor(value)) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "1/0", "1e5", "1" * 50, "1,5", "inf"])
def test_what_is_no_factor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        read_factor(text)


@pytest.mark.parametrize(("field", "count"), [("group", 3), ("queue", 2), ("user", 5)])
def test_domains_of_a_field(tmp_path: Path, field: str, count: int) -> None:
    trace = read(tmp_path, TraceOptions(domain_of=field))
    assert trace.users == tuple(range(count))
    members = {job.member for job in trace}
    assert members == ({-1} if field == "user" else {0, 1, 2, 3, 4})


def test_domains_of_a_file(tmp_path: Path) -> None:
    table = tmp_path / "domains.csv"
    table.write_text("user,domain\n1,astro\n2,bio\n3,astro\n# a remark\n")
    trace = read(tmp_path, TraceOptions(domain_of=str(table)))
    assert [(domain.number, domain.name) for domain in trace.domains] == [(0, "astro"), (1, "bio")]
    assert trace.counts.no_domain == 12
    assert trace.lines["no_domain"] == (5, 6, 10)
    table.write_text("domain,user\nastro,1\nrest,*\n")
    trace = read(tmp_path, TraceOptions(domain_of=str(table)))
    assert trace.counts.no_domain == 0
    assert sum(job.user == 0 for job in trace) == 6
    assert len(trace.side_sha256["domain_of"]) == 64


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; its first line has to name the columns: user, domain"),
        ("user\n1\n", "line 1: the first line has to name the columns"),
        ("user,domain\n1,a\n1,b\n", "line 3: user 1 stands in an earlier line as well"),
        ("user,domain\nx,a\n", "line 2: user is 'x', and has to be a whole number"),
        ("user,domain\n1,\n", "line 2: it names no domain"),
        ("user,domain\n1,a,b\n", "line 2: it has 3 columns"),
        ('user,domain\n1,"a\n', "line 2: unexpected end of data"),
        ("user,domain\n", "names no user"),
        ("user,domain\n1" + "0" * 400 + ",a\n", "has to be a whole number"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, sentence: str) -> None:
    table = tmp_path / "domains.csv"
    table.write_text(text)
    with pytest.raises(TraceError) as refused:
        read(tmp_path, TraceOptions(domain_of=str(table)))
    assert sentence in str(refused.value)


@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_table_are_a_sentence_or_a_table(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    table = folder / "fuzzed.csv"
    for options, columns in (
        (TraceOptions(domain_of=str(table)), b"user,domain\n"),
        (TraceOptions(shares=str(table)), b"domain,share,parent\n"),
        (TraceOptions(loans=str(table)), b""),
    ):
        table.write_bytes(columns + data)
        try:
            read(folder, options)
        except TraceError as error:
            assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (TraceOptions(window=(2, 1)), "--window ends before"),
        (TraceOptions(load="0"), "--load is 0; give a factor"),
        (TraceOptions(load="many"), "--load: 'many' is no number"),
        (TraceOptions(procs_max=0), "--procs-max is 0"),
        (TraceOptions(estimates="x2", clairvoyant=True), "contradict each other"),
        (TraceOptions(domain_of="/no/such/file"), "/no/such/file cannot be opened (no such file or directory)"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: TraceOptions, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(tmp_path, options)
    assert sentence in str(refused.value)


def test_all_that_was_done_stands_in_the_figures_and_in_the_table(tmp_path: Path) -> None:
    read(tmp_path, TraceOptions())
    words = ["--window", "20..4m", "--load", "1.5", "--procs-max", "3", "--estimates", "random:4", "--seed", "7"]
    words = [str(tmp_path / "made.swf"), "--domain-of", "group", "--policy", "easy", *words]
    figures = json.loads(CliRunner().invoke(simulate, [*words, "--json", "-"]).stdout)
    assert figures["transforms"] == {
        "window_s": "20..240",
        "load": "1.5",
        "procs_max": 3,
        "domain_of": "group",
        "shares": None,
        "loans": None,
        "estimates": "random:4",
        "seed": 7,
    }
    assert (figures["users"], figures["filter"]["narrowed"], figures["filter"]["outside_window"]) == (3, 6, 8)
    shown = CliRunner().invoke(simulate, words).stdout
    for text in (
        "drawn between the run time and 4 times it, seed 7",
        "every group is a domain with the same share",
        "submits in 20..240 s from the start of the log",
        "submit times divided by 1.5",
        "at most 3 processors; wider jobs take so many",
        "6 jobs were wider than --procs-max",
        "8 submitted outside the window",
    ):
        assert text in shown


@pytest.mark.parametrize(
    "words",
    [
        ["--window", "10"],
        ["--window", "5..3"],
        ["--load", "-1"],
        ["--estimates", "y2"],
        ["--procs-max", "0"],
        ["--shares", "/no/such"],
        ["--domain-of", "nobody"],
    ],
)
def test_misuse_is_a_sentence(tmp_path: Path, words: list[str]) -> None:
    read(tmp_path, TraceOptions())
    result = CliRunner().invoke(simulate, [str(tmp_path / "made.swf"), *words])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
